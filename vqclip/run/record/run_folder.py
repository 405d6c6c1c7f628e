"""Run folders: numbered, and locked while a run draws into them."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from vqclip.errors import OutputError
from vqclip.media.files import STRETCHES, make_slug, unwritable_error


class FolderLocked(OutputError):
    """A run folder into which somebody else is drawing."""


_TEMPLATE = re.compile("%([A-Z]+)%")
SEQUENCE = "%SEQ%"
_STRETCH = re.compile("[0-9]{4,6}")
_NUMBERED = re.compile(r"\.?([0-9]{4,6})(?:-.*)?")  # and not a date, like 20310704-sketches


def make_run_folder(out: Path | str, title: str, seed: int | str = 0) -> Path:
    """Make the folder of a new run in `out`, named by the next number and some words of `title`.

    Safe against others who do the same at the same time: no number is given twice. `out` may be a
    template, as in pixray: %DATE% is year, month and day, %SEED% the seed, %PROMPT% some words of
    the title. In that of a walk between seeds, - stands for :, which Windows does not allow in
    names. With %SEQ%, two digits of which the lowest are taken that are free, `out` is the run's
    folder itself.

    Raises:
        OutputError: if `out` cannot be a folder or cannot be written.
    """
    values = {
        "DATE": f"{date.today():%Y%m%d}",
        "SEED": str(seed).replace(":", "-"),
        "PROMPT": make_slug(title),
    }
    filled = _TEMPLATE.sub(lambda found: values.get(found[1], found[0]), str(out))
    out = Path(filled)
    try:
        if SEQUENCE in filled:
            return _make_in_sequence(filled)
        out.mkdir(parents=True, exist_ok=True)
        number = max(_numbers(out), default=0) + 1
        while True:
            # Two runs of different titles would not collide over a folder's name; over that of
            # this claim, they do.
            claim = out / f".{number:04d}"
            try:
                claim.mkdir()
            except FileExistsError:
                number += 1
                continue
            try:
                if number not in _numbers(out, claims=False):
                    folder = out / f"{number:04d}-{make_slug(title)}"
                    folder.mkdir()
                    return folder
            finally:
                with suppress(OSError):
                    claim.rmdir()
            number += 1
    except FileExistsError as error:
        raise OutputError(
            f"{out} is a file; expected a folder in which runs are made. "
            "Choose another place with --out"
        ) from error
    except OSError as error:
        raise unwritable_error(out, error) from error


def _make_in_sequence(template: str) -> Path:
    """Make the first folder of a template that is not there yet, and those that it lies in."""
    for number in itertools.count(1):
        folder = Path(template.replace(SEQUENCE, f"{number:02d}"))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("numbers do not end")


def _numbers(out: Path, *, claims: bool = True) -> set[int]:
    """The numbers of the runs in `out`, and by default of those about to be made."""
    names = (name for name in os.listdir(out) if claims or not name.startswith("."))
    return {int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name))}


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """See to it that nobody else draws into a run's folder; a process that dies lets go of it.

    Raises:
        FolderLocked: if somebody does.
        OutputError: if it cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderLocked(
            f"another vqclip is drawing into {folder}; wait until it is done, or stop it"
        ) from None
    except OSError as error:
        raise unwritable_error(folder, error) from error
    try:
        _sweep(folder)
        yield
    finally:
        with suppress(OSError):  # before it is released, lest somebody holds a file without name
            (folder / ".lock").unlink()
        lock.release()


def _sweep(folder: Path) -> None:
    """Clear away what a vqclip that was killed had not finished writing."""
    for path in folder.glob(".*.part*"):
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def set_final_aside(folder: Path) -> Path | None:
    """Give the picture of a complete run that goes on a name of its own: where it is now.

    Raises:
        OutputError: if it cannot be renamed.
    """
    final, number = folder / "final.png", 1
    if not os.path.lexists(final):
        return None
    while os.path.lexists(aside := folder / f"final-{number}.png"):
        number += 1
    try:
        final.rename(aside)
    except OSError as error:
        raise unwritable_error(final, error) from error
    return aside


def stretches_file(folder: Path) -> Path:
    """What tells of the stretches of an animation, whose run folder it is."""
    return folder / STRETCHES / f"{STRETCHES}.json"


def find_animation(folder: Path) -> Path | None:
    """The run folder of the animation that a stretch belongs to; None for any other run.

    A link to a stretch counts as the stretch. Other runs in an animation's folder do not.
    """
    for place in (folder, folder.absolute(), folder.resolve()):
        if place.parent.name != STRETCHES or not _STRETCH.fullmatch(place.name):
            continue
        if stretches_file(place.parent.parent).is_file():
            return place.parent.parent
    return None


def is_stretch(folder: Path) -> bool:
    """Whether a run folder is that of a stretch of an animation that is drawn in stretches."""
    return find_animation(folder) is not None


def run_number(folder: Path) -> int | None:
    """The number of a run's folder, if it has one."""
    found = _NUMBERED.fullmatch(folder.absolute().name)
    return None if found is None else int(found[1])
