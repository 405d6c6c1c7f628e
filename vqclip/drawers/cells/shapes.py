"""The shapes of cells, and where the cells of a grid lie.

Coordinates are in cells: x to the right, y downwards, and [0, 1]² for the cell at column 0 and
row 0. The shapes are those of pixray's pixel drawer.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TypeVar

import torch
from torch import Tensor

from vqclip.repeats import ONCE, Repeat

Number = TypeVar("Number", int, Tensor)
Corners = tuple[tuple[float, float], ...]
TOLERANCE = 1e-9  # in cells: a point on an edge belongs to the cells on both sides


@dataclass(frozen=True)
class CellShape:
    """The shape of a cell.

    It is its own mirror image about x = .5, and its left half is convex.

    Args:
        corners: in their order around it.
        odd_corners: of cells whose column and row add up to an odd number; none: the same.
        is_staggered: whether rows 0, 2, 4 … begin half a cell to the left and have one cell more.
        overlaps: whether a cell hides parts of the row above; otherwise the cells tile the plane.
    """

    corners: Corners
    odd_corners: Corners = ()
    is_staggered: bool = False
    overlaps: bool = False

    def corners_at(self, odd: bool) -> Corners:
        """The corners of a cell, where `odd` says whether column + row is an odd number."""
        return self.odd_corners if odd and self.odd_corners else self.corners

    def reach(self) -> tuple[range, range]:
        """How many columns and rows away from a point the cell may be in which it lies."""
        points = self.corners + self.odd_corners
        columns, rows = (
            range(-ceil(max(each) - 1), 1 - floor(min(each)))
            for each in zip(*points, strict=True)
        )
        return columns, rows

    def contains(self, x: Tensor, y: Tensor, odd: Tensor) -> Tensor:
        """Whether points lie in the shape, or on its edge.

        Args:
            x, y: of the points, float64; any shape.
            odd: whether column + row of the cell is odd; of that shape.
        """
        x = 0.5 - (x - 0.5).abs()  # into the left half
        inside = _is_in_left_half(self.corners, x, y)
        if not self.odd_corners:
            return inside
        return torch.where(odd, _is_in_left_half(self.odd_corners, x, y), inside)


def _is_in_left_half(corners: Corners, x: Tensor, y: Tensor) -> Tensor:
    """Whether points lie on the inner side of all edges of the left half."""
    ends = list(zip(corners, corners[1:] + corners[:1], strict=True))
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ends)
    turn = 1 if area > 0 else -1  # by the direction in which the corners are listed
    inside = torch.ones_like(x, dtype=torch.bool)
    for (x0, y0), (x1, y1) in ends:
        if min(x0, x1) < 0.5:
            side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
            inside &= side * turn >= -TOLERANCE
    return inside


_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))
_HEXAGON = ((0.5, 7 / 6), (0, 5 / 6), (0, 1 / 6), (0.5, -1 / 6), (1, 1 / 6), (1, 5 / 6))
_DIAMOND = ((0.5, -0.5), (0, 0.5), (0.5, 1.5), (1, 0.5))
_STITCH = (
    *((0.5, 1.3), (1, 0.55), (1, -0.45), (0.9, -0.45)),
    *((0.5, 0.3), (0.1, -0.45), (0, -0.45), (0, 0.55)),
)
SHAPES = {
    "square": CellShape(_SQUARE),
    "brick": CellShape(_SQUARE, is_staggered=True),
    "hexagon": CellShape(_HEXAGON, is_staggered=True),
    "triangle": CellShape(((0.5, 0), (-0.5, 1), (1.5, 1)), ((0.5, 1), (1.5, 0), (-0.5, 0))),
    "diamond": CellShape(_DIAMOND, is_staggered=True),
    "knit": CellShape(_STITCH, overlaps=True),
}


class CellLayout:
    """Where the cells of a grid lie: all of those that reach into the picture, row by row.

    Differs: pixray leaves out the cells at the edges of which only a part is in the picture, so
    that its pictures are black there.

    Args:
        shape: of the cells.
        columns, rows: of the grid; the picture is [0, columns] x [0, rows].
        repeat: how the picture repeats: what reaches over an edge is a part of a cell at the
            opposite one. In these directions, see `vqclip.drawers.cell_grid` for the numbers of
            columns and rows with which the pattern closes up.

    Attributes:
        cells: how many there are.
        polygons: the corners of every cell, and of its copies over the edges.
        owners: the number of the cell of each polygon.
    """

    def __init__(self, shape: CellShape, columns: int, rows: int, repeat: Repeat = ONCE) -> None:
        self.shape, self.columns, self.rows, self.repeat = shape, columns, rows, repeat
        self.polygons: list[Corners] = []
        self.owners: list[int] = []
        numbers: dict[tuple[int, int], int] = {}
        # [rows, columns], with one more on each side: the number of a cell, or -1 for none.
        self._numbers = torch.full([rows + 2, columns + 3], -1)
        for row in range(-1, rows + 1):
            for column in range(-1, columns + 2):
                polygon = self._polygon(column, row)
                if self._meets_picture(polygon):
                    number = numbers.setdefault(self._home(column, row), len(numbers))
                    self._numbers[row + 1, column + 1] = number
                    self.polygons.append(polygon)
                    self.owners.append(number)
        self.cells = len(numbers)

    def locate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Find the cells in which points lie.

        Args:
            x, y: of points in the picture, float64; any shape.

        Returns:
            Numbers of cells: of the one that is seen, and of the one that it hides, or -1 where
            there is none.
        """
        shown = torch.full_like(x, -1, dtype=torch.int64)
        hidden = shown.clone()
        columns, rows = self.shape.reach()
        for below in rows:
            row = y.floor().long() + below
            start = self._start(row)
            for right in columns:
                column = (x - start).floor().long() + right
                odd = (column + row) % 2 == 1
                number = self._number(column, row)
                found = self.shape.contains(x - start - column, y - row, odd) & (number >= 0)
                if self.shape.overlaps:
                    hidden = torch.where(found, shown, hidden)
                shown = torch.where(found, number, shown)
        return shown, hidden

    def _home(self, column: int, row: int) -> tuple[int, int]:
        """The column and row of the cell that a cell is a part of; its own unless it repeats."""
        turns, within = divmod(row, self.rows)
        if self.repeat.down:
            row = within
            column += self.columns // 2 if self.repeat.shifted and turns % 2 else 0
        return (column % self.columns if self.repeat.across else column), row

    def _start(self, row: Number) -> Number | float:
        """Where a row begins, or rows begin, in cells."""
        return (row % 2 - 1) / 2 if self.shape.is_staggered else 0.0

    def _number(self, column: Tensor, row: Tensor) -> Tensor:
        """The numbers of cells; -1 where there is none."""
        high, wide = self._numbers.shape
        return self._numbers[(row + 1).clamp(0, high - 1), (column + 1).clamp(0, wide - 1)]

    def _polygon(self, column: int, row: int) -> Corners:
        x = column + self._start(row)
        corners = self.shape.corners_at((column + row) % 2 == 1)
        return tuple((x + right, row + below) for right, below in corners)

    def _meets_picture(self, polygon: Corners) -> bool:
        across, down = zip(*polygon, strict=True)
        return (
            max(across) > TOLERANCE
            and max(down) > TOLERANCE
            and min(across) < self.columns - TOLERANCE
            and min(down) < self.rows - TOLERANCE
        )
