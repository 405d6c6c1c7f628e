"""Optuna's choices: good values, the same ones again, none twice; and what is pruned."""

from __future__ import annotations

import itertools
import math

import pytest

from vqclip.sweep.axes import Axis, Span
from vqclip.sweep.sampling import Values, written
from vqclip.sweep.tuning import study
from vqclip.sweep.tuning.trials import Trial, find_marks

pytest.importorskip("optuna")
RATE = Axis("optimiser.rate", span=Span(0.01, 10, log=True))
DRAWER = Axis("drawer", ("vqgan", "pixels", "pyramid"))
SEED = Axis("seed", span=Span(1, 4, whole=True))


def score(values: Values) -> float:
    """The best rate is 0.3, and the best drawer pixels."""
    miss = abs(math.log(values["optimiser.rate"] / 0.3))
    return 1 - miss / 10 + 0.2 * (values["drawer"] == "pixels")


def search(count: int, seed: int, trials: list[Trial] | None = None) -> list[Trial]:
    found = list(trials or [])
    while len(found) < count:
        taken = {written(each.values) for each in found}
        given = ([RATE, DRAWER], found, taken, seed, len(found) + 1)
        values = next(study.propose_values(*given))
        found.append(Trial(values, score(values), {}))
    return found


def test_the_later_trials_are_better_than_those_at_random() -> None:
    found = search(24, 0)
    scores = [each.score or 0.0 for each in found]
    first, last = scores[: study.AT_RANDOM], scores[-8:]
    assert max(scores) > max(first) and sum(last) / 8 > sum(first) / len(first) + 0.1
    best = max(found, key=lambda each: each.score or 0.0)
    assert best.values["drawer"] == "pixels"
    assert 0.1 < best.values["optimiser.rate"] < 0.9


def test_trials_are_the_same_again_and_go_on_as_if_never_stopped() -> None:
    whole = search(10, 3)
    assert search(10, 3) == whole
    assert search(10, 3, whole[:7]) == whole
    assert search(10, 4) != whole
    for each in whole:  # written with four digits, as they stand in the table
        assert float(f"{each.values['optimiser.rate']:.4g}") == each.values["optimiser.rate"]


def test_no_values_are_taken_twice_and_all_are_found_in_the_end() -> None:
    axes, trials, taken = [DRAWER, SEED], list[Trial](), set[str]()
    for number in range(1, 13):
        values = next(study.propose_values(axes, trials, taken, 0, number))
        assert written(values) not in taken
        taken.add(written(values))
        trials.append(Trial(values, 0.5))  # the judge likes all of them as well
    wanted = itertools.product(DRAWER.values, range(1, 5))
    assert taken == {written({"drawer": a, "seed": b}) for a, b in wanted}
    assert list(study.propose_values(axes, trials, taken, 0, 13)) == []


def test_a_run_below_the_median_is_pruned_once_there_are_some() -> None:
    values = {"drawer": "vqgan"}
    trials = [Trial(values, 0.3, {1: first, 2: first + 0.1}) for first in (0.1, 0.2, 0.3, 0.4)]
    assert study.is_pruned([DRAWER], trials, {1: 0.2})
    assert not study.is_pruned([DRAWER], trials, {1: 0.26})
    assert study.is_pruned([DRAWER], trials, {1: 0.26, 2: 0.3})
    assert not study.is_pruned([DRAWER], trials, {1: 0.26, 2: 0.4})
    assert not study.is_pruned([DRAWER], trials[:3], {1: 0.0})
    pruned = [Trial(values, None, {1: 0.9})] * 9  # are no measure for others
    assert not study.is_pruned([DRAWER], trials + pruned, {1: 0.26})


def test_values_of_another_search_are_told_from_those_of_this_one() -> None:
    axes = [RATE, DRAWER]
    assert study.holds_values(axes, {"optimiser.rate": 0.5, "drawer": "pixels"})
    for other in (
        {"optimiser.rate": 0.5},
        {"optimiser.rate": 20, "drawer": "pixels"},
        {"optimiser.rate": "x", "drawer": "pixels"},
        {"optimiser.rate": 0.5, "drawer": "lines"},
        {"optimiser.rate": None, "drawer": "pixels"},
    ):
        assert not study.holds_values(axes, other)


@pytest.mark.parametrize(
    ("steps", "marks"), [(60, {20: 1, 40: 2}), (3, {1: 1, 2: 2}), (2, {1: 1}), (1, {}), (0, {})]
)
def test_runs_are_judged_at_a_third_and_two_thirds(steps: int, marks: dict[int, int]) -> None:
    assert find_marks(steps) == marks
