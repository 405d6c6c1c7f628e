"""Picture sizes, the stages of multi-resolution growth, and rates, as people write them.

A size is `640x480`, `640 x 480`, `640×480`, `640:480`, `[640, 480]` or, square, `512`; a rate is
`25`, `25p`, `24000/1001` or, for the same, `23.976`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite, nan
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.config.steps.step_settings import finish_steps, stage_steps
from vqclip.errors import ConfigError, pick

# pixray's ladder: width and height of each aspect at scale 1, and the scale of each quality.
LADDER_ASPECTS = {"square": (144, 144), "portrait": (128, 160), "widescreen": (192, 108)}
LADDER_SCALES = {"draft": 1, "normal": 2, "better": 3, "best": 4, "supreme": 5}
NTSC = (12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 240)  # rates that also exist × 1000/1001
_SIZE = re.compile(r"\s*(\d+)\s*[x×X]\s*(\d+)\s*")
_LOOSE = re.compile(
    r"\s*[\[(]?\s*(\d+)\s*(?:px)?\s*(?:(?:[x×✕*:,]|by|\s)\s*(\d+)\s*(?:px)?\s*)?[\])]?\s*",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:/\s*(\d+(?:\.\d+)?))?\s*(?:p|fps|hz)?\s*", re.I | re.ASCII
)


def plan_stages(config: RunConfig, factor: int) -> list[tuple[int, int, int]]:
    """Plan the stages of a run's growth: a list of (width, height, steps), sizes in pixels.

    They are those of the first drawer; what the last of two draws has the final size.

    Sizes are rounded down to multiples of `factor`, the VQGAN's pixels per latent cell, widths of
    bricks to twice as much. The last
    stage is `size` itself, and takes the steps that are left, at least one. A stage given by its
    shorter side is left out if it is not smaller than `size`; stages of equal size are merged.

    Raises:
        ConfigError: for a size or a number of steps that cannot be read or is too small.
    """
    bricks = 2 * factor if config.tile == "brick" else 1
    width, height = final_size(config, factor)
    if width < bricks:
        raise ConfigError(
            f"size is {config.size}; with tile=brick, it must be {bricks} pixels wide or more"
        )
    width -= width % bricks
    left = config.steps - finish_steps(config)
    stages: list[tuple[int, int, int]] = []
    for index, stage in enumerate(config.growth):
        where = f"growth, stage {index + 1}"
        wide, high = _smaller(stage.size.strip(), (width, height), factor, where)
        wide = max(bricks, wide - wide % bricks)
        if stage.steps.strip().endswith("%"):
            count = round(config.steps * _percent(stage.steps, where))
        else:
            count = stage_steps(config, stage.steps, where)
        count = min(count, left - 1)  # the final size is never skipped
        if stage.size.strip().isdecimal() and min(wide, high) >= min(width, height):
            continue
        if count > 0:
            left -= count
            alike = stages and stages[-1][:2] == (wide, high)
            stages.append((wide, high, count + (stages.pop()[2] if alike else 0)))
    return [*stages, (width, height, left)]


def describe_multiples(config: RunConfig, factor: int) -> str:
    """Say which sizes a picture can have; see `plan_stages`."""
    said = []
    if factor > 1:
        said.append(f"for this VQGAN, each side must be a multiple of {factor} pixels")
    if config.tile == "brick":
        said.append(f"with tile=brick, the width must be a multiple of {2 * factor}")
    return "; ".join(said)


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
    match = _SIZE.fullmatch(canonical_size(text))
    if match is None and text.strip().endswith("%"):
        raise ConfigError(
            f"{key} is {text!r}, a share, but there is no film or picture here that it is of; "
            "write width x height in pixels, such as 256x256"
        )
    if match is None:
        raise ConfigError(f"{key} is {text!r}; write width x height in pixels, such as 256x256")
    width, height = int(match[1]), int(match[2])
    least = max(16, factor)
    if min(width, height) < least:
        raise ConfigError(f"{key} is {text}; each side must be {least} pixels or more")
    if max(width, height) > 16384:
        raise ConfigError(f"{key} is {text}; a side may have 16384 pixels at most")
    return width - width % factor, height - height % factor


def canonical_size(value: Any) -> Any:
    """Write a size as "WxH" that is written otherwise; anything else stays as it is.

    >>> canonical_size("640 : 480"), canonical_size([256, 192]), canonical_size(512)
    ('640x480', '256x192', '512x512')
    """
    if isinstance(value, list | tuple) and all(isinstance(each, int) for each in value):
        value = " ".join(map(str, value)) if len(value) == 2 else value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or _SIZE.fullmatch(value):
        return value
    match = _LOOSE.fullmatch(value)
    return value if match is None else f"{int(match[1])}x{int(match[2] or match[1])}"


def size_from_share(text: str, whole: tuple[int, int]) -> str:
    """Compute a size that is written as a share of another: "50%" → "640x360".

    Raises:
        ConfigError: if it is no percentage above 0, of at most 1000.

    >>> size_from_share("50%", (1280, 720))
    '640x360'
    """
    match = re.fullmatch(r"\s*(\d{1,4}(?:\.\d+)?)\s*%\s*", text)
    share = float(match[1]) / 100 if match else 0.0
    if not 0 < share <= 10:
        raise ConfigError(f"size is {text!r}; write a percentage such as 50%, or WxH in pixels")
    return "x".join(str(max(1, round(side * share))) for side in whole)


def canonical_rate(value: Any) -> Any:
    """Read a rate in frames a second: a whole number, or a float; else `value` as it is.

    The rates of film and television, which are written as rounded decimals, become the fractions
    that they stand for;
    `vqclip.media.film_encoder.round_rate` makes the fraction of the float again.

    >>> canonical_rate("25p"), canonical_rate("30000/1001") == canonical_rate(29.97) == 30 / 1.001
    (25, True)
    """
    if isinstance(value, str):
        match = _RATE.fullmatch(value)
        if match is None or (match[2] and not float(match[2])):
            return value
        found = float(Fraction(match[1]) / Fraction(match[2] or 1))
    elif isinstance(value, int | float | Fraction) and not isinstance(value, bool):
        if not isfinite(value):
            return value
        found = float(value)
    else:
        return value
    if found.is_integer():
        return int(found)
    near = (whole / 1.001 for whole in NTSC)
    return next((each for each in near if abs(found - each) < 0.01), found)


def _percent(text: str, where: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = nan
    if not 0 < share <= 1:
        raise ConfigError(f"{where}: {text!r} is not a share; write a percentage, such as 50%")
    return share


def ladder_size(quality: str | None, aspect: str | None, scale: str | None) -> str | None:
    """The size that pixray's words give: `--quality better --aspect widescreen --scale 2.5`.

    Args:
        quality: one of `LADDER_SCALES`; None: 2 is the scale unless one is given.
        aspect: one of `LADDER_ASPECTS`; None: widescreen, as pixray has it.
        scale: a number above 0, before that of the quality.

    Returns:
        WIDTHxHEIGHT; None if there is neither a quality nor a scale.

    Raises:
        ConfigError: for a word that is none of them.

    >>> ladder_size("better", "widescreen", "2.5")
    '480x270'
    """
    if quality is None and scale is None:
        return None
    factor = float(pick(LADDER_SCALES, quality or "normal", "quality"))
    if scale is not None:
        try:
            factor = float(scale)
        except ValueError:
            factor = nan
        if not 0 < factor <= 100:
            raise ConfigError(
                f"--scale is {scale}; write a number above 0 and at most 100, such as 2.5"
            )
    width, height = pick(LADDER_ASPECTS, aspect or "widescreen", "aspect of pixray's sizes")
    return f"{int(factor * width)}x{int(factor * height)}"
