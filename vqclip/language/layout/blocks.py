"""Blocks: things and groups of things with a natural size, to be fitted into a frame.

Lengths are in units of a picture of area 1. A frame is left, top, width and height in them; the
alignment is where a block stands in a frame that is taller: 0 at the top, 1 at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Protocol

from vqclip.language.layout.layout_types import Mention
from vqclip.language.layout.sizes import WIDE_STRETCH
from vqclip.language.prompt_types import Box

_FLOAT = 0.75  # of a frame's free height, what things that hang in the air move up
_MOST_IN_A_ROW = 3  # of one kind, if the words and the frame leave it open
_PILE = 0.6  # what one thing above the other is worth, by side by side in the same size


@dataclass(frozen=True)
class PlacedThing:
    """A thing of a mention in its box, in units of a picture of area 1."""

    mention: Mention
    box: Box
    part: bool = False


class Block(Protocol):
    """What can be fitted into a frame."""

    @property
    def width(self) -> float:
        """Its natural width, by that of other blocks."""

    @property
    def height(self) -> float:
        """Its natural height, by that of other blocks."""

    @property
    def stretch(self) -> float:
        """How much wider or taller it may be drawn."""

    def place(self, frame: Box, rng: Random, align: float = 1.0) -> list[PlacedThing]:
        """Fit it into a frame, and return its things from far to near."""


def fit(block: Block, frame: Box, align: float) -> Box:
    """The largest box of a block's shape in a frame, centred from left to right."""
    left, top, width, height = frame
    across, down = width / block.width, height / block.height
    across, down = min(across, down * block.stretch), min(down, across * block.stretch)
    w, h = block.width * across, block.height * down
    return left + (width - w) / 2, top + (height - h) * align, w, h


@dataclass
class Single:
    """One thing."""

    mention: Mention
    width: float
    height: float
    stretch: float
    part: bool = False

    def place(self, frame: Box, rng: Random, align: float = 1.0) -> list[PlacedThing]:
        return [PlacedThing(self.mention, fit(self, frame, align), self.part)]


class Grid:
    """Several blocks of one kind, in rows whose number depends on the frame.

    Args:
        blocks: at least one, of about the same size.
        in_one_row: whether they stand side by side in any frame.
    """

    def __init__(self, blocks: Sequence[Block], in_one_row: bool = False) -> None:
        self.blocks, self.in_one_row = blocks, in_one_row
        self.stretch = min(b.stretch for b in blocks)
        count = len(blocks)
        columns = count
        if not in_one_row and count > _MOST_IN_A_ROW:
            width, height = max(b.width for b in blocks), max(b.height for b in blocks)
            columns = min(count, round((1.5 * count * height / width) ** 0.5) or 1)
        self.reshape(columns)

    def reshape(self, columns: int) -> None:
        """Give it the natural size of so many columns."""
        count = len(self.blocks)
        self._cell = max(b.width for b in self.blocks), max(b.height for b in self.blocks)
        # Many are smaller each, so that they leave room for what else is in the picture.
        scale = max(0.45, count**-0.25)
        self.width = self._cell[0] * columns * scale
        self.height = self._cell[1] * ceil(count / columns) * scale

    def spread(self, width: float) -> None:
        """Give it as many columns as fit into a width."""
        count = len(self.blocks)
        scale = max(0.45, count**-0.25)
        self.reshape(min(count, max(1, round(width / (self._cell[0] * scale)))))

    def place(self, frame: Box, rng: Random, align: float = 1.0) -> list[PlacedThing]:
        left, top, width, height = frame
        count = len(self.blocks)
        columns = count if self.in_one_row else self._best_columns(width, height)
        rows = ceil(count / columns)
        placed: list[PlacedThing] = []
        blocks = iter(self.blocks)
        for row in range(rows):
            # The farthest row is the one that is not full.
            size = count - columns * (rows - 1) if row == 0 else columns
            start = left + (width - width * size / columns) / 2
            for column in range(size):
                block = next(blocks)
                w, h = width / columns, height / rows
                cell = start + column * w, top + row * h, w, h
                placed += block.place(_shake(block, cell, rng, align), rng, align)
        return placed

    def _best_columns(self, width: float, height: float) -> int:
        def scale(columns: int) -> float:
            across = width / columns / self._cell[0]
            down = height / ceil(len(self.blocks) / columns) / self._cell[1]
            area = min(across, down * self.stretch) * min(down, across * self.stretch)
            return area * (_PILE if columns == 1 else 1.0)

        return max(range(1, len(self.blocks) + 1), key=scale)


def _shake(block: Block, cell: Box, rng: Random, align: float) -> Box:
    """A cell made smaller on some sides, where the block leaves room."""
    left, top, width, height = cell
    _, _, w, h = fit(block, cell, align)
    x, y = (width - w) * 0.5, min(height - h, 0.12 * h)
    right = x * rng.random()
    return left + right, top, width - x, height - y * rng.random() * align


class Row:
    """Blocks side by side, from left to right, on one base line."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.width = sum(b.width for b in blocks)
        self.height = max(b.height for b in blocks)
        self.stretch = min(b.stretch for b in blocks)

    def place(self, frame: Box, rng: Random, align: float = 1.0) -> list[PlacedThing]:
        left, top, width, height = frame
        placed: list[PlacedThing] = []
        for block in self.blocks:
            w, h = width * block.width / self.width, height * block.height / self.height
            placed += block.place((left, top + (height - h) * align, w, h), rng, align)
            left += w
        return placed


@dataclass(eq=False)
class _Member:
    block: Block
    box: Box
    align: float
    floats: bool


class Composite:
    """Blocks in places to each other that are stretched together, if at all.

    It begins with one block, the anchor, at (0, 0) in its natural size.
    """

    def __init__(self, anchor: Block) -> None:
        self.anchor = _Member(anchor, (0.0, 0.0, anchor.width, anchor.height), 1.0, False)
        self._members = [self.anchor]
        self._parts = 0
        self._bounds = 0.0, 0.0, anchor.width, anchor.height  # left, top, right, bottom
        self.stretch = anchor.stretch

    @property
    def width(self) -> float:
        return self._bounds[2] - self._bounds[0]

    @property
    def height(self) -> float:
        return self._bounds[3] - self._bounds[1]

    @property
    def top(self) -> float:
        return self._bounds[1]

    @property
    def left(self) -> float:
        return self._bounds[0]

    @property
    def right(self) -> float:
        return self._bounds[2]

    def widen(self, width: float, height: float) -> None:
        """Give the anchor at least this size, unless something is placed by it already."""
        if len(self._members) > 1:
            return
        w, h = max(width, self.anchor.block.width), max(height, self.anchor.block.height)
        self.anchor.box = 0.0, 0.0, w, h
        self._bounds = 0.0, 0.0, w, h

    def add(
        self,
        block: Block,
        x: float,
        bottom: float,
        *,
        scale: float = 1.0,
        size: tuple[float, float] | None = None,
        behind: bool = False,
        part: bool = False,
        floats: bool = False,
        fits: bool = False,
        align: float = 1.0,
    ) -> None:
        """Add a block.

        Args:
            block: which.
            x: of its centre.
            bottom: y of its lower edge.
            scale: its size by the natural one.
            size: width and height instead of the natural ones.
            behind: whether it is farther than all before; otherwise it is nearer.
            part: whether it is a part of the anchor, and follows it directly.
            floats: whether it moves up in a taller frame.
            fits: whether it finds its own shape in its box, so that the whole may be stretched
                more than the block.
            align: how it stands in its box.
        """
        w, h = size or (block.width * scale, block.height * scale)
        member = _Member(block, (x - w / 2, bottom - h, w, h), align, floats)
        at = 0 if behind else len(self._members)
        if part:
            self._parts += 1
            at = self._members.index(self.anchor) + self._parts
        self._members.insert(at, member)
        left, top, right, low = self._bounds
        self._bounds = (
            min(left, x - w / 2),
            min(top, bottom - h),
            max(right, x + w / 2),
            max(low, bottom),
        )
        if not fits:
            self.stretch = min(self.stretch, block.stretch)

    def place(self, frame: Box, rng: Random, align: float = 1.0) -> list[PlacedThing]:
        floats = any(m.floats for m in self._members)
        left, top, w, h = fit(self, frame, 1.0 if floats else align)
        free = (top - frame[1]) * _FLOAT if floats else 0.0
        if floats and align < 1:  # what is not needed above is left below
            top -= (top - frame[1] - free) * (1 - align)
        across, down = w / self.width, h / self.height
        placed: list[PlacedThing] = []
        for member in self._members:
            x, y, width, height = member.box
            x = left + (x - self._bounds[0]) * across
            y = top + (y - self._bounds[1]) * down - free * member.floats
            box = x, y, width * across, height * down
            if member.block.stretch >= WIDE_STRETCH:  # views and grounds fill the frame's width
                box = frame[0], y, frame[2], height * down
            placed += member.block.place(box, rng, member.align)
        return placed
