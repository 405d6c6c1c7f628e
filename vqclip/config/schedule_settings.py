"""Settings that may be a number or a schedule.

`optimiser.rate=0.3` and `optimiser.rate="0: 0.3, 75%: 0.03 hold"` are both settings. Here the
text is parsed, put in its canonical form, checked, and turned into a curve over the run's steps.
A plain number stays a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.language import functions, schedules
from vqclip.language.clock import Clock, Timeline
from vqclip.language.expressions import NUMBER, unknown_variable
from vqclip.language.schedules import Curve, Schedule

SAMPLES = 1000  # frames that are sampled to estimate how much memory a run needs
NULL_TEXTS = ("", "null", "~")  # texts that mean None


def clock_of(config: RunConfig) -> Clock:
    """The clock of a still: every step is a frame, and a second has film.fps frames."""
    return Clock(config.steps, fps=float(config.film.fps))


def canonical_value(key: str, value: Any, *, whole: bool, optional: bool) -> float | str | None:
    """Convert a value from the command line, a file or Python to a number or canonical text.

    Args:
        value: a number, a schedule as text (also in braces), or its keys: `{0: 1, "50%": 2}`.
        whole: whether numbers must be whole.
        optional: whether it may be None.

    Raises:
        ConfigError: for a text that is not a schedule, with the key.
        ValueError: for a value of another kind.

    >>> canonical_value("optimiser.rate", "{0:0.3,75 %:.03}", whole=False, optional=True)
    '0: 0.3, 75%: 0.03'
    """
    if isinstance(value, Mapping):
        value = ", ".join(f"{place}: {each}" for place, each in value.items())
    if isinstance(value, str):
        text = value.strip()
        if optional and text in NULL_TEXTS:
            return None
        if text.startswith("{") and text.endswith("}"):
            text = text[1:-1].strip()
        if not NUMBER.fullmatch(text):
            found = _read(key, text)
            number = found.constant
            return schedules.schedule_to_text(found) if number is None else _number(number, whole)
        value = float(text)
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(key)
    return _number(value, whole)


def read_scheduled(key: str, value: float | str) -> float | Schedule:
    """Parse a setting's value: a number, or text that is a schedule.

    Raises:
        ConfigError: for a text that is not a schedule, with the key.
    """
    return _read(key, value) if isinstance(value, str) else value


def check_scheduled(
    key: str, text: str, least: float, most: float, heard: Collection[str] = ()
) -> None:
    """Check a setting's schedule as far as possible before the length of the run is known.

    Args:
        heard: further variables of a sound: the user's own frequency bands.

    Raises:
        ConfigError: if it cannot be read, names an unknown variable, or a key is out of bounds.
    """
    found = _read(key, text)
    known = [*functions.VARIABLES, *heard]
    for name in found.names:
        if name not in known:
            raise ConfigError(f"{key}: {unknown_variable(name, text, known)}")
    for value in found.numbers:
        Timeline(1).checked_curve(value, f"{key}, {text!r},", least, most)


def setting_curve(config: RunConfig, key: str, clock: Clock) -> Curve:
    """The curve of a setting: step → value, checked to stay within the setting's bounds.

    Args:
        key: such as "cutouts.noise"; its value must not be None.

    Raises:
        ConfigError: for a value that is out of bounds or not finite, with the key and the frame.
    """
    value, field = _value_and_field(config, key)
    try:
        return clock.checked_curve(
            read_scheduled(key, value), key, field.metadata["least"], field.metadata["most"]
        )
    except ConfigError as error:
        raise error if str(error).startswith(key) else ConfigError(f"{key}: {error}") from error


def setting_curves(config: RunConfig, clock: Clock) -> dict[str, Curve]:
    """The curves of all settings that may be schedules, except those that are null: key → curve.

    Raises:
        ConfigError: as `setting_curve`.
    """
    groups = [(each.name, getattr(config, each.name)) for each in fields(config)]
    return {
        f"{group}.{each.name}": setting_curve(config, f"{group}.{each.name}", clock)
        for group, values in groups
        if is_dataclass(values)
        for each in scheduled_fields(type(values))
        if getattr(values, each.name) is not None
    }


def greatest_value(config: RunConfig, key: str) -> float:
    """Estimate the greatest value of a setting during the run.

    The sound is not known yet: silence and the greatest levels are tried.
    """
    found = read_scheduled(key, _value_and_field(config, key)[0])
    if not isinstance(found, Schedule):
        return found
    clock = clock_of(config)
    sound = [name for name in found.names if name not in functions.TIME]
    values = [[loud] * min(clock.frames, 10_000) for loud in (0.0, 1.0)]
    lines = [Timeline(clock.frames, clock.fps, dict.fromkeys(sound, each)) for each in values]
    return max(line.value_range(found, SAMPLES)[1] for line in lines)


def scheduled_fields(schema: type) -> Iterable[Field[Any]]:
    """The fields of a schema that may be schedules."""
    return (each for each in fields(schema) if each.metadata.get("changing"))


def _value_and_field(config: RunConfig, key: str) -> tuple[Any, Field[Any]]:
    group: Any = config
    *parents, name = key.split(".")
    for parent in parents:
        group = getattr(group, parent)
    return getattr(group, name), next(each for each in fields(group) if each.name == name)


def _read(key: str, text: str) -> Schedule:
    try:
        return schedules.parse_schedule(text)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error} (see vqclip help schedules)") from error


def _number(value: float, whole: bool) -> float:
    if whole:
        if value != value // 1:
            raise ValueError(value)
        return int(value)
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(value) from error
