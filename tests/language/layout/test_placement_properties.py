"""Placement: what holds for any sentence, at any aspect and seed."""

from __future__ import annotations

import time
from collections import Counter
from math import hypot

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqclip.language.layout import sizes
from vqclip.language.layout.layout_types import Mention, Relation, RelationKind, Sentence, Setting
from vqclip.language.layout.placement import MOST_OF_A_KIND, place_things
from vqclip.language.layout.sizes import size_of
from vqclip.language.prompt_types import Box

KINDS = RelationKind.__args__  # type: ignore[attr-defined]
NAMES = sorted(name for name in sizes._sizes())
PLACES = ("", "sea", "forest", "street", "room", "underwater", "space")
# Wider things are grounds and views: nothing is beside them in the sense of these tests.
THINGS = [name for name in NAMES if not size_of(name).is_wide]
STRICT = {
    "on": "above",
    "riding": "above",
    "above": "above",
    "below": "below",
    "left": "left",
    "right": "right",
    "beside": "left right",
}

aspects = st.floats(0.4, 2.5)
seeds = st.integers(0, 2**32)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    count = draw(st.integers(1, 30))
    words = st.one_of(st.sampled_from(NAMES), st.text(max_size=12))
    mentions = []
    for index in range(count):
        number = draw(st.one_of(st.just(1), st.integers(-1, 9), st.just(1000)))
        name = draw(words)
        mentions.append(Mention(name, f"{name} {index}", number, draw(st.booleans())))
    indices = st.integers(-1, count)  # some are of no mention
    relations = st.builds(
        Relation, st.sampled_from(KINDS), indices, st.lists(indices, max_size=3).map(tuple)
    )
    setting = Setting(draw(st.sampled_from(PLACES)))
    return Sentence(tuple(mentions), tuple(draw(st.lists(relations, max_size=30))), setting)


@settings(max_examples=300, deadline=None)
@given(sentences(), st.one_of(aspects, st.floats()), seeds)
def test_everything_is_in_the_picture_once(sentence: Sentence, aspect: float, seed: int) -> None:
    start = time.process_time()
    layout = place_things(sentence, aspect=aspect, seed=seed)
    assert time.process_time() - start < 0.5
    found = Counter(t.prompt for t in layout.things)
    parts = {i for r in sentence.relations if r.kind in ("part", "with") for i in r.objects}
    for index, mention in enumerate(sentence.mentions):
        # Eyes and the like come in pairs, if the words leave their number open.
        if not (mention.vague and index in parts):
            assert found[mention.prompt] == min(max(mention.count, 1), MOST_OF_A_KIND)
    for thing in layout.things:
        left, top, width, height = thing.box
        assert left >= 0 and top >= 0 and width > 0 and height > 0
        assert left + width <= 1 and top + height <= 1
    assert layout == place_things(sentence, aspect=aspect, seed=seed)
    assert layout.setting == sentence.setting
    assert not layout.things or not layout.things[0].part


def direction(a: Box, b: Box) -> str:
    """Where a is from b, in quarters; "" within two degrees of a diagonal."""
    x = a[0] + a[2] / 2 - b[0] - b[2] / 2
    y = a[1] + a[3] / 2 - b[1] - b[3] / 2
    far = hypot(x, y) * 0.73
    if abs(x) > far:
        return "left" if x < 0 else "right"
    return "" if abs(y) < far else "above" if y < 0 else "below"


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(THINGS), min_size=2, max_size=2, unique=True),
    st.sampled_from(sorted(STRICT)),
    aspects,
    seeds,
)
def test_a_relation_holds_at_every_aspect(
    names: list[str], kind: RelationKind, aspect: float, seed: int
) -> None:
    mentions = tuple(Mention(name, name) for name in names)
    sentence = Sentence(mentions, (Relation(kind, 0, (1,)),))
    layout = place_things(sentence, aspect=aspect, seed=seed)
    subject, other = (next(t.box for t in layout.things if t.name == name) for name in names)
    assert direction(subject, other) in STRICT[kind].split()


@pytest.mark.parametrize("kind", ["left", "right", "beside"])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(THINGS), min_size=2, max_size=2, unique=True),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    aspects,
    seeds,
)
def test_groups_are_apart(
    kind: RelationKind,
    names: list[str],
    counts: tuple[int, int],
    aspect: float,
    seed: int,
) -> None:
    mentions = tuple(map(Mention, names, names, counts))
    layout = place_things(
        Sentence(mentions, (Relation(kind, 0, (1,)),)), aspect=aspect, seed=seed
    )
    first, second = ([t.box for t in layout.things if t.name == name] for name in names)
    if first[0][0] > second[0][0]:
        first, second = second, first
        assert kind != "left"
    else:
        assert kind != "right"
    assert max(b[0] + b[2] for b in first) <= min(b[0] for b in second) + 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_thirty_in_a_chain_are_placed(kind: RelationKind) -> None:
    mentions = tuple(Mention(name, name) for name in THINGS[:300:10])
    relations = tuple(Relation(kind, i, (i + 1, i + 2)) for i in range(len(mentions) - 2))
    layout = place_things(Sentence(mentions, relations), aspect=1, seed=0)
    assert Counter(t.name for t in layout.things) == {m.name: 1 for m in mentions}
