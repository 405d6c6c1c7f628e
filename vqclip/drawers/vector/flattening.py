"""Flattening: curves as straight pieces, and the place of a curve that is nearest to another.

The pieces tell where on a curve to look; the distance itself is taken to the curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_PIECES = 64  # of a curve; one that is far too long to be flattened so lies outside anyway
NEWTON_STEPS = 3


@dataclass(frozen=True)
class Pieces:
    """Straight pieces of curves.

    Attributes:
        cubic: [Q], the curve of each.
        begin, end: [Q], the curve's parameter at either end, in [0, 1].
        start: [Q, 2], the place of its beginning, in pixels.
        edge: [Q, 2], from its beginning to its end.
    """

    cubic: Tensor
    begin: Tensor
    end: Tensor
    start: Tensor
    edge: Tensor


def bernstein_weights(t: Tensor) -> Tensor:
    """The weights of a cubic curve's four points at a parameter: [E] to [E, 4]."""
    u = 1 - t
    return torch.stack([u**3, 3 * u * u * t, 3 * u * t * t, t**3], -1)


def flatten_cubics(cubics: Tensor, tolerance: float) -> Pieces:
    """Flatten curves into as many pieces as each needs.

    A chord over 1 / K of a curve is off by (1 / K)² / 8 of the greatest second derivative, which
    is at most 6 D, D the largest second difference of the points: by 0.75 D / K².

    Args:
        cubics: [C, 4, 2], in pixels.
        tolerance: how far a piece may be from the curve, in pixels.
    """
    bend = cubics.diff(n=2, dim=1).norm(dim=-1).amax(1)
    number = (0.75 * bend / tolerance).sqrt().ceil().clamp(1, MOST_PIECES)
    cubic = torch.arange(len(cubics), device=cubics.device).repeat_interleave(number.long())
    before = number.cumsum(0) - number
    place = torch.arange(len(cubic), device=cubics.device) - before[cubic]
    begin, end = place / number[cubic], (place + 1) / number[cubic]
    points = cubics[cubic]
    start = torch.einsum("qk,qkc->qc", bernstein_weights(begin), points)
    stop = torch.einsum("qk,qkc->qc", bernstein_weights(end), points)
    return Pieces(cubic, begin, end, start, stop - start)


def project_to_pieces(places: Tensor, start: Tensor, edge: Tensor) -> Tensor:
    """The share of each piece at which it is nearest to a place: [E] in [0, 1].

    Args:
        places, start, edge: [E, 2].
    """
    return (((places - start) * edge).sum(-1) / edge.square().sum(-1).clamp(min=1e-12)).clamp(
        0, 1
    )


def refine_nearest(cubics: Tensor, places: Tensor, t: Tensor) -> Tensor:
    """Move parameters to where the curves are nearest to places, by Newton's method.

    A step that would lead farther away is not taken.

    Args:
        cubics: [E, 4, 2].
        places: [E, 2].
        t: [E] in [0, 1], near to the solution.
    """
    offset = cubics[:, 0] - places  # the curve less the place, as a polynomial
    first, second = 3 * cubics.diff(dim=1)[:, 0], 3 * cubics.diff(n=2, dim=1)[:, 0]
    third = cubics.diff(n=3, dim=1)[:, 0]

    def evaluate(t: Tensor) -> Tensor:
        return ((third * t[:, None] + second) * t[:, None] + first) * t[:, None] + offset

    gap = evaluate(t)
    distance = gap.square().sum(-1)
    for _ in range(NEWTON_STEPS):
        slope = (3 * third * t[:, None] + 2 * second) * t[:, None] + first
        speed = slope.square().sum(-1)
        bend = (gap * (6 * third * t[:, None] + 2 * second)).sum(-1)
        step = (gap * slope).sum(-1) / torch.maximum(speed + bend, speed / 4).clamp(min=1e-12)
        other = (t - step).clamp(0, 1)
        other_gap = evaluate(other)
        other_distance = other_gap.square().sum(-1)
        nearer = other_distance < distance
        t = torch.where(nearer, other, t)
        gap = torch.where(nearer[:, None], other_gap, gap)
        distance = torch.where(nearer, other_distance, distance)
    return t
