"""Changes of settings in mid-run: which there may be, and those that a picture's notes hold.

Notes hold the settings as they were in the end and, for each change, what they were before it.
From both follow the settings at first and the changes in their order, so that the run can be made
again, changes and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip.config import loading
from vqclip.config.schema import MOST_STEPS, RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.setting_layers import flatten_keys, nest_keys
from vqclip.errors import ConfigError, suggest
from vqclip.run.record.provenance import Provenance

# What would make another run of it: whole groups, or single settings.
FIXED = (
    *("seed", "size", "aspect", "growth", "vqgan", "perceptors", "init", "init_colour", "dream"),
    *("optimiser.name", "optimiser.average", "optimiser.momentum", "film.every", "drawer"),
    *("draw", "tile"),
)
# Of an animation these, too: which steps are which frame's hangs on them.
FIXED_FRAMES = (
    *("steps", "fps", "loop", "source", "motion.steps", "motion.colours", "film.between"),
    *("film.between_by", "retake"),
)
UNSEEN = ("assets", "motion.parallel")  # which no picture shows


@dataclass(frozen=True)
class Change:
    """A change of settings in mid-run.

    Args:
        step: how many steps were taken by then.
        settings: key → value from there on.
    """

    step: int
    settings: dict[str, Any]


def lay_changes(
    notes: Provenance,
    folder: Path,
    overrides: Sequence[str],
    *,
    values: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Lay changes over the settings that a run had.

    Args:
        folder: the run's.
        overrides: the changes as they are typed, `key=value`.
        values: further ones, dotted key → value.
        more: settings of the run that its notes do not hold.

    Raises:
        ConfigError: if a change does not fit, or the run would be another one by it.
    """
    base = notes.settings | {"out": str(folder.parent)} | dict(more or {})
    # Other prompts may be another kind of picture, which would get another drawer and steps.
    kept = {key: base[key] for key in ("drawer", "steps") if key in base}
    typed = [f"{key}={value}" for key, value in kept.items()] + list(overrides)
    asked = [text.partition("=")[0].strip() for text in overrides]
    _check_values(values or {})
    known = nest_keys(values or {})
    config = loading.load_config(known.pop("prompts", None), base=base, overrides=typed, **known)
    if "steps" in (values or {}):
        _check_steps(config.steps)  # which may have been seconds
    if config.out != base["out"]:
        raise ConfigError(
            f"out is {config.out}, but a run continues in its own folder, {folder}; to "
            "continue it elsewhere, move that folder first"
        )
    # Those that were typed come first: a start brings other settings with it.
    changed = changed_settings(notes, config)
    for key in sorted(changed, key=lambda key: key not in asked):
        fixed = FIXED + FIXED_FRAMES if notes.config.get("frames") else FIXED
        if key in fixed or key.partition(".")[0] in fixed:
            raise ConfigError(
                f"{key} cannot change in the middle of a run, because what is drawn so far "
                f"depends on it. To draw with it from the start: vqclip again {folder} {key}=…"
            )
    return config


def changed_settings(notes: Provenance, config: RunConfig) -> dict[str, Any]:
    """What a config sets otherwise than the notes have it: key → what it was.

    Where things lie is not what they are: their sums tell whether they are the same. Frames that
    are drawn side by side are the same, too.
    """
    now = flatten_keys(to_dict(config, everywhere=False))
    return {
        k: v
        for k, v in (_usual_settings() | flatten_keys(notes.settings)).items()
        if k in now and now[k] != v and k not in UNSEEN
    }


def split_changes(notes: Provenance) -> tuple[dict[str, Any], list[Change]]:
    """Split notes into the settings at first, nested, and the changes in mid-run, in order.

    Another device or precision in mid-run is no change of settings, and is left out.
    """
    settings, usual = flatten_keys(notes.settings), _usual_settings()
    for noted in notes.changes:  # what became usual again is not in the notes
        settings |= {k: usual[k] for k in noted["settings"] if k in usual and k not in settings}
    found: list[Change] = []
    for noted in reversed(notes.changes):
        before = {key: value for key, value in noted["settings"].items() if key in settings}
        if before:
            found.insert(0, Change(noted["step"], {key: settings[key] for key in before}))
        settings |= before
    return nest_keys(settings), found


def _usual_settings() -> dict[str, Any]:
    """The defaults, which notes leave out of some settings that are not used."""
    return flatten_keys(to_dict(RunConfig(), everywhere=False))


def _check_values(values: Mapping[str, Any]) -> None:
    """Refuse values that are of no setting, or of none of its kinds.

    Raises:
        ConfigError: for the first.
    """
    known = _usual_settings()
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"there is no setting {key[:60]!r}{suggest(key[:60], known)}")
        if isinstance(known[key], str) and not isinstance(value, str):
            raise ConfigError(f"{key} is {str(value)[:60]!r}; expected text")
    if isinstance(values.get("steps"), int):
        _check_steps(values["steps"])


def _check_steps(steps: int) -> None:
    """Refuse more steps than a run can be asked for while it is drawn."""
    if steps > MOST_STEPS:
        raise ConfigError(f"steps is {steps:.3g}; at most {MOST_STEPS} can be asked for")


def without_settings(changes: Sequence[Change], keys: Sequence[str]) -> list[Change]:
    """The changes without those of some settings, which a user sets for the whole run."""
    left = [
        Change(each.step, {k: v for k, v in each.settings.items() if k not in keys})
        for each in changes
    ]
    return [each for each in left if each.settings]
