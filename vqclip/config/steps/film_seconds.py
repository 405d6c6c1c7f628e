"""Lengths in seconds of film: `steps=10s`, `frames=5s`, and stretches: `--frames 2s:4s`.

The length of a run decides on much else, so it becomes a number before its settings are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vqclip.config.schema import FilmSettings, RunConfig
from vqclip.errors import ConfigError
from vqclip.language.units.step_counts import StepCount, parse_count

Layer = tuple[str, dict[str, Any]]  # as in `vqclip.config.setting_layers`


def settle_lengths(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Write steps in seconds as a number of steps, and frames in seconds as `length`.

    Args:
        layers: with values in the form of their settings (`setting_checks.canonical_values`).

    Raises:
        ConfigError: for steps in seconds, if there is no film of the picture's making.
    """
    for where, values in layers:
        frames, steps = (_seconds(values.get(key)) for key in ("frames", "steps"))
        other: dict[str, Any] = {}
        if frames is not None:
            other |= {"frames": 0, "length": frames.number}
        if steps is not None:
            typed = str(values["steps"]).strip()
            other["steps"] = steps.settle(0, _film_pace(layers, f"{where}: steps is {typed}"))
        yield where, values | other


def settle_stretch(text: str, frames: int, fps: float) -> str:
    """Write a stretch of an animation, "A:B", in frames; what it cannot be stays as it is.

    Args:
        frames: the number of all frames, which a share is of.
        fps: frames a second.

    >>> settle_stretch("2s:50%", 60, 12.0), settle_stretch("24f:", 60, 12.0)
    ('24:30', '24f:')
    """
    ends = [parse_count(end) for end in text.split(":")]
    counts = [end.settle(frames, fps) for end in ends if end is not None and end.unit != "i"]
    return f"{counts[0]}:{counts[1]}" if len(ends) == len(counts) == 2 else text


def _seconds(value: Any) -> StepCount | None:
    """A number of seconds, if a value is one; else None."""
    count = parse_count(value) if isinstance(value, str) else None
    return count if count is not None and count.unit == "s" else None


def _film_pace(layers: Sequence[Layer], what: str) -> float:
    """How many steps of a still a second of its film has, by the last layer that says it.

    Raises:
        ConfigError: if there is no such film; the message begins with `what`.
    """
    film = FilmSettings()
    if any(_said(layers, *keys) for keys in (["frames"], ["length"], ["source", "film"])):
        raise ConfigError(
            f"{what}, but all steps of an animation's first frame are one moment of the film; "
            f"write a number, such as {RunConfig().steps}"
        )
    if _said(layers, "film", "format", usual=film.format) == "none":
        raise ConfigError(
            f"{what}, but this picture has no film whose seconds they are; write a number, such "
            f"as {RunConfig().steps}, or let it have a film: film.format=mp4"
        )
    fps = _said(layers, "film", "fps", usual=film.fps)
    return float(fps) if isinstance(fps, int | float) else float(film.fps)  # refused later


def _said(layers: Sequence[Layer], *keys: str, usual: Any = None) -> Any:
    """The value of a setting, by its keys, in the last layer that has it."""
    found = usual
    for _, values in layers:
        inner: Any = values
        for key in keys:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        found = inner if inner is not None else found
    return found
