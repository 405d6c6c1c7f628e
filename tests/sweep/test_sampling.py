"""Sampling: grids, zips, random values and Latin hypercubes, against independent expectations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vqclip.errors import ConfigError
from vqclip.sweep.axes import Axis, Span
from vqclip.sweep.sampling import sample_values

TWO = [Axis("prompts", ("a", "b")), Axis("seed", (1, 2, 3))]
RATE = Axis("optimiser.rate", span=Span(0.01, 1, log=True))
NOISE = Axis("cutouts.noise", span=Span(0, 1))


def sampled(axes: list[Axis], by: str, count: int | None = None, seed: int = 0) -> list[Any]:
    return list(sample_values(axes, by, count, seed, "foxes.yaml"))


def test_a_grid_has_every_combination_and_the_last_axis_changes_fastest() -> None:
    wanted = [{"prompts": p, "seed": s} for p in "ab" for s in (1, 2, 3)]
    assert sampled(TWO, "grid") == wanted


def test_a_zip_has_values_side_by_side() -> None:
    axes = [Axis("prompts", ("a", "b")), Axis("seed", (7, 8))]
    assert sampled(axes, "zip") == [{"prompts": "a", "seed": 7}, {"prompts": "b", "seed": 8}]


def test_random_values_are_in_range_spread_and_seeded() -> None:
    found = sampled([RATE, NOISE], "random", 200)
    rates = np.array([each["optimiser.rate"] for each in found])
    assert rates.min() >= 0.01 and rates.max() <= 1
    # The logarithm is even: a third of the values in each decade and a half … of two decades.
    assert 70 <= (rates < 0.1).sum() <= 130
    noises = np.array([each["cutouts.noise"] for each in found])
    assert 70 <= (noises < 0.5).sum() <= 130
    assert abs(np.corrcoef(np.log(rates), noises)[0, 1]) < 0.25
    assert found == sampled([RATE, NOISE], "random", 200)
    assert found != sampled([RATE, NOISE], "random", 200, seed=1)


def test_more_random_runs_begin_with_the_same_ones() -> None:
    few, many = (sampled([RATE, *TWO], "random", count) for count in (5, 12))
    assert many[:5] == few


def test_another_axis_does_not_change_the_values_of_the_others() -> None:
    alone = [each["optimiser.rate"] for each in sampled([RATE], "random", 6)]
    assert [e["optimiser.rate"] for e in sampled([NOISE, RATE], "random", 6)] == alone


@pytest.mark.parametrize("count", [1, 4, 12, 50])
def test_a_latin_hypercube_uses_each_part_of_each_axis_once(count: int) -> None:
    found = sampled([RATE, NOISE, Axis("seed", span=Span(1, 500, whole=True))], "latin", count)
    assert len(found) == count
    shares = [each["cutouts.noise"] for each in found]
    assert sorted(int(s * count * (1 - 1e-9)) for s in shares) == pytest.approx(
        list(range(count)), abs=1
    )
    logs = [np.log(each["optimiser.rate"] / 0.01) / np.log(100) for each in found]
    assert len({int(min(s, 1 - 1e-9) * count) for s in logs}) >= count - 1  # rounded to 4 digits
    assert len({each["seed"] for each in found}) == count


def test_a_latin_hypercube_has_each_choice_as_often() -> None:
    axes = [Axis("drawer", ("vqgan", "pixels", "lines")), NOISE]
    names = [each["drawer"] for each in sampled(axes, "latin", 12)]
    assert sorted(names) == ["lines"] * 4 + ["pixels"] * 4 + ["vqgan"] * 4


@pytest.mark.parametrize("by", ["random", "latin"])
def test_no_two_runs_are_the_same(by: str) -> None:
    found = sampled(TWO, by, 6)
    assert sorted(map(str, found)) == sorted(map(str, sampled(TWO, "grid")))


@pytest.mark.parametrize(
    ("axes", "by", "count", "sentence"),
    [
        (
            TWO,
            "gird",
            None,
            "no way to choose the runs (by) is called 'gird'; did you",
        ),
        (TWO, "grid", 6, "count is for by: random, latin and optuna"),
        (TWO, "random", None, "by: random needs to know how many runs; write count: 12"),
        (TWO, "latin", 7, "count is 7, but the axes have 6 combinations; write 6 or less"),
        (TWO, "zip", None, "(prompts 2, seed 3); write as many of each"),
        (
            [Axis("seed", tuple(range(100))), Axis("steps", tuple(range(1, 101)))],
            *("grid", None, "the grid has 100 x 100 = 10000 runs; at most 1000 are allowed"),
        ),
        (
            [Axis("seed", (1, 1)), Axis("prompts", ("a", "a"))],
            *("zip", None, "makes the same run twice"),
        ),
    ],
)
def test_what_cannot_be_sampled_is_refused(
    axes: list[Axis], by: str, count: int | None, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sampled(axes, by, count)
    assert sentence in str(caught.value)
