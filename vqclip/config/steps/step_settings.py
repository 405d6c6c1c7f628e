"""Settings that are numbers of steps: `25`, `25i`, `10%` or `2s`.

The fields that are made by `setting_fields.step_count` take a unit (`vqclip.language.units`).
Here a value is put in its canonical form, a number where that is known at once. A share and
seconds stay text in the settings, and so in a picture's notes; `settle_intervals` settles them
once, for a run's request, and `sizes.plan_stages` what growth and two drawers take.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from vqclip.config.draw_settings import drawer_names
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.language.clock import Clock
from vqclip.language.units.step_counts import StepCount, parse_count

INTERVALS = (
    "previews",
    "film.every",
    "checkpoint.every",
)  # that stay text until they are settled
INSTEAD = {"%": "a share, such as 10%", "s": "seconds of film, such as 2s"}  # what a unit gives
WHY_NOT = {  # setting → unit → why it has no meaning there
    "steps": {"%": "there is nothing that it would be a share of"},
    "frames": {"%": "there is no film (source.film) of whose frames it would be a share"},
    "source.stride": {"s": "there is no film (source.film) whose seconds they are"},
    "film.every": {"s": "seconds of film are what it makes"},
    "motion.steps": {
        "%": "the steps of all frames are what makes the run",
        "s": "the steps of one frame take no time",
    },
}


@dataclass(frozen=True)
class OverlaySteps:
    """The steps before which an overlay is laid, settled, counted over all frames.

    Args:
        every: steps from one to the next.
        start: the first.
        until: from which on it is no longer laid; None: up to the last.
    """

    every: int
    start: int
    until: int | None


@dataclass(frozen=True)
class Intervals:
    """Numbers of steps between what a run writes, settled; 0 for never.

    Args:
        previews: between previews, of a still or an animation's first frame.
        film: between the frames of the film of a still's making.
        checkpoint: between checkpoints.
        overlay: None if there is no overlay.
    """

    previews: int
    film: int
    checkpoint: int
    overlay: OverlaySteps | None


def canonical_count(value: Any, metadata: Mapping[str, Any], *, as_text: bool = False) -> Any:
    """Write a number of steps or frames as a number, or as canonical text where that has to wait.

    Anything else stays as it is, to be refused with its name.

    Args:
        metadata: of the setting's field.
        as_text: whether the setting holds text alone, as it was written before there were units.

    >>> [canonical_count(each, {"units": ("i", "%")}) for each in ("25", "25 iter", "10 p", "2s")]
    [25, 25, '10%', '2s']
    """
    if isinstance(value, float) and value.is_integer() and not as_text:
        return int(value)
    count = parse_count(value) if isinstance(value, str) else None
    if count is None or (as_text and (count.unit == "" or value.strip().endswith("%"))):
        return value
    if count.unit in ("%", "s"):
        return count.to_text
    if as_text:
        return str(int(count.number)) if count.unit == "i" else value
    return int(count.number) if count.unit in ("", *metadata["units"]) else value


def canonical_seconds(value: Any) -> Any:
    """Write seconds as a number that are written with their unit; else `value` as it is.

    >>> canonical_seconds("2.5 s"), canonical_seconds("2 frames")
    (2.5, '2 frames')
    """
    count = parse_count(value) if isinstance(value, str) else None
    return count.number if count is not None and count.unit == "s" else value


def check_count(
    key: str, text: str, metadata: Mapping[str, Any], idle: Collection[str] = ()
) -> StepCount:
    """Check the text of a setting that is a number of steps or frames, and read it.

    Args:
        idle: as for `describe_refusal`.

    Raises:
        ConfigError: if it is none, or has a unit that the setting does not take.
    """
    count = parse_count(text)
    taken = count is not None and count.unit in ("", *metadata["units"])
    if count is None or not taken or (count.number == 0 and metadata["least"] > 0):
        raise ConfigError(describe_refusal(key, text, metadata, idle=idle))
    return count


def idle_units(config: Any, key: str) -> tuple[str, ...]:
    """The units that have no meaning for a setting in a run, though the setting takes them.

    Args:
        config: an instance of any schema; only those of runs have films.
    """
    if not isinstance(config, RunConfig):
        return ()
    if key in ("frames", "source.stride"):
        return () if config.source.film else ("%",) if key == "frames" else ("s",)
    if _moves(config):
        return ("s",) if key in ("steps", "previews", "draw.finish") else ()
    return ("s",) if config.film.format == "none" else ()


def require_unit(key: str, text: str, metadata: Mapping[str, Any]) -> None:
    """Refuse a number of steps in a unit that its setting, a number or schedule, does not take.

    Raises:
        ConfigError: that says what it takes.
    """
    if parse_count(text) is not None:
        check_count(key, text, metadata)


def describe_refusal(
    key: str,
    value: Any,
    metadata: Mapping[str, Any],
    shown: str | None = None,
    idle: Collection[str] = (),
) -> str:
    """Say in a sentence why a value is no number of steps or frames, and what to write instead.

    Args:
        shown: the value as text, if it is no number of steps or frames at all.
        idle: units that are not offered, since they have no meaning in this run.

    >>> describe_refusal("steps", "50%", {"units": ("i", "s"), "example": 200})
    'steps is 50%, but there is nothing that it would be a share of; write a whole number, such \
as 200, or seconds of film, such as 2s'
    """
    units = metadata["units"]
    count = parse_count(value) if isinstance(value, str) else None
    why = "" if count is None else WHY_NOT.get(key, {}).get(count.unit, "")
    if count is not None and count.unit in ("i", "f"):
        right, wrong = ("steps", "frames") if "i" in units else ("frames", "steps")
        why = f"{right} are counted here, not {wrong}"
    if count is not None and count.number == 0:
        why = "it must be 1 or more"
    shown = shown if count is None else str(value).strip()[:40]
    ways = [f"a whole number, such as {metadata['example']}"]
    passed = set(idle)
    if count is not None and (count.number or count.unit in WHY_NOT.get(key, {})):
        passed.add(count.unit)  # of 0%, another share will do
    other = [each for each in units if each in INSTEAD and each not in passed]
    ways += [INSTEAD[each] for each in other]
    listed = ", or ".join(part for part in (", ".join(ways[:-1]), ways[-1]) if part)
    said = repr(value)[:60] if shown is None else shown
    return f"{key} is {said}{f', but {why}; write' if why else '; it must be'} {listed}"


def check_step_counts(config: RunConfig) -> None:
    """Refuse seconds where there is no film whose seconds they could be.

    Raises:
        ConfigError: for the first.
    """
    for key in INTERVALS:
        text = _interval(config, key)
        if isinstance(text, str) and (key != "checkpoint.every" or not _moves(config)):
            _settle(config, key, text)
    if not _moves(config):
        settle_overlay(config, Clock(config.steps))


def settle_intervals(
    config: RunConfig, clock: Clock, first_steps: int | None = None
) -> Intervals:
    """Settle the numbers of steps between what a run writes.

    Args:
        clock: of the run.
        first_steps: the setting `steps` as it was when the run began; None if it begins now.

    Raises:
        ConfigError: as `check_step_counts`.
    """
    saved = _settle_whole(config, clock, "checkpoint.every", config.checkpoint.every)
    return Intervals(
        previews=_settle(config, "previews", config.previews),
        film=_settle(config, "film.every", config.film.every, first_steps),
        checkpoint=saved,
        overlay=settle_overlay(config, clock),
    )


def settle_overlay(config: RunConfig, clock: Clock) -> OverlaySteps | None:
    """Settle the steps of an overlay, which are those of all frames; None if there is none.

    Raises:
        ConfigError: if it would be laid before no step, or if `check_step_counts` says so.
    """
    wanted = config.overlay
    if not wanted.picture.strip():
        return None
    every = max(1, _settle_whole(config, clock, "overlay.every", wanted.every))
    start = _settle_whole(config, clock, "overlay.start", wanted.start)
    until = wanted.until
    if until is not None:
        until = _settle_whole(config, clock, "overlay.until", until)
        if until <= start:
            raise ConfigError(
                f"overlay.until is {wanted.until} and overlay.start {wanted.start}, so no step "
                "is left between them; write a greater overlay.until, or leave it out"
            )
    return OverlaySteps(every, start, until)


def _settle_whole(config: RunConfig, clock: Clock, key: str, value: int | str) -> int:
    """Settle a number of steps, of a still or of all frames of an animation."""
    count = parse_count(value) if isinstance(value, str) and clock.starts else None
    if count is None:
        return _settle(config, key, value)
    others = len(clock.starts) - 1
    each = (clock.steps - config.steps) / others if others else clock.steps
    return count.settle(clock.steps, clock.fps * each)


def finish_steps(config: RunConfig) -> int:
    """How many steps of a run the last of two drawers takes; 0 where there is one drawer.

    Raises:
        ConfigError: if `draw.finish` is no number of steps, or leaves one of them without a step.
    """
    if len(drawer_names(config.drawer)) < 2:
        return 0
    written, steps = config.draw.finish, config.steps
    found = parse_count(written)
    if found is None or found.unit == "f":
        raise ConfigError(
            f"draw.finish is {repr(written)[:60]}; write a number of steps, such as 60, a share: "
            "40%, or seconds of film: 2s"
        )
    count = _settle(config, "draw.finish", written)
    if found.unit == "%":
        count = min(max(1, count), steps - 1)
    if not 0 < count < steps:
        raise ConfigError(
            f"draw.finish is {config.draw.finish}, {count} of {steps} steps; each drawer needs "
            "one at least"
        )
    return count


def stage_steps(config: RunConfig, text: str, where: str) -> int:
    """How many steps a stage of growth takes, where it is written as a number or in seconds.

    Raises:
        ConfigError: if it is none; the message begins with `where`.
    """
    count = parse_count(text)
    if count is None or count.unit == "f":
        raise ConfigError(f"{where}: steps is {repr(text)[:60]}; write 60, 40%, or 2s of film")
    return _settle(config, f"{where}: steps", text)


def _settle(config: RunConfig, key: str, value: int | str, steps: int | None = None) -> int:
    """Settle a number of steps, of a still or of an animation's first frame.

    Args:
        steps: what a share is of; None: the setting `steps`.
    """
    count = None if isinstance(value, int) else parse_count(value)
    if count is None:
        return int(value)
    if count.unit == "s" and _moves(config):
        raise ConfigError(
            f"{key} is {value}, but all steps of an animation's first frame are one moment of "
            "the film; write a number of steps, such as 10, or a share: 20%"
        )
    if count.unit == "s" and config.film.format == "none":
        raise ConfigError(
            f"{key} is {value}, but this picture has no film whose seconds they are; write a "
            f"number of steps, such as {max(1, count.settle(0, config.film.fps))}, or a share: "
            "20%; or let it have a film: film.format=mp4"
        )
    return count.settle(config.steps if steps is None else steps, config.film.fps)


def _moves(config: RunConfig) -> bool:
    """Whether a run is an animation."""
    return bool(config.frames or config.length or config.source.film)


def _interval(config: RunConfig, key: str) -> int | str:
    group, _, name = key.rpartition(".")
    found: int | str = getattr(getattr(config, group) if group else config, name)
    return found
