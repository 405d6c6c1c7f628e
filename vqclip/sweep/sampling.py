"""Sampling: which values of its axes each run of a sweep has.

- grid: every combination; the last axis changes fastest.
- zip: the first values of all axes, then the second ones, and so on.
- random: each axis by itself. More runs begin with the same ones.
- latin: a Latin hypercube (McKay et al., 1979): each axis is cut into as many equal parts as
  there are runs, and each part is used once. Few runs see the whole range of every axis.
- optuna: each run by the scores of those before it; see `vqclip.sweep.tuning`.

Every axis has a random stream of its own, so that another axis does not change its values.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from vqclip.errors import ConfigError, pick
from vqclip.sweep.axes import MOST_VALUES, Axis

Values = Mapping[str, Any]  # of the axes, by their keys
TRIES = 200  # for runs that are all different
SEARCHED = "optuna"  # the way that chooses a run when those before are drawn
BELOW_ONE = 1 - 2**-53  # where rounding made it one


def sample_values(
    axes: Sequence[Axis], by: str, count: int | None, seed: int, where: str
) -> list[Values]:
    """Choose the values of all runs, no two the same.

    Args:
        axes: for grid and zip, without ranges.
        by: grid, zip, random or latin.
        count: how many runs; None for grid and zip, which tell themselves.
        seed: of the random numbers.
        where: the name of the sweep file, for messages.

    Raises:
        ConfigError: for more than 1000 runs, or fewer combinations than runs.
    """
    sample = pick(SAMPLERS, by, "way to choose the runs (by)")
    check_count(axes, by, count, where)
    return sample(axes, count or 0, seed, where)


def check_count(axes: Sequence[Axis], by: str, count: int | None, where: str) -> None:
    """Refuse a count where it has no meaning, none where there must be one, and too many runs.

    Raises:
        ConfigError: that says so.
    """
    if by in ("grid", "zip"):
        if count is not None:
            raise ConfigError(
                f"{where}: count is for by: random, latin and optuna; a {by} has as many runs as "
                "its axes say, so leave it out"
            )
    elif count is None:
        raise ConfigError(f"{where}: by: {by} needs to know how many runs; write count: 12")
    else:
        _check_room(axes, count, where)


def combinations(axes: Sequence[Axis]) -> int:
    """How many combinations of values there are; 0 if they cannot be counted."""
    if any(axis.span is not None and not axis.span.whole for axis in axes):
        return 0
    sizes = (
        len(axis.values) if axis.span is None else axis.span.high - axis.span.low + 1
        for axis in axes
    )
    return math.prod(map(int, sizes))


def _check_room(axes: Sequence[Axis], count: int, where: str) -> None:
    """Refuse more runs than there are combinations of values."""
    room = combinations(axes)
    if 0 < room < count:
        raise ConfigError(
            f"{where}: count is {count}, but the axes have {room} combinations; write {room} or "
            "less, or by: grid"
        )


def _grid(axes: Sequence[Axis], count: int, seed: int, where: str) -> list[Values]:
    sizes = [len(axis.values) for axis in axes]
    if (runs := math.prod(sizes)) > MOST_VALUES:
        shown = " x ".join(map(str, sizes))
        raise ConfigError(
            f"{where}: the grid has {shown} = {runs} runs; at most {MOST_VALUES} are allowed: "
            "remove some values, or write by: latin and count: 50"
        )
    keys = [axis.key for axis in axes]
    combined = itertools.product(*(axis.values for axis in axes))
    return [dict(zip(keys, each, strict=True)) for each in combined]


def _zip(axes: Sequence[Axis], count: int, seed: int, where: str) -> list[Values]:
    if len({len(axis.values) for axis in axes}) > 1:
        told = ", ".join(f"{axis.key} {len(axis.values)}" for axis in axes)
        raise ConfigError(
            f"{where}: by: zip takes the axes' values side by side, and they have not as many of "
            f"them ({told}); write as many of each, or by: grid"
        )
    keys = [axis.key for axis in axes]
    rows = zip(*(axis.values for axis in axes), strict=True)
    found: list[Values] = [dict(zip(keys, row, strict=True)) for row in rows]
    if len({written(each) for each in found}) < len(found):
        raise ConfigError(f"{where}: by: zip makes the same run twice; remove one of them")
    return found


def _random(axes: Sequence[Axis], count: int, seed: int, where: str) -> list[Values]:
    streams = {axis.key: _stream(seed, axis.key) for axis in axes}

    def draw() -> Iterator[Values]:
        for _ in range(TRIES * count):
            yield {axis.key: _value_at(axis, streams[axis.key].random()) for axis in axes}

    found: dict[str, Values] = {}
    for values in draw():
        found.setdefault(written(values), values)
        if len(found) == count:
            return list(found.values())
    raise _too_alike(where, count)


def _latin(axes: Sequence[Axis], count: int, seed: int, where: str) -> list[Values]:
    for attempt in range(TRIES):
        columns = {}
        for axis in axes:
            stream = _stream(seed, axis.key, attempt)
            parts = stream.sample(range(count), count)
            shares = [min((part + stream.random()) / count, BELOW_ONE) for part in parts]
            columns[axis.key] = [_value_at(axis, share) for share in shares]
        rows = zip(*columns.values(), strict=True)
        found: list[Values] = [dict(zip(columns, row, strict=True)) for row in rows]
        if len({written(each) for each in found}) == count:
            return found
    raise _too_alike(where, count)


SAMPLERS: dict[str, Callable[[Sequence[Axis], int, int, str], list[Values]]] = {
    "grid": _grid,
    "zip": _zip,
    "random": _random,
    "latin": _latin,
}


def _too_alike(where: str, count: int) -> ConfigError:
    return ConfigError(
        f"{where}: no {count} different runs were found among so few values; write a smaller "
        "count, or by: grid"
    )


def _value_at(axis: Axis, share: float) -> Any:
    """The value at a share of an axis, in [0, 1)."""
    if axis.span is not None:
        return axis.span.at(share)
    return axis.values[int(share * len(axis.values))]


def _stream(seed: int, key: str, attempt: int = 0) -> Random:
    return Random(f"{seed} {key} {attempt}")  # of Python's own, which are the same everywhere


def written(values: Values) -> str:
    """Values as text, the same for the same ones."""
    return json.dumps(values, sort_keys=True, default=str)
