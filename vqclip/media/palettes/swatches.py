"""Palette files of other programs: Adobe's .act and GIMP's .gpl."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vqclip.errors import PictureError
from vqclip.language.palettes.colour_names import RGB
from vqclip.media.paths import shorten_name

LARGEST = 2**20  # bytes of a file


def is_swatches(path: Path) -> bool:
    """Whether a file is a palette of these, by its name."""
    return path.suffix.lower() in PARSERS


def read_swatches(path: Path) -> list[RGB]:
    """Read the colours of a palette file, in order.

    Raises:
        PictureError: if it is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError("it is too large")
        return PARSERS[path.suffix.lower()](content)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(
            f"{shorten_name(str(path))} cannot be read ({reason}); try another palette"
        ) from error


def parse_act(content: bytes) -> list[RGB]:
    """Read an Adobe colour table.

    256 times red, green and blue, a byte each; then there may be two numbers of two bytes, big
    end first: how many of the colours count, and which one is transparent.

    Raises:
        ValueError: if it has another length.
    """
    if len(content) not in (768, 772):
        raise ValueError(f"{len(content)} bytes, where a colour table has 768 or 772")
    count = int.from_bytes(content[768:770], "big")
    count = count if 1 <= count <= 256 else 256
    return [_from_bytes(*content[3 * place : 3 * place + 3]) for place in range(count)]


def parse_gpl(content: bytes) -> list[RGB]:
    """Read a palette of GIMP, Inkscape or Krita: lines of red, green, blue, 0 to 255, and names.

    Raises:
        ValueError: if the first line is another, or a line cannot be read.
    """
    lines = content.decode("utf-8-sig", "replace").splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise ValueError("its first line is not GIMP Palette")
    found = list[RGB]()
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        if not words or line.lstrip().startswith(("#", "Name:", "Columns:")):
            continue
        levels = [int(each) for each in words[:3] if each.isdecimal() and len(each) < 4]
        if len(levels) < 3 or max(levels) > 255:
            raise ValueError(f"line {number} is not red, green and blue from 0 to 255")
        found.append(_from_bytes(*levels))
    if not found:
        raise ValueError("it holds no colours")
    return found


def _from_bytes(red: int, green: int, blue: int) -> RGB:
    return red / 255, green / 255, blue / 255


PARSERS: dict[str, Callable[[bytes], list[RGB]]] = {".act": parse_act, ".gpl": parse_gpl}
