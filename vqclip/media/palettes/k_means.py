"""k-means: a few points that stand for many.

Lloyd, 1982; started as by Arthur and Vassilvitskii, 2007 (k-means++).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 2**22  # distances that are held at a time


def find_centres(
    points: NDArray[np.float64],
    count: int,
    weights: NDArray[np.float64] | None = None,
    steps: int = 20,
) -> NDArray[np.float64]:
    """Find centres, so that the squared distances of points to the nearest one become small.

    Equal arguments give equal centres: the random numbers have a fixed seed.

    Args:
        points: [N, D].
        count: how many centres are wanted.
        weights: [N], how often each point counts; once unless given.
        steps: how often the centres are moved, at most.

    Returns:
        [count, D]; if there are fewer different points, some are equal.
    """
    weights = np.ones(len(points)) if weights is None else weights
    chance = np.random.default_rng(0)
    nearest = np.full(len(points), np.inf)  # squared distance to the nearest centre
    centres, odds = np.empty([count, points.shape[1]]), weights
    for index in range(count):
        total = np.cumsum(odds)
        place = np.searchsorted(total, chance.random() * total[-1], side="right")
        centres[index] = points[min(int(place), len(points) - 1)]
        nearest = np.minimum(nearest, np.square(points - centres[index]).sum(1))
        odds = weights * nearest if (weights * nearest).sum() > 0 else weights
    return move_centres(points, centres, weights, steps)


def move_centres(
    points: NDArray[np.float64],
    centres: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    steps: int = 20,
) -> NDArray[np.float64]:
    """Move centres to the mean of the points that are nearest to each, again and again.

    One to which no point is nearest stays where it is.

    Args:
        points, weights, steps: as in `find_centres`.
        centres: [K, D].
    """
    weights = np.ones(len(points)) if weights is None else weights
    for _ in range(steps):
        labels = label_points(points, centres)
        total = np.bincount(labels, weights, len(centres))
        sums = [np.bincount(labels, weights * each, len(centres)) for each in points.T]
        means = np.stack(sums, 1) / np.maximum(total, 1e-12)[:, None]
        moved = np.where(total[:, None] > 0, means, centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def label_points(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each of the points [N, D], the index of the nearest of the centres [K, D]: [N]."""
    size = max(1, CHUNK // (len(centres) * points.shape[1]))
    chunks = (points[at : at + size, None] - centres for at in range(0, len(points), size))
    return np.concatenate([np.square(each).sum(2).argmin(1) for each in chunks])
