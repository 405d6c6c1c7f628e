"""Paths: which control points make which cubic Bézier curve of which stroke."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch


class Paths:
    """Strokes, each a chain of cubic Bézier curves, over one list of control points.

    A stroke of n curves has 3 n + 1 points, which stand together; the next curve of a stroke
    begins at the point where the last one ends.

    Args:
        segments: number of curves of each stroke, at least 1.

    Attributes:
        strokes: number of strokes, N.
        points: number of control points, P.
        first: [N], each stroke's first point.
        owner: [P], the stroke of each point.
        cubics: [C, 4], the points of each curve.
        cubic_owner: [C], the stroke of each curve; ascending.
    """

    def __init__(self, segments: Sequence[int]) -> None:
        curves = torch.tensor(segments)
        self.strokes = len(segments)
        sizes = 3 * curves + 1
        self.points = int(sizes.sum())
        self.first = sizes.cumsum(0) - sizes
        self.owner = torch.arange(self.strokes).repeat_interleave(sizes)
        self.cubic_owner = torch.arange(self.strokes).repeat_interleave(curves)
        before = (curves.cumsum(0) - curves)[self.cubic_owner]
        within = torch.arange(len(before)) - before
        begin = self.first[self.cubic_owner] + 3 * within
        self.cubics = begin[:, None] + torch.arange(4)

    def point_slices(self) -> list[slice]:
        """Where the points of each stroke stand."""
        bounds = [*self.first.tolist(), self.points]
        return [slice(a, b) for a, b in pairwise(bounds)]
