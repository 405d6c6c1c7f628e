"""Drawing of what is missing of many runs, one after another, in this process.

Each run is claimed by the lock of its folder, so several processes may draw one sweep, and each
run is drawn once. A process that dies lets go of its run, and whoever comes next goes on from its
checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from vqclip.errors import VqclipError
from vqclip.media.files import unwritable_error
from vqclip.run.record.run_folder import FolderLocked, locked_folder
from vqclip.sweep.sheet_picture import Thumbnails, draw_sheet, save_sheet
from vqclip.sweep.sweep_folder import BROKEN, DONE, SHEET, RunPlace, SweepFolder
from vqclip.sweep.sweep_sheet import sweep_sheet
from vqclip.sweep.table import Result, read_result, write_tables

if TYPE_CHECKING:
    from vqclip.run.resume import ResumePoint

PATIENCE = 5.0  # seconds between two looks at what others are drawing
MOST_SHARE = 10.0  # a sheet takes no more than one part in so many of the time

Run = TypeVar("Run", bound=RunPlace)
Missing = TypeVar("Missing", bound=RunPlace, covariant=True)


class RunsFolder(Protocol[Missing]):
    """Something that has many runs, such as a sweep."""

    @property
    def missing(self) -> Sequence[Missing]:
        """The runs that are to be drawn, those that began first."""


class Tables(Protocol):
    """What tells of many runs, and is brought up to date after each of them."""

    def write(self) -> object:
        """Write what the runs have come to."""


@dataclass
class Board:
    """What a sweep has come to: its tables and its sheet, written anew after each run."""

    folder: SweepFolder
    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    _done: dict[int, Result] = field(default_factory=dict)
    _next: float = 0.0

    def read(self) -> list[Result]:
        """The results of all runs; those of finished ones are read once."""
        found = []
        for run in self.folder.runs:
            number = run.plan.number
            result = self._done.get(number)
            if result is None or run.state != DONE:
                result = read_result(run)
            if result.state == DONE:
                self._done[number] = result
            found.append(result)
        return found

    def write(self, *, last: bool = False) -> list[Result]:
        """Write tables and sheet; the sheet of many runs not after every one of them.

        Args:
            last: whether nothing comes after it for now.

        Raises:
            OutputError: if they cannot be written.
        """
        with self.folder.locked():
            results = self.read()
            write_tables(self.folder, results)
            began = time.monotonic()
            if last or began >= self._next:
                picture = draw_sheet(
                    sweep_sheet(self.folder, results), thumbnails=self.thumbnails
                )
                save_sheet(self.folder.path / SHEET, picture, overwrite=True)
                ended = time.monotonic()
                self._next = ended + MOST_SHARE * (ended - began)
        return results


def draw_missing(
    folder: RunsFolder[Run],
    board: Tables,
    draw: Callable[[Run, ResumePoint | None], None],
    failed: Callable[[Run, str], None],
    *,
    reraise: bool = False,
    wait: bool = False,
) -> list[Run]:
    """Draw the runs that are not done, but for those that others are drawing.

    A run that failed is not tried again: `SweepFolder.begin` forgets earlier failures.

    Args:
        board: is brought up to date after each run.
        draw: draws one into its folder, which is there and locked; on from a point, if there
            is one.
        failed: is told of a run that failed, and why.
        reraise: let an error through, in place of noting it.
        wait: wait for what others are drawing, and go on with it if they are lost.

    Returns:
        Those that others were drawing.

    Raises:
        KeyboardInterrupt: if somebody asked to stop; the tables are up to date then.
        OutputError: if the tables or the sheet cannot be written.
    """
    left: Sequence[Run] = folder.missing
    while left:
        busy: list[Run] = []
        for run in left:
            try:
                with _claimed(run):
                    if run.state not in (DONE, BROKEN):
                        _draw_one(run, draw, failed, reraise)
            except FolderLocked:
                busy.append(run)
                continue
            finally:
                board.write()
        if not (busy and wait):
            return busy
        time.sleep(PATIENCE)
        left = [run for run in busy if run.state not in (DONE, BROKEN)]
    return []


@contextmanager
def _claimed(run: RunPlace) -> Iterator[None]:
    """The folder of a run, made and locked."""
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_error(run.folder, error) from error
    with locked_folder(run.folder):
        yield


def _draw_one(
    run: Run,
    draw: Callable[[Run, ResumePoint | None], None],
    failed: Callable[[Run, str], None],
    reraise: bool,
) -> None:
    """Draw a run; an error is written down, and no reason to stop."""
    from vqclip.run.resume import find_resume_point

    try:
        run.clear()
        draw(run, find_resume_point(run.folder) if run.has_checkpoint else None)
    except Exception as error:
        if reraise:
            raise
        told = describe_failure(error)
        run.note_failure(told)
        failed(run, told)


def describe_failure(error: Exception) -> str:
    """Say in words why a run failed."""
    from vqclip.models import device, memory

    if isinstance(error, VqclipError):
        return "; ".join([str(error), *getattr(error, "__notes__", [])])
    if memory.is_out_of_memory(error):
        return "not enough memory; a smaller size or fewer cutouts (cutouts.count) need less"
    known = device.describe_failure(error)
    kind = type(error).__name__
    return known or f"this is a bug in vqclip, not a mistake of yours: {kind}: {error}"
