"""The runs of a sweep: the settings of each, checked before the first is drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.errors import ConfigError, PromptError, VqclipError
from vqclip.language.prompts import parse_with_negative
from vqclip.run.preflight import check_run
from vqclip.sweep.axes import value_label
from vqclip.sweep.sampling import Values
from vqclip.sweep.sweep_file import Sweep

SETTLED_ELSEWHERE = ("assets", "device", "threads")  # of a machine, not of a picture


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep.

    Args:
        number: its place among the runs, from 1.
        values: of the axes.
        config: its settings.
        id: the same for the same settings, wherever and in whichever sweep.
    """

    number: int
    values: Values
    config: RunConfig
    id: str

    @property
    def title(self) -> str:
        """What its folder is called after."""
        return parse_with_negative(self.config.prompts, self.config.negative)[0].body

    def describe(self) -> str:
        """Its values in a line."""
        return ", ".join(f"{key}={value_label(value)}" for key, value in self.values.items())


def plan_runs(
    sweep: Sweep,
    check: Callable[[RunConfig], object] = check_run,
) -> list[PlannedRun]:
    """The runs of a sweep, in its order.

    Args:
        check: refuses settings that cannot be drawn.

    Raises:
        VqclipError: for the first run whose settings cannot be used; the message names it, if
            there are several.
    """
    found: list[PlannedRun] = []
    places: dict[str, int] = {}
    for number, values in enumerate(sweep.runs, start=1):
        config = _load(sweep, values, number, check)
        run = PlannedRun(number, values, config, settings_id(config))
        if run.id in places:
            raise ConfigError(
                f"{sweep.path}: runs {places[run.id]} and {number} are the same "
                f"({run.describe()}); remove one of the values"
            )
        places[run.id] = number
        found.append(run)
    return found


def give_seed(runs: Sequence[PlannedRun], seed: int) -> list[PlannedRun]:
    """The same runs, those without a seed with this one."""
    found = []
    for run in runs:
        if run.config.seed is None:
            config = replace(run.config, seed=seed)
            run = replace(run, config=config, id=settings_id(config))
        found.append(run)
    return found


def _load(
    sweep: Sweep, values: Values, number: int, check: Callable[[RunConfig], object]
) -> RunConfig:
    """The settings of a run, checked."""
    try:
        (config,) = loading.load_layers(sweep.layers(values))
        if not config.prompts.strip():
            raise PromptError(
                f"{sweep.path}: there is no prompt; write prompts under base or under axes"
            )
        parse_with_negative(config.prompts, config.negative)
        check(config)
    except ValueError as error:  # several: expanding once more gave others
        raise ConfigError(
            f"{sweep.path}: the templates of run {number} are nested too deeply"
        ) from error
    except VqclipError as error:
        if len(sweep.runs) > 1:
            told = ", ".join(f"{key}={value_label(value)}" for key, value in values.items())
            error.add_note(f"this is run {number} of {len(sweep.runs)}, with {told}"[:300])
        raise
    return config


def settings_id(config: RunConfig) -> str:
    """What tells settings that draw another picture from these, as 16 hexadecimal digits."""
    values: dict[str, Any] = to_dict(config, everywhere=False)
    for key in SETTLED_ELSEWHERE:
        values.pop(key, None)
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
