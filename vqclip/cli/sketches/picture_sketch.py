"""Layouts as boxes on a PNG, several on a sheet."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vqclip.language.layout.layout_types import Layout, Thing

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE, SMALL_SIDE = 640, 320  # pixels of the longer side, of one layout and of several
MARGIN = 16
SKY, EARTH, EDGE, PAPER = "#eef4f9", "#f1efe4", "#c3ccd4", "#ffffff"
INKS = ("#1f6fb4", "#c2452d", "#2b8a4b", "#8a4fb0", "#b07a10", "#0f8c8c", "#b0367c", "#56606b")
HORIZON = 0.6  # of the height; a view from somebody's eyes
WITHOUT_HORIZON = ("room", "underwater", "space", "sky")


def sketch_as_png(layouts: Sequence[tuple[Layout, float]]) -> bytes:
    """Draw layouts, each with the aspect of its picture, as the bytes of a PNG."""
    from PIL import Image

    side = SIDE if len(layouts) == 1 else SMALL_SIDE
    drawn = [_sketch(layout, aspect, side) for layout, aspect in layouts]
    across = math.ceil(math.sqrt(len(drawn)))
    wide, high = (max(side) + MARGIN for side in zip(*(d.size for d in drawn), strict=True))
    sheet = Image.new(
        "RGB",
        (across * wide + MARGIN, math.ceil(len(drawn) / across) * high + MARGIN),
        PAPER,
    )
    for number, each in enumerate(drawn):
        row, column = divmod(number, across)
        sheet.paste(each, (MARGIN + column * wide, MARGIN + row * high))
    data = io.BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()


def _sketch(layout: Layout, aspect: float, side: int) -> Image:
    """One layout on its ground."""
    from PIL import Image, ImageDraw

    wide, high = (
        max(48, round(each)) for each in (side * min(1.0, aspect), side / max(1.0, aspect))
    )
    page = Image.new("RGB", (wide, high), SKY)
    draw = ImageDraw.Draw(page)
    if layout.setting.place not in WITHOUT_HORIZON:
        draw.rectangle([0, round(HORIZON * high), wide, high], EARTH, EARTH)
        draw.line([0, round(HORIZON * high), wide, round(HORIZON * high)], EDGE, 2)
    for number, thing in enumerate(layout.things):
        _draw_thing(page, thing, INKS[number % len(INKS)])
    taken: list[tuple[float, float, float, float]] = []
    for number, thing in enumerate(layout.things):
        taken.append(_write_name(page, thing, INKS[number % len(INKS)], taken))
    draw.rectangle([0, 0, wide - 1, high - 1], None, EDGE, 1)
    return page


def _corners(page: Image, thing: Thing) -> tuple[int, int, int, int]:
    """The box of a thing in pixels: left, top, right and bottom."""
    left, top, wide, high = thing.box
    first, above = round(left * page.width), round(top * page.height)
    last, below = round((left + wide) * page.width) - 1, round((top + high) * page.height) - 1
    return first, above, max(first + 1, last), max(above + 1, below)


def _draw_thing(page: Image, thing: Thing, ink: str) -> None:
    """A box that lets what is behind it shine through."""
    from PIL import Image, ImageDraw

    first, above, last, below = _corners(page, thing)
    tint = Image.new("RGB", (last - first, below - above), ink)
    page.paste(tint, (first, above), Image.new("L", tint.size, 48))
    ImageDraw.Draw(page).rectangle([first, above, last, below], None, ink, 3)


def _write_name(
    page: Image,
    thing: Thing,
    ink: str,
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Write the name of a thing in the upper left of its box, below names that are there.

    Returns:
        Left, top, right and bottom of it, in pixels; it is cut to the picture's width.
    """
    from PIL import ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(page), ImageFont.load_default(max(12, page.width // 32))
    first, above, *_ = _corners(page, thing)
    name = " ".join(thing.name.split()) or "?"
    while len(name) > 1 and draw.textlength(name, font) > page.width - 12:
        name = f"{name[:-2]}…"
    x = max(6, min(first + 7, page.width - 6 - draw.textlength(name, font)))
    y = above + 5
    while True:
        left, top, right, bottom = draw.textbbox((x, y), name, font)
        lower = [
            under
            for before, over, after, under in taken
            if left < after and before < right and top < under and over < bottom
        ]
        if not lower or bottom > page.height:
            break
        y += int(max(lower) - top) + 2
    draw.text((x, y), name, ink, font, stroke_width=3, stroke_fill=SKY)
    return left, top, right, bottom
