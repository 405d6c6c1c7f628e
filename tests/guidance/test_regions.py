"""Regions: the part of the picture that a prompt is for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home
from tests.helpers.building import build
from vqclip.errors import ConfigError, PictureError, PromptError
from vqclip.guidance import regions
from vqclip.guidance.regions import FINE, crop_region, draw_mask, mask_bounds, paste_draft
from vqclip.language.prompt_types import Region
from vqclip.language.prompts import parse_prompts
from vqclip.optimisation_loop import View
from vqclip.run.runner import Runner


def ready(home: Home, prompt: str, **more: object) -> Runner:
    return build(vqclip.load(prompt, seed=1, **home.settings(**more)))


def test_a_mask_is_whole_inside_and_soft_towards_the_rest() -> None:
    found = draw_mask(Region("top right"))[0, 0]
    half = FINE // 2
    assert found[:half, :half].max() == 0 and found[half:].max() == 0
    assert found[0, -1] == 1  # at the picture's own edge it does not fade
    row = found[10, half:]
    assert (row[1:] >= row[:-1]).all() and row[0] < 0.2 and row[-1] == 1
    outside = draw_mask(Region("top right", outside=True))[0, 0]
    assert torch.allclose(found + outside, torch.ones(FINE, FINE))


def test_the_box_around_a_mask() -> None:
    assert mask_bounds(draw_mask(Region("left"))) == pytest.approx((0, 0, 0.5, 1), abs=0.02)
    assert mask_bounds(draw_mask(Region("25% 50% 25% 25%"))) == pytest.approx(
        (0.25, 0.5, 0.5, 0.75), abs=0.02
    )
    assert mask_bounds(torch.zeros(1, 1, FINE, FINE)) == (0, 0, 1, 1)


@pytest.mark.parametrize("region", ["top right", "middle", "10% 60% 30% 30%"])
def test_a_part_is_seen_as_it_is_and_moves_alone(region: str) -> None:
    picture = torch.rand(1, 3, 40, 56, requires_grad=True)
    where = draw_mask(Region(region))
    shown = crop_region(picture, where)
    left, top, right, bottom = mask_bounds(where)
    box = (slice(int(top * 40), round(bottom * 40)), slice(int(left * 56), round(right * 56)))
    assert torch.equal(shown, picture[..., box[0], box[1]])
    shown.sum().backward()
    assert picture.grad is not None
    moved = picture.grad[0, 0]
    inside = torch.zeros(40, 56, dtype=torch.bool)
    inside[box] = True
    assert moved[~inside].abs().max() == 0
    assert moved.max() == pytest.approx(1) and moved.min() == 0


def test_a_wish_for_a_region_leaves_the_rest_to_others(home: Home) -> None:
    run = ready(home, "a fox in(left)")
    (wish,) = run.objectives
    image = run.drawer.draw().detach().requires_grad_()
    wish.loss(View(image, {}, {}, 0)).backward()
    assert image.grad is not None
    assert image.grad[..., : image.shape[-1] // 2 - 4].abs().max() > 0
    assert image.grad[..., image.shape[-1] // 2 + 1 :].abs().max() == 0


def test_a_region_has_squares_of_its_own_stream(home: Home) -> None:
    run = ready(home, "a fox | a moon in(top) | a sun in(top) | a hat in(left)")
    (plain, *others) = run.cutters
    assert others == [f"{plain} region 0", f"{plain} region 1"]
    for _ in run.play():
        pass
    state = run.state()
    assert {f"cutouts.{key}" for key in run.cutters} <= set(state.tensors)


def test_a_region_does_not_change_the_squares_of_the_whole(home: Home) -> None:
    first = next(iter(ready(home, "a fox").play()))
    second = next(iter(ready(home, "a fox | a moon in(top)").play()))
    assert torch.equal(first.losses["a fox"], second.losses["a fox"])


def test_a_mask_may_be_a_picture(home: Home, tmp_path: Path) -> None:
    pixels = pillow.new("L", (40, 40), 0)
    pixels.paste(255, (0, 0, 20, 40))
    pixels.save(tmp_path / "left.png")
    run = ready(home, "a fox in(left.png) | fog in(-left.png):-1")
    assert "picture left.png" in run.models
    assert len(list(run.play())) == 3
    with pytest.raises(PictureError, match=r"there is no picture at nil\.png|nil\.png cannot"):
        ready(home, "a fox in(nil.png)")


def test_a_draft_is_laid_where_it_belongs() -> None:
    draft, picture = torch.ones(1, 3, 16, 16), torch.zeros(1, 3, 64, 96)
    laid = paste_draft(draft, picture, draw_mask(Region("top right")))
    assert laid.shape == picture.shape
    assert laid[0, 0, 16, 72] > 0.95  # the middle of that quarter
    assert laid[..., :46].max() < 0.05 and laid[..., 34:, :].max() < 0.05


def test_prompts_for_perceptors_that_are_not_there_are_refused(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"is for 'strater'; this run has the perceptors"):
        ready(home, "a fox for(strater)")
    with pytest.raises(ConfigError, match="no prompt is for the perceptor other"):
        build(
            vqclip.load(
                f"a fox for({home.clip})",
                **home.settings() | {"perceptors": [str(home.clip), "other"]},
            )
        )
    with pytest.raises(PromptError, match="names no part of a picture"):
        ready(home, "a fox in(tpo)")


def test_where_nothing_is_masked_the_whole_is_looked_at() -> None:
    picture = torch.rand(1, 3, 8, 8)
    empty = torch.zeros(1, 1, FINE, FINE)
    assert torch.equal(crop_region(picture, empty), picture)


def test_half_the_squares_look_at_a_region() -> None:
    assert [regions.count_cutouts(each) for each in (1, 4, 8, 16)] == [1, 4, 4, 8]


def test_wishes_for_one_region_share_a_look(home: Home) -> None:
    """So another wish neither costs another look nor shifts the first one's squares."""
    alone = next(iter(ready(home, "a hat in(top)").play())).losses["a hat"]
    both = next(iter(ready(home, "a cat in(top) | a hat in(top)").play())).losses["a hat"]
    assert torch.equal(alone, both)


def test_one_way_to_write_each_region() -> None:
    found = [
        wish.region
        for wish in parse_prompts("a in(right top) | b in(Centre) | c in(left middle)")
    ]
    assert found == [Region("top right"), Region("middle"), Region("middle left")]


def test_a_region_of_nothing_is_refused(home: Home) -> None:
    pillow.new("L", (40, 40), 0).save("black.png")
    with pytest.raises(PictureError, match=r"in\(black.png\) covers nothing of the picture"):
        ready(home, "a fox in(black.png)")
    with pytest.raises(PictureError, match=r"in\(-0% 0% 100% 100%\) covers nothing"):
        ready(home, "a fox in(-0% 0% 100% 100%)")


def test_many_things_take_turns_and_each_counts_as_much_as_ever() -> None:
    def loss(view: View) -> torch.Tensor:
        return view.image.sum()

    views = [View(torch.ones(1, 1, 1, 1), {}, {}, step) for step in range(9)]
    few = regions.take_turns(loss, 1, regions.AT_ONCE)
    assert [float(few(view)) for view in views] == [1.0] * 9
    many = [regions.take_turns(loss, number, 9) for number in range(9)]
    for view in views:
        assert sum(float(each(view)) > 0 for each in many) == regions.AT_ONCE
    assert [sum(float(each(view)) for view in views) for each in many] == [9.0] * 9
