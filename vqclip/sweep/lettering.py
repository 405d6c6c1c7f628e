"""Lettering of sheets: the font, the width of a text, and lines that fit.

Pillow's own font is used, so that a sheet looks the same everywhere; texts in letters that it
lacks are set in a font of the system, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from PIL import ImageDraw, ImageFont

NUMBER, TITLE, TEXT = 24, 20, 13  # sizes, in pixels
SYSTEM_FONTS = (  # with many alphabets, as Linux, macOS and Windows call them
    *("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf"),
    *("Arial Unicode.ttf", "Hiragino Sans GB.ttc", "msgothic.ttc", "msyh.ttc", "arial.ttf"),
)
_NO_LETTER = "\ufffe"  # in no font


@dataclass
class Pen:
    """Writes on sheets."""

    widths: dict[tuple[str, int], int] = field(default_factory=dict)

    def line(self, size: int) -> int:
        """The height of a line, in pixels."""
        return round(size * 1.3)

    def width(self, text: str, size: int) -> int:
        """The width of a text on one line, in pixels."""
        key = (text, size)
        if key not in self.widths:
            clean = printable(text)
            self.widths[key] = round(find_font(clean, size).getlength(clean) + 0.5)
        return self.widths[key]

    def write(
        self, ink: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: str
    ) -> None:
        """Write a text on one line; `at` is its upper left corner."""
        clean = printable(text)
        ink.text(at, clean, fill=colour, font=find_font(clean, size))

    def wrap(self, text: str, wide: int, size: int, most: int) -> list[str]:
        """Break a text into lines that fit, at blanks where there are any.

        Args:
            wide: of a line, in pixels.
            most: lines; the last one ends in an ellipsis if there are more.
        """
        found: list[str] = []
        for part in printable(text).split("\n"):
            line = ""
            for word in part.split():
                longer = f"{line} {word}" if line else word
                if self.width(longer, size) <= wide:
                    line = longer
                    continue
                if line:
                    found.append(line)
                *broken, line = self._break(word, wide, size)
                found += broken
            found += [line] if line else []
            if len(found) > most:
                break
        if len(found) <= most:
            return found
        return [*found[: most - 1], self._shorten(found[most - 1], wide, size)]

    def _break(self, word: str, wide: int, size: int) -> list[str]:
        """Break a word that is longer than a line; behind signs that join, if it has any."""
        parts: list[str] = []
        while word and self.width(word, size) > wide:
            fits = max(
                1, next(n for n in range(len(word), 0, -1) if self._fits(word[:n], wide, size))
            )
            signs = [i + 1 for i in range(fits) if word[i] in "/_-.,|:=" and i >= fits // 2]
            at = signs[-1] if signs else fits
            parts.append(word[:at])
            word = word[at:]
        return [*parts, word]

    def _fits(self, text: str, wide: int, size: int) -> bool:
        return len(text) == 1 or self.width(text, size) <= wide

    def _shorten(self, line: str, wide: int, size: int) -> str:
        while line and self.width(f"{line}…", size) > wide:
            line = line[:-1]
        return f"{line.rstrip()}…"


def printable(text: str) -> str:
    """The text without what cannot be printed: half letters and controls."""
    whole = text.encode("utf-8", "replace").decode().replace("\t", " ")
    return "".join(each for each in whole if each == "\n" or each.isprintable())


@lru_cache(maxsize=512)
def find_font(text: str, size: int) -> Any:
    """A font that has the letters of a text: Pillow's own, else one of the system."""
    own = ImageFont.load_default(size)
    if text.isascii() or _has_letters(own, text):
        return own
    for name in SYSTEM_FONTS:
        font = _system_font(name, size)
        if font is not None and _has_letters(font, text):
            return font
    return own


@lru_cache(maxsize=64)
def _system_font(name: str, size: int) -> Any:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has_letters(font: Any, text: str) -> bool:
    """Whether a font has all letters of a text."""
    try:
        lacking = bytes(font.getmask(_NO_LETTER))
        return all(bytes(font.getmask(each)) != lacking for each in {*text} - {" "})
    except (OSError, ValueError, UnicodeError):
        return False
