"""Picture sizes and the stages of multi-resolution growth."""

from __future__ import annotations

import re
from math import nan

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError


def plan_stages(config: RunConfig, factor: int) -> list[tuple[int, int, int]]:
    """Plan the stages of a run's growth: a list of (width, height, steps), sizes in pixels.

    Sizes are rounded down to multiples of `factor`, the VQGAN's pixels per latent cell. The last
    stage is `size` itself, and takes the steps that are left, at least one. A stage given by its
    shorter side is left out if it is not smaller than `size`; stages of equal size are merged.

    Raises:
        ConfigError: for a size or a number of steps that cannot be read or is too small.
    """
    width, height = final_size(config, factor)
    left = config.steps
    stages: list[tuple[int, int, int]] = []
    for index, stage in enumerate(config.growth):
        where = f"growth, stage {index + 1}"
        wide, high = _smaller(stage.size.strip(), (width, height), factor, where)
        if stage.steps.strip().endswith("%"):
            count = round(config.steps * _percent(stage.steps, where))
        elif stage.steps.strip().isdecimal():
            count = int(stage.steps)
        else:
            raise ConfigError(f"{where}: steps is {stage.steps!r}; write 60, or 40%")
        count = min(count, left - 1)  # the final size is never skipped
        if stage.size.strip().isdecimal() and min(wide, high) >= min(width, height):
            continue
        if count > 0:
            left -= count
            alike = stages and stages[-1][:2] == (wide, high)
            stages.append((wide, high, count + (stages.pop()[2] if alike else 0)))
    return [*stages, (width, height, left)]


def _smaller(text: str, final: tuple[int, int], factor: int, where: str) -> tuple[int, int]:
    """Parse the size of a stage: "64x48", a share "25%", or the shorter side alone, "64"."""
    if text.endswith("%"):
        share = _percent(text, where)
    elif text.isdecimal() and int(text) > 0:
        share = int(text) / min(final)
    else:
        return read_size(text, factor, f"{where}: size")
    wide, high = (max(factor, round(side * share)) for side in final)
    return wide - wide % factor, high - high % factor


def final_size(config: RunConfig, factor: int = 1) -> tuple[int, int]:
    """Compute (width, height) in pixels from `size` and `aspect`, as multiples of `factor`.

    Raises:
        ConfigError: if one of them cannot be read, or is out of range.
    """
    width, height = read_size(config.size, factor)
    if not config.aspect.strip():
        return width, height
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:x/]\s*(\d+(?:\.\d+)?)\s*", config.aspect)
    ratio = float(match[1]) / float(match[2]) if match and float(match[2]) else 0.0
    if not 0.05 <= ratio <= 20:
        raise ConfigError(f"aspect is {config.aspect!r}; write width:height, such as 4:5")
    area = width * height
    return read_size(f"{int((area * ratio) ** 0.5)}x{int((area / ratio) ** 0.5)}", factor)


def read_size(text: str, factor: int = 1, key: str = "size") -> tuple[int, int]:
    """Parse "640x480" → (width, height), rounded down to multiples of `factor`.

    Raises:
        ConfigError: if it cannot be read, or a side is out of range.

    >>> read_size("100x50", 8)
    (96, 48)
    """
    match = re.fullmatch(r"\s*(\d+)\s*[x×X]\s*(\d+)\s*", text)
    if match is None:
        raise ConfigError(f"{key} is {text!r}; write width x height in pixels, such as 256x256")
    width, height = int(match[1]), int(match[2])
    least = max(16, factor)
    if min(width, height) < least:
        raise ConfigError(f"{key} is {text}; each side must be {least} pixels or more")
    if max(width, height) > 16384:
        raise ConfigError(f"{key} is {text}; a side may have 16384 pixels at most")
    return width - width % factor, height - height % factor


def _percent(text: str, where: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = nan
    if not 0 < share <= 1:
        raise ConfigError(f"{where}: {text!r} is not a share; write a percentage, such as 50%")
    return share
