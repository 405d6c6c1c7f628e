"""Labelled contact sheets: where the pictures lie, and that nothing is cut off or overlaps."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageDraw

from vqclip.sweep import lettering, sheet_picture
from vqclip.sweep.lettering import TEXT, Pen
from vqclip.sweep.sheet_picture import Cell, Sheet, Side, Thumbnails, draw_sheet

COLOURS = [(200, 0, 0), (0, 150, 0), (0, 0, 200), (190, 120, 0), (120, 0, 120), (0, 140, 150)]
LONG = "a castle on a hill by the sea at night, watercolour, in the style of a travel poster"


@pytest.fixture
def squares(tmp_path: Path) -> list[Path]:
    """A picture of each colour."""
    for number, colour in enumerate(COLOURS):
        pillow.new("RGB", (40, 40), colour).save(tmp_path / f"{number}.png")
    return [tmp_path / f"{number}.png" for number in range(len(COLOURS))]


def places(sheet: pillow.Image) -> list[tuple[int, int, int, int]]:
    """The box of each colour on a sheet: left, top, right, bottom."""
    pixels, found = np.asarray(sheet), []
    for colour in COLOURS:
        rows, columns = np.nonzero((pixels == colour).all(-1))
        if len(rows):
            found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return found


def grid(squares: list[Path], rows: list[Side], columns: list[Side], wide: int) -> Sheet:
    cells = {divmod(i, wide): Cell(path, ["score 0.31"]) for i, path in enumerate(squares)}
    return Sheet(cells, rows, columns, "foxes", "6 runs")


def test_rows_and_columns_are_where_their_cells_say(squares: list[Path]) -> None:
    sides = [Side("prompts", ["a fox", LONG])], [Side("seed", ["1", "2", "3"])]
    found = places(draw_sheet(grid(squares, *sides, 3), 120))
    assert [box[2] - box[0] for box in found] == [120] * 6
    assert found[0][1] == found[1][1] == found[2][1] < found[3][1] == found[5][1]
    assert found[0][0] == found[3][0] < found[1][0] == found[4][0] < found[2][0]
    for one, other in itertools.combinations(found, 2):  # none lies on another
        assert (
            one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        )


def test_a_place_to_come_is_grey_and_a_failure_says_why(squares: list[Path]) -> None:
    cells = {(0, 0): Cell(squares[0]), (0, 1): Cell(), (0, 2): Cell(error="failed: no memory")}
    sheet = Sheet(cells, [Side("prompts", ["a"])], [Side("seed", ["1", "2", "3"])])
    pixels = np.asarray(draw_sheet(sheet, 120))
    for colour in (sheet_picture.EMPTY, sheet_picture.BROKEN):
        wanted = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        count = int((pixels == wanted).all(-1).sum())
        assert 120 * 120 * 0.6 < count <= 120 * 120 + 20  # of letters some have that grey


def test_a_place_of_nothing_is_empty(squares: list[Path]) -> None:
    sheet = Sheet({(0, 1): Cell(squares[0])}, [Side("", [""])], [Side("seed", ["1", "2"])])
    pixels = np.asarray(draw_sheet(sheet, 120))
    assert (pixels == (240, 240, 240)).all(-1).sum() < 20


def test_nested_axes_span_what_they_stand_for(squares: list[Path]) -> None:
    sides = [Side("prompts", ["a", "b"])], [Side("drawer", ["x"]), Side("seed", ["1", "2", "3"])]
    found = places(draw_sheet(grid(squares, *sides, 3), 100))
    assert len({box[0] for box in found}) == 3 and len({box[1] for box in found}) == 2
    sides = [Side("prompts", ["a", "b"]), Side("drawer", ["x", "y", "z"])], [Side("seed", ["1"])]
    found = places(draw_sheet(grid(squares, *sides, 1), 100))
    assert len({box[0] for box in found}) == 1 and len({box[1] for box in found}) == 6


def test_nothing_is_written_over_pictures_or_beyond_the_paper(
    squares: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text lies on the paper, and its box on no picture and no other text."""
    boxes: list[tuple[float, ...]] = []
    write = Pen.write

    def noted(
        pen: Pen, ink: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str
    ) -> None:
        if text.strip():
            boxes.append(ink.textbbox(at, text, font=lettering.find_font(text, size)))
        write(pen, ink, at, text, size, colour)

    monkeypatch.setattr(Pen, "write", noted)
    labels = ["losses.smoothness 0.0012", LONG, "x" * 60]
    cells = {
        (row, column): Cell(squares[(row * 3 + column) % 6], [LONG, "seed 1", "score 0.3"])
        for row, column in itertools.product(range(6), range(3))
    }
    sheets = [
        Sheet(cells, [Side("prompts", [LONG, "b"]), Side("y" * 40, labels)], [Side("s", labels)]),
        Sheet(cells, [Side("", [""] * 6)], [Side("optimiser.rate", labels)], LONG, LONG * 3),
        Sheet({(0, i): cells[0, i % 3] for i in range(11)}, title="page", about="11 runs"),
    ]
    for sheet in sheets:
        boxes.clear()
        picture = draw_sheet(sheet, 100)
        for left, top, right, bottom in boxes:
            assert left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
        for one, other in itertools.combinations(boxes, 2):
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] + 1 or other[3] <= one[1] + 1, (one, other)


def test_a_sheet_of_many_is_no_larger_than_a_page_can_be(squares: list[Path]) -> None:
    cells = {(row, column): Cell(squares[0]) for row in range(2) for column in range(90)}
    sides = [Side("prompts", ["a", "b"])], [Side("seed", [str(n) for n in range(90)])]
    picture = draw_sheet(Sheet(cells, *sides))
    assert picture.width <= sheet_picture.WIDEST + 90 * 96


def test_a_picture_is_read_once(squares: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kept, sheet = Thumbnails(), Sheet({(0, 0): Cell(squares[0])})
    first = draw_sheet(sheet, 80, kept)
    monkeypatch.setattr(sheet_picture.images, "open_rgb", lambda path: pytest.fail("read again"))
    assert draw_sheet(sheet, 80, kept).tobytes() == first.tobytes()


def test_a_picture_that_is_gone_or_broken_is_a_grey_place(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"no picture")
    cells = {(0, 0): Cell(tmp_path / "a.png"), (0, 1): Cell(tmp_path / "b.png")}
    pixels = np.asarray(draw_sheet(Sheet(cells), 80))
    assert (pixels == (240, 240, 240)).all(-1).sum() == 2 * 80 * 80


@pytest.mark.parametrize("text", [LONG, "x" * 200, "a/very/long/path/to/a/picture.png" * 3, ""])
def test_lines_fit_and_say_all_unless_they_end_in_dots(text: str) -> None:
    pen = Pen()
    lines = pen.wrap(text, 120, TEXT, 50)
    assert all(pen.width(line, TEXT) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    few = pen.wrap(text, 120, TEXT, 2)
    assert len(few) <= 2 and (len(lines) <= 2 or few[-1].endswith("…"))
    assert all(pen.width(line, TEXT) <= 120 for line in few)


def test_half_letters_and_controls_are_no_trouble() -> None:
    assert Pen().wrap("a\udcffb\x1b[31m\tc", 200, TEXT, 2) == ["a?b[31m c"]
