"""The grid of a picture's cells."""

from __future__ import annotations

import pytest

from vqclip.drawers.cell_grid import plan_grid
from vqclip.errors import ConfigError

WIDE, SQUARE, TALL = (384, 216), (144, 144), (256, 320)


@pytest.mark.parametrize(
    ("shape", "wide", "square", "tall"),
    [
        ("square", (80, 45), (40, 40), (40, 50)),
        ("brick", (81, 45), (41, 41), (41, 51)),
        ("hexagon", (81, 63), (41, 57), (41, 71)),
        ("triangle", (113, 46), (57, 40), (57, 50)),
        ("diamond", (81, 91), (41, 81), (41, 101)),
        ("knit", (80, 45), (40, 40), (40, 50)),
    ],
)
def test_the_grids_are_those_of_pixray(
    shape: str, wide: tuple[int, int], square: tuple[int, int], tall: tuple[int, int]
) -> None:
    found = [plan_grid(*size, shape=shape) for size in (WIDE, SQUARE, TALL)]
    assert found == [wide, square, tall]


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (512, 200), (200, 190)])
def test_the_cells_of_other_pictures_are_about_square(size: tuple[int, int]) -> None:
    columns, rows = plan_grid(*size)
    assert min(columns, rows) in (40, 45)
    assert size[0] / columns == pytest.approx(size[1] / rows, rel=0.02)


def test_coarse_divides_both_numbers_and_the_parity_is_kept() -> None:
    assert plan_grid(*WIDE, coarse=2) == (40, 22)
    assert plan_grid(*WIDE, coarse=2, shape="hexagon") == (41, 31)
    assert plan_grid(*WIDE, coarse=2, shape="triangle") == (57, 22)
    assert plan_grid(64, 64, coarse=20) == (2, 2)
    assert plan_grid(64, 64, "2x2", coarse=20) == (1, 1)


@pytest.mark.parametrize("grid", ["48x32", " 48 x 32 ", "48×32", "48,32"])
def test_a_grid_is_read_as_a_size_is(grid: str) -> None:
    assert plan_grid(*WIDE, grid) == (48, 32)


def test_a_given_grid_is_not_made_denser_but_symmetric() -> None:
    assert plan_grid(*WIDE, "40x40") == (40, 40)
    assert plan_grid(*WIDE, "40x40", shape="hexagon") == (41, 41)
    assert plan_grid(*WIDE, "40x41", shape="triangle") == (41, 42)


def test_there_are_never_more_cells_than_pixels() -> None:
    assert plan_grid(32, 16) == (32, 16)
    assert plan_grid(30, 20, "500x500") == (30, 20)
    assert plan_grid(30, 20, "500x500", shape="diamond") == (29, 19)
    assert plan_grid(1, 1, "5x5", shape="triangle") == (1, 1)


@pytest.mark.parametrize("grid", ["many", "0x4", "4x0", "-3x4", "50%", "4x"])
def test_a_grid_that_cannot_be_read_is_refused(grid: str) -> None:
    with pytest.raises(ConfigError, match=r"draw\.grid is .*; write columns x rows of cells"):
        plan_grid(*SQUARE, grid)
