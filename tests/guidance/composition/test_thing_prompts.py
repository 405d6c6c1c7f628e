"""Tests of the weights and regions of a layout's prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vqclip.guidance.composition import silhouettes, thing_prompts
from vqclip.guidance.composition.thing_prompts import WHOLE, weigh_prompts
from vqclip.language.clock import Clock
from vqclip.language.layout.layout_prompts import add_things
from vqclip.language.layout.layout_types import Layout, Setting, Thing
from vqclip.language.prompts import parse_prompts
from vqclip.optimisation_loop import Objective, View

CHAIR = Thing("chair", "a chair", (0.1, 0.3, 0.8, 0.7))
CAT = Thing("cat", "a cat", (0.2, 0.0, 0.6, 0.5))


def test_without_layouts_prompts_stay_as_they_are() -> None:
    prompts = parse_prompts("a fox in(left) | fog:0.5 ^ @photo.png:2")
    assert weigh_prompts(prompts, {}) == list(prompts)


def test_the_sentence_counts_less_and_its_things_keep_their_places() -> None:
    layouts = {0: Layout((CHAIR, CAT))}
    prompts = add_things(parse_prompts("a cat on a chair ^ a fox"), layouts)
    sentence, chair, cat, fox = weigh_prompts(prompts, layouts)
    assert (sentence.weight, chair.weight, cat.weight, fox.weight) == (WHOLE, 1, 1, 1)
    assert chair.region is not None and chair.region.box == CHAIR.box
    assert thing_prompts.list_planned_regions([sentence, chair, cat, fox], layouts) == {
        chair.region,
        cat.region,
    }


def test_where_the_camera_moves_things_are_held_in_the_first_frame() -> None:
    layouts = {0: Layout((CHAIR, CAT))}
    prompts = add_things(parse_prompts("a cat on a chair | fog:-1"), layouts)
    clock = Clock(20, starts=(0, 10, 15))
    sentence, fog, *things = (
        [clock.curve(each.weight)(step) for step in (0, 9, 10, 19)]
        for each in weigh_prompts(prompts, layouts, moving=True)
    )
    assert (sentence, fog) == ([WHOLE, WHOLE, 1, 1], [-1] * 4)
    assert things == [[1, 1, 0, 0]] * 2


def test_things_of_the_ground_and_tiny_ones_have_no_prompts_of_their_own() -> None:
    layout = Layout(
        (
            Thing("mountain", "a mountain", (0.0, 0.5, 1.0, 0.5)),
            CHAIR,
            Thing("fly", "a fly", (0.5, 0.5, 0.05, 0.05)),
        ),
        Setting("mountains"),
    )
    prompts = add_things(parse_prompts("a chair in the mountains with a fly"), {0: layout})
    assert [each.body for each in weigh_prompts(prompts, {0: layout})][1:] == ["a chair"]


def test_what_would_hide_its_ground_is_smaller_and_its_region_follows() -> None:
    castle = Thing("castle", "a castle", (0.0, 0.0, 1.0, 1.0))
    layout = Layout((castle,), Setting("snow"))
    prompts = add_things(parse_prompts("a castle in the snow"), {0: layout})
    box = weigh_prompts(prompts, {0: layout})[1].region
    assert box is not None and box.box is not None
    left, top, width, height = box.box
    assert left > 0.05 and top > 0.05 and left + width < 0.95 and height < 0.85


def test_the_cutouts_are_shared() -> None:
    assert [thing_prompts.share_cutouts(16, n) for n in (1, 2, 4, 9)] == [3, 3, 2, 2]
    assert thing_prompts.share_cutouts(1, 9) == 1
    assert thing_prompts.share_whole(16) == 3 and thing_prompts.share_whole(1) == 1


def test_the_init_loss_alone_holds_the_ground_more_than_the_things() -> None:
    def loss(view: object) -> object:
        return view

    layouts = {0: Layout((CAT,))}
    first = Objective("init", lambda step: 3.0 * step, loss)  # type: ignore[arg-type]
    start = torch.full((1, 3, 40, 40), 0.5)
    start[..., 4:14, 12:28] = 0.1  # the cat, on a plain ground
    things = thing_prompts.find_things(start, layouts, None)
    held, other = thing_prompts.hold_ground([first, replace(first, name="fox")], start, things)
    assert other.loss is loss and held.weight(2) == 6
    inside = thing_prompts.find_insides(layouts, 40, 40)
    assert inside.shape == (1, 1, 40, 40)
    assert float(inside[0, 0, 10, 20]) == 1 and float(inside[0, 0, 35, 20]) == 0
    outside, inside = start.clone(), start.clone()
    outside[..., 30:, :], inside[..., 4:14, 12:28] = 1, 1
    views = [View(each, {}, {}, 0) for each in (outside, inside)]
    found = [float(held.loss(each)) for each in views]
    assert found[0] > 5 * found[1] > 0
    shown = torch.zeros(1, 1, 40, 40)
    assert not thing_prompts.find_things(start, layouts, shown).any()


def test_the_ground_is_kept_at_any_size() -> None:
    start, things = torch.rand(1, 3, 40, 40), torch.zeros(1, 1, 40, 40)
    things[..., :20] = 1
    drawn = torch.rand(1, 3, 40, 40, requires_grad=True)
    kept = thing_prompts.keep_ground(drawn, start, things, things)
    assert torch.allclose(kept[..., :20], drawn[..., :20])
    assert torch.equal(kept[..., 20:], start[..., 20:])
    kept.sum().backward()
    assert drawn.grad is not None and not drawn.grad[..., 20:].any()
    small = thing_prompts.keep_ground(torch.zeros(1, 3, 20, 20), start, things, things)
    assert small.shape == (1, 3, 20, 20) and small[..., 14:].any() and not small[..., :8].any()


def test_beside_a_thing_in_its_box_haze_is_taken_back_and_a_strong_change_stays() -> None:
    start, nothing = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    haze = thing_prompts.keep_ground(start + 0.05, start, nothing, nothing + 1) - 0.5
    strong = thing_prompts.keep_ground(start + 0.5, start, nothing, nothing + 1) - 0.5
    assert 0 < float(haze.mean()) < 0.01 and float(strong.mean()) > 0.4


def test_small_parts_stay_as_they_are_composed() -> None:
    car = Thing("car", "a red car", (0.1, 0.2, 0.8, 0.6))
    wheel = Thing("wheel", "a yellow wheel", (0.2, 0.6, 0.15, 0.15), part=True)
    for things in ((car, wheel), (wheel, car)):
        inside = thing_prompts.find_insides({0: Layout(things)}, 40, 40)
        assert float(inside[0, 0, 12, 30]) == 1
        assert float(inside[0, 0, 27, 11]) == pytest.approx(1 - thing_prompts.PART_KEPT)


def test_gaps_of_things_may_be_filled() -> None:
    mast = torch.zeros(1, 1, 100, 100)
    mast[..., 20:80, 40:42], mast[..., 20:80, 58:60] = 1, 1
    assert float(silhouettes.grow_mask(mast, 0.2)[0, 0, 50, 50]) == 1
    assert float(silhouettes.grow_mask(mast)[0, 0, 50, 50]) == 0
    assert float(silhouettes.grow_mask(mast, 0.2)[0, 0, 50, 70]) == 0


def test_without_a_layout_the_plain_ground_of_a_draft_is_held() -> None:
    start = torch.full((1, 3, 40, 40), 0.9)
    start[:, 1:, 12:28, 12:28] = 0.1
    init = Objective("init", lambda step: 1.0, lambda view: view.image.sum())
    (held,) = thing_prompts.hold_ground([init], start, thing_prompts.find_things(start, {}))
    outside, inside = start.clone(), start.clone()
    outside[..., :4, :4], inside[..., 18:22, 18:22] = 0.5, 0.5
    found = [float(held.loss(View(each, {}, {}, 0))) for each in (outside, inside)]
    assert found[0] > 5 * found[1] > 0
