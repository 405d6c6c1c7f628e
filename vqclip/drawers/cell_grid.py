"""The grid of a picture's cells: how many columns and rows, for every drawer that has cells."""

from __future__ import annotations

import re

from vqclip.config.sizes import canonical_size
from vqclip.errors import ConfigError
from vqclip.repeats import ONCE, Repeat

SQUARE, TALL, WIDE = 40, 40, 45  # cells along the shorter side of a picture
# Factors of columns and rows, for shapes that reach into their neighbours' rows or columns.
DENSITIES = {"hexagon": (1, 1.414), "triangle": (1.414, 1), "diamond": (1, 2)}
# Remainders of columns and rows by 2 with which both sides of a picture end alike.
PARITIES = {"brick": (1, 1), "hexagon": (1, 1), "diamond": (1, 1), "triangle": (1, 0)}


def plan_grid(
    width: int,
    height: int,
    grid: str = "",
    coarse: float = 1.0,
    shape: str = "square",
    repeat: Repeat = ONCE,
) -> tuple[int, int]:
    """Plan the grid of a picture: its number of (columns, rows).

    Without a grid, the cells are about square. There are 40x40 in a square picture, 40x50 in one
    of 4:5 and 80x45 in one of 16:9, as in pixray; more in the direction in which a shape reaches
    into its neighbours.

    Differs: pixray has 40x50 for every tall picture and 80x45 for every wide one.

    Args:
        width, height: of the picture, in pixels; neither number exceeds them.
        grid: "COLUMNSxROWS", or empty.
        coarse: divides both numbers.
        shape: of the cells, see `vqclip.drawers.cells.shapes`; some need an odd or an even number
            of columns or rows to look alike on both sides, and get one more.
        repeat: how the picture repeats; so that the pattern closes up, it may get one more.

    Raises:
        ConfigError: if the grid cannot be read.

    >>> plan_grid(192, 108), plan_grid(192, 108, shape="hexagon")
    ((80, 45), (81, 63))
    """
    if grid.strip():
        counts = _read_grid(grid)
    else:
        columns, rows = _square_cells(width, height)
        across, down = DENSITIES.get(shape, (1, 1))
        counts = (int(columns * across), int(rows * down))
    fitted = (
        max(1, min(int(count / coarse), side))
        for count, side in zip(counts, (width, height), strict=True)
    )
    columns, rows = (
        count if parity in (None, count % 2) else count + 1 if count < side else max(1, count - 1)
        for count, side, parity in zip(
            fitted, (width, height), _parities(shape, repeat), strict=True
        )
    )
    return columns, rows


def _parities(shape: str, repeat: Repeat) -> tuple[int | None, int | None]:
    """Which remainders by 2 the numbers of columns and rows need to have; None: any."""
    columns, rows = PARITIES.get(shape, (None, None))
    if repeat.across:  # rows that are shifted meet cell by cell
        columns = 0 if repeat.shifted or shape == "triangle" else None
    if repeat.down:  # every other row is staggered, or upside down
        rows = 0 if shape in PARITIES else None
    return columns, rows


def _square_cells(width: int, height: int) -> tuple[int, int]:
    if width > height:
        return round(WIDE * width / height), WIDE
    return (SQUARE, SQUARE) if width == height else (TALL, round(TALL * height / width))


def _read_grid(grid: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,5})\s*[x×X]\s*(\d{1,5})\s*", str(canonical_size(grid)))
    if match is None or not int(match[1]) or not int(match[2]):
        raise ConfigError(
            f"draw.grid is {grid!r}; write columns x rows of cells, such as 48x48, "
            "or leave it empty"
        )
    return int(match[1]), int(match[2])
