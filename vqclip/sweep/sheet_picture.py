"""Labelled contact sheets: pictures in rows and columns, whose heads say in what they differ.

    foxes                               title, and what all have in common
              seed                      the axis of the columns
    prompts   1        2        3       its values
    a red     [    ]   [    ]   [    ]  values of the rows, and the pictures
    fox       0.31     0.29     to come

Several axes may share a side; the first one is the outermost. A sheet without axes is a page of
pictures, each with its captions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from vqclip.errors import PictureError
from vqclip.media import images
from vqclip.media.contact_sheet import encode_sheet
from vqclip.media.files import write_whole
from vqclip.sweep.lettering import NUMBER, TEXT, TITLE, Pen

SIDE = 192  # of a picture, in pixels
WIDEST, TALLEST = 6000, 16000  # of a sheet, in pixels; pictures become smaller beyond
LEAST_SIDE = 32
MARGIN, GAP, ROW_GAP = 16, 8, 12
LABEL_WIDTH = 190  # of the values of rows, at most
LABEL_LINES = 5
CAPTION_LINES = 16
PAPER, INK, FAINT, EMPTY, BROKEN, RULE = (
    "#ffffff",
    "#1c1c1c",
    "#767676",
    "#f0f0f0",
    "#f9e3e0",
    "#d9d9d9",
)


@dataclass(frozen=True)
class Cell:
    """A place on a sheet.

    Args:
        picture: that is shown; None leaves the place grey.
        captions: lines below it, the first one darker.
        error: shown in place of a picture.
        number: written large in its corner, to choose by.
    """

    picture: Path | None = None
    captions: Sequence[str] = ()
    error: str = ""
    number: str = ""


@dataclass(frozen=True)
class Side:
    """An axis along a side of a sheet: its name, and its values in order."""

    name: str
    labels: Sequence[str]


@dataclass(frozen=True)
class Sheet:
    """A contact sheet.

    Args:
        cells: by their row and column; of a page, in order at (0, 0), (0, 1) …
        rows, columns: the axes of a side, the outermost first; none for a page.
        title: at its head.
        about: what stands below the title.
        across: how many pictures stand in a row of a page; None chooses.
    """

    cells: Mapping[tuple[int, int], Cell]
    rows: Sequence[Side] = ()
    columns: Sequence[Side] = ()
    title: str = ""
    about: str = ""
    across: int | None = None

    @property
    def is_page(self) -> bool:
        """Whether it has no axes."""
        return not self.rows and not self.columns


def draw_sheet(
    sheet: Sheet, side: int = SIDE, thumbnails: Thumbnails | None = None
) -> Image.Image:
    """Draw a sheet.

    Args:
        side: the longer side of a picture, in pixels; less where the sheet would be too large.
        thumbnails: small pictures from an earlier sheet; those that are new are added.
    """
    sheet = _as_page(sheet) if sheet.is_page else sheet
    return _Layout(sheet, side, Thumbnails() if thumbnails is None else thumbnails).draw()


def save_sheet(path: Path, picture: Image.Image, *, overwrite: bool = False) -> None:
    """Write a sheet as the kind of file that its name says: PNG, JPEG or WebP.

    Raises:
        OutputError: if it cannot be written, or is there and not to be overwritten.
    """
    write_whole(path, encode_sheet(picture, path), overwrite=overwrite, durable=False)


@dataclass
class Thumbnails:
    """Small copies of pictures, so that a sheet that grows reads each of them once."""

    kept: dict[tuple[Any, ...], Image.Image | None] = field(default_factory=dict)

    def find(self, path: Path, side: int) -> Image.Image | None:
        """A picture that fits into a square, on white; None if it cannot be read."""
        try:
            about = path.stat()
            key = (path, side, about.st_mtime_ns, about.st_size)
        except OSError:
            return None
        if key not in self.kept:
            try:
                whole = images.open_rgb(path)
            except PictureError:
                self.kept[key] = None
            else:
                self.kept[key] = ImageOps.contain(whole, (side, side))
        return self.kept[key]


def _as_page(sheet: Sheet) -> Sheet:
    """A page, with its cells in rows."""
    cells = [cell for _, cell in sorted(sheet.cells.items())]
    count = len(cells)
    across = sheet.across or (count if count <= 6 else min(12, math.ceil(math.sqrt(1.6 * count))))
    placed = {divmod(index, max(1, across)): cell for index, cell in enumerate(cells)}
    return Sheet(placed, (), (), sheet.title, sheet.about, across)


class _Layout:
    """The measures of a sheet, and its drawing."""

    def __init__(self, sheet: Sheet, side: int, thumbnails: Thumbnails) -> None:
        self.sheet, self.pen = sheet, Pen()
        self.columns = math.prod(len(each.labels) for each in sheet.columns)
        self.rows = math.prod(len(each.labels) for each in sheet.rows)
        if sheet.is_page:
            self.columns = max([1, *(column + 1 for _, column in sheet.cells)])
            self.rows = max([1, *(row + 1 for row, _ in sheet.cells)])
        room = WIDEST - 2 * MARGIN - LABEL_WIDTH * len(sheet.rows)
        side = min(side, room // self.columns - GAP, TALLEST // self.rows - ROW_GAP)
        self.side = max(LEAST_SIDE, side)
        self.small = {
            place: None if cell.picture is None else thumbnails.find(cell.picture, self.side)
            for place, cell in sheet.cells.items()
        }
        sizes = [each.size for each in self.small.values() if each is not None]
        self.wide = max((w for w, _ in sizes), default=self.side)
        self.high = max((h for _, h in sizes), default=self.side)
        # Narrow pictures get the room that their labels need.
        self.column = max(self.wide, min(self.side, 96))
        self.captions = {place: self._caption(cell) for place, cell in sheet.cells.items()}
        self.label_widths = [self._label_width(each) for each in sheet.rows]
        self.left = MARGIN + sum(each + 2 * GAP for each in self.label_widths)

    def _caption(self, cell: Cell) -> list[tuple[str, bool]]:
        """The lines below a picture, and whether each is dark."""
        found: list[tuple[str, bool]] = []
        for number, text in enumerate(cell.captions):
            lines = self.pen.wrap(text, self.column, TEXT, 3)
            found += [(line, number == 0 and self.sheet.is_page) for line in lines]
        return found[:CAPTION_LINES]

    def _label_width(self, side: Side) -> int:
        """How wide the values of an axis of rows are."""
        texts = [*side.labels, side.name]
        widest = max(self.pen.width(text, TEXT) for text in texts)
        words = (word for text in texts for word in text.split() or [""])
        longest = max(self.pen.width(word, TEXT) for word in words)
        return max(min(widest, LABEL_WIDTH), min(longest, LABEL_WIDTH))

    def draw(self) -> Image.Image:
        """Draw all of it."""
        sheet, pen = self.sheet, self.pen
        line = pen.line(TEXT)
        inner = self.columns * (self.column + GAP) - GAP
        wide = max(self.left + inner + MARGIN, self._title_width())
        head = self._head(wide)
        bands = [self._band(level) for level in range(len(sheet.columns))]
        names = line + GAP // 2 if sheet.rows or sheet.columns else 0
        top = MARGIN + head + sum(bands) + names * bool(sheet.columns or sheet.rows)
        heights = [self._row_height(row) for row in range(self.rows)]
        high = top + sum(heights) + ROW_GAP * (self.rows - 1) + MARGIN
        paper = Image.new("RGB", (wide, high), PAPER)
        ink = ImageDraw.Draw(paper)
        self._draw_title(ink, wide)
        self._draw_columns(ink, MARGIN + head, bands)
        self._draw_row_names(ink, top - line - GAP // 2)
        tops = [top + sum(heights[:row]) + ROW_GAP * row for row in range(self.rows)]
        self._draw_row_labels(ink, tops, heights)
        for row, column in itertools.product(range(self.rows), range(self.columns)):
            if (row, column) in sheet.cells:
                corner = (self.left + column * (self.column + GAP), tops[row])
                self._draw_cell(paper, ink, corner, (row, column))
        return paper

    def _title_width(self) -> int:
        found = self.pen.width(self.sheet.title, TITLE)
        return min(max(found + 2 * MARGIN, 240), 720)

    def _head(self, wide: int) -> int:
        """How high title and what stands below it are."""
        found = self.pen.line(TITLE) + GAP // 2 if self.sheet.title else 0
        lines = self.pen.wrap(self.sheet.about, wide - 2 * MARGIN, TEXT, 3)
        return (
            found + len(lines) * self.pen.line(TEXT) + (GAP + GAP // 2 if found or lines else 0)
        )

    def _draw_title(self, ink: ImageDraw.ImageDraw, wide: int) -> None:
        y = MARGIN
        if self.sheet.title:
            (title,) = self.pen.wrap(self.sheet.title, wide - 2 * MARGIN, TITLE, 1) or [""]
            self.pen.write(ink, (MARGIN, y), title, TITLE, INK)
            y += self.pen.line(TITLE) + GAP // 2
        for text in self.pen.wrap(self.sheet.about, wide - 2 * MARGIN, TEXT, 3):
            self.pen.write(ink, (MARGIN, y), text, TEXT, FAINT)
            y += self.pen.line(TEXT)

    def _span(self, sides: Sequence[Side], level: int) -> int:
        """How many columns or rows a value of an axis spans."""
        return math.prod(len(each.labels) for each in sides[level + 1 :])

    def _column_width(self, level: int) -> int:
        return self._span(self.sheet.columns, level) * (self.column + GAP) - GAP

    def _band(self, level: int) -> int:
        """How high the values of an axis of columns are, with its name."""
        side = self.sheet.columns[level]
        wrapped = (
            self.pen.wrap(each, self._column_width(level), TEXT, LABEL_LINES)
            for each in side.labels
        )
        lines = max(len(each) for each in wrapped) + 1
        return max(2, lines) * self.pen.line(TEXT) + GAP // 2

    def _draw_columns(self, ink: ImageDraw.ImageDraw, y: int, bands: Sequence[int]) -> None:
        """The heads of the columns: each axis with its name, and its values below."""
        line = self.pen.line(TEXT)
        for level, (side, band) in enumerate(zip(self.sheet.columns, bands, strict=True)):
            wide = self._column_width(level)
            self.pen.write(ink, (self.left, y), side.name, TEXT, FAINT)
            repeats = self.columns // (self._span(self.sheet.columns, level) * len(side.labels))
            for place, label in enumerate([*side.labels] * repeats):
                x = self.left + place * (wide + GAP)
                for number, text in enumerate(self.pen.wrap(label, wide, TEXT, LABEL_LINES)):
                    at = x + (wide - self.pen.width(text, TEXT)) // 2
                    self.pen.write(ink, (at, y + line * (1 + number)), text, TEXT, INK)
                if level < len(self.sheet.columns) - 1:
                    below = y + band - 2
                    ink.line([(x, below), (x + wide, below)], RULE)
            y += band

    def _draw_row_names(self, ink: ImageDraw.ImageDraw, y: int) -> None:
        x = MARGIN
        for side, wide in zip(self.sheet.rows, self.label_widths, strict=True):
            text = (self.pen.wrap(side.name, wide, TEXT, 1) or [""])[0]
            self.pen.write(ink, (x, y), text, TEXT, FAINT)
            x += wide + 2 * GAP

    def _row_height(self, row: int) -> int:
        """How high a row is: the pictures with their captions, or its values."""
        line = self.pen.line(TEXT)
        lines = [len(own) for (at, _), own in self.captions.items() if at == row]
        found = self.high + line * max(lines, default=0) + (GAP // 2 if any(lines) else 0)
        if self.sheet.rows:
            label = self._label(len(self.sheet.rows) - 1, row)
            wrapped = self.pen.wrap(label, self.label_widths[-1], TEXT, LABEL_LINES)
            found = max(found, line * len(wrapped))
        return found

    def _label(self, level: int, row: int) -> str:
        side = self.sheet.rows[level]
        return side.labels[row // self._span(self.sheet.rows, level) % len(side.labels)]

    def _draw_row_labels(
        self, ink: ImageDraw.ImageDraw, tops: Sequence[int], heights: Sequence[int]
    ) -> None:
        line, x = self.pen.line(TEXT), MARGIN
        for level, wide in enumerate(self.label_widths):
            span = self._span(self.sheet.rows, level)
            for row in range(0, self.rows, span):
                low = tops[row + span - 1] + heights[row + span - 1]
                if span > 1:  # a line beside the rows that it stands for
                    at = x + wide + GAP
                    ink.line([(at, tops[row]), (at, low)], RULE)
                lines = self.pen.wrap(self._label(level, row), wide, TEXT, LABEL_LINES)
                middle = tops[row] + (self.high if span == 1 else low - tops[row]) // 2
                y = max(tops[row], middle - len(lines) * line // 2)
                for number, text in enumerate(lines):
                    self.pen.write(ink, (x, y + number * line), text, TEXT, INK)
            x += wide + 2 * GAP

    def _draw_cell(
        self,
        paper: Image.Image,
        ink: ImageDraw.ImageDraw,
        corner: tuple[int, int],
        place: tuple[int, int],
    ) -> None:
        cell, small = self.sheet.cells.get(place, Cell()), self.small.get(place)
        x, y = corner[0] + (self.column - self.wide) // 2, corner[1]
        if small is None:
            box = [x, y, x + self.wide - 1, y + self.high - 1]
            ink.rectangle(box, BROKEN if cell.error else EMPTY)
            lines = self.pen.wrap(cell.error, self.wide - GAP, TEXT, 20)
            fits = max(1, (self.high - GAP) // self.pen.line(TEXT))
            if len(lines) > fits:
                lines = [*lines[: fits - 1], "…"]
            for number, text in enumerate(lines):
                at = (x + GAP // 2, y + GAP // 2 + number * self.pen.line(TEXT))
                self.pen.write(ink, at, text, TEXT, INK)
        else:
            left, down = (self.wide - small.width) // 2, (self.high - small.height) // 2
            paper.paste(small, (x + left, y + down))
            # White pictures end somewhere, too.
            right, low = x + left + small.width, y + down + small.height
            ink.rectangle([x + left - 1, y + down - 1, right, low], outline=RULE)
        if cell.number:
            self._draw_number(ink, (x, y), cell.number)
        below = y + self.high + GAP // 2
        for number, (text, dark) in enumerate(self.captions.get(place, [])):
            at = (corner[0], below + number * self.pen.line(TEXT))
            self.pen.write(ink, at, text, TEXT, INK if dark else FAINT)

    def _draw_number(self, ink: ImageDraw.ImageDraw, at: tuple[int, int], number: str) -> None:
        """Write the number of a picture on a white plate in its upper left corner."""
        wide = max(self.pen.width(number, NUMBER) + 2 * GAP, self.pen.line(NUMBER))
        high = self.pen.line(NUMBER)
        ink.rectangle([*at, at[0] + wide, at[1] + high], PAPER, outline=RULE)
        left = at[0] + (wide - self.pen.width(number, NUMBER)) // 2 + 1
        self.pen.write(ink, (left, at[1] + 1), number, NUMBER, INK)
