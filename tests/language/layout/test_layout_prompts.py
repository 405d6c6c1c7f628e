"""Layouts as prompts: which prompts are planned, and what is drawn of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.layouts import PALM, SENTENCE, understand_palms
from vqclip.language.layout.layout_prompts import (
    add_things,
    edit_layout,
    layout_seed,
    list_plannable,
    plan_scenes,
    round_boxes,
)
from vqclip.language.layout.layout_types import Layout, Thing
from vqclip.language.prompts import parse_prompts, prompts_to_text


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("a cat on a chair", ["a cat on a chair"]),
        ("a fox | a cat on a chair:1", ["a fox", "a cat on a chair"]),
        ("a cat on a chair | fog:-1 | @a.png:0.3 | noise(3)", ["a cat on a chair"]),
        ("a cat on a chair | fog in(top):-1", ["a cat on a chair"]),
        ("a cat on a chair:2", []),
        ("a cat on a chair:{0: 0, 50%: 1}", []),
        ("a cat on a chair:1:0.8", []),
        ("a (red:1.3) cat on a chair", []),
        ("a <cat> on a chair", []),
        ("a cat on a chair for(starter)", []),
        ("a cat on a chair sentence(A cat on a chair.)", []),
        ("a cat on a chair in(top)", []),
    ],
)
def test_what_is_weighed_or_placed_by_hand_is_not_planned(text: str, planned: list[str]) -> None:
    assert [each.body for each in list_plannable(parse_prompts(text))] == planned


def test_each_scene_has_the_first_layout_that_is_understood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = understand_palms(monkeypatch)
    text = "a fox | a under b | c under d ^ a moon in(top) | e under f ^ g under h"
    assert plan_scenes(parse_prompts(text), aspect=1.5, seed=7) == {0: PALM, 2: PALM}
    said = ("a fox", "a under b", "e under f", "g under h")
    assert asked == [(each, 1.5, 7) for each in said]


@pytest.mark.parametrize(
    ("placed", "boxes"),
    [
        ("a palm tree in(0% 0% 50% 100%)", [("palm tree", (0, 0, 0.5, 1))]),
        (
            "a snowman in(left) | a palm tree in(12.5% 0% 50% 100%)",
            [("snowman", (0, 0, 0.5, 1)), ("palm tree", (0.125, 0, 0.5, 1))],
        ),
        ("a palm tree in(left) | fog in(top):-1", [("palm tree", (0, 0, 0.5, 1))]),
        ("a moon in(top)", None),
        ("a palm tree in(left) | a moon in(top)", None),
        ("a palm tree in(left):2", None),
        ("a palm tree in(-left)", None),
        ("a palm tree in(mask.png)", None),
        ("a palm tree in(left) | @moon.png in(top)", None),
    ],
)
def test_a_layout_that_was_copied_may_be_edited(
    placed: str, boxes: list[Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand_palms(monkeypatch)
    written = parse_prompts(f"{SENTENCE} | {placed}")
    layouts = plan_scenes(written, aspect=1, seed=0)
    things = [(each.name, each.box) for layout in layouts.values() for each in layout.things]
    assert things == (boxes or [])
    assert add_things(written, layouts) == written


def test_things_of_the_same_words_keep_their_order_when_they_are_placed() -> None:
    first, second = (Thing("tree", "a tree", (0, 0, 0.5, 1), part=part) for part in (False, True))
    layout = Layout((first, second))
    edited = edit_layout(
        layout, parse_prompts("a tree in(left) | a tree in(top) | a tree in(right)")
    )
    assert edited is not None
    assert [(each.part, each.box[0]) for each in edited.things] == [
        (False, 0),
        (True, 0),
        (True, 0.5),
    ]


def test_things_follow_the_prompts_of_their_scene_with_regions_that_can_be_typed() -> None:
    layout = Layout(PALM.things[:1], style="etching")
    drawn = add_things(parse_prompts("a fox | fog:-1 ^ an owl"), {0: PALM, 1: layout})
    written = (
        "a fox | fog:-1 | a palm tree in(35% 0% 65% 100%) | a snowman in(0% 40% 50% 60%) ^ "
        "an owl | a palm tree, etching in(35% 0% 65% 100%)"
    )
    assert prompts_to_text(drawn) == written
    assert parse_prompts(written) == drawn
    assert [each.region.box for each in drawn if each.region is not None][:2] == [
        thing.box for thing in PALM.things
    ]


@pytest.mark.parametrize(
    ("box", "rounded"),
    [
        ((0.333, 0.25, 0.3333, 0.5), (0.33, 0.25, 0.34, 0.5)),
        ((-0.1, 0.999, 2, 0.5), (0, 0.99, 1, 0.01)),
        ((0.5, 0.5, 0.001, 0), (0.5, 0.5, 0.01, 0.01)),
    ],
)
def test_boxes_have_whole_per_cents_within_the_picture(
    box: tuple[float, float, float, float], rounded: tuple[float, float, float, float]
) -> None:
    (thing,) = round_boxes(Layout((Thing("fox", "a fox", box),))).things
    assert thing.box == pytest.approx(rounded)


def test_a_seed_that_is_picked_has_the_layout_of_none() -> None:
    assert [layout_seed(seed) for seed in (None, 0, 7, 100, 4294967100)] == [0, 0, 7, 0, 0]
