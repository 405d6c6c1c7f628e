"""Slurm: the array script against a stand-in sbatch, and what its tasks draw."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.cli.commands.runs import sweep_finder, sweep_worker
from vqclip.run.record import run_folder
from vqclip.sweep import drawing
from vqclip.sweep.engines import slurm
from vqclip.sweep.engines.engine_settings import SlurmSettings

submitit = pytest.importorskip("submitit")
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
FOLDER = Path("outputs/foxes")
AXES = {"prompts": ["a fox", "an owl"], "seed": [1, 2]}
ASKED = {"tasks": 3, "minutes": 90, "gpus": 1, "cpus": 2, "memory": 6, "partition": "art"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A stand-in sbatch, which keeps the script that it is given, and a srun."""
    place = tmp_path / "bin"
    place.mkdir()
    kept = tmp_path / "kept.sh"
    (place / "sbatch").write_text(f'#!/bin/sh\ncp "$1" {kept}\necho Submitted batch job 4242\n')
    (place / "srun").write_text("#!/bin/sh\n")
    for name in ("sbatch", "srun"):
        (place / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return kept


def flags(script: str) -> dict[str, str]:
    lines = (line for line in script.splitlines() if line.startswith("#SBATCH --"))
    pairs = (line.removeprefix("#SBATCH --").partition("=") for line in lines)
    return {key: "".join(shlex.split(value)) for key, _, value in pairs}


def test_the_array_script_is_what_was_asked_for(
    home: Home, cluster: Path, capsys: Capture
) -> None:
    path = sweeps.write(home, AXES, slurm=ASKED | {"setup": ["module load cuda"]})
    assert main.main(["sweep", str(path), "--on", "slurm", "--json"]) == 0
    (told,) = map(json.loads, capsys.readouterr().out.splitlines())
    wanted = {"event": "submitted", "folder": str(FOLDER), "job": "4242", "tasks": 3, "runs": 4}
    assert told == wanted
    script = cluster.read_text()
    asked = {"array": "0-2%3", "time": "90", "gpus-per-node": "1", "cpus-per-task": "2"}
    asked |= {"mem": "6GB", "partition": "art", "job-name": "vqclip-foxes"}
    assert asked.items() <= flags(script).items()
    assert "\nmodule load cuda\n" in script and "submitit.core._submit" in script
    assert script.index("module load") < script.index("srun")
    assert [row["state"] for row in json.loads((FOLDER / "table.json").read_text())["runs"]] == [
        "to come"
    ] * 4
    # Each task's work waits in the folder that the script names.
    assert len(list((FOLDER / "slurm").glob("4242_*_submitted.pkl"))) == 3


def test_the_tasks_of_the_array_draw_each_run_once(home: Home, monkeypatch: Patch) -> None:
    path = sweeps.write(home, AXES)
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    wanted = sweeps.pictures(FOLDER)
    FOLDER.rename("outputs/local")
    drawn: list[str] = []
    draw = sweep_worker.RunArtist.draw

    def noted(artist: Any, run: Any, point: Any) -> None:
        drawn.append(run.folder.name)
        draw(artist, run, point)

    monkeypatch.setattr(sweep_worker.RunArtist, "draw", noted)
    found = sweep_finder.find_sweep(path, None)
    found.begin()
    drawing.Board(found).write()
    work = sweep_worker.draw_share
    jobs = slurm.submit_array(found.path, 4, work, SlurmSettings(tasks=2), [], "debug")
    assert len(jobs) == 2
    for job in jobs:
        job.result()
    assert sweeps.pictures(FOLDER) == wanted and sorted(drawn) == sorted(wanted)
    assert [run.state for run in found.runs] == ["done"] * 4


@pytest.mark.starter  # its task imports torch, which takes a while
def test_a_process_of_the_local_executor_draws_what_is_missing(home: Home) -> None:
    """Not pretended: the task is pickled, and drawn in a process of its own."""
    base = {"prompts": "a fox", "steps": 2, "precision": "fp32"}
    path = sweeps.write(home, {"seed": [1, 2, 3]}, base=base)
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    wanted = sweeps.pictures(FOLDER)
    shutil.rmtree(FOLDER / "0001-a-fox")
    shutil.rmtree(FOLDER / "0003-a-fox")
    work, settings = sweep_worker.draw_share, SlurmSettings(tasks=1)
    (job,) = slurm.submit_array(FOLDER, 2, work, settings, ["vqclip"], "local")
    job.result()
    assert sweeps.pictures(FOLDER) == wanted
    commands = [
        json.loads((FOLDER / name / "run.json").read_text())["command"] for name in sorted(wanted)
    ]
    assert commands[0] == commands[2] == ["vqclip"] != commands[1]
    told = json.loads((FOLDER / "table.json").read_text())["runs"]
    assert [row["state"] for row in told] == ["done"] * 3


def test_a_task_goes_on_with_what_a_lost_one_was_drawing(home: Home, monkeypatch: Patch) -> None:
    """While another holds a run, a worker waits for it, and takes it when it is let go of."""
    path = sweeps.write(home, {"prompts": ["a fox", "an owl"]})
    found = sweep_finder.find_sweep(path, None)
    found.begin()
    drawing.Board(found).write()
    found.runs[0].folder.mkdir()
    held = run_folder.locked_folder(found.runs[0].folder)
    held.__enter__()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert sweeps.states(found) == ["to come", "done"]
        held.__exit__(None, None, None)  # the node is lost

    monkeypatch.setattr(drawing.time, "sleep", sleep)
    sweep_worker.draw_share(str(found.path), [])
    assert sweeps.states(found) == ["done", "done"] and slept == [drawing.PATIENCE]


def test_a_task_whose_time_is_over_is_queued_again() -> None:
    share = slurm.Share(sweep_worker.draw_share)
    again = share.checkpoint("folder", ["vqclip"])
    assert (again.function, again.args) == (share, ("folder", ["vqclip"]))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"taskz": 3}, "foxes.yaml: slurm: there is no setting taskz; did you mean 'tasks'?"),
        ({"tasks": 0}, "foxes.yaml: slurm: tasks is 0; write 1 to 1000"),
        ({"minutes": "long"}, "foxes.yaml: slurm: minutes is 'long'; it must be a whole number"),
        ({"partition": "a\n#SBATCH --x"}, "partition must stand on one line"),
        (["a"], "foxes.yaml: slurm is a group of settings, such as tasks"),
    ],
)
def test_what_slurm_cannot_do_is_refused(
    asked: Any, sentence: str, home: Home, cluster: Path, refused: Refusal
) -> None:
    path = sweeps.write(home, AXES, slurm=asked)
    assert sentence in refused("sweep", str(path), "--on", "slurm")


def test_without_slurm_or_submitit_it_says_what_is_missing(
    home: Home, refused: Refusal, monkeypatch: Patch
) -> None:
    path = str(sweeps.write(home, AXES))
    monkeypatch.setenv("PATH", "")
    assert "needs sbatch, which is not on this machine" in refused("sweep", path, "--on", "slurm")
    monkeypatch.setattr("vqclip.sweep.engines.engine_settings.find_spec", lambda name: None)
    for name, module in (("slurm", "submitit"), ("ray", "ray")):
        told = refused("sweep", path, "--on", name)
        install = f"pip install 'vqclip[{name}]'"
        assert told == f"--on {name} needs {module}, which is not installed: {install}"
    told = refused("sweep", path, "--on", "slurn")
    assert "no engine of sweeps (--on) is called 'slurn'; did you mean 'slurm'?" in told
