"""Optuna's study: it chooses the values of the next run, and whether one is pruned.

Each choice is made by a new study that is told all earlier trials, with random numbers of its
own. So nothing but the runs themselves has to be kept, and a search that was killed goes on as if
nothing had happened.

Values: tree-structured Parzen estimators (Bergstra et al., 2011), the first ones at random.
Pruning: Optuna's median rule.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.util import find_spec
from random import Random
from typing import Any

from vqclip.errors import ConfigError
from vqclip.sweep.axes import MOST_VALUES, Axis
from vqclip.sweep.sampling import Values, combinations, written
from vqclip.sweep.tuning.trials import Trial

AT_RANDOM = 6  # trials, before their scores tell where to look
AT_LEAST = 4  # finished trials, before one is pruned
TRIES = 20  # for values that no run has


def require_optuna(where: str) -> None:
    """Refuse to search without Optuna.

    Args:
        where: the name of the sweep file.

    Raises:
        ConfigError: that says what to install.
    """
    if find_spec("optuna") is None:
        raise ConfigError(
            f"{where}: by: optuna needs optuna, which is not installed: "
            "pip install 'vqclip[tune]'"
        )


def propose_values(
    axes: Sequence[Axis], trials: Sequence[Trial], taken: Collection[str], seed: int, number: int
) -> Iterator[Values]:
    """Propose the values of a run, none that are taken; more of them if the first cannot be used.

    Args:
        axes: of the search.
        trials: what is known.
        taken: the values of all runs, as `written` gives them.
        seed: of the random numbers.
        number: of the run, from 1.

    Yields:
        Values by the axes' keys.
    """
    seen = set(taken)
    for attempt in range(TRIES):
        stream = Random(f"{seed} {number} {attempt}")
        study = _study(axes, trials, stream.randrange(2**32))
        asked = study.ask(_distributions(axes))
        values = {axis.key: _value(axis, asked.params[axis.key]) for axis in axes}
        if written(values) not in seen:
            seen.add(written(values))
            yield values
    # All that Optuna likes has been drawn: another combination, if they can be counted.
    if 0 < combinations(axes) <= MOST_VALUES:
        rest = list(_all_values(axes))
        Random(f"{seed} {number}").shuffle(rest)
        yield from (values for values in rest if written(values) not in seen)


def is_pruned(axes: Sequence[Axis], trials: Sequence[Trial], marks: Mapping[int, float]) -> bool:
    """Whether a run is worse than the median of the finished ones at its last mark.

    Args:
        marks: its scores so far, by the numbers of the marks.
    """
    trial = _study(axes, trials, 0).ask()
    for mark, score in sorted(marks.items()):
        trial.report(score, mark)
    return bool(trial.should_prune())


def holds_values(axes: Sequence[Axis], values: Mapping[str, Any]) -> bool:
    """Whether values are among those of the axes; a table's may be of other ones."""
    if {*values} != {axis.key for axis in axes}:
        return False
    for axis in axes:
        span = axis.span
        try:
            param = _param(axis, values[axis.key])
        except (ValueError, TypeError):
            return False
        if span is not None and not span.low <= param <= span.high:
            return False
    return True


def _study(axes: Sequence[Axis], trials: Sequence[Trial], seed: int) -> Any:
    """A study that knows all trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=AT_RANDOM),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=AT_LEAST),
    )
    states = optuna.trial.TrialState
    distributions = _distributions(axes)
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params={axis.key: _param(axis, trial.values[axis.key]) for axis in axes},
                distributions=distributions,
                value=trial.score,
                state=states.PRUNED if trial.score is None else states.COMPLETE,
                intermediate_values=dict(trial.marks),
            )
        )
    return study


def _distributions(axes: Sequence[Axis]) -> dict[str, Any]:
    """The axes in Optuna's words; values of a list by their places in it."""
    from optuna import distributions as kinds

    found: dict[str, Any] = {}
    for axis in axes:
        span = axis.span
        if span is None:
            found[axis.key] = kinds.CategoricalDistribution(tuple(range(len(axis.values))))
        elif span.whole:
            found[axis.key] = kinds.IntDistribution(
                round(span.low), round(span.high), log=span.log
            )
        else:
            found[axis.key] = kinds.FloatDistribution(span.low, span.high, log=span.log)
    return found


def _value(axis: Axis, param: Any) -> Any:
    """The value of a setting for what Optuna chose."""
    if axis.span is None:
        return axis.values[param]
    return int(param) if axis.span.whole else axis.span.rounded(float(param))


def _param(axis: Axis, value: Any) -> Any:
    """The form in which Optuna knows a value.

    Raises:
        ValueError: if the axis does not have it.
    """
    if axis.span is not None:
        return int(value) if axis.span.whole else float(value)
    shown = [json.dumps(each, sort_keys=True, default=str) for each in axis.values]
    return shown.index(json.dumps(value, sort_keys=True, default=str))


def _all_values(axes: Sequence[Axis]) -> Iterator[Values]:
    """Every combination of values that can be counted."""
    columns: list[Sequence[Any]] = [
        axis.values
        if axis.span is None
        else range(round(axis.span.low), round(axis.span.high) + 1)
        for axis in axes
    ]
    keys = [axis.key for axis in axes]
    for row in itertools.product(*columns):
        yield dict(zip(keys, row, strict=True))
