"""Repeats: how a picture that tiles goes on beyond its edges.

A picture tiles without a seam if what lies beyond an edge is what it has at the opposite one,
wherever anything looks beyond it. In a brick repeat, every other row of tiles is shifted by half
a width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, gcd

import torch
from torch import Tensor
from torch.nn import functional

REACH = 3  # pixels of the larger grid that are enough around one, in any interpolation


@dataclass(frozen=True)
class Repeat:
    """How a picture repeats; not at all by default.

    Args:
        across: whether it goes on at its left and right.
        down: whether it goes on above and below.
        shifted: whether every other row is shifted by half a width, which is then even.
    """

    across: bool = False
    down: bool = False
    shifted: bool = False

    @property
    def is_on(self) -> bool:
        """Whether it repeats in any direction."""
        return self.across or self.down

    def margins(self, across: int, down: int | None = None) -> tuple[int, int, int, int]:
        """Margins left, right, above and below, in the directions in which it repeats."""
        wide = across if self.across else 0
        high = (across if down is None else down) if self.down else 0
        return wide, wide, high, high

    def pad(self, values: Tensor, margins: Sequence[int], fill: str = "constant") -> Tensor:
        """Pad a grid with what lies beyond its edges.

        Args:
            values: [N, C, H, W].
            margins: left, right, above and below; of any width where it repeats.
            fill: how the other directions are padded, as `torch.nn.functional.pad` says it.

        Returns:
            [N, C, above + H + below, left + W + right].
        """
        left, right, above, below = margins
        if self.down:
            values = self._continue(values, above, below, -2)
            above = below = 0
        if self.across:
            values = self._continue(values, left, right, -1)
            left = right = 0
        if left or right or above or below:
            values = functional.pad(values, [left, right, above, below], mode=fill)
        return values

    def resize(
        self, values: Tensor, size: Sequence[int], mode: str, *, antialias: bool = False
    ) -> Tensor:
        """Resize a grid as `torch.nn.functional.interpolate` does, with what lies beyond.

        Args:
            values: [N, C, H, W].
            size: rows and columns of the result.
            mode: of the interpolation.
        """
        size = list(size)
        if not self.is_on:
            return functional.interpolate(values, size, mode=mode, antialias=antialias)
        (high, above), (wide, left) = (
            _whole_margins(old, new) if repeats else (new, 0)
            for old, new, repeats in zip(
                values.shape[-2:], size, (self.down, self.across), strict=True
            )
        )
        padded = self.pad(values, (left, left, above, above))
        drawn = functional.interpolate(padded, [high, wide], mode=mode, antialias=antialias)
        top, start = (high - size[0]) // 2, (wide - size[1]) // 2
        return drawn[..., top : top + size[0], start : start + size[1]]

    def as_grid(self, values: Tensor) -> Tensor:
        """The smallest grid that repeats without a shift: twice as high if shifted."""
        return torch.cat([values, _shift(values)], -2) if self.shifted else values

    def lay_tiles(self, picture: Tensor) -> Tensor:
        """Lay tiles beside each other, two in each direction: [1, C, 2 H, 2 W] at most."""
        rows = self.as_grid(picture)
        down = 2 if self.down and not self.shifted else 1
        return rows.repeat(1, 1, down, 2 if self.across else 1)

    def _continue(self, values: Tensor, before: int, after: int, axis: int) -> Tensor:
        """Continue values at both ends of an axis, by turns of the whole where that is needed."""
        size, pieces = values.shape[axis], []
        for turn in range(-ceil(before / size), ceil(after / size) + 1):
            first = max(0, -before - turn * size)
            last = min(size, size + after - turn * size)
            piece = values.narrow(axis, first, last - first)
            pieces.append(_shift(piece) if self.shifted and axis == -2 and turn % 2 else piece)
        return torch.cat(pieces, axis) if len(pieces) > 1 else values


def _shift(values: Tensor) -> Tensor:
    """Shift values [N, C, H, W] by half their width."""
    return values.roll(values.shape[-1] // 2, -1)


def _whole_margins(old: int, new: int) -> tuple[int, int]:
    """The size of a side that is resized with margins, and the margin before.

    Margins are so wide that they are whole pixels afterwards, too.
    """
    step = old // gcd(old, new)
    reach = REACH * max(1, ceil(old / new))
    margin = step * ceil(reach / step)
    return new + 2 * (margin * new // old), margin


ONCE = Repeat()
REPEATS = {
    "none": ONCE,
    "both": Repeat(across=True, down=True),
    "horizontal": Repeat(across=True),
    "vertical": Repeat(down=True),
    "brick": Repeat(across=True, down=True, shifted=True),
}
