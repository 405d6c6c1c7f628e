"""Folder matching: runs are found again by their notes, and what others drew is left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from tests.helpers import sweeps
from vqclip.cli import main

Capture = pytest.CaptureFixture[str]
FOLDER = Path("outputs/foxes")
AXES = {"losses.edges": [0, 2], "optimiser.rate": [0.1, 0.2]}
BASE = {"prompts": "a fox", "steps": 2, "checkpoint.every": 1}


@pytest.fixture(scope="module")
def drawn(models: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of four runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQCLIP_HOME", str(models.path))
        patch.chdir(place := tmp_path_factory.mktemp("matching"))
        patch.setattr("open_clip.get_tokenizer", lambda source: models.tokenizer)
        patch.setattr("vqclip.guidance.zero_shot.judge_available", lambda perceptors: False)
        assert main.main(["sweep", str(ask(models)), "--quiet"]) == 0
        return place / FOLDER


@pytest.fixture
def folder(home: Home, drawn: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(drawn, FOLDER)
    return FOLDER


def ask(home: Home, axes: Any = AXES) -> Path:
    return sweeps.write(home, axes, base=BASE)


def draw(capsys: Capture, path: Path) -> list[int]:
    """Draw what is missing of the sweep; the numbers of the runs that are drawn."""
    capsys.readouterr()
    assert main.main(["sweep", str(path), "--json"]) == 0
    out, said = capsys.readouterr()
    print(said)  # what is said to people
    told = map(json.loads, out.splitlines())
    return [each["number"] for each in told if each["event"] == "run"]


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "table.json").read_text())["runs"]
    for row in found:  # each in the folder that holds it
        notes = json.loads((FOLDER / row["folder"] / "run.json").read_text())
        edges = notes["config"]["losses"].get("edges", 0)
        rate = notes["config"]["optimiser"]["rate"]
        assert row["values"] == {"losses.edges": edges, "optimiser.rate": rate}
    return found


def test_without_a_table_runs_are_found_by_their_notes(
    home: Home, folder: Path, capsys: Capture
) -> None:
    before = sweeps.pictures(folder)
    (folder / "table.json").unlink()
    path = ask(home, {"losses.edges": [2, 0], "optimiser.rate": [0.2, 0.3, 0.1]})
    assert draw(capsys, path) == [2, 5]
    assert before.items() <= sweeps.pictures(folder).items()
    numbers = [int(row["folder"][:4]) for row in rows()]
    assert numbers == [4, 5, 3, 2, 6, 1]


def test_a_folder_that_holds_another_run_is_neither_counted_nor_overwritten(
    home: Home, folder: Path, capsys: Capture
) -> None:
    for lost in (False, True):
        other = folder / "0002-a-fox"
        notes = json.loads((other / "run.json").read_text())
        notes["config"]["cutouts"]["count"] = 7
        (other / "run.json").write_text(json.dumps(notes))
        if lost:
            (folder / "table.json").unlink()
        before = {each: each.read_bytes() for each in other.rglob("*") if each.is_file()}
        assert draw(capsys, ask(home)) == ([] if lost else [2])
        told = f"{other} is of a run that is not asked for; it stays as it is"
        assert (told in capsys.readouterr().out) == (not lost)
        assert {each: each.read_bytes() for each in before} == before
        names = [row["folder"] for row in rows()]
        assert names == ["0001-a-fox", "0005-a-fox", "0003-a-fox", "0004-a-fox"]


def test_what_cannot_be_told_is_left_alone_without_a_table(
    home: Home, folder: Path, capsys: Capture
) -> None:
    (folder / "table.json").unlink()
    (folder / "0003-a-fox" / "run.json").write_text("{")
    (folder / "0003-a-fox" / "final.png").write_bytes(b"mine")
    assert draw(capsys, ask(home)) == [3]
    assert (folder / "0003-a-fox" / "final.png").read_bytes() == b"mine"
    assert [row["folder"][:4] for row in rows()] == ["0001", "0002", "0005", "0004"]


def test_a_run_that_went_on_later_is_still_the_one_that_was_asked_for(
    home: Home, folder: Path, capsys: Capture
) -> None:
    run = folder / "0001-a-fox"
    assert main.main(["resume", str(run), "steps=3", "losses.smoothness=1", "--quiet"]) == 0
    assert len((run / "log.jsonl").read_text().splitlines()) == 3
    for lost in (False, True):
        (folder / "table.json").unlink(missing_ok=lost)
        assert draw(capsys, ask(home)) == []


def test_folders_that_were_exchanged_are_told_apart(
    home: Home, folder: Path, capsys: Capture
) -> None:
    for before, after in (("0001", "x"), ("0002", "0001"), ("x", "0002")):
        (folder / f"{before}-a-fox").rename(folder / f"{after}-a-fox")
    assert draw(capsys, ask(home)) == []
    assert [row["folder"][:4] for row in rows()] == ["0002", "0001", "0003", "0004"]
