"""Which pictures do words name, and in which order? Files, folders and patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vqclip.errors import PictureError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")

RUN, FINAL = "run.json", "final.png"  # by these a run's folder is known


def named(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Find the pictures that words name, and say of each word that names none why.

    A word is a file, a folder (the pictures in it and below it; of a run, `final.png`) or a
    pattern such as `*.png`;
    `**` stands for any folders. Each picture comes once, those of a word in sorted order. A file
    is taken as it is; whether it can be read turns out when it is.

    Returns:
        The pictures, and a sentence for each word that names none.
    """
    found: dict[Path, None] = {}
    complaints = []
    for word in words:
        path = Path(os.path.expanduser(word))
        if os.path.isdir(path):
            there = below(path)
            if not there:
                complaints.append(f"{word} holds no picture ({kinds()})")
        elif re.search(r"[*?[]", word) and not os.path.lexists(path):
            there = _matching(str(path))
            if not there:
                complaints.append(f"no picture matches {word}; check the pattern")
        else:
            there = [path]
        found.update(dict.fromkeys(there))
    return list(found), complaints


def below(folder: Path) -> list[Path]:
    """List the pictures in a folder and below it, sorted; hidden ones are passed over.

    Of a run's folder only the finished picture is taken, not its previews and frames.

    Raises:
        PictureError: if there is no such folder.
    """
    if not os.path.isdir(folder):
        what = "is a file" if os.path.lexists(folder) else "does not exist"
        raise PictureError(f"{folder} {what}; expected a folder of pictures")
    found = []
    for place, inner, names in os.walk(folder):
        if RUN in names and FINAL in names:
            inner[:], names = [], [FINAL]
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return _pictures(found)


def kinds() -> str:
    """Say which files are taken for pictures where they are not named one by one."""
    return ", ".join(suffix.removeprefix(".") for suffix in SUFFIXES)


def natural(paths: Iterable[Path]) -> list[Path]:
    """Sort as people number things: frame2 before frame10, and B1 behind a2.

    >>> [path.name for path in natural([Path("b10"), Path("B9"), Path("a")])]
    ['a', 'B9', 'b10']
    """

    def key(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"([0-9]+)", str(path))
        named = [(int(p), "") if n % 2 else (-1, p.casefold()) for n, p in enumerate(parts)]
        return [*named, (-1, str(path))]  # 1.png and 01.png: the same order each time

    return sorted(paths, key=key)


def _matching(pattern: str) -> list[Path]:
    found: list[Path] = []
    for name in glob.iglob(pattern, recursive=True):
        found += below(Path(name)) if os.path.isdir(name) else [Path(name)]
    return _pictures(found)


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted({path for path in paths if path.suffix.lower() in SUFFIXES})
