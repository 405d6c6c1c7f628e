"""Settings that may be a number or a schedule.

`optimiser.rate=0.3` and `optimiser.rate="0: 0.3, 75%: 0.03 hold"` are both settings. Here the
text is read, put in its canonical form, checked, and becomes a curve of the run's clock. A number
stays the number that it was.
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

SAMPLES = 1000  # frames, to learn how much memory a run needs about
NOTHING = ("", "null", "~")


def clock_of(config: RunConfig) -> Clock:
    """The clock of a picture: every step is a frame, and a second has film.fps of them."""
    return Clock(config.steps, fps=float(config.film.fps))


def canonical(key: str, value: Any, *, whole: bool, optional: bool) -> float | str | None:
    """A value from the command line, a file or Python as the setting holds it.

    Args:
        value: a number, a schedule as text (also in braces), or its keys: `{0: 1, "50%": 2}`.
        whole: whether a number must be a whole one.
        optional: whether it may be None.

    Raises:
        ConfigError: for a text that is no schedule, with the key.
        ValueError: for what is of another kind.

    >>> canonical("optimiser.rate", "{0:0.3,75 %:.03}", whole=False, optional=True)
    '0: 0.3, 75%: 0.03'
    """
    if isinstance(value, Mapping):
        value = ", ".join(f"{place}: {each}" for place, each in value.items())
    if isinstance(value, str):
        text = value.strip()
        if optional and text in NOTHING:
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
    """A setting's value as a number, or as one that changes.

    Raises:
        ConfigError: for a text that is no schedule, with the key.
    """
    return _read(key, value) if isinstance(value, str) else value


def check_scheduled(
    key: str, text: str, least: float, most: float, heard: Collection[str] = ()
) -> None:
    """Check what can be told of a setting's schedule before the run is known.

    Args:
        heard: what a sound brings besides the usual: bands of the user's own.

    Raises:
        ConfigError: if it cannot be read, names what is neither time nor sound, or a key lies out
            of its bounds.
    """
    found = _read(key, text)
    known = [*functions.VARIABLES, *heard]
    for name in found.names:
        if name not in known:
            raise ConfigError(f"{key}: {unknown_variable(name, text, known)}")
    for value in found.numbers:
        Timeline(1).within(value, f"{key}, {text!r},", least, most)


def curve(config: RunConfig, key: str, clock: Clock) -> Curve:
    """A setting that may change, as a value at each step, within its bounds at every frame.

    Args:
        key: such as "cutouts.noise"; its value must not be None.

    Raises:
        ConfigError: for a value out of bounds, or none, with the key and the frame.
    """
    value, field = _place(config, key)
    try:
        return clock.within(
            read_scheduled(key, value), key, field.metadata["least"], field.metadata["most"]
        )
    except ConfigError as error:
        raise error if str(error).startswith(key) else ConfigError(f"{key}: {error}") from error


def curves(config: RunConfig, clock: Clock) -> dict[str, Curve]:
    """All settings that may change, but those that are null, as values at each step.

    Raises:
        ConfigError: as `curve`.
    """
    groups = [(each.name, getattr(config, each.name)) for each in fields(config)]
    return {
        f"{group}.{each.name}": curve(config, f"{group}.{each.name}", clock)
        for group, values in groups
        if is_dataclass(values)
        for each in changing(type(values))
        if getattr(values, each.name) is not None
    }


def greatest_value(config: RunConfig, key: str) -> float:
    """About the greatest value that a setting has on the way.

    What a sound will say is not known: silence and the loudest are tried.
    """
    found = read_scheduled(key, _place(config, key)[0])
    if not isinstance(found, Schedule):
        return found
    clock = clock_of(config)
    sound = [name for name in found.names if name not in functions.TIME]
    values = [[loud] * min(clock.frames, 10_000) for loud in (0.0, 1.0)]
    lines = [Timeline(clock.frames, clock.fps, dict.fromkeys(sound, each)) for each in values]
    return max(line.extent(found, SAMPLES)[1] for line in lines)


def changing(schema: type) -> Iterable[Field[Any]]:
    """The settings of a group that may change on the way."""
    return (each for each in fields(schema) if each.metadata.get("changing"))


def _place(config: RunConfig, key: str) -> tuple[Any, Field[Any]]:
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
