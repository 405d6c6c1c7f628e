"""Animations in stretches that are stopped, and go on otherwise than they began."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from typing import Any

import pytest

from tests.conftest import Home, Refusal
from tests.helpers.killing import kill_run
from tests.models.test_memory import starve_runs
from tests.run.test_resume import Capture, Patch, go
from tests.sweep.engines.test_ray_cluster import pretend_ray
from tests.sweep.stretches.test_stretches import PLACE, SIDE, parts_of, steps_of, words
from vqclip.cli import main
from vqclip.guidance import zero_shot
from vqclip.media import images
from vqclip.run.record import writer
from vqclip.sweep.stretches import stretch_folder

# Three steps in the first frame; the stretches are steps 4 to 7 and step 8.
SHORT = ("frames=6", "motion.steps=1", "film.format=none", "checkpoint.every=1")


def test_stretches_of_older_settings_are_not_joined(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    kill_run(monkeypatch, 5, *words(home, *SHORT), SIDE)
    # The new settings are noted at once, and its steps are lost.
    other = ("motion.parallel=false", "losses.edges=9", "checkpoint.every=100")
    kill_run(monkeypatch, 4, "resume", str(PLACE), *other)
    for _ in range(2):
        assert main.main(["resume", str(PLACE), SIDE]) == 2
        assert f"delete {PLACE / 'stretches'}, and they are drawn" in capsys.readouterr().err
        (PLACE / "stretches/stretches.json").unlink(missing_ok=True)  # nor of unknown ones
    shutil.rmtree(PLACE / "stretches")
    go("resume", str(PLACE), SIDE)
    notes = [json.loads((each / "run.json").read_text()) for each in sorted(PLACE.glob("*/000?"))]
    assert [each["config"]["losses"]["edges"] for each in notes] == [9, 9]


def test_what_went_on_in_stretches_goes_on_so(home: Home, monkeypatch: Patch) -> None:
    kill_run(monkeypatch, 3, *words(home, *SHORT))
    kill_run(monkeypatch, 5, "resume", str(PLACE), SIDE)
    noted = json.loads((PLACE / "run.json").read_text())
    assert noted["config"]["motion"]["parallel"] is True
    go("resume", str(PLACE))
    found = stretch_folder.plan_stretches(PLACE)
    assert [steps_of(each) for each in parts_of(found)] == [[3, 4, 5, 6], [7]]
    assert (PLACE / "final.png").is_file()


@pytest.mark.parametrize(("last", "stopped"), [(3, True), (7, True), (8, False)])
def test_ctrl_c_in_a_last_step_ends_what_is_not_complete(
    home: Home, monkeypatch: Patch, capsys: Capture, last: int, stopped: bool
) -> None:
    keep = writer.record_steps

    def stopping(steps: Any, *arguments: Any, **options: Any) -> Any:
        def some() -> Any:
            for step in steps:
                if step.index + 1 == last:
                    signal.raise_signal(signal.SIGINT)
                yield step

        return keep(some(), *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "record_steps", stopping)
        assert main.main([*words(home, *SHORT), SIDE]) == (130 if stopped else 0)
    assert (PLACE / "final.png").is_file() is not stopped
    assert (PLACE / "stretches/0001/final.png").is_file() is (last > 3)
    if stopped:
        assert not (PLACE / "stretches/0002").exists()
        assert f"to go on: vqclip resume {PLACE}" in capsys.readouterr().err
        assert stretch_folder.plan_stretches(PLACE).missing


def test_the_last_picture_alone_is_judged(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    verdict, seen = zero_shot.Verdict(zero_shot.JUDGE, 0.5, 0, 1), list[Any]()

    def judge(picture: Any, *given: Any, **more: Any) -> zero_shot.Verdict:
        seen.append(picture)
        return verdict

    monkeypatch.setattr(zero_shot, "judge_available", lambda names: True)
    monkeypatch.setattr(zero_shot, "judge_picture", judge)
    assert main.main([*words(home, *SHORT), SIDE, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(seen) == 1
    pair = [images.to_bytes(each) for each in (seen[0], images.read_picture(PLACE / "final.png"))]
    assert pair[0].tobytes() == pair[1].tobytes()
    assert [each["judge"] for each in told if each["event"] == "verdict"] == [zero_shot.JUDGE]
    noted = json.loads((PLACE / "run.json").read_text())
    assert noted["verdict"] == dataclasses.asdict(verdict)


def test_memory_that_ran_out_in_stretches_is_told_when_they_are_joined(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    starve_runs(monkeypatch, 2, 3)
    assert main.main([*words(home, *SHORT, "frames=7", "cutouts.count=8"), SIDE]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "memory" in line]
    assert told == [
        "note: memory ran out in frames 2 to 5 and frames 6 to 7; processing 2 of 8 cutouts at a "
        "time from there on, to the end of the stretch"
    ]


def test_frames_after_those_of_a_complete_run_are_drawn_one_after_another(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    begin, _, *settings = words(home, *SHORT, "frames=1")
    go(begin, "a fox", *settings, SIDE)
    monkeypatch.setattr("vqclip.cli.commands.runs.sweep.require_engines", lambda name: None)
    longer = ["resume", str(PLACE), "frames=2"]
    assert main.main([*longer, "--on", "ray"]) == 2
    assert "are drawn one after another; leave --on ray out" in capsys.readouterr().err
    assert main.main(longer) == 0
    assert "so motion.parallel changes nothing here" in capsys.readouterr().err
    assert not (PLACE / "stretches").exists() and (PLACE / "final.png").is_file()


def test_a_cluster_that_does_not_answer_is_refused_before_the_first_frame(
    home: Home, monkeypatch: Patch, refused: Refusal
) -> None:
    monkeypatch.setattr("vqclip.cli.commands.runs.sweep.require_engines", lambda name: None)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    told = refused(*words(home, *SHORT), SIDE, "--on", "ray", "--workers", "2")
    assert "there is no Ray cluster at 127.0.0.1:1" in told


def test_no_cluster_is_told_before_the_first_frame_also_where_ray_looks_for_it(
    home: Home, monkeypatch: Patch, refused: Refusal
) -> None:
    def find() -> str:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr("vqclip.cli.commands.runs.sweep.require_engines", lambda name: None)
    pretend_ray(monkeypatch, find)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    told = refused(*words(home, *SHORT), SIDE, "--on", "ray")
    assert told.startswith("there is no Ray cluster at auto: Could not find any running Ray")
