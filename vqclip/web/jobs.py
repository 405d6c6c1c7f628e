"""Worker processes: commands of vqclip that go on without the page and without its server.

A job is a folder in `OUT/.web/jobs/`:

    job.json    what was asked for, when, and the number of the process
    out.jsonl   what the command says to scripts (`--json`)
    err.txt     what it says to people
    alive       locked by the process for as long as it lives

A command that draws waits for those that were asked for before it: its process runs this module,
which becomes the command when its turn comes. So the queue, too, goes on without a server.

A server that starts anew finds its jobs there, and knows by the lock whether a process with the
number of a job is still the job's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError
from vqclip.media.file_locks import is_locked, lock_file
from vqclip.media.files import STRETCHES, unwritable_error, write_whole
from vqclip.run.record.steering import is_paused

_LONGEST = 120_000  # bytes of a word on a command line; Linux takes 131,071
DRAWING = ("generate", "animate", "resume", "again", "vary")  # commands that draw into a run
FOLDER = ".web"  # in the folder of runs: what the page keeps for itself
_KEPT = 200  # jobs that have ended
_NAME = re.compile(r"[0-9]{10,16}-[0-9a-f]{8}")
_STRETCH = re.compile(rf"[/\\]{STRETCHES}[/\\][0-9]{{4,6}}$")  # in the folder of its animation
_MOST = 4 * 2**20  # bytes of what a command has said that are looked at
_NAMES = ("queued", "turn", "start", "variant", "done", "stopped", "error")  # of events that
# say how far it is


@dataclass(frozen=True)
class Job:
    """A command that was started from the page.

    Args:
        name: of its folder; its time, in milliseconds, comes first.
        kind: the command: "generate", "resume" and so on.
        title: what it is about, for people: a prompt, a run.
        words: the command line after `vqclip`.
        run: the run that it is about, if there is one before it starts.
        pid: the number of the process; 0 while it is being started.
    """

    name: str
    kind: str
    title: str
    words: Sequence[str]
    run: str = ""
    pid: int = 0

    @property
    def began(self) -> float:
        """When it was asked for, in seconds since 1970."""
        return int(self.name.split("-")[0]) / 1000


@dataclass(frozen=True)
class JobState:
    """How far a job is.

    Args:
        alive: whether its process lives.
        events: the last of each name that it has said to scripts, such as "start" and "done".
        said: what it has said to people.
    """

    alive: bool
    events: Mapping[str, Mapping[str, Any]]
    said: str

    @property
    def run(self) -> str:
        """The folder of the run that it draws into; "" before there is one.

        That of an animation while one of its stretches is drawn.
        """
        return _STRETCH.sub("", str(self.events.get("start", {}).get("run", "")))

    @property
    def is_queued(self) -> bool:
        """Whether it waits, or waited until its end, for another to be done."""
        return "queued" in self.events and "turn" not in self.events

    @property
    def error(self) -> str:
        """The sentence with which it was refused, or failed; "" if it was not."""
        told = str(self.events.get("error", {}).get("message", ""))
        return "" if told.startswith("interrupted") else told


class Jobs:
    """The jobs of a folder of runs.

    Args:
        out: the folder of runs.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / FOLDER / "jobs"
        self._started: list[subprocess.Popen[bytes]] = []
        self._ended: dict[str, JobState] = {}
        self._starting = threading.Lock()  # what is asked for next sees this one alive

    def start_job(self, kind: str, words: Sequence[str], title: str, run: str = "") -> Job:
        """Start a command in a process of its own, which outlives the server.

        Args:
            words: what stands after the command on its command line.
            run: the name of the run that it is about, if there is one.

        Raises:
            OutputError: if its folder cannot be written.
            ConfigError: if no process can be started.
        """
        if any(len(word.encode("utf-8", "replace")) > _LONGEST for word in words):
            raise ConfigError(
                f"this is longer than {_LONGEST} letters, and no command takes as much"
            )
        with self._starting:
            return self._start(kind, words, title, run)

    def _start(self, kind: str, words: Sequence[str], title: str, run: str) -> Job:
        name = f"{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
        job = Job(name, kind, title, [kind, *words], run)
        place = self.folder / name
        module = ["vqclip.web.jobs", str(place)] if kind in DRAWING else ["vqclip"]
        try:
            place.mkdir(parents=True)
            with (
                (place / "out.jsonl").open("wb") as out,
                (place / "err.txt").open("wb") as err,
                lock_file(place / "alive") as alive,
            ):
                self._note(job)
                process = subprocess.Popen(
                    [sys.executable, "-m", *module, *job.words],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, "NO_COLOR": "1"},
                    **_apart(alive),
                )
        except ValueError as error:  # a null character
            raise ConfigError(f"this cannot be passed to a command: {error}") from error
        except OSError as error:
            raise unwritable_error(place, error) from error
        self._started.append(process)
        job = Job(**asdict(job) | {"pid": process.pid})
        self._note(job)
        self._prune()
        return job

    def _note(self, job: Job) -> None:
        text = json.dumps(asdict(job), ensure_ascii=True)
        write_whole(self.folder / job.name / "job.json", text.encode(), overwrite=True)

    def list_jobs(self, most: int = _KEPT) -> list[Job]:
        """The jobs that are known, the newest first."""
        self._reap()
        found: list[Job] = []
        for name in self._names()[:most]:
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(Job(**json.loads((self.folder / name / "job.json").read_bytes())))
        return found

    def find_job(self, name: str) -> Job | None:
        """A job by its name."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return Job(**json.loads((self.folder / name / "job.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def read_job_state(self, job: Job) -> JobState:
        """How far a job is, from its files."""
        self._reap()
        if job.name in self._ended:
            return self._ended[job.name]
        place = self.folder / job.name
        alive = is_locked(place / "alive")  # before what it has said, lest its end is missed
        events = dict(_last_events(place / "out.jsonl"))
        return JobState(
            alive, events, _end_of(place / "err.txt", 16_384).decode("utf-8", "replace")
        )

    def read_events(self, job: Job, most: int = _MOST) -> list[dict[str, Any]]:
        """All events that a job has said, as far as `most` bytes from the end."""
        lines = _end_of(self.folder / job.name / "out.jsonl", most).splitlines()
        return [each for each in map(_event, lines) if each]

    def stop_job(self, job: Job) -> bool:
        """Ask the process of a job to save, and to end; False if it has ended."""
        if not job.pid or not is_locked(self._lock(job)):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(job.pid, signal.SIGINT)
            return True
        return False

    def drawing(self, run: str) -> Job | None:
        """The job that draws into a run, by the run's name, if one does."""
        for job in self.list_jobs():
            state = self.read_job_state(job)
            if job.kind in DRAWING and state.alive and run in (job.run, self.name_of(state.run)):
                return job
        return None

    def list_ahead(self, name: str) -> list[Job]:
        """The jobs that draw, or wait to, and were asked for before a job, by its name."""
        return [
            job
            for job in self.list_jobs()
            if job.name < name and job.kind in DRAWING and is_locked(self._lock(job))
        ]

    def is_busy(self, job: Job) -> bool:
        """Whether a job draws, or waits to; not one whose run is paused."""
        if not is_locked(self._lock(job)):
            return False
        run = self.read_job_state(job).run
        return not (run and is_paused(Path(run)))

    def _lock(self, job: Job) -> Path:
        return self.folder / job.name / "alive"

    def name_of(self, folder: str) -> str:
        """The name of a run, which is its path from the folder of runs."""
        with contextlib.suppress(ValueError):
            return Path(folder).relative_to(self.out).as_posix() if folder else ""
        return ""

    def _names(self) -> list[str]:
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(filter(_NAME.fullmatch, names), reverse=True)

    def _reap(self) -> None:
        """Let processes that have ended go, which lets go of their locks."""
        self._started = [each for each in self._started if each.poll() is None]

    def _prune(self) -> None:
        """Forget jobs that ended long ago; what they drew stays."""
        for name in self._names()[_KEPT:]:
            place = self.folder / name
            if is_locked(place / "alive"):
                continue
            with contextlib.suppress(OSError):
                for path in place.iterdir():
                    path.unlink()
                place.rmdir()


def _apart(alive: int) -> dict[str, Any]:
    """How a process is started that nobody takes along who ends."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "pass_fds": [alive]}


def _event(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and "event" in found:
            return found
    return {}


def _last_events(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The last event of each name that says how far a command is."""
    data = _end_of(path, _MOST)
    if len(data) == _MOST:  # of a long run: its start is read where it stands
        with contextlib.suppress(OSError), path.open("rb") as file:
            data = file.read(2**16) + b"\n" + data
    for name in _NAMES:
        start = data.rfind(b'{"event": "%s"' % name.encode())
        if start >= 0 and (found := _event(data[start:].partition(b"\n")[0])):
            yield name, found


def _end_of(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most))
            return file.read(most)
    except OSError:
        return b""


def wait_for_turn(jobs: Jobs, name: str, say: Callable[[str], object], poll: float = 0.5) -> None:
    """Wait until no job that was asked for earlier draws, or waits to.

    A job whose run is paused lets the next one draw.

    Args:
        name: of the job that waits.
        say: is told "queued" when the waiting begins, and "turn" when it ends, if there is
            anything to wait for.
        poll: seconds between two looks.
    """
    ahead = jobs.list_ahead(name)
    if not any(map(jobs.is_busy, ahead)):
        return
    say("queued")
    while any(map(jobs.is_busy, ahead)):
        time.sleep(poll)
    say("turn")


def run_job() -> None:
    """Be a worker: wait, and become the command. The first word is the job's folder."""
    place, words = Path(sys.argv[1]), sys.argv[2:]
    try:
        wait_for_turn(
            Jobs(place.parents[2]),
            place.name,
            lambda event: print(json.dumps({"event": event}), flush=True),
        )
    except KeyboardInterrupt:  # it was taken out of the queue
        raise SystemExit(130) from None
    sys.argv = ["vqclip", *words]
    runpy.run_module("vqclip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run_job()
