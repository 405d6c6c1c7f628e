"""Colours as a picture's file describes them."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo

from vqclip.media import film_decoder, images
from vqclip.training.data import user_folder

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The red and the blue of sRGB change places.
SWAPPED = SRGB.replace(b"rXYZ", b"bxyz").replace(b"bXYZ", b"rXYZ").replace(b"bxyz", b"bXYZ")
WHITE = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)  # D50


def build_profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2."""
    place, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, place + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(">I4xI4s4s4s", 128 + len(body), 0x02400000, b"prtr", space, connection)
    light = struct.pack(">3i", 63190, 65536, 54061)
    return (head.ljust(36, b"\0") + b"acsp").ljust(68, b"\0") + light.ljust(60, b"\0") + body


LINEAR_GREY = build_profile(
    b"GRAY", b"XYZ ", {b"wtpt": WHITE, b"kTRC": struct.pack(">4sII", b"curv", 0, 0)}
)
RAMP = bytes(range(256))
# Any ink at all, and the paper is black.
INKS = struct.pack(">4sI4B9i", b"mft1", 0, 4, 3, 2, 0, *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
INKS += 4 * RAMP + bytes((255, 128, 128)) + 15 * bytes((0, 128, 128)) + 3 * RAMP
BLACK_INKS = build_profile(b"CMYK", b"Lab ", {b"wtpt": WHITE, b"A2B0": INKS})


@pytest.mark.parametrize(
    ("mode", "colour", "name", "profile", "wanted"),
    [
        ("RGB", (255, 0, 0), "a.png", SWAPPED, (0, 0, 255)),
        ("RGB", (255, 0, 0), "a.tif", SWAPPED, (0, 0, 255)),
        ("RGB", (255, 0, 0), "a.webp", SWAPPED, (0, 0, 255)),
        ("RGBA", (255, 0, 0, 51), "a.png", SWAPPED, (204, 204, 255)),
        ("P", (255, 0, 0), "a.png", SWAPPED, (0, 0, 255)),
        ("L", 55, "a.png", LINEAR_GREY, (128, 128, 128)),
        ("LA", (55, 255), "a.png", LINEAR_GREY, (128, 128, 128)),
        ("L", 55, "a.jpg", SWAPPED, (55, 55, 55)),
        ("CMYK", (0, 0, 0, 0), "a.tif", BLACK_INKS, (255, 255, 255)),
        ("CMYK", (255, 0, 0, 0), "a.tif", BLACK_INKS, (0, 0, 0)),
        ("CMYK", (255, 0, 0, 0), "a.jpg", BLACK_INKS, (0, 0, 0)),
        ("RGB", (9, 80, 200), "a.png", SRGB, (9, 80, 200)),
        # of other pixels, or damaged
        ("RGB", (9, 80, 200), "a.png", LINEAR_GREY, (9, 80, 200)),
        ("RGB", (9, 80, 200), "a.png", BLACK_INKS, (9, 80, 200)),
        ("CMYK", (255, 0, 0, 0), "a.tif", SWAPPED, (0, 255, 255)),
        ("RGB", (9, 80, 200), "a.png", b"no profile", (9, 80, 200)),
        ("RGB", (9, 80, 200), "a.png", SWAPPED[:300], (9, 80, 200)),
        ("RGB", (9, 80, 200), "a.png", b"", (9, 80, 200)),
    ],
)
def test_colours_are_those_of_the_profile(
    tmp_path: Path, mode: str, colour: Any, name: str, profile: bytes, wanted: tuple[int, ...]
) -> None:
    plain = pillow.new("RGB" if mode == "P" else mode, (32, 32), colour)
    picture = plain.quantize(2) if mode == "P" else plain
    how: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {"quality": 100}
    picture.save(tmp_path / name, icc_profile=profile, **how)
    seen = np.asarray(images.open_rgb(tmp_path / name))
    assert np.abs(seen.astype(int) - wanted).max() <= 2, seen[0, 0]
    learnt = user_folder.read_small(tmp_path / name, 32)
    assert np.abs(learnt[:, 0, 0].numpy().astype(int) - wanted).max() <= 2


def test_a_moving_webp_has_the_colours_of_its_profile(tmp_path: Path) -> None:
    pages = [pillow.new("RGB", (8, 8), colour) for colour in ("#ff0000", "#00ff00")]
    how: dict[str, Any] = {"lossless": True, "duration": 100, "icc_profile": SWAPPED}
    pages[0].save(tmp_path / "a.webp", save_all=True, append_images=pages[1:], **how)
    told = film_decoder.probe_film(tmp_path / "a.webp")
    frames = film_decoder.decode_frames(tmp_path / "a.webp", told, Fraction(10))
    assert [each.getpixel((4, 4)) for each in frames] == [(0, 0, 255), (0, 255, 0)]


SRGB_POINTS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_POINTS = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SWAPPED_POINTS = (31270, 32900, 15000, 6000, 30000, 60000, 64000, 33000)


@pytest.mark.parametrize(
    ("chunks", "colour", "wanted"),
    [
        ({b"gAMA": (100000,)}, (0, 55, 255), (0, 128, 255)),
        ({b"gAMA": (45455,)}, (9, 80, 200), (9, 80, 200)),
        ({b"gAMA": (45455,), b"cHRM": SRGB_POINTS}, (9, 80, 200), (9, 80, 200)),
        ({b"gAMA": (45455,), b"cHRM": SWAPPED_POINTS}, (255, 0, 0), (0, 0, 255)),
        ({b"gAMA": (45455,), b"cHRM": P3_POINTS}, (60, 160, 60), (0, 163, 40)),
        ({b"gAMA": (45455,), b"cHRM": P3_POINTS}, (128, 128, 128), (128, 128, 128)),
        ({b"cHRM": P3_POINTS}, (60, 160, 60), (60, 160, 60)),  # without gAMA it says nothing
        ({b"gAMA": (100000,), b"sRGB": None}, (0, 55, 255), (0, 55, 255)),
        ({b"gAMA": (0,)}, (9, 80, 200), (9, 80, 200)),
        ({b"gAMA": (45455,), b"cHRM": (0,) * 8}, (9, 80, 200), (9, 80, 200)),
        ({b"gAMA": (45455,), b"cHRM": (33333,) * 8}, (9, 80, 200), (9, 80, 200)),
    ],
)
def test_colours_are_those_of_the_chunks(
    tmp_path: Path,
    chunks: dict[bytes, tuple[int, ...] | None],
    colour: tuple[int, int, int],
    wanted: tuple[int, int, int],
) -> None:
    info = PngInfo()
    for name, numbers in chunks.items():
        info.add(name, b"\0" if numbers is None else struct.pack(f">{len(numbers)}I", *numbers))
    pillow.new("RGB", (8, 8), colour).save(tmp_path / "a.png", pnginfo=info)
    seen = images.open_rgb(tmp_path / "a.png").getpixel((4, 4))
    assert np.abs(np.subtract(seen, wanted)).max() <= 1, seen  # type: ignore[arg-type]
