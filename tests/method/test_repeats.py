"""Repeats: what lies beyond the edges of a picture that tiles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.helpers.tiling import DIRECTIONS, roll_picture, shifts_of
from vqclip.repeats import ONCE, REPEATS


def grid(height: int = 4, width: int = 6) -> Tensor:
    return torch.arange(float(height * width)).view(1, 1, height, width)


def test_what_does_not_repeat_is_padded_as_usual() -> None:
    wanted = torch.nn.functional.pad(grid(), (1, 2, 3, 0), mode="replicate")
    assert torch.equal(ONCE.pad(grid(), (1, 2, 3, 0), "replicate"), wanted)
    assert ONCE.margins(3) == (0, 0, 0, 0)


@pytest.mark.parametrize("margins", [(1, 2, 3, 0), (7, 0, 0, 9), (13, 13, 9, 9)])
@pytest.mark.parametrize("tile", DIRECTIONS)
def test_a_margin_is_what_the_plane_has_there(tile: str, margins: tuple[int, ...]) -> None:
    repeat = REPEATS[tile]
    left, right, above, below = margins
    found = repeat.pad(grid(), margins)
    assert found.shape == (1, 1, above + 4 + below, left + 6 + right)
    for row in range(found.shape[2]):
        for column in range(found.shape[3]):
            y, x = row - above, column - left
            beyond = (y < 0 or y >= 4, x < 0 or x >= 6)
            if (beyond[0] and not repeat.down) or (beyond[1] and not repeat.across):
                assert found[0, 0, row, column] == 0
                continue
            shift = 3 * (y // 4 % 2) if repeat.shifted else 0
            assert found[0, 0, row, column] == grid()[0, 0, y % 4, (x - shift) % 6]


@pytest.mark.parametrize("size", [(8, 12), (6, 10), (2, 4), (16, 8)])
@pytest.mark.parametrize("tile", DIRECTIONS)
def test_a_resized_picture_is_rolled_as_the_picture_is(tile: str, size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, 4, 8, generator=torch.Generator().manual_seed(1))
    repeat = REPEATS[tile]
    for mode, antialias in (("bicubic", False), ("bilinear", True)):
        whole = repeat.resize(picture, size, mode, antialias=antialias)
        assert whole.shape[-2:] == size
        for down, across in shifts_of(repeat, 2, 4):
            rolled = roll_picture(picture, repeat, down, across)
            found = repeat.resize(rolled, size, mode, antialias=antialias)
            moved = (down * size[0] // 4, across * size[1] // 8)
            wanted = roll_picture(whole, repeat, *moved)
            torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_a_picture_that_does_not_repeat_is_resized_as_usual() -> None:
    wanted = torch.nn.functional.interpolate(grid(), [7, 9], mode="bicubic")
    assert torch.equal(ONCE.resize(grid(), [7, 9], "bicubic"), wanted)


@pytest.mark.parametrize(
    ("tile", "size"),
    [("both", (8, 12)), ("horizontal", (4, 12)), ("vertical", (8, 6)), ("brick", (8, 12))],
)
def test_tiles_are_laid_beside_each_other(tile: str, size: tuple[int, int]) -> None:
    laid = REPEATS[tile].lay_tiles(grid())
    assert laid.shape[-2:] == size
    assert torch.equal(laid[..., :4, :6], grid())
    if tile == "brick":
        assert torch.equal(laid[..., 4:, 3:9], grid())
