"""pixray's drawers: their grids, strokes and spectra, and the learning rate of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from vqclip.importers.draft import Draft, number_text
from vqclip.importers.peers import shared

SHAPES = {
    "rect": "square",
    "rectshift": "brick",
    "hex": "hexagon",
    "tri": "triangle",
    "diamond": "diamond",
    "knit": "knit",
}
# Factors of columns and rows, and their remainders by 2, with which both sides end alike.
DENSITIES = {"hexagon": (1.0, 1.414), "triangle": (1.414, 1.0), "diamond": (1.0, 2.0)}
PARITIES = {"brick": (1, 1), "hexagon": (1, 1), "diamond": (1, 1), "triangle": (1, 0)}
UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*(i|iter|iterations|p|%|percent)?", re.IGNORECASE)
Value = TypeVar("Value")
SPECTRA = {"fft": "fourier", "dwt": "wavelets", "pixel": "pixels"}


def pick_word(table: Mapping[str, Value], draft: Draft, option: str, usual: str) -> Value:
    """What an option of several words is in a table.

    Raises:
        ConfigError: if it is none of them.
    """
    typed = str(draft.get(option, usual)).strip().lower()
    if typed not in table:
        raise draft.refuse(option, f"it is one of {', '.join(table)}")
    return table[typed]


def parse_unit(draft: Draft, option: str, text: str, total: int, usual: str = "i") -> int:
    """A number of steps, as pixray writes it: `20`, `20i`, `50%`.

    Args:
        total: what a share is of.
        usual: the unit where none is written, "i" or "%".
    """
    match = UNIT.fullmatch(text.strip())
    if match is None or len(match[1]) > 9:
        raise draft.refuse(option, "it is a number of steps such as 20, or a share: 50%")
    share = (match[2] or usual).lower() in ("p", "%", "percent")
    return int(float(match[1]) * total / 100) if share else int(float(match[1]))


def write_drawer(draft: Draft, drawer: str, steps: int) -> None:
    """Write what belongs to a drawer, and its learning rate.

    Args:
        drawer: its name here.
        steps: of the run.
    """
    wide, high = map(int, draft.settings["size"].split("x"))
    if drawer in ("mosaic", "pixels"):
        draft.put("draw.grid", _grid(draft, drawer, wide, high), "pixel_size", "pixel_scale")
    if drawer in ("strokes", "lines"):
        _write_strokes(draft, drawer, high)
    if drawer in ("fourier", "wavelets"):
        _write_spectra(draft, drawer)
    _write_rate(draft, drawer, steps, high)


def _grid(draft: Draft, drawer: str, wide: int, high: int) -> str:
    """The columns and rows of cells."""
    shape = draft.settings.get("draw.shape", "square")
    given = draft.get("pixel_size")
    usual = (80, 45) if wide > high else (40, 40) if wide == high else (40, 50)
    counts = given or usual
    if drawer == "mosaic" and given is None and draft.get("pixel_iso_check", True):
        across, down = DENSITIES.get(shape, (1.0, 1.0))
        counts = int(counts[0] * across), int(counts[1] * down)
    scale = draft.get("pixel_scale", 1.0)
    if not 0.01 <= scale <= 100:
        raise draft.refuse("pixel_scale", "it must be a number such as 0.5 or 2")
    counts = int(counts[0] / scale), int(counts[1] / scale)
    parities = PARITIES.get(shape, (None, None)) if drawer == "mosaic" else (None, None)
    fitted = [
        max(1, min(side, count + (parity is not None and count % 2 != parity)))
        for count, side, parity in zip(counts, (wide, high), parities, strict=True)
    ]
    return f"{fitted[0]}x{fitted[1]}"


def _write_strokes(draft: Draft, drawer: str, high: int) -> None:
    """Write strokes; pixray's widths are half widths, in per cent of the height."""
    lines = drawer == "lines"
    draft.put("draw.strokes", draft.get("strokes", 24 if lines else 1024), "strokes")
    thickest = 2 * draft.get("max_stroke_width", 2.0 if lines else 5.0)
    # Of lines, the least half width is a pixel, whatever is said.
    thinnest = 200 / high if lines else 2 * draft.get("min_stroke_width", 1.0)
    draft.put("draw.thickest", thickest, "max_stroke_width")
    draft.put("draw.thinnest", min(thinnest, thickest), "min_stroke_width")
    if lines:
        draft.put("draw.segments", draft.get("stroke_length", 8), "stroke_length")
        draft.put("draw.paper", "#f2eecb")
        if draft.has("allow_paper_color"):
            draft.put("draw.paper_moves", draft.get("allow_paper_color"), "allow_paper_color")
        draft.leave("min_stroke_width", "pixray's line_sketch ignores it: a pixel is the least")
    else:
        draft.put("draw.paper", "white")


def _write_spectra(draft: Draft, drawer: str) -> None:
    """Write waves and wavelets; pixray draws both at contrast .9 and saturation 1.5."""
    draft.put("draw.contrast", 0.9)
    draft.put("draw.saturation", 1.5)
    if drawer == "fourier":
        draft.put("draw.decay", draft.get("fft_decay", 1.5), "fft_decay")
    else:
        draft.put("draw.wave", draft.get("fft_wave", "coif2"), "fft_wave")
        draft.put("draw.sharp", draft.get("fft_sharp", 0.3), "fft_sharp")


def _write_rate(draft: Draft, drawer: str, steps: int, high: int) -> None:
    """Write the learning rate: of the drawer, with its drops to a tenth."""
    own = {"mosaic": 0.03, "strokes": 224 / high, "lines": 224 / high}  # strokes: a pixel
    if drawer in ("fourier", "wavelets"):
        rate = draft.get("fft_lrate", 0.3)
        draft.put("optimiser.rate", rate, "fft_lrate")
    else:
        rate = own.get(drawer, draft.get("learning_rate", 0.2))
    if drawer in ("vqgan", "pixels"):
        draft.put("optimiser.rate", rate, "learning_rate")
        shared.write_optimiser(draft, "optimiser")
    else:
        for option in ("learning_rate", "optimiser"):
            draft.leave(option, "pixray ignores it with this drawer, which has its own")
    typed = [each for text in draft.get("learning_rate_drops", ["75"]) for each in _words(text)]
    places = [
        parse_unit(draft, "learning_rate_drops", each, steps - 1, "%") + 1 for each in typed
    ]
    drops = sorted({place for place in places if place < steps})
    if [each.rstrip(" %pP") for each in typed] in (["75"], ["75.0"]):
        draft.put("optimiser.schedule", "drop", "learning_rate_drops")
        draft.put("optimiser.rate", float(rate))
        return
    draft.put("optimiser.schedule", "constant", "learning_rate_drops")
    keys = [f"0: {number_text(rate)}"]
    keys += [f"{each}: {rate / 10 ** (n + 1):.6g} hold" for n, each in enumerate(drops[:12])]
    draft.put(
        "optimiser.rate",
        ", ".join(keys) if drops else float(rate),
        *(["learning_rate_drops"] if drops else []),
    )


def _words(text: str) -> list[str]:
    """The numbers of a list, each with its unit."""
    return [each for each in re.split(r"[\s,]+(?=[\d.])", text.strip(" []")) if each]
