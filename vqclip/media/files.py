"""Files: atomic writes, checks that a place can be written, and names for folders."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError, OutputError

# How a contact sheet's name may end, and how many pixels to a side a file of that kind may have.
SHEETS = {".png": 2**31 - 1, ".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}

_REMEDIES = {
    errno.ENOSPC: "free some space on the disk, and run it again",
    errno.EDQUOT: "free some of your quota, and run it again",
    errno.ENOENT: "was its folder moved or deleted? Put it back, or start again",
    errno.ENOTDIR: "a file stands where a folder should be; choose another place with --out",
    errno.EACCES: "choose a place that you may write to with --out",
    errno.EPERM: "choose a place that you may write to with --out",
    errno.EROFS: "choose a place that you may write to with --out",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def write_whole(
    path: Path | str, data: bytes, *, overwrite: bool = False, durable: bool = True
) -> Path:
    """Write a file so that it is there whole or not at all, even if the power goes.

    Args:
        durable: force it onto the disk. Without, it is whole after a kill, but perhaps not
            after a power cut.

    Raises:
        OutputError: if the file exists and is not to be replaced, or cannot be written.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        if not overwrite:
            refuse_to_replace(path)
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable_error(path, error) from error
    return path


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; {} where there is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def temporary_path(path: Path) -> Path:
    """A name beside a file that nobody else has, of the same suffix; rooms are swept of it."""
    return path.with_name(f".{path.stem[:200]}.{secrets.token_hex(4)}.part{path.suffix}")


def refuse_to_replace(path: Path) -> None:
    """Raise an OutputError if `path` exists."""
    if os.path.lexists(path):
        raise OutputError(
            f"{path} already exists, and vqclip does not overwrite; move it away or choose "
            "another name"
        )


def unwritable_error(path: Path | str, error: OSError) -> OutputError:
    """Say in words that `path` could not be written, why, and what helps."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "check the disk and the folder's permissions")
    return OutputError(f"{path} cannot be written ({reason}); {remedy}")


_LONGEST = 40  # characters of a folder's name, after its number
_MOST_BYTES = 130  # of the same: file systems take 255, encrypted ones 143, and suffixes follow
_SPARE = 20  # bytes of a name that a number, or what marks an unfinished file, may need
_JOINER = "\u200d"  # joins emoji into one
_RESERVED = re.compile(r"con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9]")  # by Windows


def make_slug(title: str) -> str:
    """Turn a title into lower-case words that are a file's name: letters, digits and emoji.

    Letters of every alphabet stay; what a file system or Windows forbids does not. The name has
    at most 40 characters and 130 bytes, and is cut at a whole character as a reader counts them.

    >>> make_slug("A café, at NIGHT!")
    'a-café-at-night'
    >>> make_slug("日本の城")
    '日本の城'
    >>> make_slug("?!")
    'run'
    """
    plain = unicodedata.normalize("NFKC", title).lower()
    plain = unicodedata.normalize("NFC", re.sub("['’]", "", plain))
    found: list[str] = []
    for character in _characters(plain):
        if unicodedata.category(character[0])[0] in "LN" or _is_emoji(character[0]):
            found.append(character)
        elif found and found[-1] != "-":
            found.append("-")
    name = _cut(found)
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # a file system that knows no such letters
        name = re.sub("[^a-z0-9]+", "-", name).strip("-")
    return f"{name}-run" if _RESERVED.fullmatch(name) else name or "run"


def fit_name(stem: str, suffix: str) -> str:
    """A file's name of a stem and a suffix, the stem cut so that a file system takes it."""
    kept, length = "", len(os.fsencode(suffix)) + _SPARE
    for character in _characters(stem):
        length += len(os.fsencode(character))
        if length > 255:
            break
        kept += character
    return kept + suffix


def _characters(text: str) -> Iterator[str]:
    """The characters of a text as a reader counts them: letters with marks, whole emoji."""
    last = ""
    for each in text:
        flag = len(last) == 1 and "\U0001f1e6" <= last <= "\U0001f1ff"  # half of a flag
        if last and (
            unicodedata.category(each)[0] == "M"
            or each == _JOINER
            or "\U0001f3fb" <= each <= "\U0001f3ff"  # the colour of a skin
            or "\U000e0020" <= each <= "\U000e007f"  # which flag
            or (last[-1] == _JOINER and _is_emoji(each))
            or (flag and "\U0001f1e6" <= each <= "\U0001f1ff")
        ):
            last += each
            continue
        if last:
            yield last
        last = each
    if last:
        yield last


def _is_emoji(letter: str) -> bool:
    return unicodedata.category(letter) == "So"


def _cut(characters: list[str]) -> str:
    """Join as many characters as a name may have, up to the end of a word if one is near."""
    kept: list[str] = []
    length = 0
    for character in characters:
        character = character.rstrip(_JOINER)
        if len(character.encode()) > _MOST_BYTES // 2:  # a letter under a heap of marks
            character = character[0]
        length += len(character.encode())
        if len(kept) == _LONGEST or length > _MOST_BYTES:
            if character != "-" and "-" in kept[len(kept) // 2 :]:
                kept = kept[: len(kept) - kept[::-1].index("-")]
            break
        kept.append(character)
    return "".join(kept).strip("-")


CHECKPOINT = "checkpoint.safetensors"  # in a run's folder
STRETCHES = "stretches"  # the folder of an animation's stretches, and a JSON file in it
FAMILY = "family.json"  # of offspring: their parents, and what was mutated


def require_folder(out: Path, option: str = "--out") -> None:
    """Refuse a folder that cannot be made or written.

    Args:
        option: how the user names another one.

    Raises:
        OutputError: with what stands in the way.
    """
    try:
        os.lstat(out)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError(
                f"{str(out)[:60]}… is too long for the name of a folder; choose another {option}"
            ) from error
    place = out
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise OutputError(
            f"{place} is not a folder, so no runs can be made in {out}; choose another {option}"
        )
    if not os.access(place, os.W_OK):
        raise OutputError(f"{place} may not be written to; choose another {option}")


def require_new_file(file: Path, option: str) -> None:
    """Refuse a file that is there already, or whose folder cannot be made or written.

    Args:
        option: how the user names it.

    Raises:
        OutputError: with what stands in the way.
    """
    require_folder(file.parent, option)
    if os.path.lexists(file):
        raise OutputError(
            f"{file} already exists, and vqclip does not overwrite; move it away or give "
            f"another {option}"
        )


def require_sheet_name(name: str, option: str) -> None:
    """Refuse a name for a contact sheet that says no kind of picture file.

    Args:
        option: how the user names it.

    Raises:
        ConfigError: with the endings that it may have.
    """
    if Path(name).suffix.lower() not in SHEETS:
        *first, last = SHEETS
        raise ConfigError(
            f"{option} {name}: the name of a contact sheet must end in {', '.join(first)} or "
            f"{last}"
        )


def require_empty_folder(folder: Path, option: str) -> None:
    """Refuse a folder that holds something, or that cannot be made or written.

    Raises:
        OutputError: with what stands in the way.
    """
    require_folder(folder, option)
    if os.path.isdir(folder) and os.listdir(folder):
        raise OutputError(
            f"{folder} is not empty, and vqclip overwrites nothing; give another {option}"
        )
