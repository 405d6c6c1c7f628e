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
