"""The clock of a run: from a step to its frame, second and beat.

A run takes steps. In a picture, each step is a frame of its own; in an animation, a frame takes
several steps, which share the values of that frame. A run has one clock, which evaluates all its
schedules.

    timeline = Timeline(frames=48, fps=12.0)
    counts = [max(1, round(steps_of(frame))) for frame in range(48)]   # may be a schedule, too
    clock = timeline.clock(counts)
    weight = clock.of(parse_schedule("1 + sin(t)"))                    # step → number
"""

from __future__ import annotations

import itertools
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vqclip.errors import ConfigError
from vqclip.language.expressions import NUMBER, format_number
from vqclip.language.schedules import FPS, Curve, Schedule, schedule_to_text
from vqclip.language.units.step_counts import UNIT, canonical_unit

LENGTH = re.compile(rf"({NUMBER.pattern})\s*({UNIT})?")
MOST_SAMPLES = 20_000  # frames of a curve that are sampled to find its extent


@dataclass(frozen=True)
class Length:
    """A length of time.

    Args:
        number: in frames, per cent of the run or seconds, by `unit`; above 0.
        unit: "" for frames, "i" for steps, which are frames in a picture, "%" or "s".

    Raises:
        ConfigError: if it is not above 0, or more than the run.
    """

    number: float
    unit: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.number < math.inf or (self.unit == "%" and self.number > 100):
            raise ConfigError(
                f"a length of {format_number(self.number)}{self.unit} is not possible; write "
                "frames above 0, such as 24, seconds (2s), or up to 100%"
            )

    def frames(self, timeline: Timeline) -> float:
        """The length in frames of a timeline.

        Raises:
            ConfigError: if it counts steps, and frames are not steps.
        """
        if self.unit == "i":
            timeline.require_steps(f"a length of {self.to_text}", format_number(self.number))
        if self.unit == "%":
            return self.number / 100 * timeline.frames
        return self.number * timeline.fps if self.unit == "s" else self.number

    @property
    def to_text(self) -> str:
        """The length as text, which `parse_length` reads back."""
        return f"{format_number(self.number)}{self.unit}"


def parse_length(text: str) -> Length:
    """Parse a length: `24` frames, `24i` steps, `2s` or `30%`.

    Raises:
        ConfigError: if the text is not a length.

    >>> parse_length("2.50 s").to_text
    '2.5s'
    """
    found = LENGTH.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{text.strip()[:40]!r} is not a length; write frames, such as 24, seconds (2s), or "
            "a share of the run (30%)"
        )
    return Length(float(found[1]), canonical_unit(found[4]).strip("f"))


@dataclass(frozen=True)
class Timeline:
    """The frames of a run and their times, without the steps of each frame.

    Args:
        frames: the number of frames, at least 1.
        fps: frames a second, above 0.
        variables: name → value at each frame, for expressions; 0 after the last value.
            `vqclip.language.functions.SOUND` lists the usual names.
        moves: whether it is an animation, whose frames take several steps each; in a picture,
            every step is a frame.

    Raises:
        ConfigError: if `frames` or `fps` is out of range.
    """

    frames: int
    fps: float = FPS
    variables: Mapping[str, Sequence[float]] = field(default_factory=dict)
    moves: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.frames < 1 or not 0 < self.fps < float("inf"):
            raise ConfigError(
                f"a run of {self.frames} frames, {self.fps:g} a second, has no time; write at "
                "least one frame, and more than 0 a second"
            )

    def seconds(self, frame: int) -> float:
        """The time of a frame, in seconds after the first one."""
        return frame / self.fps

    def curve(self, number: float | Schedule) -> Curve:
        """The curve of a number or a schedule: frame → value.

        Raises:
            ConfigError: if an expression names an unknown variable, or a place counts steps in an
                animation; the curve raises it where an expression has no finite value.
        """
        if not isinstance(number, Schedule):
            return lambda frame: number
        for key in number.keys:
            if key.unit == "i":
                place = format_number(key.place)
                self.require_steps(f"{place}i in {schedule_to_text(number)!r}", place)
        return number.curve(self.frames, self.fps, self.variables)

    def require_steps(self, what: str, number: str) -> None:
        """Refuse a place or a length that counts steps, where a frame is not a step.

        Args:
            what: it, in words.
            number: of the steps, as text.

        Raises:
            ConfigError: in an animation.
        """
        if self.moves:
            raise ConfigError(
                f"{what} counts steps, and the frames of an animation take several steps each; "
                f"write the frame, {number} or {number}f, or seconds (2s) or a share (50%)"
            )

    def value_range(
        self, number: float | Schedule, samples: int = MOST_SAMPLES
    ) -> tuple[float, float]:
        """The least and the greatest value of a number or a schedule.

        Args:
            samples: about how many frames are sampled at most.
        """
        if not isinstance(number, Schedule):
            return number, number
        curve = self.curve(number)
        values = [curve(frame) for frame in self._sample_frames(samples)]
        return min(values), max(values)

    def checked_curve(
        self, number: float | Schedule, name: str, least: float, most: float = float("inf")
    ) -> Curve:
        """The curve of a number or a schedule, checked to stay in [least, most].

        Args:
            name: what it is called in errors.

        Raises:
            ConfigError: as `curve`; also for a value out of the range, with its frame.
        """
        curve = self.curve(number)
        for frame in self._sample_frames(MOST_SAMPLES) if isinstance(number, Schedule) else (0,):
            value = curve(frame)
            if least <= value <= most:
                continue
            where = (
                f" at frame {frame} of {schedule_to_text(number)!r}"
                if isinstance(number, Schedule)
                else ""
            )
            should = f"{least:g} or more" if value < least else f"{most:g} or less"
            raise ConfigError(f"{name} is {format_number(value)}{where}; it must be {should}")
        return curve

    def clock(self, counts: Sequence[int], lead: int = 0) -> Clock:
        """The clock of an animation whose frames take several steps each.

        Args:
            counts: the number of steps of each frame, at least 1.
            lead: how many of them come before the first frame; see `Clock`.
        """
        starts = tuple(itertools.accumulate(counts[:-1], initial=0))
        return Clock(sum(counts), starts, self.fps, self.variables, lead)

    def _sample_frames(self, samples: int) -> Iterator[int]:
        """Yield all frames, or about `samples` evenly spread ones, and always the last."""
        yield from range(0, self.frames, -(-self.frames // samples))
        yield self.frames - 1


@dataclass(frozen=True)
class Clock:
    """The clock of a run: maps each step to its frame.

    Args:
        steps: of the whole run, at least 1.
        starts: the first step of each frame, ascending from 0; () where every step is a frame of
            its own, as in a picture.
        fps: frames a second.
        variables: see `Timeline`.
        lead: how many of `starts` belong to frames before the first, in an animation that loops;
            they count as its last frames.

    Raises:
        ConfigError: if a frame has no step, or as for `Timeline`.
    """

    steps: int
    starts: tuple[int, ...] = ()
    fps: float = FPS
    variables: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lead: int = 0

    def __post_init__(self) -> None:
        edges = [*self.starts, self.steps]
        if edges[0] != (0 if self.starts else self.steps) or any(
            after <= before for before, after in itertools.pairwise(edges)
        ):
            raise ConfigError(
                f"the frames of an animation begin at the steps {list(self.starts)[:8]} of "
                f"{self.steps}; each takes at least one, and the first begins at 0"
            )
        Timeline(self.frames, self.fps)  # refuses a run without time

    @property
    def frames(self) -> int:
        """The number of frames, without those of `lead`."""
        return len(self.starts) - self.lead if self.starts else self.steps

    @property
    def timeline(self) -> Timeline:
        """The timeline of the same frames, without their steps."""
        return Timeline(self.frames, self.fps, self.variables, moves=bool(self.starts))

    def frame(self, step: int) -> int:
        """The frame of a step; the frame before the first is the last one, and so on."""
        if not self.starts:
            return step
        return (bisect_right(self.starts, step) - 1 - self.lead) % self.frames

    def seconds(self, frame: int) -> float:
        """The time of a frame, in seconds after the first one."""
        return self.timeline.seconds(frame)

    def curve(self, number: float | Schedule) -> Curve:
        """The curve of a number or a schedule over steps: step → value at its frame.

        Raises:
            ConfigError: see `Timeline.curve`.

        >>> from vqclip.language.schedules import parse_schedule
        >>> rising = Clock(6, starts=(0, 2, 4)).curve(parse_schedule("frame"))
        >>> [rising(step) for step in range(6)]
        [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
        """
        return self.by_step(self.timeline.curve(number))

    def checked_curve(
        self, number: float | Schedule, name: str, least: float, most: float = float("inf")
    ) -> Curve:
        """As `curve`, checked to stay in [least, most]; see `Timeline.checked_curve`."""
        return self.by_step(self.timeline.checked_curve(number, name, least, most))

    def by_step(self, curve: Curve) -> Curve:
        """Turn a curve over frames into one over steps."""
        return (lambda step: curve(self.frame(step))) if self.starts else curve
