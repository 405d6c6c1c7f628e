"""What is a film made of? A run, a folder, pictures in the order of their names, or a film."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip import gallery
from vqclip.beginnings import FPS
from vqclip.config import FILMS
from vqclip.errors import PictureError
from vqclip.gallery import natural

ANIMATIONS = (".gif", ".webp")  # one picture, or many
FILM_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".mpg", ".mpeg", ".ogv")


@dataclass(frozen=True)
class Source:
    """What a film is made of.

    Attributes:
        pictures: files, in order; or
        film: another film.
        home: where the new one goes, unless it is said, and its name without a suffix.
        fps: pictures a second that it had.
        run: the folder of the run that it is.
    """

    pictures: Sequence[Path]
    film: Path | None
    home: Path
    fps: float | None = None
    run: Path | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        if self.film is not None:
            return str(self.film)
        places = {str(path.parent) for path in self.pictures}
        return places.pop() if len(places) == 1 else f"{len(places)} folders"


def find(words: Sequence[str]) -> Source:
    """Find the pictures, or the film, that words name.

    Those of a folder or a pattern come in the order of their names, numbers as numbers. Files
    that are named come as they stand, unless they stand as a shell's pattern puts them.

    Raises:
        PictureError: if there are none.
    """
    paths: list[Path] = []
    for word in words:
        path = Path(os.path.expanduser(word))
        if os.path.isdir(path):
            if len(words) == 1:
                return _of_folder(path)
            paths += natural(_pictures_in(path))
        elif re.search(r"[*?[]", word) and not os.path.lexists(path):
            there = [Path(each) for each in glob.glob(str(path), recursive=True)]
            if not there:
                raise PictureError(f"nothing matches {word}; check the pattern")
            paths += natural(there)
        elif not os.path.lexists(path):
            raise PictureError(f"there is no {word}; name a run, a folder, pictures or a film")
        else:
            paths.append(path)
    if paths == sorted(paths):
        paths = natural(paths)
    films = [path for path in paths if path.suffix.lower() in FILM_SUFFIXES]
    if len(paths) == 1 and (films or paths[0].suffix.lower() in ANIMATIONS):
        return Source([], paths[0], paths[0].with_suffix(""))
    if films:
        raise PictureError(
            f"{films[0]} is a film, and does not stand alone; name one film, or pictures"
        )
    return Source(paths, None, Path("film"))


def _of_folder(folder: Path) -> Source:
    """A run's frames, or else its film, or its previews; of another folder, its pictures."""
    if not (folder / "run.json").is_file():
        found = natural(_pictures_in(folder))
        if not found:
            raise PictureError(f"{folder} holds no picture ({gallery.kinds()})")
        absolute = folder.absolute()
        return Source(found, None, absolute.parent / (absolute.name or "film"))
    fps = None
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((folder / "run.json").read_bytes())["config"]
        fps = _rate(told)
    for place in ("frames", "film.frames"):
        if found := natural(_pictures_in(folder / place)):
            return Source(found, None, folder / "film", fps, folder)
    for kind in FILMS:
        if (folder / f"film.{kind}").is_file():
            return Source([], folder / f"film.{kind}", folder / "film", fps, folder)
    if found := natural(_pictures_in(folder / "steps")):
        return Source(found, None, folder / "film", fps, folder)
    raise PictureError(f"the run {folder} has neither frames nor a film nor previews")


def _rate(told: Mapping[str, Any]) -> float:
    """How many pictures a second a run's film had, by its settings."""
    film = told["film"]
    if not told.get("frames"):
        return float(film["fps"])
    drawn = film.get("between", 0) if film.get("between_by") == "latent" else 0
    return float(told.get("fps") or FPS) * (int(drawn) + 1)


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself; none, if there is no such folder."""
    if not os.path.isdir(folder):
        return []
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in found if path.suffix.lower() in gallery.SUFFIXES]
