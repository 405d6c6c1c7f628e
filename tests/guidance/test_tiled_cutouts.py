"""Cutouts and losses of pictures that tile: no place is preferred, and seams are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.guidance.test_cutouts import PLAIN, picture
from tests.helpers.tiling import DIRECTIONS, roll_picture, shifts_of
from vqclip.guidance.cutout_recipes import RECIPES, CutoutRecipe
from vqclip.guidance.cutouts import Cutter, Transform
from vqclip.guidance.losses.smoothness import smoothness_loss
from vqclip.optimisation_loop import View
from vqclip.repeats import ONCE, REPEATS

EACH = pytest.mark.parametrize("tile", DIRECTIONS)


@EACH
@pytest.mark.parametrize("name", ["vqclip", "pytti", "vqgan-clip"])
def test_a_rolled_picture_is_seen_as_it_was_elsewhere(name: str, tile: str) -> None:
    repeat, image = REPEATS[tile], picture(64, 96)
    # A stronger perspective has a horizon, which does not move with the picture.
    recipe = replace(RECIPES[name], noise=0.0, edges="smear", perspective=0.2)
    cutter = Cutter(16, count=12, recipe=recipe, seed=3, repeat=repeat)
    cut = cutter(image)
    for down, across in shifts_of(repeat, 8, 24):
        moved = torch.eye(3)
        moved[0, 2], moved[1, 2] = 2 * across / 96, 2 * down / 64
        transform = cut.transform
        elsewhere = Transform(
            transform.size,
            moved @ transform.homographies,
            *(transform.edges, transform.pooling, transform.colours, repeat),
        )
        found = elsewhere(roll_picture(image, repeat, down, across))
        assert (found - cut.pixels).abs().max() < 1e-4


@pytest.mark.parametrize(("tile", "above"), [("both", 0.8), ("vertical", 0.8), ("brick", 0.2)])
def test_above_the_picture_is_its_foot(tile: str, above: float) -> None:
    image = torch.full((1, 3, 32, 64), 0.5)
    image[..., 20:26, :32], image[..., 20:26, 32:] = 0.8, 0.2
    whole = CutoutRecipe(**{**vars(PLAIN), "fit": "pad"})
    transform = Cutter(64, count=1, recipe=whole)(image).transform
    repeated = Transform(64, transform.homographies, "mirror", "bilinear", (), REPEATS[tile])
    # The picture stands in rows 16 to 47; row 6 is ten above it.
    assert float(repeated(image)[0, 0, 6, 16]) == pytest.approx(above, abs=0.01)


@EACH
def test_squares_lie_anywhere_where_it_repeats(tile: str) -> None:
    repeat = REPEATS[tile]
    for recipe in (replace(PLAIN, overview=0.5, edges="clamp"), PLAIN):
        cutter = Cutter(16, count=200, recipe=recipe, repeat=repeat)
        middles = cutter(picture()).transform.homographies[:, :2, 2]
        for axis, repeats in enumerate((repeat.across, repeat.down)):
            if repeats:
                assert (
                    float(middles[:, axis].min()) < -0.9 and float(middles[:, axis].max()) > 0.9
                )
                assert float(middles[:, axis].mean().abs()) < 0.15
            elif recipe is PLAIN:
                assert float(middles[:, axis].abs().max()) < 1e-6


def test_without_it_nothing_is_drawn_that_was_not() -> None:
    plain, once = (Cutter(16, count=4, seed=2, **more) for more in ({}, {"repeat": ONCE}))
    image: Any = picture()
    assert torch.equal(plain(image).pixels, once(image).pixels)


@EACH
def test_smoothness_looks_over_the_seam(tile: str) -> None:
    repeat, image = REPEATS[tile], picture(16, 24)
    loss = smoothness_loss(repeat=repeat)
    before = loss(View(image, {}, {}, 0))
    for down, across in shifts_of(repeat, 3, 5):
        rolled = roll_picture(image, repeat, down, across)
        assert float(loss(View(rolled, {}, {}, 0)) - before) == pytest.approx(0, abs=1e-6)
    assert float(before) > float(smoothness_loss()(View(image, {}, {}, 0)))
