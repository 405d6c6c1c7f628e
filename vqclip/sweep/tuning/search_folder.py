"""The folder of a search: the runs that it has, and the next one.

A search chooses the values of a run when those before are drawn. What it has chosen stands in the
table before it is drawn, so a search that was killed goes on with the same run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, VqclipError
from vqclip.language.prompt_types import draft_text, positive_texts
from vqclip.run.preflight import make_request
from vqclip.sweep.planned_runs import PlannedRun, give_seed, plan_runs
from vqclip.sweep.sampling import BELOW_ONE, Values, written
from vqclip.sweep.sweep_file import Sweep
from vqclip.sweep.sweep_folder import SweepFolder, noted_runs, open_folder
from vqclip.sweep.table import Result
from vqclip.sweep.tuning import study
from vqclip.sweep.tuning.trials import read_trials

Check = Callable[[RunConfig], object]


def plan_probes(sweep: Sweep, check: Check, *, complete: bool = True) -> list[PlannedRun]:
    """Runs that have each value of each axis once, or the ends of its range, all checked.

    They are not drawn: they find what cannot be drawn, or not be judged, before anything is.

    Args:
        check: refuses settings that cannot be drawn.
        complete: whether the models have to be here.

    Raises:
        VqclipError: for the first run that cannot be drawn or judged.
    """
    study.require_optuna(str(sweep.path))
    choices: dict[str, Sequence[Any]] = {
        axis.key: axis.values
        if axis.span is None
        else (axis.span.at(0.0), axis.span.at(BELOW_ONE))
        for axis in sweep.axes
    }
    first = {key: values[0] for key, values in choices.items()}
    runs: list[Values] = [first]
    for key, values in choices.items():
        runs += [{**first, key: value} for value in values[1:]]
    probes = plan_runs(replace(sweep, runs=runs), check)
    _require_judge(sweep, probes, complete)
    return probes


def _require_judge(sweep: Sweep, probes: Sequence[PlannedRun], complete: bool) -> None:
    """Refuse runs that the second judge cannot judge, or not compare."""
    from vqclip.guidance import zero_shot

    texts = set()
    for probe in probes:
        request = make_request(probe.config, clipped=True, complete=complete)
        if not positive_texts(request.parsed_prompts):
            raise ConfigError(
                f"{sweep.path}: by: optuna compares how well the pictures fit the words of the "
                "prompt, and this prompt has no words; add some"
            )
        if zero_shot.JUDGE in request.names:
            raise ConfigError(
                f"{sweep.path}: by: optuna asks {zero_shot.JUDGE} what it makes of the pictures, "
                "so the runs must not be drawn with it; take it out of perceptors"
            )
        if not zero_shot.judge_available(request.names):
            raise ConfigError(
                f"{sweep.path}: by: optuna asks {zero_shot.JUDGE} what it makes of the pictures, "
                "and it is not here; install vqclip again"
            )
        texts.add(draft_text(request.parsed_prompts))
    if len(texts) > 1:
        raise ConfigError(
            f"{sweep.path}: by: optuna compares scores, and those of different prompts cannot be "
            "compared; write one prompt under base, without templates"
        )


def open_search(
    path: Path, sweep: Sweep, probes: Sequence[PlannedRun], seed: int | None
) -> SweepFolder:
    """Find the runs of a search that are chosen already; nothing is written.

    Args:
        probes: stand in for those to come.
        seed: of the runs to which the file gives none; None if it gives one to all.

    Raises:
        VqclipError: if the folder is that of another sweep.
    """
    plans: list[PlannedRun] = []
    for row in noted_runs(path):
        values = row.get("values")
        if not isinstance(values, dict) or not study.holds_values(sweep.axes, values):
            continue
        try:
            plan = _plan(sweep, values, seed, lambda config: None)
        except VqclipError:
            continue
        if plan.id == row.get("id"):
            plans.append(replace(plan, number=len(plans) + 1))
    found = open_folder(path, sweep, plans, seed)
    to_come = max(0, (sweep.count or 0) - len(plans))
    return replace(found, unchosen=list(itertools.islice(itertools.cycle(probes), to_come)))


def choose_next(folder: SweepFolder, results: Sequence[Result], check: Check) -> SweepFolder:
    """The folder with one more run, whose values are those that promise most.

    Args:
        results: of the runs that it has.
        check: refuses settings that cannot be drawn.

    Raises:
        VqclipError: if no run can be found that is new and can be drawn.
    """
    sweep, plans = folder.sweep, [run.plan for run in folder.runs]
    taken = {written(plan.values) for plan in plans}
    ids, number = {plan.id for plan in plans}, len(plans) + 1
    trials = read_trials(folder.runs, results)
    trouble: VqclipError | None = None
    for values in study.propose_values(sweep.axes, trials, taken, sweep.sample_seed, number):
        try:
            plan = _plan(sweep, values, folder.seed, check)
        except VqclipError as error:  # these do not go together; others do
            trouble = trouble or error
            continue
        if plan.id not in ids:
            grown = open_folder(
                folder.path, sweep, [*plans, replace(plan, number=number)], folder.seed
            )
            return replace(grown, unchosen=folder.unchosen[1:])
    raise trouble or ConfigError(
        f"{sweep.path}: no run {number} was found that differs from the others; write "
        f"count: {number - 1}, or give the axes more values"
    )


def _plan(sweep: Sweep, values: Values, seed: int | None, check: Check) -> PlannedRun:
    """The run with these values, checked."""
    plans = plan_runs(replace(sweep, runs=[values]), check)
    return (plans if seed is None else give_seed(plans, seed))[0]
