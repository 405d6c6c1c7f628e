"""Files: atomic writes, checks that a place can be written, and names for folders."""

from __future__ import annotations

import errno
import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.errors import OutputError

if TYPE_CHECKING:
    pass


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


def write_whole(path: Path | str, data: bytes, *, overwrite: bool = False) -> Path:
    """Write a file so that it is there whole or not at all, even if the power goes.

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
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable_error(path, error) from error
    return path


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


_LONGEST = 40  # letters of a folder's name, after its number


def make_slug(title: str) -> str:
    """Turn a title into lower-case words of ASCII letters and digits, 40 characters at most.

    >>> make_slug("A café, at NIGHT!")
    'a-cafe-at-night'
    >>> make_slug("狐")
    'run'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", ""))
    name = "-".join(words)
    if len(name) > _LONGEST:
        # Cut between words, unless the first one alone is too long.
        cut = name.rfind("-", 0, _LONGEST + 1)
        name = name[: cut if cut > 0 else _LONGEST]
    return name or "run"


CHECKPOINT = "checkpoint.safetensors"  # in a run's folder


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
