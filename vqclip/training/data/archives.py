"""Archives of gathered pictures: reading them.

A data folder holds `illustrations.jsonl`, with its pictures in `illustrations-*.zip` (RGBA WebP,
128 px), and `photos.jsonl`, with its pictures in `photos.zip` (RGB WebP, 256 px). A row has
`captions` (or one `caption`), a style, a source package and a licence. Only rows of the licence
classes that are asked for are read.

Pictures never reach a model as they are stored: `vqclip.training.data.compose` lays them on
backgrounds of one colour, gradients or photographs, at random sizes and places.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import PictureError
from vqclip.language.palettes.plain_colours import PLAIN_COLOURS

# In the order in which a recipe's random numbers choose among them.
_NAMES = "red orange yellow green turquoise blue purple pink brown black grey white"
COLOURS = {name: PLAIN_COLOURS[name] for name in _NAMES.split()}

# A luminance drawn again in one of these still shows its shading; black and white would not.
TINTS = tuple(name for name in COLOURS if name not in ("black", "grey", "white"))


@dataclass(frozen=True)
class Row:
    """One picture's row in a `.jsonl` file.

    Args:
        file: its name in an archive.
        captions: the shortest first.
        style: such as "flat emoji".
        source: the package that it comes from.
        licence: of the picture.
    """

    file: str
    captions: tuple[str, ...]
    style: str
    source: str
    licence: str

    @property
    def concept(self) -> str:
        """The shortest caption in lower case, which is the same in every style."""
        return self.captions[0].lower() if self.captions else ""

    @property
    def held_out(self) -> bool:
        """Whether the concept is kept for evaluation: one in twenty, in all its styles."""
        return zlib.crc32(self.concept.encode()) % 20 == 0


@dataclass(frozen=True)
class Pictures:
    """Rows and their pixels: uint8 [N, 4 or 3, side, side]."""

    rows: tuple[Row, ...]
    pixels: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def subset(self, indexes: Sequence[int]) -> Pictures:
        """Keep only the pictures at `indexes`, in that order."""
        return Pictures(tuple(self.rows[i] for i in indexes), self.pixels[list(indexes)])

    def split(self) -> tuple[Pictures, Pictures]:
        """Split by concept: (to learn from, held out)."""
        held = [i for i, row in enumerate(self.rows) if row.held_out]
        kept = [i for i, row in enumerate(self.rows) if not row.held_out]
        return self.subset(kept), self.subset(held)


def read_pictures(folder: Path, name: str, *, side: int, classes: Iterable[str]) -> Pictures:
    """Read one set of pictures, resized to `side` pixels.

    Args:
        folder: of the `.jsonl` and the `.zip` files.
        name: "illustrations" (RGBA) or "photos" (RGB).
        classes: the licence classes to keep, such as "permissive" and "public-domain".

    Raises:
        PictureError: if the folder lacks the set, if none of it is of these licence classes, or
            if an archive or a picture in it cannot be read.
    """
    table = folder / f"{name}.jsonl"
    if not table.is_file():
        raise PictureError(f"{folder} holds no {table.name}; give the data folder with data=DIR")
    classes = set(classes)
    rows = [
        _row(record)
        for record in map(json.loads, table.read_text(encoding="utf-8").splitlines())
        if record["licence_class"] in classes
    ]
    if len(rows) == 0:
        raise PictureError(
            f"{table} names no picture of the licence classes {', '.join(sorted(classes))}; "
            "add one to licences="
        )
    mode = "RGBA" if name == "illustrations" else "RGB"
    pixels = torch.empty(len(rows), len(mode), side, side, dtype=torch.uint8)
    with ExitStack() as opened:
        archives = [opened.enter_context(_open(p)) for p in sorted(folder.glob(f"{name}*.zip"))]
        where = {member: archive for archive in archives for member in archive.namelist()}
        for index, row in enumerate(rows):
            if row.file not in where:
                raise PictureError(f"{table} names {row.file}, which is in none of its archives")
            pixels[index] = _decode(where[row.file], row.file, mode, side)
    return Pictures(tuple(rows), pixels)


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise PictureError(f"{path} cannot be opened: {error}; copy it again") from error


def _row(record: dict[str, Any]) -> Row:
    captions = record.get("captions") or [record.get("caption") or record["parent_caption"]]
    clean = (re.sub(r"\s*(\(B and W\)|hash\(0x\w+\)|HASH\(0x\w+\)),?", "", c) for c in captions)
    return Row(
        file=record["file"],
        captions=tuple(c.strip(" ,") for c in clean if c.strip(" ,")),
        style=record["style"],
        source=record["source"],
        licence=record["licence"],
    )


def _decode(archive: zipfile.ZipFile, file: str, mode: str, side: int) -> Tensor:
    import numpy
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(archive.read(file))) as stored:
            picture = stored.convert(mode)
            if picture.size != (side, side):
                picture = picture.resize((side, side), Pillow.Resampling.LANCZOS)
            return torch.from_numpy(numpy.array(picture)).permute(2, 0, 1)
    except (OSError, zipfile.BadZipFile) as error:
        raise PictureError(f"{file} in the archive cannot be decoded: {error}") from error


def sampling_weights(rows: Sequence[Row]) -> Tensor:
    """The sampling weights of rows: lower for flags and signs, which are many and much alike."""

    def weight(row: Row) -> float:
        if row.concept.startswith("flag"):
            return 0.1
        if re.search(r"\bbutton\b|\bskin tone\b|\bclock face\b|o'clock|o.clock", row.concept):
            return 0.25
        return 1.0

    return torch.tensor([weight(row) for row in rows])


def tint_picture(pixels: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """Tint a picture, uint8 [4, S, S]: shades of one colour, with its shading and alpha."""
    rgb = pixels[:3].float() / 255
    light = (rgb * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)
    opaque = light[pixels[3] > 127]
    if len(opaque) == 0:
        return pixels
    # The range of lightness is stretched over the colour's own shades: a yellow stays yellow.
    low, high = opaque.quantile(0.05), opaque.quantile(0.95)
    light = ((light - low) / (high - low).clamp(min=0.15)).clamp(0, 1)
    base = torch.tensor(colour)[:, None, None]
    shade = base * (0.35 + 0.65 * light) + (1 - base) * 0.55 * (light - 0.75).clamp(min=0)
    return torch.cat([(shade.clamp(0, 1) * 255).to(torch.uint8), pixels[3:]])


def write_caption(
    row: Row, ground: str | None, colour: str | None, generator: torch.Generator
) -> str:
    """Write a caption for a composed picture of a row; the wording varies at random.

    Args:
        ground: the colour of a plain background, or None.
        colour: the colour that the thing was tinted with (see `tint_picture`), or None.
    """

    def chance() -> float:
        return torch.rand(1, generator=generator).item()

    name = row_name(row, colour)
    if colour is None and len(row.captions) > 1 and chance() < 0.35:
        words = row.captions[1].lower().split(", ")
        keep = [word for word in words[1:] if chance() < 0.5]
        name = ", ".join([words[0], *keep]) if chance() < 0.7 else ", ".join(keep) or name
    if chance() < 0.3:
        name = add_article(name)
    if ground is not None and chance() < 0.2:
        name = f"{name} on a {ground} background"
    if chance() < 0.15:
        name = f"{row.style} of {name}"
    return name


def row_name(row: Row, colour: str | None) -> str:
    """The name of a row's thing, with the colour that it was tinted with, if it was."""
    if colour is None:
        return row.concept
    colours = "|".join(COLOURS)
    return f"{colour} {re.sub(rf'^({colours}) ', '', row.concept)}"


def add_article(name: str) -> str:
    """Put "a" or "an" before a name."""
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"
