"""The folder of a sweep: what is drawn of it already, and where.

    outputs/foxes/  sweep.yaml     a copy of what was asked for
                    table.json     the runs: values, folder, state, score, losses, seconds
                    table.csv      the same for a spreadsheet
                    sheet.png      a contact sheet, drawn anew whenever a run ends
                    0001-a-fox/    a run folder for each run, as any other

What a run has come to is told by its folder, so that several processes, also on several machines,
can draw one sweep: each takes the runs that nobody else is drawing. Which folder belongs to which
settings stands in table.json, so that a run is found again when the file has more values than
before; and the notes in each folder are compared with what is asked for, so that a folder that
holds another run is neither counted nor written into.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from vqclip.errors import ConfigError, PictureError
from vqclip.media.files import CHECKPOINT, make_slug, read_object, unwritable_error, write_whole
from vqclip.media.paths import FILMS
from vqclip.run.record import run_folder
from vqclip.sweep.folder_matching import FolderIndex, find_fault
from vqclip.sweep.planned_runs import PlannedRun
from vqclip.sweep.sweep_file import Sweep

ASKED, TABLE, CSV, SHEET = "sweep.yaml", "table.json", "table.csv", "sheet.png"
SEED = ".seed.json"  # until there is a table
FAILED = "failed.json"  # in the folder of a run that failed
JUDGED = "judged.json"  # in the folder of a run of a search: its scores on the way
# What a run writes before its first checkpoint.
WRITTEN = (
    *("run.json", "log.jsonl", "steps", "frames", JUDGED, "film.frames"),
    *(f"film.{kind}" for kind in FILMS),
)
DONE, BEGUN, TO_COME, BROKEN, PRUNED = "done", "begun", "to come", "failed", "pruned"


@dataclass(frozen=True)
class RunPlace:
    """The folder of one of many runs, which it has, or will have."""

    folder: Path

    @property
    def state(self) -> str:
        """What it has come to: done, failed, pruned, begun or to come."""
        if (self.folder / "final.png").is_file() and not find_fault(self.folder):
            return DONE
        if (self.folder / FAILED).is_file():
            return BROKEN
        if self.pruned:
            return PRUNED
        return BEGUN if self.has_checkpoint else TO_COME

    @property
    def has_checkpoint(self) -> bool:
        """Whether it can go on from where it stopped."""
        return (self.folder / CHECKPOINT).is_file()

    @property
    def error(self) -> str:
        """Why it failed, or ""."""
        return str(read_object(self.folder / FAILED).get("error", ""))

    @property
    def pruned(self) -> str:
        """The last picture of a run that was pruned, within its folder; "" if it was not."""
        return str(read_object(self.folder / JUDGED).get("pruned", ""))

    @property
    def marks(self) -> dict[int, float]:
        """The scores that it had on the way, by the numbers of the marks."""
        found = read_object(self.folder / JUDGED).get("scores")
        pairs = found.items() if isinstance(found, dict) else ()
        return {int(k): float(v) for k, v in pairs if k.isdigit() and isinstance(v, int | float)}

    def note_marks(self, marks: Mapping[int, float], pruned: str = "") -> None:
        """Write down the scores that it had on the way, and its last picture if it is pruned."""
        told: dict[str, Any] = {"scores": {str(mark): score for mark, score in marks.items()}}
        if pruned:
            told["pruned"] = pruned
        write_whole(self.folder / JUDGED, json.dumps(told).encode(), overwrite=True)

    def note_failure(self, error: str) -> None:
        """Write down why it failed."""
        text = json.dumps({"error": error}, ensure_ascii=False)
        data = text.encode("utf-8", "backslashreplace")
        write_whole(self.folder / FAILED, data, overwrite=True)

    def clear(self) -> None:
        """Remove what a run that was killed before its first checkpoint left in its folder.

        What vqclip does not write there stays.
        """
        if self.has_checkpoint:
            return
        for path in list(self.folder.iterdir()):
            if path.is_symlink() or path.name not in WRITTEN:
                continue
            if path.is_dir():  # numbered pictures; a folder that holds others stays
                for picture in path.glob("[0-9]*.png"):
                    picture.unlink(missing_ok=True)
                with suppress(OSError):
                    path.rmdir()
            else:
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class SweepRun(RunPlace):
    """A run of a sweep."""

    plan: PlannedRun


@dataclass(frozen=True)
class SweepFolder:
    """A sweep and the folder that it is drawn into.

    Args:
        seed: of the runs to which the file gives none; None if it gives one to all.
        left: folders that are not counted, such as those of runs that are not asked for any more,
            and why.
        unchosen: of a search, stand-ins for the runs whose values are not chosen yet.
    """

    path: Path
    sweep: Sweep
    runs: Sequence[SweepRun]
    seed: int | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    unchosen: Sequence[PlannedRun] = ()

    @property
    def total(self) -> int:
        """How many runs are asked for."""
        return len(self.runs) + len(self.unchosen)

    @property
    def missing(self) -> list[SweepRun]:
        """The runs that are neither done nor pruned, those that began first."""
        left = [run for run in self.runs if run.state not in (DONE, PRUNED)]
        return sorted(left, key=lambda run: run.state != BEGUN)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Write into the folder itself while nobody else does; waits for its turn."""
        try:
            with FileLock(self.path / ".sweep.lock"):
                yield
        except OSError as error:
            raise unwritable_error(self.path, error) from error

    def begin(self) -> None:
        """Make the folder, and write down what is asked for; runs that failed are tried again.

        An earlier sweep.yaml that says something else is kept as sweep-1.yaml.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable_error(self.path, error) from error
        asked, text = self.path / ASKED, self.sweep.text.encode("utf-8")
        with self.locked():
            if asked.is_file() and asked.read_bytes() != text:
                set_aside(asked)
            if not asked.is_file():
                write_whole(asked, text)
            for run in self.runs:
                (run.folder / FAILED).unlink(missing_ok=True)
                if not self.sweep.is_search:  # then every run is drawn to its end
                    (run.folder / JUDGED).unlink(missing_ok=True)


def sweep_path(sweep: Sweep, out: str) -> Path:
    """The folder of a sweep in the folder of all runs: it is called like the file."""
    return Path(out) / make_slug(sweep.path.stem)


def noted_source(folder: Path) -> tuple[Path, str]:
    """The file that a sweep's folder is of, and what it held.

    Raises:
        PictureError: if it is no folder of a sweep.
    """
    asked = folder / ASKED
    if not asked.is_file():
        raise PictureError(
            f"{folder} is not the folder of a sweep: it has no {ASKED}; name that folder, such "
            "as outputs/foxes, or the file of a sweep"
        )
    source = read_object(folder / TABLE).get("file")
    text = asked.read_text(encoding="utf-8", errors="replace")
    return (Path(source) if isinstance(source, str) else asked), text


def noted_seed(folder: Path) -> int | None:
    """The seed that a sweep's folder gave to runs without one."""
    for name in (TABLE, SEED):
        seed = read_object(folder / name).get("seed")
        if isinstance(seed, int) and seed >= 0:
            return seed
    return None


def claim_seed(folder: Path, seed: int) -> int:
    """Note a seed for runs without one, in a sweep's folder, unless somebody else just has.

    Returns:
        The one that holds.

    Raises:
        OutputError: if it cannot be noted.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".sweep.lock"):
            noted = noted_seed(folder)
            if noted is None:
                write_whole(folder / SEED, json.dumps({"seed": seed}).encode())
    except OSError as error:
        raise unwritable_error(folder, error) from error
    return seed if noted is None else noted


def noted_runs(folder: Path) -> list[dict[str, Any]]:
    """The rows of a sweep's table, as they were written; [] where there is none."""
    rows = read_object(folder / TABLE).get("runs")
    found = rows if isinstance(rows, list) else []
    return [row for row in found if isinstance(row, dict) and isinstance(row.get("folder"), str)]


def open_folder(
    path: Path, sweep: Sweep, plans: Sequence[PlannedRun], seed: int | None
) -> SweepFolder:
    """Find or choose the folder of each run of a sweep; nothing is written.

    Raises:
        ConfigError: if the folder is that of another sweep, with which this one shares no run.
        PictureError: if a file or something else is in its place.
    """
    noted = {str(row.get("id")): str(row["folder"]) for row in noted_runs(path)}
    noted = {key: name for key, name in noted.items() if _is_name(name)}
    if os.path.lexists(path) and not path.is_dir():
        raise PictureError(f"{path} is a file, and the sweep needs a folder there; move it away")
    holds = path.is_dir() and any(n not in (".sweep.lock", SEED) for n in os.listdir(path))
    if holds and not (path / ASKED).is_file():
        raise ConfigError(
            f"{path} holds other things, and a sweep needs a folder of its own; rename "
            f"{sweep.path.name}, or give another --out"
        )
    index = FolderIndex(path)
    names, faults = _find_names(index, plans, noted)
    drawn = any((path / name / "run.json").exists() for name in noted.values())
    if noted and drawn and not faults and not any(names.values()):
        raise ConfigError(
            f"{path} is the folder of another sweep, which has none of these runs; give another "
            f"--out, or rename {sweep.path.name}"
        )
    taken = {*noted.values(), *faults}
    last = max((number for name in taken if (number := _number(name)) is not None), default=0)
    numbers = {_number(name) for name in names.values()}
    runs = []
    for plan in plans:
        name = names[plan.id]
        while not name:
            last += 1
            if last in numbers:  # of a folder that was renamed
                continue
            name = f"{last:04d}-{make_slug(plan.title)}"
            if index.holds_run(name):  # of another, or one that cannot be told
                taken.add(name)
                name = ""
        config = replace(plan.config, out=str(path))
        runs.append(SweepRun(path / name, replace(plan, config=config)))
    used = {run.folder.name for run in runs}
    left = {
        name: faults.get(name) or f"{index.describe(name)}; it stays as it is"
        for name in sorted(taken - used)
        if os.path.lexists(path / name)
    }
    return SweepFolder(path, sweep, runs, seed, left)


def _find_names(
    index: FolderIndex, plans: Sequence[PlannedRun], noted: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The folder of each run that has one, by the run's id; "" for the others.

    A run has the folder that is noted for it, unless its notes are of another one, or else any
    that holds it. No run gets one that differs in something before all have those that are the
    same in everything.

    Args:
        noted: folders by the ids of their runs, as the table has them.

    Returns:
        Also, by their names, why folders that would be those of runs cannot count.
    """
    found = {plan.id: "" for plan in plans}
    faults: dict[str, str] = {}
    taken: set[str] = set()

    def take(plan: PlannedRun, name: str) -> bool:
        """Whether a run has a folder from now on; one that cannot count is nobody's."""
        taken.add(name)
        if fault := find_fault(index.path / name):
            faults[name] = f"{fault}; it stays as it is, and the run gets another folder"
            return False
        found[plan.id] = name
        return True

    for exact in (True, False):
        for plan in plans:
            name = noted.get(plan.id, "")
            if name in taken or found[plan.id] or not name:
                continue
            if index.fits(name, plan, exact=exact):
                take(plan, name)
        for plan in plans:
            while not found[plan.id] and (name := index.find_run(plan, taken, exact=exact)):
                take(plan, name)
    for plan in plans:  # whose folder is gone, or empty yet
        name = noted.get(plan.id, "")
        if name and name not in taken and not found[plan.id] and not index.holds_run(name):
            take(plan, name)
    return found, faults


def _number(name: str) -> int | None:
    return run_folder.run_number(Path(name))


def _is_name(name: str) -> bool:
    """Whether a noted name is that of a folder here; somebody may have edited the table."""
    return Path(name).name == name and name not in ("", ".", "..")


def set_aside(path: Path) -> Path:
    """Give a file or a folder another name, which nothing has."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.stem}-{number}{path.suffix}")):
        number += 1
    path.rename(aside)
    return aside
