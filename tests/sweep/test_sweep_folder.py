"""The folder of a sweep: which run has which folder, and who draws it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.cli.commands.runs.sweep_finder import find_sweep
from vqclip.errors import ConfigError, OutputError
from vqclip.sweep import axes, sweep_folder, table
from vqclip.sweep.drawing import Board, draw_missing
from vqclip.sweep.sweep_folder import SweepFolder, SweepRun

FOLDER = Path("outputs/foxes")


@pytest.fixture
def folder(home: Home) -> SweepFolder:
    """A sweep of three runs, of which nothing is drawn."""
    axes = {"prompts": ["a fox", "an owl", "a hen"]}
    found = find_sweep(sweeps.write(home, axes), None)
    found.begin()
    return found


def finish(run: SweepRun) -> None:
    """What a finished run leaves."""
    run.folder.mkdir(exist_ok=True)
    pillow.new("RGB", (2, 2)).save(run.folder / "final.png")


@pytest.mark.parametrize("name", ["../mine", "/etc", "..", "a/b", ""])
def test_a_table_that_somebody_edited_leads_nowhere_else(folder: SweepFolder, name: str) -> None:
    Board(folder).write()
    told = json.loads((FOLDER / "table.json").read_text())
    told["runs"][0]["folder"] = name
    (FOLDER / "table.json").write_text(json.dumps(told))
    again = find_sweep(FOLDER, None)
    assert [run.folder.parent for run in again.runs] == [FOLDER] * 3


def test_a_run_that_another_has_finished_meanwhile_is_not_drawn_again(
    folder: SweepFolder,
) -> None:
    drawn: list[int] = []

    def draw(run: SweepRun, point: Any) -> None:
        drawn.append(run.plan.number)
        finish(run)
        finish(folder.runs[2])  # somebody else

    assert draw_missing(folder, Board(folder), draw, lambda run, why: None) == []
    assert drawn == [1, 2]


def test_a_run_that_failed_is_tried_once_by_all_workers_together(folder: SweepFolder) -> None:
    tried: list[int] = []

    def draw(run: SweepRun, point: Any) -> None:
        tried.append(run.plan.number)
        if run.plan.number == 2:
            raise OutputError("no room")
        finish(run)

    for _ in range(2):  # workers, of which the second one comes late
        draw_missing(folder, Board(folder), draw, lambda run, why: None)
    assert tried == [1, 2, 3] and folder.runs[1].error == "no room"
    folder.begin()  # the command is given again
    draw_missing(folder, Board(folder), draw, lambda run, why: None)
    assert tried == [1, 2, 3, 2]


def test_the_run_that_began_goes_on_first(folder: SweepFolder) -> None:
    folder.runs[2].folder.mkdir()
    (folder.runs[2].folder / "checkpoint.safetensors").write_bytes(b"")
    finish(folder.runs[0])
    assert [run.plan.number for run in folder.missing] == [3, 2]
    assert sweeps.states(folder) == ["done", "to come", "begun"]


def test_results_are_read_from_whatever_is_there(folder: SweepFolder) -> None:
    run = folder.runs[0]
    assert table.read_result(run) == table.Result("to come", seed=5)
    run.folder.mkdir()
    for text in ("", "[]", "{", '{"seconds": "x", "verdict": 3, "seed": []}', "\0"):
        (run.folder / "run.json").write_text(text)
        (run.folder / "log.jsonl").write_text(text)
        assert table.read_result(run).score is None
    (run.folder / "run.json").write_text('{"verdict": {"score": 0.5, "better": 2}, "seconds": 3}')
    lines = ('{"step": 0, "losses": {"a": 9}}', '{"losses": {"a": 1.5, "b": null}}', '{"st')
    (run.folder / "log.jsonl").write_text("\n".join(lines))
    found = table.read_result(run)
    assert (found.score, found.better, found.seconds) == (0.5, 2, 3.0)
    assert found.losses == {"a": 1.5, "b": None}
    assert "1.5" in (Board(folder).write() and (FOLDER / "table.csv").read_text())


def test_threads_of_a_run_are_not_those_of_the_next(home: Home) -> None:
    before = torch.get_num_threads()
    path = sweeps.write(home, {"seed": [1]}, base={"prompts": "a", "threads": before + 1})
    try:
        assert main.main(["sweep", str(path), "--quiet"]) == 0
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_no_folder_of_a_sweep(tmp_path: Path) -> None:
    assert sweep_folder.noted_runs(tmp_path) == []
    assert sweep_folder.noted_seed(tmp_path) is None


def test_of_two_who_begin_at_once_one_picks_the_seed(tmp_path: Path) -> None:
    folder = tmp_path / "foxes"
    assert sweep_folder.claim_seed(folder, 7) == 7
    assert sweep_folder.claim_seed(folder, 9) == 7
    assert sweep_folder.noted_seed(folder) == 7


def test_what_runs_do_not_write_stays(tmp_path: Path) -> None:
    folder = tmp_path / "0001-a-fox"
    for name in ("steps/00000.png", "steps/mine.txt", "frames/00001.png", "film.frames/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in ("run.json", "film.mp4", "film-ideas.txt", "notes.md"):
        (folder / name).touch()
    sweep_folder.RunPlace(folder).clear()
    left = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    assert left == {"steps/mine.txt", "film-ideas.txt", "notes.md"}


def test_an_endless_range_is_refused() -> None:
    wide = {"from": -1.0e308, "to": 1.7e308}
    with pytest.raises(ConfigError, match=r"from -1e\+308 to 1.7e\+308 is too wide a range"):
        axes.read_axes({"steps": wide}, "wide.yaml")
