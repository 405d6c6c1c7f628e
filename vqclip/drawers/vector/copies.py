"""Copies of strokes that reach over the edges of a picture that tiles."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vqclip.repeats import Repeat

MOST_TURNS = 8  # tiles from the picture, beyond which no stroke is looked for


@torch.no_grad()
def find_copies(
    low: Tensor, high: Tensor, width: int, height: int, repeat: Repeat
) -> tuple[Tensor, Tensor]:
    """Find the copies of strokes that meet the picture.

    Args:
        low, high: [N, 2], the corners of each stroke's bounding box, in pixels.
        width, height: of the picture, in pixels.
        repeat: how the picture repeats.

    Returns:
        The stroke of each copy, [M], ascending, and how far the copy is moved, [M, 2], in pixels.
    """
    size = low.new_tensor([width, height])
    down = _turns(low[:, 1], high[:, 1], height) if repeat.down else range(1)
    across = _turns(low[:, 0], high[:, 0], width) if repeat.across else range(1)
    if repeat.shifted:
        across = range(across.start - 1, across.stop)
    shifts = [
        (column * width + (width // 2 if repeat.shifted and row % 2 else 0), row * height)
        for row in down
        for column in across
    ]
    moves = low.new_tensor(shifts)
    met = ((low[:, None] + moves < size) & (high[:, None] + moves > 0)).all(2)
    stroke, which = met.nonzero(as_tuple=True)
    return stroke, moves[which]


@torch.no_grad()
def find_way_home(low: Tensor, high: Tensor, width: int, height: int, repeat: Repeat) -> Tensor:
    """How far strokes are to be moved, by whole tiles, to have their middles in the picture.

    Args:
        low, high, width, height, repeat: see `find_copies`.

    Returns:
        [N, 2], in pixels.
    """
    x, y = ((low + high) / 2).unbind(1)
    down = (-(y / height).floor()) if repeat.down else torch.zeros_like(y)
    shift = down.remainder(2) * (width // 2 if repeat.shifted else 0)
    across = -((x + shift) / width).floor() if repeat.across else torch.zeros_like(x)
    return torch.stack([across * width + shift, down * height], 1)


def copy_curves(stroke: Tensor, owner: Tensor, strokes: int) -> tuple[Tensor, Tensor]:
    """The curves of copies.

    Args:
        stroke: [M], of each copy.
        owner: [C], the stroke of each curve; ascending.
        strokes: how many there are.

    Returns:
        The curve that each is a copy of, and the copy that it belongs to: [curves] both.
    """
    count = torch.bincount(owner, minlength=strokes)
    first = count.cumsum(0) - count
    number = count[stroke]
    copy = torch.arange(len(stroke), device=stroke.device).repeat_interleave(number)
    place = torch.arange(len(copy), device=stroke.device) - (number.cumsum(0) - number)[copy]
    return first[stroke][copy] + place, copy


def _turns(low: Tensor, high: Tensor, side: int) -> range:
    """How many sides strokes may have to be moved to meet the picture."""
    least, most = float(high.max()), float(low.min())
    if not math.isfinite(least + most):
        return range(1)
    first, last = math.floor(-least / side), math.ceil((side - most) / side)
    return range(max(first, -MOST_TURNS), min(last, MOST_TURNS) + 1)
