"""The state of a run, read from its folder."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image

from vqclip.errors import PictureError
from vqclip.run.record import steering
from vqclip.run.record.run_folder import locked_folder
from vqclip.web.run_state import POINTS, newest_picture, read_state
from vqclip.web.thumbnails import read_thumbnail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps").mkdir()
    notes = {
        "prompt": "a fox",
        "seed": 7,
        "seconds": 0.0,
        "config": {"steps": 40, "size": "64x64"},
    }
    (tmp_path / "run.json").write_text(json.dumps(notes))
    rows = [
        {"step": n, "losses": {"a fox": n / 10, "x": None}, "total": n / 10} for n in range(10)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (64, 32)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def test_a_run_that_is_drawn_says_how_far_it_is(folder: Path) -> None:
    os.utime(folder / "run.json", (time.time() - 20, time.time() - 20))
    draw(folder / "steps" / "00005.png")
    with locked_folder(folder):
        state = read_state(folder, "0001-a-fox")
    assert (state.status, state.step, state.steps, state.prompt) == ("drawing", 10, 40, "a fox")
    assert state.left == pytest.approx(60, abs=5)  # 10 steps took 20 s
    assert state.picture == "steps/00005.png" and state.stamp > 0
    assert state.at == [*range(10)] and state.losses["a fox"][-1] == 0.9
    assert state.losses["x"] == [None] * 10


def test_a_paused_run_is_told_from_one_that_is_drawn_or_was_killed(folder: Path) -> None:
    steering.mark_paused(folder, True)
    with locked_folder(folder):
        state = read_state(folder, "0001-a-fox")
        assert (state.status, state.left) == ("paused", None)
        steering.mark_paused(folder, False)
        assert read_state(folder, "0001-a-fox").status == "drawing"
        assert not (folder / "steering").exists()
        steering.mark_paused(folder, True)
    assert read_state(folder, "0001-a-fox").status == "ended"


def test_what_was_changed_on_the_way_is_told_with_what_held_from_there_on(folder: Path) -> None:
    notes = json.loads((folder / "run.json").read_text())
    notes["prompt"] = "a bear"
    notes["config"]["losses"] = {"edges": 2.0}
    notes["changes"] = [
        {"step": 3, "settings": {"prompts": "a fox"}},
        {"step": 5, "settings": {"losses.edges": 0.5}},
        {"step": 8, "settings": {"losses.edges": 1.0, "prompts": "an owl"}},
        {"step": 9, "settings": {"losses.unknown": 1.0}},
    ]
    (folder / "run.json").write_text(json.dumps(notes))
    (folder / "kept").mkdir()
    draw(folder / "kept" / "00007.png")
    state = read_state(folder, "x")
    assert state.changes == [
        {"step": 3, "settings": {"prompts": "an owl"}},
        {"step": 5, "settings": {"losses.edges": "1.0"}},
        {"step": 8, "settings": {"losses.edges": "2.0", "prompts": "a bear"}},
    ]
    assert state.kept == ["kept/00007.png"]
    notes["changes"] = [{"step": None}, 3]
    (folder / "run.json").write_text(json.dumps(notes))
    assert read_state(folder, "x").changes == []


def test_a_run_that_is_not_drawn_is_done_stopped_or_ended(folder: Path) -> None:
    assert read_state(folder, "x").status == "ended"
    (folder / "checkpoint.safetensors").touch()
    assert read_state(folder, "x").status == "stopped"
    draw(folder / "final.png")
    state = read_state(folder, "x")
    assert (state.status, state.picture, state.left) == ("done", "final.png", None)


def test_the_film_of_an_animation_is_told_from_that_of_a_making(folder: Path) -> None:
    (folder / "film.mp4").touch()
    assert (read_state(folder, "x").film, read_state(folder, "x").animated) == ("film.mp4", False)
    notes = json.loads((folder / "run.json").read_text())
    notes["config"]["frames"] = 9
    (folder / "run.json").write_text(json.dumps(notes))
    state = read_state(folder, "x")
    assert state.animated and state.steps == state.step  # nobody knows yet how many there will be


def test_a_line_that_is_cut_short_is_passed_over(folder: Path) -> None:
    with (folder / "log.jsonl").open("a") as log:
        log.write('not json\n{"step": 10, "losses": {"a f')
    assert read_state(folder, "x").step == 10


def test_a_long_log_becomes_a_curve_of_few_points(folder: Path) -> None:
    with (folder / "log.jsonl").open("w") as log:
        for n in range(5000):
            log.write(json.dumps({"step": n, "losses": {"a": 1.0}, "total": 1.0}) + "\n")
    state = read_state(folder, "x")
    assert len(state.at) <= POINTS + 1 and state.at[-1] == 4999
    assert len(state.losses["a"]) == len(state.at)


def test_the_newest_picture_is_of_steps_or_frames(folder: Path) -> None:
    assert newest_picture(folder) is None
    draw(folder / "steps" / "00010.png")
    draw(folder / "steps" / "00005.png")
    (folder / "steps" / "note.txt").touch()
    assert newest_picture(folder) == folder / "steps" / "00010.png"
    (folder / "frames").mkdir()
    later = draw(folder / "frames" / "000003.png")
    os.utime(later, (time.time() + 9, time.time() + 9))
    assert newest_picture(folder) == later


def test_thumbnails_are_kept_and_made_anew_when_the_picture_changes(folder: Path) -> None:
    out, picture = folder / "out", draw(folder / "final.png", size=(600, 300))
    first = read_thumbnail(out, picture)
    (kept,) = (out / ".web" / "thumbnails").iterdir()
    assert read_thumbnail(out, picture) == first
    assert Image.open(io.BytesIO(first)).size == (256, 128)
    draw(picture, "blue", (600, 300))
    os.utime(picture, (1, 1))
    assert read_thumbnail(out, picture) != first
    assert [*kept.parent.iterdir()] == [kept]


def test_what_is_no_picture_has_no_thumbnail(folder: Path) -> None:
    with pytest.raises(PictureError, match="cannot be read"):
        read_thumbnail(folder / "out", folder / "run.json")
    with pytest.raises(PictureError, match="cannot be read"):
        read_thumbnail(folder / "out", folder / "absent.png")
