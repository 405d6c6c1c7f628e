"""How does a number come from one key to the next?

Shares of the way, from 0 to 1, by shares of the time. Penner's quadratic easing, 2001; splines
are those of Catmull and Rom, 1974, at places that need not be even.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

EASINGS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "ease": lambda share: 2 * share**2 if share < 0.5 else 1 - 2 * (1 - share) ** 2,
    "in": lambda share: share**2,
    "out": lambda share: 1 - (1 - share) ** 2,
    "hold": lambda share: 0.0,
    "spline": lambda share: share,  # of two keys alone; see `spline`
}


def spline(
    places: Sequence[float], heights: Mapping[int, float], after: int, share: float
) -> float:
    """Go from key `after - 1` to `after`: a cubic whose slopes are those between neighbours.

    At the first and the last key the slope is that of the stretch itself.
    """
    ends = [max(min(heights), min(max(heights), index)) for index in range(after - 2, after + 2)]

    def slope(before: int, behind: int) -> float:
        across = places[behind] - places[before]
        return (heights[behind] - heights[before]) / across if across > 0 else 0.0

    low, high = heights[after - 1], heights[after]
    across = places[after] - places[after - 1]
    first, last = slope(ends[0], ends[2]) * across, slope(ends[1], ends[3]) * across
    back = share - 1
    return (
        low * (1 + 2 * share) * back**2
        + first * share * back**2
        + high * share**2 * (3 - 2 * share)
        + last * share**2 * back
    )
