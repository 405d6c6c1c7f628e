"""Locks of files: whether somebody holds one, and locks that a child process takes over.

A process that dies, however it dies, lets go of its locks. So a lock says more of a process than
its number does, which another process may have by now.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_FRESH = 3.0  # seconds in which somebody who has made a lock may not hold it yet


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of a file.

    A look is a lock, too, for some microseconds; so a file that was just made counts as locked,
    lest its maker is the one to be refused.
    """
    try:
        if path.stat().st_mtime > time.time() - _FRESH and path.name.startswith("."):
            return True
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_shared(handle)
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_shared(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def lock_file(path: Path) -> Iterator[int]:
        """Make a file; a child process cannot take its lock over here."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            yield handle
        finally:
            os.close(handle)

else:
    import fcntl

    def _try_shared(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        return True  # closing lets go of it

    @contextlib.contextmanager
    def lock_file(path: Path) -> Iterator[int]:
        """Make a file and lock it; a child process that gets its handle holds the lock on.

        Yields:
            The handle, which is closed at the end without letting go of the child's lock.
        """
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)
