"""Searches from the command line: what is refused, chosen, pruned, and goes on after a kill."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main, output
from vqclip.guidance import zero_shot
from vqclip.guidance.zero_shot import Verdict
from vqclip.run.record import provenance
from vqclip.sweep.tuning import study

pytest.importorskip("optuna")
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
FOLDER = Path("outputs/foxes")
AXES = {"optimiser.rate": {"from": 0.01, "to": 1, "log": True}, "losses.edges": [0, 1]}


def judge(image: Any, text: str, *given: Any, **more: Any) -> Verdict:
    """A judge who likes bright pictures."""
    return Verdict(zero_shot.JUDGE, round(float(image.mean()), 4), 0, 1)


@pytest.fixture(autouse=True)
def judged(home: Home, monkeypatch: Patch) -> None:
    """The judge of tiny models."""
    monkeypatch.setattr(zero_shot, "judge_available", lambda names: True)
    monkeypatch.setattr(zero_shot, "judge_picture", judge)


def asked(
    home: Home, axes: Any = None, *, count: int = 4, name: str = "foxes", **base: Any
) -> Path:
    base = {"prompts": "a fox", "checkpoint.every": 1} | base
    more = {"by": "optuna", "count": count}
    return sweeps.write(home, AXES if axes is None else axes, base=base, name=name, **more)


def events(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def table(folder: Path = FOLDER) -> list[dict[str, Any]]:
    found = []
    for row in json.loads((folder / "table.json").read_text())["runs"]:
        found.append({key: value for key, value in row.items() if key != "seconds"})
    return found


def test_a_search_killed_and_started_again_ends_as_one_that_was_not(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    assert main.main(["sweep", str(asked(home)), "--json"]) == 0
    told = events(capsys)
    assert told[0] == {"event": "sweep", "folder": str(FOLDER), "runs": 4, "done": 0}
    runs = [(each["number"], each["of"]) for each in told if each["event"] == "run"]
    assert runs == [(number, 4) for number in range(1, 5)]
    rows, pictures = table(), sweeps.pictures(FOLDER)
    finished = [row for row in rows if row["state"] == "done"]
    best = max(finished, key=lambda row: row["score"])
    (event,) = [each for each in told if each["event"] == "best"]
    assert event["folder"] == str(FOLDER / best["folder"]) and event["score"] == best["score"]
    assert event["values"] == best["values"]
    FOLDER.rename("outputs/whole")
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child == 0:
        event_of, at = output.Console.event, {"run": 0}

        def die(self: Any, name: str, **values: Any) -> None:
            event_of(self, name, **values)
            at["run"] = values["number"] if name == "run" else at["run"]
            if name == "step" and (at["run"], values["step"]) == (2, 1):
                os.kill(os.getpid(), signal.SIGKILL)

        with monkeypatch.context() as patch:
            patch.setattr(output.Console, "event", die)
            main.main(["sweep", "foxes.yaml", "--json"])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(sweeps.pictures(FOLDER)) == 1 and len(table()) == 2
    capsys.readouterr()
    assert main.main(["sweep", str(FOLDER), "--json"]) == 0
    numbers = [each["number"] for each in events(capsys) if each["event"] == "run"]
    assert numbers == [2, 3, 4]
    assert table() == rows and sweeps.pictures(FOLDER) == pictures
    # All are drawn: nothing more is. A larger count draws more.
    assert main.main(["sweep", "foxes.yaml", "--json"]) == 0
    assert not [each for each in events(capsys) if each["event"] == "run"]
    assert main.main(["sweep", str(asked(home, count=5)), "--json"]) == 0
    assert [each["number"] for each in events(capsys) if each["event"] == "run"] == [5]
    assert table()[:4] == rows


@pytest.mark.parametrize("pruned", [False, True])
def test_a_search_is_ended_by_ctrl_c_in_the_last_step_of_a_run(
    home: Home, monkeypatch: Patch, pruned: bool
) -> None:
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        if name == "step" and values["step"] == (0 if pruned else 2):
            signal.raise_signal(signal.SIGINT)
        event(self, name, **values)

    monkeypatch.setattr(study, "is_pruned", lambda *given: pruned)
    monkeypatch.setattr(output.Console, "event", asking)
    assert main.main(["sweep", str(asked(home)), "--json"]) == 130
    assert [row["state"] for row in table()] == ["pruned" if pruned else "done"]


def test_a_bad_run_is_pruned_keeps_its_picture_and_can_be_resumed(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    asking: list[float] = []

    def fading(image: Any, text: str, *given: Any, **more: Any) -> Verdict:
        """Likes the first four runs, each seen three times, better than the others."""
        asking.append(0.5 if len(asking) < 12 else 0.25)
        return Verdict(zero_shot.JUDGE, asking[-1], 0, 1)

    monkeypatch.setattr(zero_shot, "judge_picture", fading)
    assert main.main(["sweep", str(asked(home, count=5)), "--json"]) == 0
    told = events(capsys)
    (pruned,) = [each for each in told if each["event"] == "pruned"]
    assert (pruned["number"], pruned["step"], pruned["score"]) == (5, 1, 0.25)
    assert told[-1]["event"] == "best" or told[-2]["event"] == "best"
    swept = next(each for each in told if each["event"] == "swept")
    assert (swept["done"], swept["pruned"], swept["failed"]) == (4, 1, 0)
    row = table()[4]
    assert (row["state"], row["score"]) == ("pruned", 0.25)
    assert "pruned" in (FOLDER / "table.csv").read_text()
    place = FOLDER / row["folder"]
    assert provenance.read_provenance(place / "kept" / "00001.png").prompt == "a fox"
    assert not (place / "final.png").exists() and len(asking) == 13
    # The same command leaves it; its own one finishes it.
    assert main.main(["sweep", str(FOLDER), "--quiet"]) == 0
    assert len(asking) == 13 and table()[4]["state"] == "pruned"
    assert main.main(["resume", str(place), "--quiet"]) == 0
    assert main.main(["sweep", str(FOLDER), "--quiet"]) == 0
    assert (place / "final.png").exists() and table()[4]["state"] == "done"


@pytest.mark.parametrize(
    ("axes", "base", "more", "sentence"),
    [
        (
            None,
            {"prompts": "a", "perceptors": ["starter-second"]},
            {},
            "take it out of perceptors",
        ),
        (None, {"prompts": "@fox.png"}, {}, "this prompt has no words; add some"),
        ({"prompts": ["a fox", "an owl"]}, {}, {"count": 2}, "different prompts cannot be comp"),
        (None, {"prompts": "a {red|blue} fox"}, {}, "those of different prompts cannot be compa"),
        (None, {}, {"count": None}, "by: optuna needs to know how many runs; write count: 12"),
        ({"losses.edges": [0, 1]}, {}, {"count": 3}, "count is 3, but the axes have 2 combinati"),
        (None, {}, {"by": "optunas"}, "by is 'optunas'; did you mean 'optuna'?"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    axes: Any, base: Any, more: Any, sentence: str, home: Home, refused: Refusal
) -> None:
    from PIL import Image as pillow

    pillow.new("RGB", (32, 32)).save("fox.png")
    given = {"by": "optuna", "count": 4} | more
    path = sweeps.write(home, axes or AXES, base={"prompts": "a fox"} | base, **given)
    assert sentence in refused("sweep", str(path))
    assert not Path("outputs").exists()


def test_clusters_and_a_missing_optuna_are_refused_in_a_sentence(
    home: Home, monkeypatch: Patch, refused: Refusal
) -> None:
    path = str(asked(home))
    monkeypatch.setattr("vqclip.cli.commands.runs.sweep.require_engines", lambda name: None)
    for engine in ("slurm", "ray"):
        told = refused("sweep", path, "--on", engine)
        assert f"leave out --on {engine}, or write by: latin" in told
    monkeypatch.setattr("vqclip.sweep.tuning.study.find_spec", lambda name: None)
    assert "not installed: pip install 'vqclip[tune]'" in refused("sweep", path)


def test_without_the_judge_nothing_is_drawn(
    home: Home, monkeypatch: Patch, refused: Refusal
) -> None:
    monkeypatch.setattr(zero_shot, "judge_available", lambda names: False)
    assert "and it is not here; install vqclip again" in refused("sweep", str(asked(home)))


def test_two_do_not_draw_one_search(home: Home, capsys: Capture) -> None:
    path = asked(home)
    FOLDER.mkdir(parents=True)
    (FOLDER / "sweep.yaml").write_bytes(path.read_bytes())
    with FileLock(FOLDER / ".search.lock"):
        assert main.main(["sweep", str(path)]) == 1
    assert "is being drawn by another vqclip" in capsys.readouterr().err


def test_a_plan_counts_the_runs_that_are_to_be_chosen(home: Home, capsys: Capture) -> None:
    path = asked(home, count=20)
    assert main.main(["sweep", str(path), "--plan", "--json"]) == 0
    (plan,) = events(capsys)
    assert (plan["runs"], plan["done"], plan["by"]) == (20, 0, "optuna")
    assert plan["seconds"] > 0 and not Path("outputs").exists()
