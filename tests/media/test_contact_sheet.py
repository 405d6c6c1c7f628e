"""Contact sheets: where pictures are, and what becomes of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from vqclip.errors import OutputError
from vqclip.media import contact_sheet


def test_pictures_keep_their_shape_and_their_places(tmp_path: Path) -> None:
    cells = [
        contact_sheet.Cell(pillow.new("RGB", (20, 10), "red"), "a wide one"),
        contact_sheet.Cell(None, "none"),
        contact_sheet.Cell(pillow.new("RGBA", (50, 50), "blue"), "狐 \udc80 " * 50),
    ]
    path = tmp_path / "new" / "sheet.png"
    contact_sheet.draw_sheet(path, ["one", "two", "three"], [("a row", cells)])
    with pillow.open(path) as sheet:
        step = contact_sheet.SIDE + contact_sheet.MARGIN
        centres = [contact_sheet.MARGIN + step * n + contact_sheet.SIDE // 2 for n in range(3)]
        height = contact_sheet.MARGIN + 2 * contact_sheet.LINE + contact_sheet.SIDE // 2
        colours = [sheet.getpixel((x, height)) for x in centres]
        assert colours == [(255, 0, 0), (211, 211, 211), (0, 0, 255)]
        above = [sheet.getpixel((x, height - contact_sheet.SIDE * 3 // 8)) for x in centres]
        assert above == [(255, 255, 255), (211, 211, 211), (0, 0, 255)]


def test_a_sheet_may_be_held_back_from_replacing(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    cell = contact_sheet.Cell(None)
    contact_sheet.draw_sheet(path, [""], [("", [cell])])
    before = path.read_bytes()
    contact_sheet.draw_sheet(path, ["", ""], [("", [cell, cell])])
    assert path.read_bytes() != before
    with pytest.raises(OutputError, match="already exists"):
        contact_sheet.draw_sheet(path, [""], [("", [cell])], overwrite=False)


def test_every_third_of_some_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    grey = (np.full((4, 8, 3), 20 * number, np.uint8) for number in range(10))
    assert contact_sheet.draw_film_sheet(path, grey, 3, across=3) == 4  # 0, 3, 6 and 9
    # No heads, no captions, and twice as wide as high: no room is left for what is not there.
    step, high = (
        contact_sheet.SIDE + contact_sheet.MARGIN,
        contact_sheet.SIDE // 2 + contact_sheet.LINE + contact_sheet.MARGIN,
    )
    top = contact_sheet.MARGIN + contact_sheet.SIDE // 4
    with pillow.open(path) as sheet:
        assert sheet.size == (contact_sheet.MARGIN + 3 * step, contact_sheet.MARGIN + 2 * high)
        middles = [
            sheet.getpixel(
                (
                    contact_sheet.MARGIN + n % 3 * step + contact_sheet.SIDE // 2,
                    top + n // 3 * high,
                )
            )
            for n in range(4)
        ]
    assert middles == [(level, level, level) for level in (0, 60, 120, 180)]
    clear = np.zeros((8, 8, 4), np.uint8)
    contact_sheet.draw_film_sheet(path, [clear], 1, fps=10, overwrite=True)
    with pillow.open(path) as sheet:
        assert sheet.getpixel((contact_sheet.MARGIN + contact_sheet.SIDE // 2, top)) == (
            255,
            255,
            255,
        )
    with pytest.raises(OutputError, match="already exists"):
        contact_sheet.draw_film_sheet(path, [clear], 1)


def test_a_sheet_that_its_kind_of_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    long = pillow.new("1", (1, 16_384))
    for name in ("s.png", "s.jpg"):
        assert contact_sheet.encode_sheet(long, tmp_path / name)
    with pytest.raises(OutputError, match=r"would be 1x16384, and a \.webp has at most 16383"):
        contact_sheet.encode_sheet(long, tmp_path / "s.webp")
