"""Files in palettes: found, checked, and replaced by their colours.

A palette (`vqclip.language.palettes`) may name pictures and files of swatches, `@sunset.png\\8`.
`inline_files` reads them, once in a run; whatever takes a palette then needs to open nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.palettes.colour_names import name_setting
from vqclip.language.palettes.palette_parser import PaletteFile, parse_palette, write_list
from vqclip.media.palettes.swatches import is_swatches, read_swatches
from vqclip.media.paths import check_image


def check_files(text: str, search_path: SearchPath, key: str = "") -> None:
    """Refuse a palette of which a file cannot be read; pictures are not decoded.

    Args:
        key: the setting that the palette is the value of, for messages.

    Raises:
        ConfigError: if it cannot be parsed.
        PictureError: for the first file that is missing, or of no kind that is read.
    """
    for file in parse_palette(text, key).files:
        with _naming(key):
            path = search_path.find(file.name)
            if is_swatches(path):
                read_swatches(path)
            else:
                check_image(path)


def inline_files(text: str, search_path: SearchPath, key: str = "") -> str:
    """Write a palette without files: each is replaced by the list of its colours.

    A palette that names none stays as it is.

    Raises:
        ConfigError, PictureError: as `check_files`, and if a picture cannot be decoded.
    """
    palette = parse_palette(text, key)
    if not palette.files:
        return text
    from vqclip.media.palettes import file_colours

    parts = text.split(";")
    for place, section in enumerate(palette.sections):
        if isinstance(section, PaletteFile):
            with _naming(key):
                path = search_path.find(section.name)
                parts[place] = write_list(file_colours.read_colours(path, section.count))
    return "; ".join(part.strip() for part in parts)


@contextmanager
def _naming(key: str) -> Iterator[None]:
    try:
        yield
    except PictureError as error:
        raise PictureError(f"{name_setting(key)}{error}") from error
