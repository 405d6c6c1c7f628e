"""The index of run folders: what the gallery lists, kept in a file so that it opens at once.

A run's notes are read once, and again when their time of change is another. The index is a cache:
what is missing or broken in it is read anew from the folders, which are all that counts.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError, VqclipError
from vqclip.media.files import write_whole
from vqclip.web.jobs import FOLDER
from vqclip.web.run_state import read_notes

VERSION = 1  # of the index file
SORTS = ("newest", "oldest", "best", "prompt")


@dataclass(frozen=True)
class RunEntry:
    """A run as the gallery lists it.

    Args:
        name: its path from the folder of runs.
        stamp: when its notes and its folder last changed, in nanoseconds.
        prompt: what is drawn.
        model: what drew it, such as "vqgan,pyramid" or a VQGAN's name.
        score: what the judge gives it, -1 to 1; None if nobody judged.
        day: when it was started, such as "2026-11-30"; "" if that is not noted.
        began: the same with its time, to sort by.
        size: width x height, as text.
        seed: that of the run.
    """

    name: str
    stamp: int
    prompt: str = ""
    model: str = ""
    score: float | None = None
    day: str = ""
    began: str = ""
    size: str = ""
    seed: int | str | None = None


@dataclass(frozen=True)
class RunFilter:
    """What the gallery is to show.

    Args:
        text: words that are all in the prompt or in the name.
        model: what drew; "" for all.
        least: the lowest score; None for all.
        since: the first day, such as "2026-11-30"; "" for all.
        until: the last one.
        sort: one of `SORTS`.
    """

    text: str = ""
    model: str = ""
    least: float | None = None
    since: str = ""
    until: str = ""
    sort: str = "newest"

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise ConfigError(f"sort is {self.sort!r}; expected one of {', '.join(SORTS)}")
        for day in (self.since, self.until):
            try:
                if day:
                    date.fromisoformat(day)
            except ValueError:
                raise ConfigError(
                    f"{day!r} is no date; write it as 2026-11-30, or leave it empty"
                ) from None

    def takes(self, run: RunEntry) -> bool:
        """Whether it shows a run."""
        looked = f"{run.prompt}\n{run.name}".casefold()
        return (
            all(word in looked for word in self.text.casefold().split())
            and self.model in ("", run.model)
            and (self.least is None or (run.score is not None and run.score >= self.least))
            and (not self.since or run.day >= self.since)
            and (not self.until or (run.day != "" and run.day <= self.until))
        )

    def order(self, runs: Iterable[RunEntry]) -> list[RunEntry]:
        """Runs in the order that is asked for."""
        keys: dict[str, Callable[[RunEntry], Any]] = {
            "newest": lambda run: (run.began, run.name),
            "oldest": lambda run: (run.began, run.name),
            "best": lambda run: (run.score is not None, run.score or 0.0, run.name),
            "prompt": lambda run: (run.prompt.casefold(), run.name),
        }
        return sorted(runs, key=keys[self.sort], reverse=self.sort in ("newest", "best"))


class FolderIndex:
    """The runs in a folder, and in the folders in it, such as a sweep's.

    Args:
        out: the folder of runs; it need not exist.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.file = out / FOLDER / "index.json"
        self._known: dict[str, RunEntry] | None = None
        self._looked = -math.inf
        self._lock = threading.Lock()

    def list_runs(self, age: float = 0) -> list[RunEntry]:
        """All runs; what has changed since the last look is read.

        Args:
            age: seconds for which a last look is good enough.
        """
        with self._lock:
            if self._known is not None and time.monotonic() < self._looked + age:
                return [*self._known.values()]
            before = self._load() if self._known is None else self._known
            found: dict[str, RunEntry] = {}
            for name, folder, stamp in self._folders():
                entry = before.get(name)
                if entry is None or entry.stamp != stamp:
                    entry = _read_entry(folder, name, stamp)
                found[name] = entry
            if found != before:
                self._save(found)
            self._known, self._looked = found, time.monotonic()
            return [*found.values()]

    def find_folder(self, name: str) -> Path | None:
        """The folder of a run by its name; None for what is no run in this folder.

        A name from a page may be anything: what leads out of the folder, also by a link, is
        nothing.
        """
        parts = name.split("/")
        if len(parts) > 2 or any(part in ("", "..") or part[0] == "." for part in parts):
            return None
        if "\0" in name or "\\" in name:
            return None
        folder = self.out.joinpath(*parts)
        try:
            inside = folder.resolve() == self.out.resolve().joinpath(*parts)
            return folder if inside and (folder / "run.json").is_file() else None
        except (OSError, RuntimeError):
            return None

    def _folders(self) -> Iterator[tuple[str, Path, int]]:
        for each, stamp in _runs_in(self.out):
            if stamp is not None:
                yield each.name, Path(each.path), stamp
                continue
            for inner, own in _runs_in(Path(each.path)):
                if own is not None:
                    yield f"{each.name}/{inner.name}", Path(inner.path), own

    def _load(self) -> dict[str, RunEntry]:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            found = json.loads(self.file.read_bytes())
            if found["version"] == VERSION:
                return {row["name"]: RunEntry(**row) for row in found["runs"]}
        return {}

    def _save(self, runs: dict[str, RunEntry]) -> None:
        rows = [asdict(each) for each in runs.values()]
        text = json.dumps({"version": VERSION, "runs": rows})
        with contextlib.suppress(OSError, VqclipError):  # it is a cache
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file, text.encode(), overwrite=True, durable=False)


def _runs_in(folder: Path) -> Iterator[tuple[os.DirEntry[str], int | None]]:
    """The folders in a folder, each with the time of its change if it is a run's."""
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda each: each.name)
    except OSError:
        return
    for each in entries:
        with contextlib.suppress(OSError):
            if each.name.startswith(".") or not each.is_dir(follow_symlinks=False):
                continue
            try:
                own = os.stat(f"{each.path}/run.json").st_mtime_ns
            except FileNotFoundError:
                yield each, None
            else:
                yield each, own


def _read_entry(folder: Path, name: str, stamp: int) -> RunEntry:
    """Read a run's notes; whatever they are, there is an entry."""
    notes = read_notes(folder)
    config = notes.get("config")
    config = config if isinstance(config, dict) else {}
    drawer = str(config.get("drawer", "vqgan"))
    vqgan = str(config.get("vqgan", ""))
    uses = "vqgan" in drawer.split(",") and vqgan not in ("", "starter")
    verdict = notes.get("verdict")
    score = verdict.get("score") if isinstance(verdict, dict) else None
    began = str(notes.get("started", ""))
    seed = notes.get("seed")
    return RunEntry(
        name=name,
        stamp=stamp,
        prompt=str(notes.get("prompt", "")),
        model=f"{drawer} ({vqgan})" if uses else drawer,
        score=round(float(score), 4) if isinstance(score, int | float) else None,
        day=_day(began),
        began=began,
        size=str(config.get("size", "")),
        seed=seed if isinstance(seed, int | str) else None,
    )


def _day(began: str) -> str:
    """The day of a time, here, as people write it."""
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.fromisoformat(began).astimezone().date().isoformat()
    return ""
