"""Worker processes: found again, stopped, and told from strangers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import vqclip
from vqclip.errors import ConfigError
from vqclip.media.file_locks import is_locked, lock_file
from vqclip.run.record import steering
from vqclip.web.jobs import Job, Jobs

# Stands for a command: says that it has begun, and waits for a Ctrl-C.
COMMAND = """
import json, sys, time
try:
    print("for people", file=sys.stderr, flush=True)
    print(json.dumps({"event": "start", "run": sys.argv[2], "steps": 9}), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print(json.dumps({"event": "stopped", "step": 3}), flush=True)
"""


def wait(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    package = tmp_path / "package" / "vqclip"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(COMMAND)
    own = Path(vqclip.__file__).parent  # all else of the package is the real one's
    begun = (own / "__init__.py").read_text(encoding="utf-8")
    (package / "__init__.py").write_text(f"{begun}\n__path__.append({str(own)!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.chdir(tmp_path)  # python -m looks there first
    return Jobs(tmp_path / "out")


def test_a_job_is_found_again_and_stopped_by_another_server(jobs: Jobs) -> None:
    run = jobs.out / "0001-a-fox"
    job = jobs.start_job("generate", [str(run), "<img src=x>\n'\""], "a fox")
    wait(lambda: jobs.read_job_state(job).events)
    other = Jobs(jobs.out)  # as after a crash
    (found,) = other.list_jobs()
    assert found == job and found.words[2] == "<img src=x>\n'\""
    state = other.read_job_state(found)
    assert (state.alive, state.run, state.said, state.error) == (
        True,
        str(run),
        "for people\n",
        "",
    )
    assert other.drawing("0001-a-fox") == found
    assert other.stop_job(found)
    wait(lambda: not jobs.read_job_state(job).alive)  # whose child it is
    assert "stopped" in other.read_job_state(found).events
    assert not other.stop_job(found)
    assert other.drawing("0001-a-fox") is None


def test_a_second_picture_waits_for_its_turn_and_can_be_taken_out(jobs: Jobs) -> None:
    run = jobs.out / "0001-a-fox"
    run.mkdir(parents=True)
    first = jobs.start_job("generate", [str(run)], "a fox")
    second, third = (jobs.start_job("generate", [name], name) for name in ("a bear", "an owl"))
    other = jobs.start_job("steer", ["x"], "what draws nothing waits for nobody")
    wait(lambda: jobs.read_job_state(other).events)
    for each in (second, third):
        wait(lambda each=each: jobs.read_job_state(each).is_queued)
    wait(lambda: jobs.read_job_state(first).events)
    assert jobs.list_ahead(third.name) == [second, first]
    assert "start" not in jobs.read_job_state(second).events
    assert jobs.stop_job(second)
    wait(lambda: not jobs.read_job_state(second).alive)
    assert "start" not in jobs.read_job_state(second).events
    assert jobs.read_job_state(third).is_queued
    steering.mark_paused(run, True)  # somebody wants to draw something else meanwhile
    wait(lambda: "start" in jobs.read_job_state(third).events)
    assert not jobs.read_job_state(third).is_queued and jobs.read_job_state(first).alive
    for each in (first, third, other):
        assert jobs.stop_job(each)


def test_a_process_that_has_the_number_by_now_is_left_alone(jobs: Jobs) -> None:
    name = "1700000000000-00000000"
    (jobs.folder / name).mkdir(parents=True)
    (jobs.folder / name / "alive").touch()
    told = {"name": name, "kind": "generate", "title": "", "words": [], "pid": os.getpid()}
    (jobs.folder / name / "job.json").write_text(json.dumps(told))
    (job,) = jobs.list_jobs()
    assert not jobs.stop_job(job)  # or this test would be interrupted


def test_a_worker_goes_on_when_its_server_is_killed(jobs: Jobs) -> None:
    server = f"""
from pathlib import Path
from vqclip.web.jobs import Jobs
import os, signal
Jobs(Path({str(jobs.out)!r})).start_job("generate", [{str(jobs.out / "0001-x")!r}], "x")
os.kill(os.getpid(), signal.SIGKILL)
"""
    import subprocess

    home = str(Path(vqclip.__file__).parents[1])
    # The server's own package is the real one; that of its worker is the one that waits.
    script = f"import sys; sys.path.insert(0, {home!r})\n{server}"
    done = subprocess.run([sys.executable, "-c", script], start_new_session=True)
    assert done.returncode == -9
    (job,) = jobs.list_jobs()
    wait(lambda: jobs.read_job_state(job).events)
    assert jobs.read_job_state(job).alive
    assert jobs.stop_job(job)
    wait(lambda: not jobs.read_job_state(job).alive)


@pytest.mark.parametrize("word", ["\0", "x" * 200_000], ids=["null", "long"])
def test_words_that_no_command_line_takes_are_refused(word: str, jobs: Jobs) -> None:
    with pytest.raises(ConfigError, match="command"):
        jobs.start_job("generate", [word], "x")


@pytest.mark.parametrize("name", ["", "..", "../jobs", "1700000000000-0000000g", "x" * 500])
def test_only_names_of_jobs_are_looked_for(name: str, jobs: Jobs) -> None:
    assert jobs.find_job(name) is None


def test_errors_are_the_commands_own_and_a_stop_is_none(jobs: Jobs) -> None:
    for number, told in enumerate(("steps is 0; it must be 1 or more", "interrupted; …")):
        name = f"170000000000{number}-00000000"
        (jobs.folder / name).mkdir(parents=True)
        line = json.dumps({"event": "error", "message": told})
        noise = json.dumps({"event": "step", "losses": {"x": 1}}) + "\n"
        (jobs.folder / name / "out.jsonl").write_text(noise * 3000 + line + "\n")
        state = jobs.read_job_state(Job(name, "generate", "", []))
        assert state.error == ("" if number else told)


def test_the_run_of_an_animation_in_stretches_is_the_animation(jobs: Jobs) -> None:
    run = str(jobs.out / "0001-a-fox")
    parts = {"/stretches/0002": run, "": run, "/stretches/0002-a-fox": None, "/0002": None}
    for number, (part, expected) in enumerate(parts.items()):
        name = f"170000000000{number}-00000000"
        (jobs.folder / name).mkdir(parents=True)
        told = {"event": "start", "run": run + part, "steps": 9}
        (jobs.folder / name / "out.jsonl").write_text(json.dumps(told) + "\n")
        state = jobs.read_job_state(Job(name, "animate", "", []))
        assert state.run == (expected or run + part)


def test_a_lock_is_held_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    assert not is_locked(path)
    with lock_file(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_the_lock_of_a_run_is_that_of_whoever_draws(tmp_path: Path) -> None:
    from vqclip.run.record.run_folder import locked_folder
    from vqclip.run.record.steering import is_drawn

    with locked_folder(tmp_path):
        os.utime(tmp_path / ".lock", (1, 1))
        assert is_drawn(tmp_path)
    assert not is_drawn(tmp_path)
    (tmp_path / ".lock").touch()  # of a run that was killed
    os.utime(tmp_path / ".lock", (1, 1))
    assert not is_drawn(tmp_path)
