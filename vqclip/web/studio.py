"""The studio: runs and jobs of one folder, and what can be done with them from the page."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vqclip.config.setting_descriptions import format_value
from vqclip.errors import ConfigError, OutputError, PictureError, VqclipError
from vqclip.run.record.steering import is_drawn, is_paused
from vqclip.web.folder_index import FolderIndex, RunEntry
from vqclip.web.jobs import DRAWING, FOLDER, Job, Jobs, JobState
from vqclip.web.run_state import (
    find_film,
    list_siblings,
    newest_picture,
    read_state,
    status_of,
)

STEERING = ("--pause", "--continue", "--keep")
WORD = re.compile(
    r"(?!out=)[A-Za-z_]+(\.[A-Za-z_]+)*=.*", re.DOTALL
)  # a setting that a page may send
RECENT = 24  # jobs and runs that the page lists beside the one that is shown
INSTALL = "deleting needs send2trash, which is not installed: pip install 'vqclip[web]'"


class Studio:
    """The runs in a folder, and the jobs that draw them.

    Args:
        out: the folder of runs.
        commands: the names of vqclip's commands; what is not among them is not offered.
    """

    def __init__(self, out: Path, commands: Collection[str]) -> None:
        self.out = out.absolute()
        self.commands = frozenset(commands)
        self.jobs = Jobs(self.out)
        self.index = FolderIndex(self.out)
        self.uploads = self.out / FOLDER / "uploads"

    def start_run(self, words: Sequence[str], title: str) -> Job:
        """Start a run.

        Args:
            words: settings, `key=value`, and options.
            title: its prompt.

        Raises:
            VqclipError: if it cannot be started.
        """
        return self.jobs.start_job("generate", [*words, "--json", "--out", str(self.out)], title)

    def perform(self, what: str, key: str, words: Sequence[str] = ()) -> str:
        """Do something with a run, or with a job.

        Args:
            what: "stop", "resume", "again", "vary", "film", "steer" or "trash".
            key: the name of a run or of a job.
            words: settings, `key=value`; to steer, also one of `STEERING`.

        Returns:
            The name of the job that was started, or "".

        Raises:
            VqclipError: if it cannot be done.
        """
        if what == "stop":
            self._stop(key)
            return ""
        folder = self._folder(key)
        name = self.jobs.name_of(str(folder))
        if what == "trash":
            self._trash(folder)
            return ""
        if what not in ("resume", "again", "film", "vary", "steer") or what not in self.commands:
            raise ConfigError(f"there is no action {what!r} here")
        for word in words:
            if not WORD.fullmatch(word) and not (what == "steer" and word in STEERING):
                raise ConfigError(f"{word[:80]!r} is no setting; write key=value")
        if what in ("resume", "film") and self._is_taken(folder, name):
            raise OutputError(f"{name} is being drawn; stop it, or wait until it is done")
        more = ["--out", str(self.out)] if what in ("again", "vary") else []
        own = "" if what in ("again", "vary") else name
        title = self._title(folder)
        subject = folder / "final.png" if what == "vary" else folder
        return self.jobs.start_job(what, [str(subject), *words, "--json", *more], title, own).name

    def is_queued(self, name: str) -> bool:
        """Whether a job, by its name, has to wait until others are done."""
        return any(map(self.jobs.is_busy, self.jobs.list_ahead(name)))

    def list_works(self) -> list[dict[str, Any]]:
        """What is being drawn, and what was drawn lately: the newest first."""
        works, named = [], set[str]()
        for job in self.jobs.list_jobs(RECENT):
            if job.kind not in DRAWING:
                continue
            work = self._of_job(job)
            if work["run"] in named:
                continue
            named |= {work["run"]} - {""}
            if work["run"] == "" and work["status"] in ("ended", "withdrawn"):
                continue
            works.append(work)
        entries = sorted(self.index.list_runs(age=2), key=lambda each: each.began, reverse=True)
        for entry in entries[:RECENT]:
            if entry.name not in named and (folder := self.index.find_folder(entry.name)):
                works.append(self._of_run(entry, folder))
        works.sort(key=lambda work: float(work["began"]), reverse=True)
        return works[:RECENT]

    def describe_work(self, key: str) -> dict[str, Any] | None:
        """All that the page shows of one work: its state, losses, picture, and what it says.

        Args:
            key: the name of a job or of a run.
        """
        job = self.jobs.find_job(key)
        folder = None
        if job is None:
            folder = self.index.find_folder(key)
            if folder is None:
                return None
            job = self._job_of(key)
        state = None if job is None else self.jobs.read_job_state(job)
        name = key if folder else self._run_of(job, state)
        folder = folder or (self.index.find_folder(name) if name else None)
        found: dict[str, Any] = {"key": key, "run": name, "error": "", "said": [], "state": None}
        steps, begun = 0, None
        if job is not None and state is not None:
            start = state.events.get("start", {})
            steps, begun = int(start.get("steps", 0)), start.get("from_step")
            found |= {"error": state.error, "kind": job.kind, "title": job.title}
            found["said"] = _lines(state.said)
            found["words"] = ["vqclip", *_shown_words(job)]
            variant = state.events.get("variant")
            found["variant"] = None if variant is None else [variant["number"], variant["of"]]
            found["alive"] = state.alive
        if folder is not None:
            found["state"] = asdict(read_state(folder, name, steps, begun))
            found["can"] = self.list_actions(folder, job, state)
            found["family"] = [
                {"number": number, "run": self.jobs.name_of(str(each)), "stamp": _stamp(each)}
                for number, each in list_siblings(folder)
            ]
        found["status"] = self._status(job, state, folder)
        return found

    def list_actions(
        self, folder: Path, job: Job | None = None, state: JobState | None = None
    ) -> list[str]:
        """What can be done with a run by now, in the words of `do`."""
        status = status_of(folder)
        alive = job is not None and state is not None and state.alive
        if status in ("drawing", "paused"):
            return ["stop"] * alive + ["steer"] * ("steer" in self.commands)
        if alive:  # it waits for its turn, or gets ready
            return ["stop"]
        wanted = ["resume"] * (status == "stopped") + ["again"] + ["vary"] * (status == "done")
        wanted += ["film"] * (find_film(folder) is None and any(folder.glob("frames*/"))) + [
            "trash"
        ]
        return [each for each in wanted if each == "trash" or each in self.commands]

    def describe_run(self, name: str) -> dict[str, Any]:
        """What made a run's picture: prompt, seed, settings that are not as usual, models.

        Raises:
            VqclipError: if its notes cannot be read.
        """
        from vqclip.config import loading
        from vqclip.config.setting_descriptions import to_dict
        from vqclip.config.setting_layers import flatten_keys
        from vqclip.run.record import provenance

        folder = self._folder(name)
        notes = provenance.read_provenance(folder)
        usual = flatten_keys(to_dict(loading.load_config(notes.prompt), everywhere=False))
        plain = {key: str(format_value(value)) for key, value in usual.items()}
        own = {key: str(format_value(value)) for key, value in flatten_keys(notes.config).items()}
        computed = notes.computed
        changes = [
            f"up to step {each['step']}: "
            + ", ".join(f"{key}={format_value(value)}" for key, value in each["settings"].items())
            for each in notes.changes
        ]
        return {
            "name": name,
            "prompt": notes.prompt,
            "seed": notes.seed,
            "drawn": provenance.describe_computation(computed) if computed else "",
            "settings": {k: v for k, v in own.items() if v != plain.get(k) and k != "prompts"},
            "changes": changes,
            "models": {key: value[:12] for key, value in notes.models.items()},
            "versions": notes.versions,
            "state": asdict(read_state(folder, name, curves=False)),
            "can": self.list_actions(folder, *self._job_and_state(name)),
        }

    def compare_runs(self, first: str, second: str) -> list[dict[str, str]]:
        """How two runs were made differently: what, and either side.

        Raises:
            VqclipError: if the notes of one cannot be read.
        """
        from vqclip.run.record import provenance

        pair = [provenance.read_provenance(self._folder(each)) for each in (first, second)]
        return [
            {
                "what": each.name if each.name == each.kind else f"{each.kind} {each.name}",
                "first": _side(each.kind, each.first),
                "second": _side(each.kind, each.second),
            }
            for each in provenance.list_differences(*pair)
        ]

    def _folder(self, name: str) -> Path:
        job = self.jobs.find_job(name)
        folder = self.index.find_folder(
            name if job is None else self._run_of(job, self.jobs.read_job_state(job))
        )
        if folder is None:
            raise PictureError(f"there is no run {name[:100]!r} in {self.out}")
        return folder

    def _stop(self, key: str) -> None:
        job = self.jobs.find_job(key) or self.jobs.drawing(key)
        if job is not None and self.jobs.stop_job(job):
            return
        folder = self.index.find_folder(key)
        if folder is not None and is_drawn(folder):
            raise OutputError(
                f"{key} is drawn by a vqclip that was started elsewhere; stop it there (Ctrl-C)"
            )
        raise OutputError(f"{key} is not being drawn any more")

    def _trash(self, folder: Path) -> None:
        if self._is_taken(folder, self.jobs.name_of(str(folder))):
            raise OutputError(f"{folder.name} is being drawn; stop it first")
        try:
            from send2trash import send2trash
            from send2trash.exceptions import TrashPermissionError
        except ImportError:
            raise ConfigError(INSTALL) from None
        try:
            send2trash(folder)
        except (OSError, TrashPermissionError) as error:
            raise OutputError(
                f"{folder} cannot be moved to the bin ({error}); nothing was deleted"
            ) from error

    def _is_taken(self, folder: Path, name: str) -> bool:
        """Whether somebody draws into a run, or waits to."""
        return is_drawn(folder) or self.jobs.drawing(name) is not None

    def _title(self, folder: Path) -> str:
        with contextlib.suppress(VqclipError, OSError, ValueError):
            return str(json.loads((folder / "run.json").read_bytes()).get("prompt", ""))
        return folder.name

    def _job_of(self, run: str) -> Job | None:
        """The newest job that drew into a run."""
        for job in self.jobs.list_jobs():
            if job.kind in DRAWING and run == self._run_of(job, self.jobs.read_job_state(job)):
                return job
        return None

    def _job_and_state(self, run: str) -> tuple[Job | None, JobState | None]:
        job = self._job_of(run)
        return job, None if job is None else self.jobs.read_job_state(job)

    def _run_of(self, job: Job | None, state: JobState | None) -> str:
        if job is None or state is None:
            return ""
        return self.jobs.name_of(state.run) or job.run

    def _status(self, job: Job | None, state: JobState | None, folder: Path | None) -> str:
        if job is not None and state is not None:
            if state.alive and state.is_queued:
                return "queued"
            if state.alive:
                if "start" not in state.events or folder is None:
                    return "waiting"
                return "paused" if is_paused(folder) else "drawing"
            if state.error:
                return "failed"
            if state.is_queued and folder is None:
                return "withdrawn"
        return "ended" if folder is None else status_of(folder)

    def _of_job(self, job: Job) -> dict[str, Any]:
        state = self.jobs.read_job_state(job)
        name = self._run_of(job, state)
        folder = self.index.find_folder(name) if name else None
        return {
            "key": job.name,
            "run": name,
            "title": job.title,
            "status": self._status(job, state, folder),
            "began": job.began,
            "stamp": _stamp(folder),
        }

    def _of_run(self, entry: RunEntry, folder: Path) -> dict[str, Any]:
        began = 0.0
        with contextlib.suppress(OSError):
            began = (folder / "run.json").stat().st_mtime
        return {
            "key": entry.name,
            "run": entry.name,
            "title": entry.prompt,
            "status": status_of(folder),
            "began": began,
            "stamp": _stamp(folder),
        }


def _stamp(folder: Path | None) -> int:
    """Changes when the newest picture of a run does; 0 while there is none."""
    picture = None if folder is None else newest_picture(folder)
    try:
        return 0 if picture is None else picture.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


def _lines(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.strip()][-40:]


def _shown_words(job: Job) -> list[str]:
    """The command line of a job, as somebody would type it."""
    words = list(job.words)
    for word in ("--json",):
        if word in words:
            words.remove(word)
    return words


def _side(kind: str, value: Any) -> str:
    """One side of a difference, as text; checksums are cut short."""
    if isinstance(value, Mapping | list) and kind in ("changes", "layouts", "stopped"):
        return json.dumps(value, ensure_ascii=False)[:400] if value else "none"
    text = str(format_value(value))
    return text[:12] if kind == "model" else text
