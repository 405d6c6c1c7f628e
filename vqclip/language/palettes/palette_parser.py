r"""The grammar of palettes: lists of colours, ramps between them, and files.

    palette = section (";" section)*
    section = colour ("," colour)*                  the colours
            | "[" colour ("," colour)* "]" count?   the same, or `count` colours through them
            | colour ("->" colour)* count?          a ramp, of 16 colours unless counted
            | "@" file count?                       the colours of a file, `count` at most
    count   = "\" number

A ramp is linear in sRGB and has both its ends. One colour with a count, or among other sections,
is a ramp from black to it; alone it is that colour. Files are pictures and palettes, .act and
.gpl; they are read by `vqclip.media.palettes`. Spaces are free, except before the digits of a
count. Colours are those of `colour_names`. The grammar is pixray's, where lists need brackets,
and a colour alone is always a ramp.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vqclip.errors import ConfigError
from vqclip.language.palettes.colour_names import RGB, SHARES, name_setting, parse_colour, to_hex

RAMP = 16  # colours of a ramp that is not counted
FILE = 255  # colours of a file that is not counted
MOST = 4096  # colours of a palette
_COUNT = re.compile(r"\\(\d+)$", re.ASCII)


@dataclass(frozen=True)
class PaletteFile:
    r"""A file of which the colours are taken: `@sunset.png\8`.

    Args:
        name: of a picture or of a palette, as written.
        count: how many colours at most.
    """

    name: str
    count: int = FILE


@dataclass(frozen=True)
class Palette:
    """A palette as it was written, in sections."""

    sections: tuple[tuple[RGB, ...] | PaletteFile, ...]

    @property
    def files(self) -> list[PaletteFile]:
        """The files of which colours are taken, in order."""
        return [each for each in self.sections if isinstance(each, PaletteFile)]


def parse_palette(text: str, key: str = "") -> Palette:
    r"""Parse a palette.

    Args:
        key: the setting that it is the value of, for messages.

    Raises:
        ConfigError: if there is no colour, or something is not a colour.

    >>> len(parse_palette("red; green->gold\\8; [navy, teal]").sections)
    3
    """
    if not text.strip():
        raise ConfigError(
            f'{name_setting(key)}no colours were given; write some, such as "#ff0000, gold, teal"'
        )
    parts = [part.strip() for part in text.split(";")]
    sections = tuple(_parse_section(part, len(parts) == 1, key) for part in parts)
    count = sum(each.count if isinstance(each, PaletteFile) else len(each) for each in sections)
    if count > MOST:
        raise ConfigError(
            f"{name_setting(key)}a palette of {count} colours; {MOST} are possible at most"
        )
    return Palette(sections)


def parse_sections(text: str, key: str = "") -> list[tuple[RGB, ...]]:
    """Parse a palette without files to the colours of its sections.

    Raises:
        ConfigError: as `parse_palette`, and for a file.
    """
    palette = parse_palette(text, key)
    if palette.files:
        raise ConfigError(
            f"{name_setting(key)}@{palette.files[0].name} is a file, and the colours of files "
            "are not known here; write colours"
        )
    return [each for each in palette.sections if isinstance(each, tuple)]


def parse_colours(text: str, key: str = "") -> list[RGB]:
    r"""Parse a palette without files to its colours, in order; errors as `parse_sections`.

    >>> [to_hex(each) for each in parse_colours("xkcd:red\\4")]
    ['#000000', '#4c0000', '#990000', '#e50000']
    """
    return [colour for each in parse_sections(text, key) for colour in each]


def write_list(colours: Sequence[RGB]) -> str:
    """Write colours as a section, in hex digits.

    >>> write_list([(1, 0, 0), (0, 0, 0)])
    '[#ff0000, #000000]'
    """
    return f"[{', '.join(map(to_hex, colours))}]"


def interpolate_colours(colours: Sequence[RGB], count: int) -> list[RGB]:
    """Interpolate through colours, at equal distances from the first to the last one.

    Linear in sRGB. A single one is the last.
    """
    last = len(colours) - 1
    if count == 1 or last == 0:
        return [colours[-1]] * count
    found = list[RGB]()
    for index in range(count):
        before, rest = divmod(index * last, count - 1)
        share = rest / (count - 1)
        first, second = colours[before], colours[min(before + 1, last)]
        red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
        found.append((red, green, blue))
    return found


def _parse_section(text: str, alone: bool, key: str) -> tuple[RGB, ...] | PaletteFile:
    """Parse a section; `alone` if the palette has no other."""
    body, count = _split_count(text, key)
    if body.startswith("@"):
        if not (name := body[1:].strip()):
            raise ConfigError(f"{name_setting(key)}no file after @; write such as @sunset.png")
        return PaletteFile(name, FILE if count is None else count)
    bracketed = body.startswith("[") and body.endswith("]") and "->" not in body
    if bracketed and not SHARES.fullmatch(body):
        colours = [parse_colour(each, key) for each in body[1:-1].split(",")]
        return tuple(colours if count is None else interpolate_colours(colours, count))
    if "," in body and (count is not None or "->" in body):
        raise ConfigError(
            f"{name_setting(key)}{text!r} is both a list and a ramp; write ; between sections, "
            "or the list in brackets: [gold, teal]\\5"
        )
    if "," in body or (alone and count is None and "->" not in body):
        return tuple(parse_colour(each, key) for each in body.split(","))
    stops = [parse_colour(each, key) for each in body.split("->")]
    stops = stops if len(stops) > 1 else [(0.0, 0.0, 0.0), *stops]
    return tuple(interpolate_colours(stops, RAMP if count is None else count))


def _split_count(text: str, key: str) -> tuple[str, int | None]:
    """Split the count from a section."""
    match = _COUNT.search(text)
    if match is None:
        return text, None
    count = int(match[1]) if len(match[1]) < 9 else MOST + 1
    if not 1 <= count <= MOST:
        raise ConfigError(
            f"{name_setting(key)}{text!r} asks for {match[1][:20]} colours; write a number from "
            f"1 to {MOST} after \\"
        )
    return text[: match.start()].strip(), count
