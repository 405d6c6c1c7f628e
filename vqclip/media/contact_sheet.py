"""Contact sheets: pictures side by side, with captions."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from vqclip.errors import OutputError
from vqclip.media.files import SHEETS, write_whole
from vqclip.media.film_encoder import Pixels, to_pixels
from vqclip.media.images import to_png

SIDE, MARGIN, LINE = 128, 8, 16
# Letters stay sharp at these, and colours are not thinned out.
LOSSY: dict[str, dict[str, Any]] = {
    ".jpg": {"format": "JPEG", "quality": 92, "subsampling": 0, "optimize": True},
    ".webp": {"format": "WEBP", "quality": 92},
}


@dataclass(frozen=True)
class Cell:
    """A picture, and what is written below it; None leaves its place grey."""

    picture: Image.Image | None
    words: str = ""


def draw_sheet(
    path: Path,
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Cell]]],
    blocks: int = 1,
    *,
    overwrite: bool = True,
) -> None:
    """Lay cells out in rows, each under its caption, and write them to `path`.

    Its suffix says the kind of file, see `encode_sheet`.

    Args:
        heads: what stands above each column; nothing does where all are empty.
        rows: a caption and a cell for each column.
        blocks: how many rows lie beside each other, so that a long sheet becomes a wide one.

    Raises:
        OutputError: if it cannot be written, or is there and not to be overwritten.
    """
    tall = -(-len(rows) // blocks)
    wide = len(heads) * (SIDE + MARGIN) + MARGIN
    top = MARGIN + (LINE if any(heads) else 0)
    title = LINE if any(caption for caption, _ in rows) else 0
    side = _side(cell for _, cells in rows for cell in cells)
    high = title + side + LINE + MARGIN
    paper = Image.new("RGB", (wide * blocks, top + tall * high), "white")
    pen = ImageDraw.Draw(paper)
    for block in range(min(blocks, len(rows))):
        for column, head in enumerate(heads):
            place = (block * wide + MARGIN + column * (SIDE + MARGIN), 2)
            pen.text(place, _fit(pen, head, SIDE), fill="black")
    for index, (caption, cells) in enumerate(rows):
        left = index // tall * wide + MARGIN
        above = top + index % tall * high
        pen.text((left, above), _fit(pen, caption, wide - MARGIN), fill="black")
        for column, cell in enumerate(cells):
            corner = (left + column * (SIDE + MARGIN), above + title)
            if cell.picture is None:
                pen.rectangle([corner, (corner[0] + SIDE - 1, corner[1] + side - 1)], "lightgrey")
            else:
                whole = ImageOps.pad(cell.picture.convert("RGB"), (SIDE, side), color="white")
                paper.paste(whole, corner)
            below = (corner[0], corner[1] + side + 1)
            pen.text(below, _fit(pen, cell.words, SIDE), fill="black")
    data = encode_sheet(paper, path, optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data, overwrite=overwrite)


def encode_sheet(picture: Image.Image, path: Path, *, optimize: bool = False) -> bytes:
    """Encode a sheet as the kind of file that a name says: PNG, JPEG or WebP.

    Args:
        optimize: take longer for a smaller PNG.

    Raises:
        OutputError: if it has more pixels to a side than such a file may have.
    """
    suffix = path.suffix.lower()
    if max(picture.size) > (most := SHEETS.get(suffix, SHEETS[".png"])):
        wide, high = picture.size
        raise OutputError(
            f"{path} would be {wide}x{high}, and a {suffix} has at most {most} pixels to a "
            "side; let the name end in .png"
        )
    lossy = LOSSY.get(".jpg" if suffix == ".jpeg" else suffix)
    if lossy is None:
        return to_png(np.asarray(picture), optimize=optimize)
    data = io.BytesIO()
    picture.convert("RGB").save(data, **lossy)
    return data.getvalue()


def draw_film_sheet(
    path: Path,
    pictures: Iterable[Pixels],
    step: int,
    *,
    fps: float | None = None,
    across: int = 8,
    overwrite: bool = False,
) -> int:
    """Lay out every `step`th of some pictures, the first one too, each with its number.

    Args:
        pictures: [H, W, 3] uint8, or [H, W, 4], which are laid on white; held only in small.
        fps: pictures a second: says the time of each, too.
        across: pictures in a row.

    Returns:
        How many are on the sheet.

    Raises:
        OutputError: if it cannot be written, or is there and not to be overwritten.
    """
    cells = []
    for index, pixels in enumerate(pictures):
        if index % step == 0:
            opaque = Image.fromarray(to_pixels(pixels, keeps=False, even=False))
            small = ImageOps.contain(opaque, (SIDE, SIDE))
            words = f"{index}" if fps is None else f"{index}: {index / fps:.2f} s"
            cells.append(Cell(small, words))
    rows = [("", cells[at : at + across]) for at in range(0, len(cells), across)]
    draw_sheet(path, [""] * min(across, len(cells)), rows, overwrite=overwrite)
    return len(cells)


def _side(cells: Iterable[Cell]) -> int:
    """How high a place must be for pictures that fit into SIDE x SIDE."""
    sizes = [cell.picture.size for cell in cells if cell.picture is not None]
    shares = [height / max(width, height) for width, height in sizes]
    return max((max(1, round(SIDE * share)) for share in shares), default=SIDE)


def _fit(pen: ImageDraw.ImageDraw, words: str, wide: int) -> str:
    """Cut words off where they would run into their neighbours."""
    words = words.encode("utf-8", "replace").decode()  # a file's name may hold half letters
    if pen.textlength(words) <= wide:
        return words
    while words and pen.textlength(words + "…") > wide:
        words = words[:-1]
    return words + "…"
