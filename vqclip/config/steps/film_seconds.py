"""Lengths in seconds of film: `steps=10s`, `frames=5s`, and stretches: `--frames 2s:4s`.

The length of a run decides on much else, so it becomes a number before its settings are merged.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqclip.config.schema import FilmSettings, RunConfig
from vqclip.config.steps.source_film import settle_frames, settle_stride
from vqclip.config.steps.step_settings import describe_refusal
from vqclip.errors import ConfigError
from vqclip.language.assets import SearchPath
from vqclip.language.units.step_counts import StepCount, parse_count

Layer = tuple[str, dict[str, Any]]  # as in `vqclip.config.setting_layers`


def settle_lengths(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Write steps in seconds as a number of steps, and frames in seconds as `length`.

    Frames that are a share, and a stride in seconds, become numbers by the film that is drawn
    over; without one they stay, to be refused.

    Args:
        layers: with values in the form of their settings (`setting_checks.canonical_values`).

    Raises:
        ConfigError: for steps in seconds, if there is no film of the picture's making, and for a
            share or a time of 0.
        PictureError: for a film to draw over that there is not, or that cannot be read.
    """
    layers = _settle_strides(layers)
    for where, values in layers:
        frames, steps = (_count(values.get(key)) for key in ("frames", "steps"))
        other: dict[str, Any] = {}
        if frames is not None and frames.unit == "s":
            other |= {"frames": 0, "length": frames.number}
        if frames is not None and frames.unit == "%" and (path := _source_film(layers)):
            fps, stride, start = (
                _number(layers, *keys)
                for keys in (["fps"], ["source", "stride"], ["source", "start"])
            )
            other["frames"] = settle_frames(
                frames, path, fps=fps, stride=int(stride or 1), start=start or 0.0
            )
        if steps is not None and steps.unit == "s":
            typed = str(values["steps"]).strip()
            other["steps"] = steps.settle(0, _film_pace(layers, f"{where}: steps is {typed}"))
        _refuse_nothing(layers, where, values)
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


def _settle_strides(layers: Sequence[Layer]) -> list[Layer]:
    """Write a stride in seconds as a number of frames, where there is a film to draw over."""
    found = []
    for where, values in layers:
        source = values.get("source")
        stride = _count(source.get("stride")) if isinstance(source, Mapping) else None
        timed = stride is not None and stride.unit == "s" and stride.number > 0
        if stride is not None and timed and (path := _source_film(layers)):
            settled = {**values["source"], "stride": settle_stride(stride, path)}
            found.append((where, values | {"source": settled}))
        else:
            found.append((where, values))
    return found


def _source_film(layers: Sequence[Layer]) -> Path | None:
    """The film that is drawn over, if there is one."""
    name, assets = _said(layers, "source", "film"), _said(layers, "assets")
    if not isinstance(name, str) or not name.strip():
        return None
    return SearchPath.from_settings(assets if isinstance(assets, str) else "").find(name)


def _number(layers: Sequence[Layer], *keys: str) -> float | None:
    """The value of a setting, if it is a number above 0; another one is refused later."""
    found = _said(layers, *keys)
    return float(found) if isinstance(found, int | float) and 0 < found < math.inf else None


def _count(value: Any) -> StepCount | None:
    """A number of steps or frames, if a text is one; else None."""
    return parse_count(value) if isinstance(value, str) else None


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
    return _number(layers, "film", "fps") or float(film.fps)


def _refuse_nothing(layers: Sequence[Layer], where: str, values: Mapping[str, Any]) -> None:
    """Refuse lengths that are a share or a time of 0; the number 0 of frames is a still.

    Raises:
        ConfigError: for the first.
    """
    fields = {each.name: each.metadata for each in dataclasses.fields(RunConfig)}
    for key in ("frames", "length", "steps"):
        count = _count(values.get(key))
        if count is None or count.number or count.unit not in ("%", "s"):
            continue
        if key == "length":
            raise ConfigError(
                f"{where}: length is {count.to_text}, but it must be more than 0; write seconds, "
                "such as 5s, or leave it out"
            )
        idle = "" if key == "steps" or _source_film(layers) else "%"
        raise ConfigError(
            f"{where}: {describe_refusal(key, count.to_text, fields[key], idle=idle)}"
        )


def _said(layers: Sequence[Layer], *keys: str, usual: Any = None) -> Any:
    """The value of a setting, by its keys, in the last layer that has it."""
    found, lacking = usual, object()
    for _, values in layers:
        inner: Any = values
        for key in keys:
            inner = inner.get(key, lacking) if isinstance(inner, Mapping) else lacking
        found = found if inner is lacking else inner
    return found
