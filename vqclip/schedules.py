r"""A number that changes on the way: `0: 1, 50%: 0.2 ease, 100%: 0`.

    schedule = key { "," key }
    key      = place ":" value [ easing ]
    place    = number [ "%" ]
    easing   = "linear" | "ease" | "in" | "out" | "hold"

A place is a step, counted from 0, or a share of the run: 0% is its first step, 100% its last. The
easing of a key says how the value comes there from the key before: evenly (linear, where none is
written), slowly at both ends (ease), at the start (in) or at the end (out), or at once, when the
place is reached (hold). Before the first key and after the last the value rests.

Keyframes with values between them are chigozienri's `{10: 1, 20: 0}` and deforum's; the three
curves are those of Penner's quadratic easing, 2001.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vqclip.errors import ConfigError, pick

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
Curve = Callable[[int], float]  # a value at each step


@dataclass(frozen=True)
class Key:
    """A value at a place.

    Args:
        place: a step, or percents of the run where `percent`; 0 or more, at most 100 %.
        easing: how the value comes here from the key before; one of `EASINGS`.

    Raises:
        ConfigError: if place or value is not finite, or the place lies outside the run.
    """

    place: float
    value: float
    percent: bool = False
    easing: str = "linear"

    def __post_init__(self) -> None:
        pick(EASINGS, self.easing, "easing")
        if not (math.isfinite(self.place) and math.isfinite(self.value)):
            raise ConfigError(
                f"the schedule's key {self.place:g}: {self.value:g} is not finite; write numbers"
            )
        if self.place < 0 or (self.percent and self.place > 100):
            raise ConfigError(
                f"the schedule's place {digits(self.place)}{'%' * self.percent} lies outside the "
                "run; write a step from 0 on, or from 0% to 100%"
            )

    def step(self, steps: int) -> float:
        """The place in a run of so many steps, in steps."""
        return self.place / 100 * (steps - 1) if self.percent else self.place


@dataclass(frozen=True)
class Schedule:
    """Keys in the order in which they were written; at least one.

    Raises:
        ConfigError: if there is none, or those counted in the same way do not ascend.
    """

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ConfigError('the schedule is empty; write keys, such as "0: 0, 50%: 1"')
        for percent in (False, True):
            places = [key.place for key in self.keys if key.percent == percent]
            for before, after in itertools.pairwise(places):
                if after <= before:
                    raise ConfigError(
                        f"the schedule's place {digits(after)}{'%' * percent} comes after "
                        f"{digits(before)}{'%' * percent}; write the keys in order"
                    )

    def curve(self, steps: int) -> Curve:
        """Give the value at each step of a run of `steps` steps.

        Where two keys fall on the same step, the one that was written last holds.
        """
        keys = sorted(self.keys, key=lambda key: key.step(steps))

        def value(step: int) -> float:
            passed = [key for key in keys if key.step(steps) <= step]
            if not passed:
                return keys[0].value
            if len(passed) == len(keys):
                return passed[-1].value
            before, after = passed[-1], keys[len(passed)]
            start = before.step(steps)
            share = (step - start) / (after.step(steps) - start)
            return before.value + EASINGS[after.easing](share) * (after.value - before.value)

        return value

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the keys."""
        return tuple(key.value for key in self.keys)


def parse(text: str) -> Schedule:
    """Read a schedule; the grammar is at the top of this module.

    Raises:
        ConfigError: for what is none, naming the key.

    >>> parse("0: 0, 50%: 2 ease").curve(101)(25)
    1.0
    >>> parse("10: 1").curve(20)(0)
    1.0
    """
    raws = text.split(",") if text.strip() else []
    return Schedule(tuple(_key(raw.strip()) for raw in raws))


def show(schedule: Schedule) -> str:
    """Write a schedule in a canonical way, which `parse` reads back.

    >>> show(parse(" 0:0 ,50 % : 2.0 ease"))
    '0: 0, 50%: 2 ease'
    """
    return ", ".join(
        f"{digits(key.place)}{'%' * key.percent}: {digits(key.value)}"
        + (f" {key.easing}" if key.easing != "linear" else "")
        for key in schedule.keys
    )


def digits(number: float) -> str:
    """Write a number in the fewest digits that read back as the same one."""
    return repr(float(number)).removesuffix(".0")


def _key(raw: str) -> Key:
    """Read one key."""
    place, colon, rest = (part.strip() for part in raw.partition(":"))
    words = rest.split()
    percent = place.endswith("%")
    place = place.removesuffix("%").rstrip()
    well = colon and 1 <= len(words) <= 2
    if not well or not all(NUMBER.fullmatch(number) for number in (place, words[0])):
        raise ConfigError(
            f"the schedule's key {raw!r} cannot be read; write place: value, such as 0: 1 or "
            "50%: 0.2 ease"
        )
    return Key(float(place), float(words[0]), percent, *words[1:])


EASINGS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "ease": lambda share: 2 * share**2 if share < 0.5 else 1 - 2 * (1 - share) ** 2,
    "in": lambda share: share**2,
    "out": lambda share: 1 - (1 - share) ** 2,
    "hold": lambda share: 0.0,
}
