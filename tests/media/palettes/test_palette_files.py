"""Files in palettes: pictures, .act and .gpl."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.palettes.colour_names import to_hex
from vqclip.language.palettes.palette_parser import parse_colours
from vqclip.media.palettes.file_colours import read_colours
from vqclip.media.palettes.palette_files import check_files, inline_files
from vqclip.media.palettes.swatches import parse_act

GPL = """GIMP Palette
Name: Sunset
Columns: 2
# by hand
255 204   0\tSun
 16  32  48 Night sky
"""


@pytest.fixture
def where(tmp_path: Path) -> SearchPath:
    (tmp_path / "sunset.gpl").write_text(GPL, encoding="utf-8")
    (tmp_path / "torn.gpl").write_text(GPL + "1 2\n", encoding="utf-8")
    (tmp_path / "empty.gpl").write_text("GIMP Palette\n#\n", encoding="utf-8")
    (tmp_path / "short.act").write_bytes(bytes(700))
    table = bytes([255, 0, 0, 0, 128, 255]) + bytes(762)
    (tmp_path / "two.act").write_bytes(table + struct.pack(">HH", 2, 0xFFFF))
    pixels = np.array([[[255, 255, 255, 255], [0, 0, 90, 255], [9, 9, 9, 0]]], np.uint8)
    pillow.fromarray(pixels).save(tmp_path / "flag.png")
    pillow.new("RGBA", (4, 4)).save(tmp_path / "clear.png")
    (tmp_path / "words.txt").write_text("red", encoding="utf-8")
    return SearchPath((tmp_path,))


@pytest.mark.parametrize(
    ("text", "inlined"),
    [
        ("@sunset.gpl", "[#ffcc00, #102030]"),  # in its own order
        ("@two.act", "[#ff0000, #0080ff]"),
        ("@flag.png", "[#00005a, #ffffff]"),  # without what is transparent; from dark to light
        (r"red\4; @flag.png\2 ;navy, gold", r"red\4; [#00005a, #ffffff]; navy, gold"),
        ("navy ;  gold", "navy ;  gold"),
    ],
)
def test_files_are_replaced_by_their_colours(where: SearchPath, text: str, inlined: str) -> None:
    check_files(text, where)
    assert inline_files(text, where) == inlined
    parse_colours(inlined)


def test_a_picture_of_more_colours_gives_a_few(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    centres = np.array([[20, 20, 60], [200, 40, 30], [240, 220, 90]])
    drawn = chance.choice(3, [80, 100], p=[0.6, 0.3, 0.1])
    pixels = centres[drawn] + chance.integers(-8, 9, [80, 100, 3])
    pillow.fromarray(pixels.astype(np.uint8)).save(tmp_path / "three.png")
    found = read_colours(tmp_path / "three.png", 3)
    assert found == read_colours(tmp_path / "three.png", 3)
    order = [0, 1, 2]  # from dark to light
    assert np.abs(np.array(found) * 255 - centres[order]).max() < 1.5
    assert len(read_colours(tmp_path / "three.png", 255)) == 255


def test_a_palette_file_can_be_reduced(where: SearchPath) -> None:
    (found,) = parse_colours(inline_files(r"@sunset.gpl\1", where))
    assert to_hex(found) == "#887618"  # the mean of both


@pytest.mark.parametrize("count", [0, 300])
def test_a_count_that_cannot_be_is_passed_over(count: int) -> None:
    assert len(parse_act(bytes(768) + struct.pack(">HH", count, 0))) == 256


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@nowhere.png", "nowhere.png"),
        ("@nowhere.gpl", "nowhere.gpl cannot be read (No such file or directory)"),
        ("@words.txt", "words.txt"),
        ("@torn.gpl", "line 7 is not red, green and blue from 0 to 255"),
        ("@empty.gpl", "it holds no colours"),
        ("@short.act", "700 bytes, where a colour table has 768 or 772"),
        ("gold; @https://example.org/a.png", "is an address"),
    ],
)
def test_what_cannot_be_read_is_told(where: SearchPath, text: str, complaint: str) -> None:
    for read in (check_files, inline_files):
        with pytest.raises(PictureError, match=f"^draw.colours: .*{re.escape(complaint)}"):
            read(text, where, "draw.colours")


def test_a_picture_without_opaque_parts_has_no_colours(where: SearchPath) -> None:
    with pytest.raises(PictureError, match=r"clear\.png is transparent all over"):
        inline_files("@clear.png", where)
