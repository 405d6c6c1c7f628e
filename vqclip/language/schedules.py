"""Schedules: numbers that change over time, by keyframes or by an expression.

    schedule   = keyframe { "," keyframe } | expression
    keyframe   = place ":" value [ easing ]
    place      = number [ "%" | "s" | "f" | "i" ]
    value      = number | "(" expression ")" | expression
    easing     = "linear" | "ease" | "in" | "out" | "hold" | "spline"

    0: 0, 50%: 2 ease            rises until the middle, slowly at both ends
    0s: 0.5, 2s: 1 hold          0.5 for two seconds, then 1
    1 + 0.5 * sin(2 * pi * t)    swings once a second
    0: 1, 80%: (1 + beat), 100%: 0   keyframes may hold expressions
    1 if t < 2 else 0            on for two seconds

A place is a frame, counted from 0 (`40` or `40f`), a share of the run (0% is its first frame,
100% its last), or a time in seconds. In a picture every step is a frame of its own (`40i`), and a
second has film.fps of them (`vqclip help units`). The easing of a keyframe says how the value
gets there from the keyframe before: evenly (linear, the default), slowly at both ends (ease),
slowly at the start (in) or at the end (out), with a jump when the place is reached (hold), or
along a smooth curve through all keyframes (spline). Before the first keyframe and after the last
the value stays the same; an expression goes on.

Expressions may use numbers, + - * / % **, comparisons, `a if condition else b`, pi, tau, e, and

    t                   seconds since the first frame
    frame, frames       the number of the frame, from 0, and how many there are
    share               how much of the run has passed, from 0 to 1
    low, mid, high, loud, onset     how strong that is in the sound, from 0 to 1
    pulse               1 on each beat of the sound, and then falling
    beat, tempo         the number of the beat, from 0, and beats a minute
    sin cos tan abs sqrt exp log floor ceil round     of one number
    min(a, b) max(a, b) clamp(x, a, b) lerp(a, b, x) smoothstep(a, b, x)
    triangle(x) saw(x) square(x)   waves from -1 to 1, as sin; one each whole x: saw(t / 4)
    pulse(x, width)     needs no sound: 1 in the first `width` (0.1) of each whole x, else 0
    noise(x, seed)      varies smoothly between -1 and 1, with a new value at each whole x
    where(condition, a, b)

`vqclip plot "SCHEDULE"` draws the curve of a schedule.

Keyframes with values between them come from chigozienri (`{10: 1, 20: 0}`) and deforum, and so
do expressions over time.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vqclip.errors import ConfigError, pick
from vqclip.language import expressions, functions
from vqclip.language.expressions import NUMBER, Expression, format_number
from vqclip.language.peers import keyframes
from vqclip.language.units.step_counts import UNIT, canonical_unit

# Share of the time between two keys, in [0, 1] → share of the way from one value to the next.
# Quadratic easing: Penner, 2001.
EASINGS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "ease": lambda share: 2 * share**2 if share < 0.5 else 1 - 2 * (1 - share) ** 2,
    "in": lambda share: share**2,
    "out": lambda share: 1 - (1 - share) ** 2,
    "hold": lambda share: 0.0,
    "spline": lambda share: share,  # between two keys alone; see `spline`
}


def spline(
    places: Sequence[float], heights: Mapping[int, float], after: int, share: float
) -> float:
    """Interpolate between the keys `after - 1` and `after` by a Catmull-Rom spline.

    The slope at a key is that of the line between its neighbours; at the first and the last key,
    that of the segment itself. Catmull and Rom, 1974, for keys that need not be evenly spaced.

    Args:
        places: of all keys, ascending.
        heights: number of a key → its value, for these two and their neighbours.
        after: number of the key that is approached, from 1.
        share: of the way between the two keys, in [0, 1].
    """
    ends = [max(min(heights), min(max(heights), index)) for index in range(after - 2, after + 2)]

    def slope(before: int, behind: int) -> float:
        across = places[behind] - places[before]
        return (heights[behind] - heights[before]) / across if across > 0 else 0.0

    low, high = heights[after - 1], heights[after]
    across = places[after] - places[after - 1]
    first, last = slope(ends[0], ends[2]) * across, slope(ends[1], ends[3]) * across
    back = share - 1
    return (
        low * (1 + 2 * share) * back**2
        + first * share * back**2
        + high * share**2 * (3 - 2 * share)
        + last * share**2 * back
    )


Curve = Callable[[int], float]  # step or frame → value
Value = float | Expression
PLACE = re.compile(rf"({NUMBER.pattern})\s*({UNIT})?")
FPS = 15.0  # the default of film.fps


@dataclass(frozen=True)
class Key:
    """A keyframe: a value at a place in the run.

    Args:
        place: in frames, per cent of the run, or seconds, by `unit`; at least 0, at most 100 %.
        unit: "" for frames, "i" for steps, which are frames in a picture, "%" or "s".
        easing: how the value changes from the key before to this one; one of `EASINGS`.

    Raises:
        ConfigError: if place or value is not finite, or the place lies outside the run.
    """

    place: float
    value: Value
    unit: str = ""
    easing: str = "linear"

    def __post_init__(self) -> None:
        pick(EASINGS, self.easing, "easing")
        plain = 0.0 if isinstance(self.value, Expression) else self.value
        if not (math.isfinite(self.place) and math.isfinite(plain)):
            raise ConfigError(
                f"the schedule's keyframe {self.place:g}{self.unit}: {plain:g} is not finite; "
                "write numbers"
            )
        if self.place < 0 or (self.unit == "%" and self.place > 100):
            raise ConfigError(
                f"the schedule's place {format_number(self.place)}{self.unit} lies outside the "
                "run; write a step from 0 on, or from 0% to 100%"
            )

    def frame(self, frames: int, fps: float) -> float:
        """The place as a frame number, in a run of `frames` frames."""
        if self.unit == "%":
            return self.place / 100 * (frames - 1)
        return self.place * fps if self.unit == "s" else self.place


@dataclass(frozen=True)
class Schedule:
    """A schedule: its keyframes in the order in which they were written, at least one.

    An expression without keyframes is a single key at 0.

    Raises:
        ConfigError: if there are no keys, or those of one unit do not ascend.
    """

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ConfigError('the schedule is empty; write keyframes, such as "0: 0, 50%: 1"')
        for unit in ("", "%", "s"):
            places = [key.place for key in self.keys if key.unit.strip("i") == unit]
            for before, after in itertools.pairwise(places):
                if after <= before:
                    raise ConfigError(
                        f"the schedule's place {format_number(after)}{unit} comes after "
                        f"{format_number(before)}{unit}; write the keyframes in order"
                    )

    def curve(
        self,
        frames: int,
        fps: float = FPS,
        variables: Mapping[str, Sequence[float]] | None = None,
    ) -> Curve:
        """Return the curve over the frames of a run: frame → value.

        Where two keys fall on the same frame, the one that was written last holds.

        Args:
            frames: the number of frames.
            fps: frames a second.
            variables: name → value at each frame, for expressions; 0 after the last value.

        Raises:
            ConfigError: if an expression names an unknown variable; the curve raises it where
                an expression has no finite value.
        """
        given = dict(variables or {})
        known = [*functions.TIME, *given]
        for name in self.names:
            if name not in known:
                raise expressions.unknown_variable(name, schedule_to_text(self), known)
        keys = sorted(self.keys, key=lambda key: key.frame(frames, fps))
        places = [key.frame(frames, fps) for key in keys]

        def key_value(key: Key, frame: int) -> float:
            if not isinstance(key.value, Expression):
                return key.value
            now = {
                name: float(each[frame]) if frame < len(each) else 0.0
                for name, each in given.items()
            }
            return key.value.evaluate(
                {
                    **now,
                    "t": frame / fps,
                    "frame": float(frame),
                    "frames": float(frames),
                    "share": frame / max(1, frames - 1),
                }
            )

        def value(frame: int) -> float:
            passed = sum(1 for place in places if place <= frame)
            if passed == 0:
                return key_value(keys[0], frame)
            if passed == len(keys):
                return key_value(keys[-1], frame)
            before, after = keys[passed - 1], keys[passed]
            start, end = places[passed - 1], places[passed]
            share = (frame - start) / (end - start)
            if after.easing == "spline":
                four = range(max(0, passed - 2), min(len(keys), passed + 2))
                heights = {index: key_value(keys[index], frame) for index in four}
                return spline(places, heights, passed, share)
            low = key_value(before, frame)
            return low + EASINGS[after.easing](share) * (key_value(after, frame) - low)

        return value

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the keys, in order.

        For an expression: its value at the first frame without sound, and its bounds, which may
        be infinite, since the length of the run is not known here.
        """
        found: list[float] = []
        for key in self.keys:
            if isinstance(key.value, Expression):
                found += (*key.value.first_value, *key.value.bounds)
            else:
                found.append(key.value)
        return tuple(found)

    @property
    def names(self) -> list[str]:
        """The names of the variables in its expressions, each once."""
        found = [k.value.names for k in self.keys if isinstance(k.value, Expression)]
        return list(dict.fromkeys(itertools.chain.from_iterable(found)))

    @property
    def constant(self) -> float | None:
        """The number, if the schedule is a single plain number; else None."""
        value = self.keys[0].value
        alone = self.keys == (Key(0.0, value),)
        return value if alone and not isinstance(value, Expression) else None

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values of the keys that are plain numbers."""
        return tuple(k.value for k in self.keys if not isinstance(k.value, Expression))

    @property
    def negated(self) -> Schedule:
        """The negated schedule."""
        negated = (
            key.value.negated if isinstance(key.value, Expression) else -key.value
            for key in self.keys
        )
        return Schedule(
            tuple(replace(k, value=v) for k, v in zip(self.keys, negated, strict=True))
        )


def parse_schedule(text: str) -> Schedule:
    """Parse a schedule; the grammar is at the top of this module.

    Raises:
        ConfigError: if the text is not a schedule; the message names the key.

    >>> parse_schedule("0: 0, 50%: 2 ease").curve(101)(25)
    1.0
    >>> parse_schedule("10: 1").curve(20)(0)
    1.0
    >>> parse_schedule("frame * 2").curve(20)(3)
    6.0
    """
    try:
        found = _parse_schedule(text)
    except ConfigError as error:
        _refuse_keyframes(text, error)
        raise
    if "max_f" in found.names:
        _refuse_keyframes(text, None)
    return found


def _parse_schedule(text: str) -> Schedule:
    if ":" not in text:
        if not text.strip():
            return Schedule(())
        return Schedule((Key(0.0, _parse_value(text.strip())),))
    return Schedule(tuple(_parse_key(raw.strip()) for raw in _split_keys(text)))


def _refuse_keyframes(text: str, cause: ConfigError | None) -> None:
    """Refuse a text that is a keyframe string of Deforum's, with its translation.

    Raises:
        ConfigError: if it is one.
    """
    if ":" not in text or not keyframes.is_keyframes(text):
        return
    try:
        translated = schedule_to_text(_parse_schedule(keyframes.rewrite_keyframes(text)))
    except ConfigError:
        return
    shown = text.strip() if len(text) <= 80 else f"{text.strip()[:80]}…"
    raise ConfigError(
        f"the schedule {shown!r} is written in Deforum's way; here it is {translated!r}"
    ) from cause


def schedule_to_text(schedule: Schedule) -> str:
    """Write a schedule as canonical text, which `parse_schedule` reads back.

    >>> schedule_to_text(parse_schedule(" 0:0 ,50 % : 2.0 ease, 3s: t*2"))
    '0: 0, 50%: 2 ease, 3s: (t * 2)'
    >>> schedule_to_text(parse_schedule("(1+t)"))
    '1 + t'
    """
    first = schedule.keys[0]
    if isinstance(first.value, Expression) and schedule.keys == (Key(0.0, first.value),):
        return expressions.expression_to_text(first.value)
    return ", ".join(
        f"{format_number(key.place)}{key.unit}: {_value_to_text(key.value)}"
        + (f" {key.easing}" if key.easing != "linear" else "")
        for key in schedule.keys
    )


def _value_to_text(value: Value) -> str:
    return (
        f"({expressions.expression_to_text(value)})"
        if isinstance(value, Expression)
        else format_number(value)
    )


def _split_keys(text: str) -> list[str]:
    """Split a schedule's text into keys, at commas outside of brackets."""
    found, depth = [""], 0
    for each in text:
        depth += (each == "(") - (each == ")")
        if each == "," and depth == 0:
            found.append("")
        else:
            found[-1] += each
    return found


def _parse_key(raw: str) -> Key:
    """Parse one key."""
    place, colon, rest = (part.strip() for part in raw.partition(":"))
    where = PLACE.fullmatch(place)
    try:
        if not (where and colon and rest):
            raise ConfigError(
                "write place: value, such as 0: 1, 50%: 0.2 ease or 2s: (1 + sin(t))"
            )
        front, _, last = rest.rpartition(" ")
        easing = "linear"
        if front.strip() and (last in EASINGS or _is_meant_as_easing(front.strip(), last)):
            rest, easing = front.strip(), last
            pick(EASINGS, easing, "easing")
        return Key(
            float(where[1]), _parse_value(rest), canonical_unit(where[4]).strip("f"), easing
        )
    except ConfigError as error:
        if "the schedule's" in str(error):
            raise
        raise ConfigError(f"the schedule's keyframe {raw!r} cannot be read: {error}") from error


def _is_meant_as_easing(front: str, last: str) -> bool:
    """Whether `last` follows a complete value, so that it was meant as an easing."""
    whole = NUMBER.fullmatch(front) or (front.startswith("(") and front.endswith(")"))
    return bool(whole) and last.isalpha()


def _parse_value(text: str) -> Value:
    """Parse a number or an expression; a constant expression becomes its number."""
    if NUMBER.fullmatch(text):
        return float(text)
    found = expressions.parse_expression(text)
    return found if found.names else found.evaluate({})
