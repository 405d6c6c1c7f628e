"""Tests of cutting things out of the ground of their drafts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.guidance.composition.silhouettes import (
    Silhouette,
    clear_ground,
    cut_silhouettes,
)

SIDE = 128


def discs(*places: tuple[float, float, float]) -> Tensor:
    """A soft mask [1, 1, SIDE, SIDE] of discs: x, y and radius, in pixels."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    away = [r - torch.hypot(x + 0.5 - u, y + 0.5 - v) for u, v, r in places]
    return (torch.stack(away).amax(0) + 0.5).clamp(0, 1)[None, None]


def colour(*values: float) -> Tensor:
    return torch.tensor(values)[None, :, None, None]


def draw(mask: Tensor, thing: Tensor, ground: Tensor) -> Tensor:
    return ground + (thing - ground) * mask


def sloping_ground() -> Tensor:
    slope = torch.linspace(-0.05, 0.05, SIDE)[None, None, None, :]
    return (colour(0.85, 0.7, 0.75) + slope).expand(1, 3, SIDE, SIDE)


def laid_again(found: Silhouette, left: int, top: int) -> Tensor:
    """The opacity of a silhouette on the whole draft, [1, 1, SIDE, SIDE]."""
    height, width = found.alpha.shape[-2:]
    return functional.pad(found.alpha, [left, SIDE - left - width, top, SIDE - top - height])


def test_a_disc_is_cut_along_its_edge_on_a_ground_that_slopes() -> None:
    mask = discs((64, 60, 30))
    (found,) = cut_silhouettes(draw(mask, colour(0.1, 0.3, 0.6), sloping_ground()))
    left, top = 34 - 1, 30 - 1
    assert abs(found.aspect - 1) < 0.05
    assert (laid_again(found, left, top) - mask).abs().mean() < 0.01
    assert found.quality > 0.95


def test_the_ground_around_a_thing_becomes_transparent() -> None:
    disc = discs((64, 64, 30))
    found = clear_ground(draw(disc, colour(0.8, 0.1, 0.1), colour(0.7, 0.7, 0.7)))
    assert found.shape == (1, 4, SIDE, SIDE)
    assert found[0, :3, 64, 64].tolist() == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    assert found[0, 3, 64, 64] > 0.99 and found[0, 3, 4, 4] < 0.01


def test_no_halo_of_the_old_ground_is_left() -> None:
    thing, ground = colour(0.1, 0.1, 0.15), colour(1.0, 1.0, 1.0).expand(1, 3, SIDE, SIDE)
    soft = functional.avg_pool2d(discs((64, 64, 30)), 5, 1, 2)  # as drafts are, not quite sharp
    (found,) = cut_silhouettes(draw(soft, thing, ground))
    seen = found.pixels[:, :, found.alpha[0, 0] > 0.3]
    assert (seen - thing[..., 0]).abs().max() < 0.2


def test_a_white_thing_within_an_outline_on_white_is_whole() -> None:
    outline, inner = discs((64, 64, 40)), discs((64, 64, 34))
    picture = draw(
        inner, colour(1.0, 1.0, 1.0), draw(outline, colour(0.1, 0.1, 0.1), colour(1, 1, 1))
    )
    (found,) = cut_silhouettes(picture)
    middle = found.alpha.shape[-1] // 2
    assert float(found.alpha[0, 0, middle, middle]) > 0.99


def test_a_hole_that_has_the_colour_of_a_strong_ground_is_seen_through() -> None:
    ground = colour(0.2, 0.65, 0.3)
    picture = draw(
        discs((64, 64, 18)), ground, draw(discs((64, 64, 40)), colour(0.8, 0.1, 0.1), ground)
    )
    (found,) = cut_silhouettes(picture)
    middle = found.alpha.shape[-1] // 2
    assert float(found.alpha[0, 0, middle, middle]) == 0


def test_specks_are_left_out_and_what_the_border_cuts_is_worse() -> None:
    ground, thing = colour(0.9, 0.9, 0.9), colour(0.7, 0.2, 0.1)
    mask = discs((50, 64, 30), (110, 20, 4))
    whole, cut, empty = cut_silhouettes(
        torch.cat(
            [
                draw(mask, thing, ground),
                draw(discs((64, 110, 40)), thing, ground),
                ground.expand(1, 3, SIDE, SIDE),
            ]
        )
    )
    assert whole.alpha.shape[-1] < 66
    assert whole.quality > cut.quality > empty.quality == 0


def test_a_mirrored_silhouette_looks_to_the_other_side() -> None:
    mask = discs((50, 64, 20), (80, 50, 10))
    (found,) = cut_silhouettes(draw(mask, colour(0.7, 0.2, 0.1), colour(0.9, 0.9, 0.9)))
    assert torch.equal(found.mirror().alpha, found.alpha.flip(-1))
    assert not torch.allclose(found.mirror().alpha, found.alpha)
    assert found.mirror().aspect == pytest.approx(found.aspect)
    assert math.isfinite(found.quality)


def test_gaps_of_a_white_thing_on_white_are_closed() -> None:
    picture = torch.ones(1, 3, 128, 128)
    picture[..., 40:90, 40:44], picture[..., 40:90, 76:80] = 0.2, 0.2  # two walls of a house
    apart, whole = (cut_silhouettes(picture, gap)[0] for gap in (0.0, 0.4))
    assert float(apart.alpha[0, 0, 25, 20]) == 0
    assert float(whole.alpha[0, 0, 25, 20]) == pytest.approx(1)
    assert whole.aspect == pytest.approx(apart.aspect, abs=0.1)
    assert float(whole.pixels[0, :, 25, 20].min()) > 0.9
