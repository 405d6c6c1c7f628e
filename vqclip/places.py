"""Can something be written there? Told before any work is done, and nothing is made yet."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from vqclip.errors import OutputError

CHECKPOINT = "checkpoint.safetensors"  # in a run's folder


def require(out: Path, option: str = "--out") -> None:
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
            f"{place} is no folder, so no runs can be made in {out}; choose another {option}"
        )
    if not os.access(place, os.W_OK):
        raise OutputError(f"{place} may not be written to; choose another {option}")


def require_new(file: Path, option: str) -> None:
    """Refuse a file that is there already, or whose folder cannot be made or written.

    Args:
        option: how the user names it.

    Raises:
        OutputError: with what stands in the way.
    """
    require(file.parent, option)
    if os.path.lexists(file):
        raise OutputError(
            f"{file} is there already, and vqclip does not overwrite; move it away or give "
            f"another {option}"
        )


def require_empty(folder: Path, option: str) -> None:
    """Refuse a folder that holds something, or that cannot be made or written.

    Raises:
        OutputError: with what stands in the way.
    """
    require(folder, option)
    if os.path.isdir(folder) and os.listdir(folder):
        raise OutputError(
            f"{folder} is not empty, and vqclip overwrites nothing; give another {option}"
        )
