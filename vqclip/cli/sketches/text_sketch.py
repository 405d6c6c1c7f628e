"""A layout as boxes of characters.

A character is about twice as high as it is wide. Every box is drawn whole, also where a nearer
thing covers it, so that it can be seen where it ends.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from vqclip.cli.terminal import on_one_line
from vqclip.language.layout.layout_types import Layout

ROWS = 14  # of characters within the frame
LEAST_COLUMNS, MOST_COLUMNS = 12, 76
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8  # the strokes of a character from its middle
LINES = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"  # by their sum
PLAIN = " ||||+++-+++-+++"
FRAME = -1  # owner of the picture's edge


@dataclass
class Cell:
    """A character: the strokes of boxes, or a letter; and the number of the thing it is of."""

    strokes: int = 0
    letter: str | None = None
    owner: int = FRAME


@dataclass(frozen=True)
class TextSketch:
    """A layout as rows of cells."""

    rows: Sequence[Sequence[Cell]] = field(default_factory=list)

    def to_lines(self, *, plain: bool = False) -> list[list[tuple[str, int]]]:
        """The characters of each row, each with its owner.

        Args:
            plain: whether lines are drawn with "+", "-" and "|".
        """
        lines = PLAIN if plain else LINES
        return [
            [(lines[c.strokes] if c.letter is None else c.letter, c.owner) for c in row]
            for row in self.rows
        ]

    def to_text(self, *, plain: bool = False) -> str:
        """The same without owners."""
        rows = self.to_lines(plain=plain)
        return "\n".join("".join(letter for letter, _ in row).rstrip() for row in rows)


def sketch_as_text(layout: Layout, aspect: float = 1.0) -> TextSketch:
    """Draw a layout in at most 16 rows of characters.

    Args:
        aspect: width of the picture by its height.
    """
    columns = min(max(LEAST_COLUMNS, round(ROWS * 2 * aspect)), MOST_COLUMNS)
    rows = min(max(4, round(columns / 2 / aspect)), ROWS)
    cells = [[Cell() for _ in range(columns + 2)] for _ in range(rows + 2)]
    _draw_box(cells, (0, 0, columns + 1, rows + 1), FRAME)
    places = []
    for number, thing in enumerate(layout.things):
        left, top, wide, high = thing.box
        first, above = 1 + int(left * columns), 1 + int(top * rows)
        last = min(max(first + 2, round((left + wide) * columns)), columns)
        below = min(max(above + 1, round((top + high) * rows)), rows)
        place = (min(first, last - 2), min(above, below - 1), last, below)
        _draw_box(cells, place, number)
        places.append(place)
    for number, (thing, place) in enumerate(zip(layout.things, places, strict=True)):
        _write_name(cells, place, on_one_line(thing.name), number)
    return TextSketch(cells)


Place = tuple[int, int, int, int]  # first column and row, last column and row


def _draw_box(cells: list[list[Cell]], place: Place, owner: int) -> None:
    first, above, last, below = place
    for column in range(first, last + 1):
        ends = (RIGHT if column < last else 0) | (LEFT if column > first else 0)
        for row in (above, below):
            _add_strokes(cells[row][column], ends, owner)
    for row in range(above, below + 1):
        ends = (DOWN if row < below else 0) | (UP if row > above else 0)
        for column in (first, last):
            _add_strokes(cells[row][column], ends, owner)


def _add_strokes(cell: Cell, strokes: int, owner: int) -> None:
    cell.strokes |= strokes
    cell.owner = owner


def _write_name(cells: list[list[Cell]], place: Place, name: str, owner: int) -> None:
    """Write a name where it covers nothing within its box, or else on the box's upper edge."""
    from rich.cells import cell_len

    first, above, last, below = place
    letters = _cut(unicodedata.normalize("NFC", name), last - first - 1)
    wide = sum(map(cell_len, letters))
    for row in range(above + 1, below):
        for column in range(first + 1, last - wide + 1):
            spot = cells[row][column : column + wide]
            if all(cell.strokes == 0 and cell.letter is None for cell in spot):
                return _write(cells[row], column, letters, owner)
    return _write(cells[above], first + 1, letters, owner)


def _cut(name: str, room: int) -> str:
    """As much of a name as has room, in columns, without letters that take none."""
    from rich.cells import cell_len

    name = "".join(letter for letter in name if cell_len(letter))
    if cell_len(name) <= room:
        return name
    while cell_len(name) > room - 1:
        name = name[:-1]
    return f"{name.rstrip()}…"


def _write(row: list[Cell], column: int, letters: str, owner: int) -> None:
    from rich.cells import cell_len

    for letter in letters:
        for half in range(cell_len(letter)):
            place = column + half
            if row[place].letter == "":  # the other half of a letter that is not seen any more
                row[place - 1].letter = " "
            if place + 1 < len(row) and row[place + 1].letter == "":
                row[place + 1].letter = " "
            row[place].letter, row[place].owner = "" if half else letter, owner
        column += cell_len(letter)
