"""`vqclip steer`: what it asks of a run that is being drawn, and what it refuses."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from vqclip.cli import main, output
from vqclip.cli.commands.runs import steer
from vqclip.run.record import provenance, run_folder, steering

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
PLACE = Path("outputs/0001-a-fox")


@pytest.fixture
def drawn(home: Home, capsys: Capture) -> Path:
    """A run that is complete."""
    assert main.main(["a fox", "--quiet", *home.words("seed=5")]) == 0
    capsys.readouterr()
    return PLACE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the run to steer"),
        (["nowhere", "losses.edges=1"], "nowhere is not a run"),
        ([str(PLACE)], "say what to change, such as vqclip steer"),
        ([str(PLACE), "losses.edges=1"], f"nobody is drawing {PLACE} now; to continue it so: "),
        ([str(PLACE), "--pause"], f"nobody is drawing {PLACE} now"),
        ([str(PLACE), "losses.edgs=1"], "losses.edges"),
        ([str(PLACE), "losses.edges=many"], "losses.edges"),
        ([str(PLACE), "seed=6"], "seed cannot change in the middle of a run"),
        ([str(PLACE), "losses.edges=0"], "losses.edges=0 changes nothing of"),
        ([str(PLACE), "--keep", "losses.edges=1"], "--keep goes alone"),
        ([str(PLACE), "--keep", "--pause"], "not allowed with"),
    ],
)
def test_refusals(drawn: Path, capsys: Capture, words: list[str], said: str) -> None:
    assert main.main(["steer", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (drawn / steering.FOLDER).exists()


def test_a_run_that_does_not_answer(drawn: Path, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setattr(steer, "WAIT", 0.1)
    monkeypatch.setattr(steering, "is_drawn", lambda folder: True)
    assert main.main(["steer", str(drawn), "losses.edges=1"]) == 1
    assert "did not answer" in (said := capsys.readouterr().err) and "nothing was changed" in said
    assert list((drawn / steering.FOLDER).glob("*")) == []


def test_who_draws_is_told_by_the_lock(drawn: Path) -> None:
    assert not steering.is_drawn(drawn)
    with run_folder.locked_folder(drawn):
        assert steering.is_drawn(drawn)
    assert not steering.is_drawn(drawn)


def test_it_steers(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    event, asked = output.Console.event, []

    def steering_once(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if name == "step" and values["step"] in (1, 4):
            typed = ["losses.edges=1"] if values["step"] == 1 else ["--keep"]
            words = ["steer", str(PLACE), *typed]
            asked.append(threading.Thread(target=lambda: codes.append(main.main(words))))
            asked[-1].start()
            until = time.monotonic() + 20
            while not list((PLACE / steering.FOLDER).glob("*.json")):
                assert time.monotonic() < until
                time.sleep(0.01)

    codes: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(output.Console, "event", steering_once)
        assert main.main(["a fox", "--json", *home.words("seed=5", "steps=8")]) == 0
    for each in asked:
        each.join()
    said = capsys.readouterr().err
    assert codes == [0, 0]
    assert "from step 3 on: losses.edges=1.0" in said and f"kept {PLACE / 'kept'}" in said
    notes = provenance.read_provenance(PLACE)
    assert notes.changes == [{"step": 2, "settings": {"losses.edges": 0.0}}]
    assert json.loads((PLACE / "run.json").read_text())["config"]["losses"]["edges"] == 1.0
    assert (PLACE / "kept/00005.png").exists()
    assert not (PLACE / steering.FOLDER).exists()
