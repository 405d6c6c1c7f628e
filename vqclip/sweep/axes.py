"""The axes of a sweep: settings, each with the values that it takes.

    seed: [1, 2, 3]                       values
    style: ["", "ink, {}"]
    losses.smoothness: {from: 0.1, to: 2, log: true}      a range, for random and latin
    seed: {from: 1, to: 8}                a range of whole numbers, also for grid and zip
    steps: {from: 50, to: 200, count: 4}  evenly spaced values of a range

`preset` is an axis, too, though it is no setting. Where values are texts that may hold templates
(`vqclip.language.prompt_templates`), each choice is a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vqclip.config import loading, presets
from vqclip.config.checking.suggestions import suggest_setting
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, format_value, kind_of
from vqclip.config.yaml.values import parse_number
from vqclip.errors import ConfigError, suggest
from vqclip.language.assets import SearchPath
from vqclip.language.prompt_templates import expand_templates

PRESET = "preset"
MOST_VALUES = 1000  # of an axis, and runs of a sweep
SPAN_KEYS = ("from", "to", "log", "count")
PLACES = ("out", "assets", "checkpoint.every")  # say where things lie, not what is drawn


@dataclass(frozen=True)
class Span:
    """A range of numbers, both ends included.

    Args:
        log: whether its logarithm is what is even.
        whole: whether only whole numbers are meant.
        count: how many values it stands for in a grid; None where nobody says.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    count: int | None = None

    def at(self, share: float) -> float:
        """The number at a share of the range, in [0, 1), of four digits.

        >>> Span(1, 100, log=True).at(0.5), Span(1, 4, whole=True).at(0.99)
        (10.0, 4)
        """
        if self.whole:
            if self.log:
                low, high = math.log(self.low), math.log(self.high + 1)
                return min(int(math.exp(low + (high - low) * share) + 1e-9), round(self.high))
            return int(self.low + math.floor(share * (self.high - self.low + 1)))
        return self._between(share)

    def spaced(self) -> list[float]:
        """Evenly spaced values: `count` of them, or every whole number.

        >>> Span(0, 1, count=3).spaced(), Span(3, 5, whole=True).spaced()
        ([0.0, 0.5, 1.0], [3, 4, 5])
        """
        if self.count is None:
            return [*range(round(self.low), round(self.high) + 1)]
        shares = [index / max(1, self.count - 1) for index in range(self.count)]
        found = [self._between(share) for share in shares]
        return [round(each) for each in found] if self.whole else found

    def _between(self, share: float) -> float:
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            number = math.exp(low + (high - low) * share)
        else:
            number = self.low + (self.high - self.low) * share
        return self.rounded(number)

    def rounded(self, number: float) -> float:
        """A number of the range to four digits, not beyond its ends."""
        return min(max(float(f"{number:.4g}"), self.low), self.high)


@dataclass(frozen=True)
class Axis:
    """A setting that differs from run to run.

    Args:
        key: of the setting, or "preset".
        values: what it takes.
        span: the range that values are drawn from, in place of some.
    """

    key: str
    values: tuple[Any, ...] = ()
    span: Span | None = None


def read_axes(found: Mapping[str, Any] | None, where: str) -> list[Axis]:
    """Read the axes of a sweep file, as `vqclip.config.yaml.values` parses them.

    Args:
        where: the name of the file, for messages.

    Raises:
        ConfigError: for a key that is no setting, or has no values.
    """
    if not isinstance(found, Mapping) or not found:
        raise ConfigError(
            f"{where}: axes must hold settings with their values, a line each, such as "
            "seed: [1, 2, 3]"
        )
    return [_read_axis(str(key), value, where) for key, value in found.items()]


def _read_axis(key: str, value: Any, where: str) -> Axis:
    known = [each.key for each in describe_settings()]
    if key in PLACES:
        raise ConfigError(f"{where}: axes: {key} changes no picture; write it under base")
    if key != PRESET and key not in known:
        group = kind_of(RunConfig, key).schema is not None
        such = f"; it is a group of settings, such as {_first_of(key, known)}" if group else ""
        hint = such or suggest_setting(key, None, known) or suggest(key, [PRESET, *known])
        raise ConfigError(f"{where}: axes: there is no setting {key}{hint}")
    if isinstance(value, Mapping):
        return Axis(key, span=_read_span(key, value, where))
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values or values == [None]:
        raise ConfigError(f"{where}: axes: {key} has no values; write {key}: [...], or remove it")
    if len(values) > MOST_VALUES:
        raise ConfigError(
            f"{where}: axes: {key} has {len(values)} values; at most {MOST_VALUES} are allowed"
        )
    return Axis(key, tuple(_item(key, each) for each in values))


def _first_of(group: str, known: Sequence[str]) -> str:
    return next(key for key in known if key.startswith(f"{group}."))


def _item(key: str, value: Any) -> Any:
    """A value of an axis: that of a list of names may be written with commas."""
    if key == PRESET:
        return ",".join(map(str, value)) if isinstance(value, list) else str(value or "")
    if key in loading.TEXTS:
        return presets.prompt_text(value, key)
    kind = kind_of(RunConfig, key)
    if kind.item.hint is str and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if str in kind.types and kind.types & {int, float} and isinstance(value, str):
        number = parse_number(value.strip())  # else a schedule
        return value if number is None else number
    return value


def _read_span(key: str, value: Mapping[str, Any], where: str) -> Span:
    """Read a range, `{from: 1, to: 8}`."""
    place = f"{where}: axes: {key}"
    if unknown := [name for name in value if name not in SPAN_KEYS]:
        raise ConfigError(
            f"{place}: a range has from, to, log and count, and no {unknown[0]}"
            f"{suggest(unknown[0], SPAN_KEYS)}"
        )
    kinds = kind_of(RunConfig, key).types
    if not kinds & {int, float}:
        raise ConfigError(f"{place} is no number, so it has no range; write a list of values")
    ends = [value.get(name) for name in ("from", "to")]
    for name, end in zip(("from", "to"), ends, strict=True):
        fits = isinstance(end, int | float) and not isinstance(end, bool)
        if not fits or not math.isfinite(float(str(end))):
            raise ConfigError(f"{place}: {name} is {str(end)[:40]}; write a number")
    low, high = (float(str(end)) for end in ends)
    if low >= high:
        raise ConfigError(f"{place}: from {ends[0]} to {ends[1]} is no range; from is the less")
    if not math.isfinite(high - low):
        raise ConfigError(f"{place}: from {low:g} to {high:g} is too wide a range")
    log, count = value.get("log", False), value.get("count")
    if not isinstance(log, bool):
        raise ConfigError(f"{place}: log is {log!r}; write true or false")
    if log and low <= 0:
        raise ConfigError(f"{place}: from is {ends[0]}; with log, it must be above 0")
    if count is not None and not (isinstance(count, int) and 2 <= count <= MOST_VALUES):
        raise ConfigError(f"{place}: count is {count!r}; write a number from 2 to {MOST_VALUES}")
    whole = float not in kinds
    if whole and not (low.is_integer() and high.is_integer()):
        raise ConfigError(f"{place} takes whole numbers; so do from and to")
    return Span(low, high, log, whole, count)


def spread_axis(axis: Axis, by: str, where: str) -> Axis:
    """The axis with values in place of a range, where a grid or zip asks for them.

    Raises:
        ConfigError: for a range that stands for no certain values.
    """
    span = axis.span
    if span is None or by not in ("grid", "zip"):
        return axis
    if span.count is None and (span.log or not span.whole):
        raise ConfigError(
            f"{where}: axes: {axis.key}: by {by} needs certain values; say how many with count, "
            "such as {from: 0.1, to: 1, count: 4}, or write by: random or by: latin"
        )
    if span.count is None and span.high - span.low >= MOST_VALUES:
        raise ConfigError(
            f"{where}: axes: {axis.key} has {span.high - span.low + 1:.0f} values; at most "
            f"{MOST_VALUES} are allowed: say how many with count"
        )
    return Axis(axis.key, tuple(span.spaced()))


def expand_axis(
    axis: Axis, search_path: SearchPath, where: str, *, repeats: bool = False
) -> Axis:
    """The axis with each choice of its templates as a value.

    Args:
        repeats: whether a value may be there twice, as one of those that stand side by side.

    Raises:
        ConfigError: if a value is there twice, or is no text where one is wanted.
        PromptError, PictureError: for templates that cannot be expanded.
    """
    values: list[Any] = []
    for value in axis.values:
        if axis.key not in loading.TEMPLATE_KEYS or not isinstance(value, str):
            values.append(value)
            continue
        values += expand_templates(value, search_path, slot=axis.key == "style")
    seen = set[str]()
    for value in values:
        shown = json.dumps(value, sort_keys=True, default=str)
        if shown in seen and not repeats:
            raise ConfigError(
                f"{where}: axes: {axis.key} has {value_label(value)} twice; remove one of them"
            )
        seen.add(shown)
    return Axis(axis.key, tuple(values), axis.span)


def value_label(value: Any) -> str:
    """A value as it is shown on a sheet and in a table.

    >>> value_label(10.0), value_label(0.03125), value_label([1, "b"]), value_label("")
    ('10', '0.03125', '1, b', 'none')
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(format_value(value))
    return text if text else "none"
