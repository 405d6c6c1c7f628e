"""The trials of a search, as its runs' folders tell them.

A run is judged when a third and two thirds of its steps are taken, and when it is finished. These
two marks are numbered 1 and 2, so that runs of unlike many steps can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vqclip.sweep.sampling import Values
from vqclip.sweep.sweep_folder import DONE, PRUNED, SweepRun
from vqclip.sweep.table import Result

MARKS = 2


@dataclass(frozen=True)
class Trial:
    """A run whose picture was judged.

    Args:
        values: of the axes.
        score: of the finished picture, -1 to 1; None if the run was pruned.
        marks: the scores on the way, by the numbers of the marks.
    """

    values: Values
    score: float | None
    marks: Mapping[int, float] = field(default_factory=dict)


def read_trials(runs: Sequence[SweepRun], results: Sequence[Result]) -> list[Trial]:
    """The trials among the runs of a search: those that are finished and judged, or pruned."""
    found = []
    for run, result in zip(runs, results, strict=True):
        if result.score is not None and result.state in (DONE, PRUNED):
            score = result.score if result.state == DONE else None
            found.append(Trial(run.plan.values, score, run.marks))
    return found


def find_marks(steps: int) -> dict[int, int]:
    """At which steps a run is judged: how many are taken → the number of the mark.

    >>> find_marks(30), find_marks(2), find_marks(1)
    ({10: 1, 20: 2}, {1: 1}, {})
    """
    found: dict[int, int] = {}
    for mark in range(1, MARKS + 1):
        done = round(steps * mark / (MARKS + 1))
        if 0 < done < steps:
            found.setdefault(done, mark)
    return found
