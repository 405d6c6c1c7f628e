"""Tests of recolouring things."""

from __future__ import annotations

import pytest
import torch
from kornia.color import rgb_to_lab

from vqclip.guidance.composition.tints import tint_drafts, tint_things
from vqclip.language.palettes.plain_colours import PLAIN_COLOURS, find_plain_colour


def draw_thing(body: tuple[float, ...], ground: float = 1.0) -> torch.Tensor:
    """A square of one colour, darker below, with a black eye and a white spot."""
    picture = torch.full((1, 3, 64, 64), ground)
    picture[..., 12:52, 12:52] = torch.tensor(body)[:, None, None]
    picture[..., 40:52, 12:52] *= 0.8
    picture[..., 20:26, 20:26] = 0.05
    picture[..., 20:26, 36:42] = 0.97
    return picture


BODY = (slice(None), slice(None), slice(28, 38), slice(28, 38))
SHADE = (slice(None), slice(None), slice(44, 48), slice(28, 38))
EYE = (slice(None), slice(None), slice(22, 24), slice(22, 24))
SPOT = (slice(None), slice(None), slice(22, 24), slice(38, 40))
GROUND = (slice(None), slice(None), slice(0, 8), slice(0, 64))


@pytest.mark.parametrize("body", [(0.95, 0.6, 0.1), (0.6, 0.6, 0.62), (0.2, 0.5, 0.9)])
@pytest.mark.parametrize("name", ["red", "green", "purple", "brown"])
def test_a_thing_takes_the_colour_and_its_eye_and_ground_do_not(
    body: tuple[float, ...], name: str
) -> None:
    picture = draw_thing(body)
    tinted = tint_things(picture, PLAIN_COLOURS[name])
    wanted = torch.tensor(PLAIN_COLOURS[name])
    assert (tinted[BODY].mean((0, 2, 3)) - wanted).abs().max() < 0.06
    assert torch.allclose(tinted[EYE], picture[EYE], atol=0.03)
    assert torch.equal(tinted[GROUND], picture[GROUND])
    lightness = rgb_to_lab(tinted)[:, :1]
    assert lightness[SHADE].mean() < lightness[BODY].mean() - 3  # it is darker there still
    assert tinted.min() >= 0 and tinted.max() <= 1


def test_a_white_spot_on_a_coloured_thing_stays() -> None:
    tinted = tint_things(draw_thing((0.95, 0.6, 0.1)), PLAIN_COLOURS["blue"])
    assert tinted[SPOT].min() > 0.9


def draw_bands(*colours: tuple[float, float, float]) -> torch.Tensor:
    """A square of three bands below each other."""
    picture = torch.ones(1, 3, 64, 64)
    for number, colour in enumerate(colours):
        rows = slice(12 + 13 * number, 25 + 13 * number)
        picture[..., rows, 12:52] = torch.tensor(colour)[:, None, None]
    return picture


def test_a_thing_of_many_colours_is_recoloured_all_over_but_for_its_leaves() -> None:
    pink = PLAIN_COLOURS["pink"]
    wanted = rgb_to_lab(torch.tensor(pink).view(1, 3, 1, 1))[0, 1:]
    red, blue, grey, green = (0.9, 0.2, 0.2), (0.2, 0.3, 0.9), (0.5, 0.5, 0.5), (0.2, 0.7, 0.3)

    def is_pink(picture: torch.Tensor) -> torch.Tensor:
        hue = rgb_to_lab(tint_things(picture, pink))[0, 1:, 16:48, 16:48]
        return torch.nn.functional.cosine_similarity(hue, wanted, dim=0) > 0.95

    assert is_pink(draw_bands(red, grey, blue)).all()
    leaves = is_pink(draw_bands(red, blue, green))
    assert leaves[:20].all() and not leaves[24:].any()


def test_a_black_thing_has_a_light_eye_and_a_white_one_gets_a_ground() -> None:
    picture = draw_thing((0.95, 0.6, 0.1))
    black = tint_things(picture, PLAIN_COLOURS["black"])
    assert black[BODY].mean() < 0.2 and black[EYE].mean() > 0.75  # a dark one would be lost
    white = tint_things(picture, PLAIN_COLOURS["white"])
    assert white[BODY].mean() > 0.85
    assert white[GROUND][0, 2].mean() - white[GROUND][0, 0].mean() > 0.15


def test_an_edge_keeps_nothing_of_the_old_colour() -> None:
    picture = draw_thing((0.95, 0.5, 0.05))
    soft = torch.nn.functional.avg_pool2d(
        torch.nn.functional.pad(picture, [1] * 4, mode="replicate"), 3, 1
    )
    lab = rgb_to_lab(tint_things(soft, PLAIN_COLOURS["blue"]))
    assert lab[:, 2].max() < 14  # nowhere yellow; the body had 70


def test_a_picture_without_a_thing_stays() -> None:
    picture = torch.full((2, 3, 32, 32), 0.7)
    for name in ("red", "white", "black"):
        assert torch.allclose(tint_things(picture, PLAIN_COLOURS[name]), picture, atol=1e-3)


def test_names_of_colours() -> None:
    assert find_plain_colour("gray") == PLAIN_COLOURS["grey"]
    assert find_plain_colour("fox") is None
    assert tint_drafts(None) is None
