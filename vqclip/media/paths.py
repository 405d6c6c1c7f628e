"""Paths: which pictures and films a name, a folder or a pattern stands for.

Answered before torch is imported; `media.images.read_picture` decodes them later. A picture is
named as the user wrote it: so it stands in the notes, in the log, and in messages.
"""

from __future__ import annotations

import glob
import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.media.file_kinds import UNREAD_SUFFIXES, describe_kind, describe_passed_over

FPS = 12.0  # of an animation: pytti's, and as drawn films are often made


# Which codecs a kind of film may have, the usual one first.
FILMS = {
    "mp4": ("h264", "h265", "av1"),
    "mov": ("prores", "h264", "h265"),
    "webm": ("vp9", "av1"),
    "gif": (),
    "webp": (),
    "frames": (),
    "none": (),
}


# Frames a second that a kind can have: browsers show shorter ones for a tenth of a second.
MOST_FPS = {"gif": 50, "webp": 90}
CODECS = ("auto", "h264", "h265", "prores", "vp9", "av1")
BETWEENS = ("blend", "flow", "latent")
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height change places
IMAGE_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
PATTERN = re.compile(r"[*?\[]")
MOST = 256  # pictures of a name; all are held in memory
SLACK = 1.05  # how far shapes may differ before it shows


def match_paths(word: str) -> list[Path]:
    """The files and folders that a word stands for: the one of that name, or what it matches.

    `~` is the home, `*`, `?` and `[…]` match as in a shell, and `**` any folders. A part of the
    path that is there is taken by its name, whatever signs are in it; and brackets that match
    nothing as a pattern are letters.

    Returns:
        What is there, unsorted; nothing if there is nothing.
    """
    path = Path(os.path.expanduser(word))
    if os.path.lexists(path):
        return [path]
    if not PATTERN.search(str(path)):
        return []
    places = [path.anchor]
    for part in path.parts[1 if path.anchor else 0 :]:
        places = [found for place in places for found in _match_part(place, part)]
    return [Path(place) for place in dict.fromkeys(places)]


def _match_part(place: str, part: str) -> list[str]:
    """What one part of a path stands for in a folder."""
    named, inside = os.path.join(place, part), os.path.join(glob.escape(place), "")
    if part == "**":
        return [
            place,
            *(each.rstrip(os.sep) for each in glob.glob(f"{inside}**/", recursive=True)),
        ]
    if os.path.lexists(named):
        return [named]
    return glob.glob(inside + part) or glob.glob(inside + part.replace("[", "[[]"))


def is_pattern(word: str) -> bool:
    """Whether a word is a pattern for names, and not the name of something that is there."""
    return PATTERN.search(word) is not None and not os.path.lexists(os.path.expanduser(word))


def find_images(name: str, search_path: SearchPath, example: str = "@photos/*.jpg") -> list[Path]:
    """The pictures that a name stands for: itself, those in a folder, or those of a pattern.

    They are in the order of their names. A name that is none of these stands for itself, so that
    errors name it.

    Args:
        example: what a message shows as several pictures.

    Raises:
        PictureError: for a folder or a pattern without pictures, or with more than 256.
    """
    path = search_path.find(name)
    if os.path.isfile(path) or not (os.path.isdir(path) or PATTERN.search(name)):
        return [path]
    if os.path.isdir(path):
        found = [each for each in path.iterdir() if each.is_file()]
    else:
        own = os.path.expanduser(name)
        matches = (match_paths(os.path.join(folder, own)) for folder in search_path.folders)
        found = [each for each in next(filter(None, matches), []) if each.is_file()]
    pictures = sorted(each for each in found if each.suffix.lower() in IMAGE_SUFFIXES)
    if not 1 <= len(pictures) <= MOST:
        many = "no pictures" if not pictures else f"{len(pictures)} pictures"
        kinds = " ".join(sorted(IMAGE_SUFFIXES))
        said = (
            f"{shorten_name(name)} holds {many}; name a picture, or from 1 to {MOST} of them, "
            f"such as {example} (of the kinds {kinds})"
        )
        raise PictureError("; ".join([said, *describe_passed_over(found)]))
    return pictures


def check_images(name: str, search_path: SearchPath) -> None:
    """Refuse a name whose pictures cannot be opened; see `find_images`.

    Raises:
        PictureError: for the first one, with the reason.
    """
    for each in find_images(name, search_path):
        check_image(each)


def describe_stretch(name: str, path: Path, size: tuple[int, int]) -> str | None:
    """Say that a picture of another shape than the run's is stretched; None if it hardly is.

    Args:
        size: (width, height) of the finished picture, in pixels.
    """
    width, height = read_size(path)
    ratio = width * size[1] / (height * size[0])
    if 1 / SLACK <= ratio <= SLACK:
        return None
    part = gcd(width, height)
    # Beyond 20 to 1 no aspect is taken.
    wide = 0.05 <= width / height <= 20
    remedy = f"; aspect={width // part}:{height // part} would keep its shape" if wide else ""
    return f"{name} is {width}x{height} and is stretched to {size[0]}x{size[1]}{remedy}"


def check_image(path: Path) -> None:
    """Refuse a file that is no picture, or one of too many pixels.

    Raises:
        PictureError: with the reason.
    """
    from PIL import Image as pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path) as picture:
                picture.verify()
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError):
        most = (pillow.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PictureError(
            f"{path} has more than {most} million pixels; make it smaller first"
        ) from None
    except Exception as error:  # decoders raise whatever they stumble on
        if kind := describe_kind(path):
            raise PictureError(f"{shorten_name(str(path))} {kind}") from None
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise PictureError(
            f"{shorten_name(str(path))} cannot be read ({reason}); try another file"
        ) from error


def read_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, in pixels."""
    from PIL import Image as pillow

    with pillow.open(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(_ORIENTATION, 1) >= 5
    return (height, width) if turned else (width, height)


def shorten_name(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:60]}…"


GALLERY_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
RUN, FINAL = "run.json", "final.png"  # by these a run's folder is known


def find_pictures(words: Sequence[str]) -> tuple[list[Path], list[str]]:
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
        there = [Path(os.path.expanduser(word))]
        if is_pattern(word) or there[0].is_dir():
            there = _pictures(_below(match_paths(word)))
        if not there:
            none = f"no picture matches {word}; check the pattern"
            none = none if is_pattern(word) else f"{word} holds no picture ({list_kinds()})"
            complaints.append("; ".join([none, *describe_unread([word])]))
        found.update(dict.fromkeys(there))
    return list(found), complaints


def find_one(word: str) -> Path:
    """Find the one picture that a word names; a pattern may name it, too.

    Raises:
        PictureError: if it names none or several; what is no pattern is not looked for.
    """
    found, complaints = find_pictures([word])
    if len(found) != 1:
        many = f"{word} stands for {len(found)} pictures; name one of them"
        raise PictureError("; ".join(complaints) or many)
    return found[0]


def describe_unread(words: Iterable[str]) -> list[str]:
    """Say which pictures in the folders and patterns of words are of kinds that are not read.

    What is named by itself is refused when it is read.
    """
    wide = [word for word in words if is_pattern(word) or os.path.isdir(os.path.expanduser(word))]
    return describe_passed_over(_below(each for word in wide for each in match_paths(word)))


def list_below(folder: Path) -> list[Path]:
    """List the pictures in a folder and below it, sorted; hidden ones are passed over.

    Of a run's folder only the finished picture is taken, not its previews and frames.

    Raises:
        PictureError: if there is no such folder.
    """
    if not os.path.isdir(folder):
        what = "is a file" if os.path.lexists(folder) else "does not exist"
        raise PictureError(f"{folder} {what}; expected a folder of pictures")
    return _pictures(_below([folder]))


def _below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among paths, and those below its folders, of which hidden ones are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
        for place, inner, names in os.walk(path):
            if RUN in names and FINAL in names:
                inner[:], names = [], [FINAL]
            inner[:] = [name for name in inner if not name.startswith(".")]
            yield from (Path(place, name) for name in names if not name.startswith("."))


def list_inside(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself but are not hidden, if there is such a folder."""
    found = folder.iterdir() if os.path.isdir(folder) else []
    return _pictures(path for path in found if not path.name.startswith("."))


def list_kinds() -> str:
    """Say which files are taken for pictures where they are not named one by one."""
    return ", ".join(suffix.removeprefix(".") for suffix in GALLERY_SUFFIXES)


def sort_naturally(paths: Iterable[Path]) -> list[Path]:
    """Sort as people number things: frame2 before frame10, and B1 behind a2.

    >>> [path.name for path in sort_naturally([Path("b10"), Path("B9"), Path("a")])]
    ['a', 'B9', 'b10']
    """

    def key(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"([0-9]+)", str(path))
        named = [(int(p), "") if n % 2 else (-1, p.casefold()) for n, p in enumerate(parts)]
        return [*named, (-1, str(path))]  # 1.png and 01.png: the same order each time

    return sorted(paths, key=key)


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted({path for path in paths if path.suffix.lower() in GALLERY_SUFFIXES})


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


def find_source(words: Sequence[str]) -> Source:
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
            paths += sort_naturally(list_inside(path))
        elif is_pattern(word):
            there = match_paths(word)
            if not there:
                raise PictureError(f"nothing matches {word}; check the pattern")
            read = [each for each in there if each.suffix.lower() not in UNREAD_SUFFIXES]
            paths += sort_naturally(read or there)
        elif not os.path.lexists(path):
            raise PictureError(f"there is no {word}; name a run, a folder, pictures or a film")
        else:
            paths.append(path)
    if paths == sorted(paths):
        paths = sort_naturally(paths)
    films = [path for path in paths if path.suffix.lower() in FILM_SUFFIXES]
    if len(paths) == 1 and (films or paths[0].suffix.lower() in ANIMATIONS):
        return Source([], paths[0], paths[0].with_suffix(""))
    if films:
        raise PictureError(
            f"{films[0]} is a film, but not the only file; name one film, or only pictures"
        )
    return Source(paths, None, Path("film"))


def _of_folder(folder: Path) -> Source:
    """A run's frames, or else its film, or its previews; of another folder, its pictures."""
    if not (folder / "run.json").is_file():
        found = sort_naturally(list_inside(folder))
        if not found:
            none = f"{folder} holds no picture ({list_kinds()})"
            raise PictureError("; ".join([none, *describe_unread([str(folder)])]))
        absolute = folder.absolute()
        return Source(found, None, absolute.parent / (absolute.name or "film"))
    fps = None
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((folder / "run.json").read_bytes())["config"]
        fps = _rate(told)
    for place in ("frames", "film.frames"):
        if found := sort_naturally(list_inside(folder / place)):
            return Source(found, None, folder / "film", fps, folder)
    for kind in FILMS:
        if (folder / f"film.{kind}").is_file():
            return Source([], folder / f"film.{kind}", folder / "film", fps, folder)
    if found := sort_naturally(list_inside(folder / "steps")):
        return Source(found, None, folder / "film", fps, folder)
    raise PictureError(f"the run {folder} has neither frames nor a film nor previews")


def _rate(told: Mapping[str, Any]) -> float:
    """How many pictures a second a run's film had, by its settings."""
    film = told["film"]
    if not told.get("frames"):
        return float(film["fps"])
    drawn = film.get("between", 0) if film.get("between_by") == "latent" else 0
    return float(told.get("fps") or FPS) * (int(drawn) + 1)
