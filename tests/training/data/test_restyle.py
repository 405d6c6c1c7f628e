"""Another hand draws the same thing: what must stay, and what must change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vqclip.training.data.compose import (
    bend_shapes,
    draw_outlines,
    reduce_shades,
    restyle,
    shift_colours,
)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def discs() -> Tensor:
    """Eight discs, uint8 [8, 4, 64, 64]: left half red, right half blue."""
    ramp = torch.arange(64) - 31.5
    inside = (ramp[:, None] ** 2 + ramp[None] ** 2 < 20**2).float()
    red = (ramp[None] < 0).float().expand(64, 64)
    rgba = torch.stack([red, torch.zeros(64, 64), 1 - red, inside])
    return (rgba * 255).to(torch.uint8).expand(8, -1, -1, -1).clone()


def test_nothing_changes_at_a_share_of_zero(discs: Tensor) -> None:
    kept = discs.clone()
    assert torch.equal(restyle(discs, 0.0, stream()), kept)
    restyle(discs, 1.0, stream())
    assert torch.equal(discs, kept)  # a copy is drawn on


def test_equal_streams_give_equal_drawings(discs: Tensor) -> None:
    once, again = restyle(discs, 1.0, stream()), restyle(discs, 1.0, stream())
    assert once.dtype == torch.uint8 and once.shape == discs.shape
    assert torch.equal(once, again)
    assert not torch.equal(once, restyle(discs, 1.0, stream(1)))
    changed = (once != discs).flatten(1).any(1)
    assert changed.all()


def test_about_as_many_change_as_asked(discs: Tensor) -> None:
    many = discs[:1].expand(400, -1, -1, -1)
    changed = (restyle(many, 0.2, stream()) != many).flatten(1).any(1).float().mean()
    # Independent chances of 0.2, 0.2, 0.08 and 0.14.
    assert changed == pytest.approx(1 - 0.8 * 0.8 * 0.92 * 0.86, abs=0.08)


def test_an_outline_is_dark_where_colours_meet_and_round_the_shape(discs: Tensor) -> None:
    before = discs.float() / 255
    after = draw_outlines(before, stream())
    light = after[:, :3].amax(1)
    assert (light[:, 32, 31:33] < 0.2).all()  # between red and blue
    row = after[:, 3, 32] > 0.5
    assert (row.sum(1) > 40).all()  # the line lies outside, too
    left = row.float().argmax(1)
    assert (light[torch.arange(8), 32, left] < 0.2).all()
    assert (after[:, 3] >= before[:, 3]).all()
    middle = after[:, :3, 32, 20]  # within the red half: red, or a paler red
    assert (middle[:, 0] > 0.9).all() and (middle[:, 1] < 0.99).any()


def test_shades_keep_the_shape_and_the_order_of_colours(discs: Tensor) -> None:
    before = discs.float() / 255
    after = shift_colours(before, stream())
    assert torch.equal(after[:, 3], before[:, 3])
    assert (after[:, 0, 32, 20] > after[:, 2, 32, 20]).all()  # red is still the reddest
    assert after[:, :3].min() >= 0 and after[:, :3].max() <= 1


def test_flat_pictures_have_few_shades() -> None:
    ramp = torch.linspace(0, 1, 64).expand(5, 4, 64, 64).clone()
    after = reduce_shades(ramp, stream())
    assert all(len(each[:3].unique()) <= 6 for each in after)
    assert torch.equal(after[:, 3], ramp[:, 3])


def test_bending_moves_little_and_keeps_the_colours(discs: Tensor) -> None:
    before = discs.float() / 255
    after = bend_shapes(before, stream())
    area = after[:, 3].mean((1, 2)) / before[:, 3].mean((1, 2))
    assert (area > 0.45).all() and (area < 1.15).all()
    assert not torch.allclose(after[0], after[1], atol=0.05)
    solid = after[:, 3] > 0.99
    purity = (after[:, 0] + after[:, 2] - after[:, 1])[solid]
    assert purity.min() > 0.9  # no dark fringe of what lies under the alpha
