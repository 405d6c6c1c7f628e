"""Contact sheets: where pictures are, and what becomes of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from vqclip.errors import OutputError
from vqclip.record import sheets


def test_pictures_keep_their_shape_and_their_places(tmp_path: Path) -> None:
    cells = [
        sheets.Cell(pillow.new("RGB", (20, 10), "red"), "a wide one"),
        sheets.Cell(None, "none"),
        sheets.Cell(pillow.new("RGBA", (50, 50), "blue"), "狐 \udc80 " * 50),
    ]
    path = tmp_path / "new" / "sheet.png"
    sheets.sheet(path, ["one", "two", "three"], [("a row", cells)])
    with pillow.open(path) as sheet:
        step = sheets.SIDE + sheets.MARGIN
        centres = [sheets.MARGIN + step * n + sheets.SIDE // 2 for n in range(3)]
        height = sheets.MARGIN + 2 * sheets.LINE + sheets.SIDE // 2
        colours = [sheet.getpixel((x, height)) for x in centres]
        assert colours == [(255, 0, 0), (211, 211, 211), (0, 0, 255)]
        above = [sheet.getpixel((x, height - sheets.SIDE * 3 // 8)) for x in centres]
        assert above == [(255, 255, 255), (211, 211, 211), (0, 0, 255)]


def test_a_sheet_may_be_held_back_from_replacing(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    cell = sheets.Cell(None)
    sheets.sheet(path, [""], [("", [cell])])
    before = path.read_bytes()
    sheets.sheet(path, ["", ""], [("", [cell, cell])])
    assert path.read_bytes() != before
    with pytest.raises(OutputError, match="is there already"):
        sheets.sheet(path, [""], [("", [cell])], overwrite=False)


def test_every_third_of_some_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    grey = (np.full((4, 8, 3), 20 * number, np.uint8) for number in range(10))
    assert sheets.every(path, grey, 3, across=3) == 4  # 0, 3, 6 and 9
    # No heads, no captions, and twice as wide as high: no room is left for what is not there.
    step, high = sheets.SIDE + sheets.MARGIN, sheets.SIDE // 2 + sheets.LINE + sheets.MARGIN
    top = sheets.MARGIN + sheets.SIDE // 4
    with pillow.open(path) as sheet:
        assert sheet.size == (sheets.MARGIN + 3 * step, sheets.MARGIN + 2 * high)
        middles = [
            sheet.getpixel((sheets.MARGIN + n % 3 * step + sheets.SIDE // 2, top + n // 3 * high))
            for n in range(4)
        ]
    assert middles == [(level, level, level) for level in (0, 60, 120, 180)]
    clear = np.zeros((8, 8, 4), np.uint8)
    sheets.every(path, [clear], 1, fps=10, overwrite=True)
    with pillow.open(path) as sheet:
        assert sheet.getpixel((sheets.MARGIN + sheets.SIDE // 2, top)) == (255, 255, 255)
    with pytest.raises(OutputError, match="is there already"):
        sheets.every(path, [clear], 1)
