"""Animations in stretches: the same bytes as one frame after another, after whatever happened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Home, Refusal
from tests.helpers.killing import kill_run
from tests.helpers.moving import clip
from tests.run.test_recording import frames
from tests.run.test_resume import Capture, Patch, go
from vqclip.cli import main
from vqclip.cli.commands.runs import run_drawing, stretches
from vqclip.errors import ConfigError, NumbersError
from vqclip.media import images
from vqclip.run.record import checkpoint, provenance
from vqclip.run.record.noted_changes import Change
from vqclip.run.resume import FilmProgress
from vqclip.sweep.engines import slurm
from vqclip.sweep.stretches import joining, stretch_folder

SIDE = "motion.parallel=true"
PLACE, WHOLE = Path("outputs/0001-a-fox"), Path("whole/0001-a-fox")


def words(home: Home, *more: str) -> list[str]:
    """An animation of seven frames over a film, none of which takes anything from another.

    The first frame takes three steps, each other one two, and each stretch has four frames.
    """
    if not Path("clip").exists():
        clip(Path("clip"), 7)
    film = ("source.film=clip", "source.flow=dis", "source.blend=1", "film.format=mp4")
    motion = ("motion.steps=2", "motion.moments=false", "checkpoint.every=2")
    return ["animate", "a fox ^ an owl", *home.words(*film, *motion, "seed=5", *more)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the animation of `whole`, which is drawn once and copied for each test."""
    return tmp_path_factory.mktemp("drawn") / "whole"


@pytest.fixture
def whole(home: Home, drawn: Path) -> Home:
    """The same drawn one frame after another, in the folder `whole`."""
    asked = words(home)
    if drawn.exists():
        shutil.copytree(drawn, "whole")
    else:
        go(*asked, "--out", "whole")
        shutil.copytree("whole", drawn)
    return home


def check_same(place: Path = PLACE, other: Path = WHOLE) -> None:
    """Check that an animation is what another is, but for the notes on how it was drawn."""
    assert frames(place) == frames(other) and len(frames(place)) == 7
    for name in ("film.mp4", "log.jsonl"):
        assert (place / name).read_bytes() == (other / name).read_bytes()
    finals = [images.read_picture(each / "final.png") for each in (place, other)]
    assert torch.equal(*finals)
    pair = [checkpoint.read_run_checkpoint(each) for each in (place, other)]
    assert pair[0].tensors.keys() == pair[1].tensors.keys()
    for key, tensor in pair[0].tensors.items():
        assert torch.equal(tensor, pair[1].tensors[key]), key
    assert {**pair[0].notes, "provenance": 0} == {**pair[1].notes, "provenance": 0}
    notes = [provenance.read_provenance(each / "final.png") for each in (place, other)]
    told = [(each.kind, each.name) for each in provenance.list_differences(*notes)]
    assert told == [("setting", "motion.parallel")]


def steps_of(place: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (place / "log.jsonl").read_text().splitlines()]


def test_stretches_are_joined_to_the_same_bytes(whole: Home, capsys: Capture) -> None:
    assert main.main([*words(whole), SIDE, "--json"]) == 0
    check_same()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    parts = [each for each in told if each["event"] in ("stretches", "stretch")]
    assert parts[0] == {"event": "stretches", "run": str(PLACE), "stretches": 2, "done": 0}
    assert [each["frames"] for each in parts[1:]] == [[1, 5], [5, 7]]
    done = [each for each in told if each["event"] == "done"]
    assert done[-1]["run"] == str(PLACE) and done[-1]["film"] == str(PLACE / "film.mp4")
    found = stretch_folder.plan_stretches(PLACE)
    assert [steps_of(each.folder) for each in found.stretches] == [
        [*range(3, 11)],
        [*range(11, 15)],
    ]
    seconds = [json.loads((each / "run.json").read_text())["seconds"] for each in parts_of(found)]
    noted = json.loads((PLACE / "run.json").read_text())["seconds"]
    assert noted >= round(found.seconds + sum(seconds), 3)
    # Notes say how it was drawn, and so it is drawn again.
    go("again", str(PLACE), "--out", "again", "checkpoint.every=2")
    check_same(Path("again/0001-a-fox"))
    assert (Path("again/0001-a-fox") / "stretches/0002/final.png").is_file()
    # A retake goes on from the frame before it, and is no stretch.
    go("again", str(PLACE), "--frames", "4:6", "--out", "retake")
    assert not Path("retake/0001-a-fox/stretches").exists()


def parts_of(found: stretch_folder.StretchFolder) -> list[Path]:
    return [each.folder for each in found.stretches]


@pytest.mark.parametrize("after", [2, 8, 11])  # in the first frame, in a stretch, after one
def test_what_was_killed_goes_on_to_the_same_bytes(
    whole: Home, monkeypatch: Patch, after: int
) -> None:
    kill_run(monkeypatch, after, *words(whole), SIDE)
    assert not (PLACE / "final.png").exists()
    go("resume", str(PLACE))
    check_same()
    found = stretch_folder.plan_stretches(PLACE)
    assert [step for each in parts_of(found) for step in steps_of(each)] == [*range(3, 15)]


def test_what_was_killed_while_it_was_joined_goes_on(whole: Home, monkeypatch: Patch) -> None:
    class Killed(BaseException):
        pass

    def die(*given: Any) -> FilmProgress:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(joining, "FilmProgress", die)  # the last thing before the checkpoint
        with pytest.raises(Killed):
            main.main([*words(whole), SIDE, "--quiet"])
    seconds = json.loads((PLACE / "run.json").read_text())["seconds"]
    go("resume", str(PLACE))
    check_same()  # and what the stretches took is not counted twice
    assert json.loads((PLACE / "run.json").read_text())["seconds"] < 2 * seconds


def test_it_can_go_on_one_frame_after_another_and_with_other_settings_only_so(
    whole: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    kill_run(monkeypatch, 8, *words(whole), SIDE)
    assert main.main(["resume", str(PLACE), "losses.edges=2"]) == 2
    assert "losses.edges cannot change while an animation is drawn" in capsys.readouterr().err
    assert main.main(["steer", str(PLACE), "losses.edges=2"]) == 2
    assert "is drawn in stretches, which cannot be steered" in capsys.readouterr().err
    part = str(PLACE / "stretches/0001")
    for command in (["resume", part], ["steer", part, "--pause"]):
        assert main.main(command) == 2
        assert f"{part} is a stretch of {PLACE}" in capsys.readouterr().err
    go("resume", str(PLACE), "motion.parallel=false")
    assert frames(PLACE) == frames(WHOLE)
    assert (PLACE / "final.png").read_bytes() == (WHOLE / "final.png").read_bytes()
    assert not (PLACE / "stretches/0002").exists()
    # A sheet shows the animation, and not its stretches.
    capsys.readouterr()
    assert main.main(["sheet", "outputs", "--out", "sheet.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 1


def test_workers_draw_each_stretch_once_and_resume_joins_them(
    whole: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    drawn, draw = list[str](), stretches.StretchArtist.draw

    def noted(artist: Any, stretch: Any, point: Any) -> None:
        drawn.append(stretch.folder.name)
        draw(artist, stretch, point)

    monkeypatch.setattr(stretches.StretchArtist, "draw", noted)
    monkeypatch.setattr(slurm, "require_slurm", lambda: None)
    submit, tasks = slurm.submit_array, list[Any]()

    def pretended(folder: Path, missing: int, *more: Any) -> Any:
        tasks.append((missing, more[1].tasks))
        found = submit(folder, missing, *more, cluster="debug")
        return [
            type("Job", (), {"job_id": f"7_{n}", "job": each}) for n, each in enumerate(found)
        ]

    pytest.importorskip("submitit")
    monkeypatch.setattr(slurm, "submit_array", pretended)
    assert main.main([*words(whole), SIDE, "--on", "slurm", "--workers", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told | {"job": "7", "tasks": 2, "stretches": 2, "run": str(PLACE)} == told
    assert tasks == [(2, 2)] and drawn == []
    for each in range(2):  # the debug cluster draws when it is asked for the result
        stretches.draw_share(str(PLACE / "stretches"), [f"worker {each}"])
    assert drawn == ["0001", "0002"] and not (PLACE / "final.png").exists()
    go("resume", str(PLACE))
    check_same()
    assert len(drawn) == 2


def test_a_stretch_that_failed_is_told_of_and_tried_again(
    whole: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    draw = run_drawing.draw_run

    def failing(*given: Any, **named: Any) -> None:
        point = named.get("point")
        if point is not None and point.until == 5:
            raise NumbersError("no step gives finite numbers")
        draw(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(run_drawing, "draw_run", failing)
        assert main.main([*words(whole), SIDE]) == 1
    told = capsys.readouterr().err
    assert "1 of 2 stretches failed, the first one, frames 2 to 5: no step gives finite" in told
    assert (PLACE / "stretches/0002/final.png").is_file()
    assert f"vqclip resume {PLACE}" in told
    go("resume", str(PLACE))
    check_same()


def test_lines_of_logs_that_are_damaged_or_of_other_steps_are_left_out(
    whole: Home, monkeypatch: Patch
) -> None:
    kill_run(monkeypatch, 11, *words(whole), SIDE)  # the first stretch is drawn
    part = PLACE / "stretches/0001"
    with (part / "log.jsonl").open("rb+") as file:
        lines = file.read()[:-1]  # the end of the last line is lost, too
        file.seek(0)
        file.write(b'{"step": 11, "failed": 1}\n\n{"step": 2, "lo\n' + lines)
        file.truncate()
    with (PLACE / "log.jsonl").open("ab") as file:
        file.write(b'{"step": 99}\n\n{"step": 2, "lo')
    go("resume", str(PLACE))
    check_same()


def test_damage_in_a_stretch_is_mended_as_the_error_says(
    whole: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    kill_run(monkeypatch, 13, *words(whole), SIDE)  # in the second stretch
    first, second = (PLACE / f"stretches/000{number}" for number in (1, 2))
    (second / "checkpoint.safetensors").write_bytes(b"garbage")
    assert main.main(["resume", str(PLACE)]) == 1
    told = capsys.readouterr().err
    assert f"delete {second}, then draw it again: vqclip resume {PLACE}" in told
    assert "vqclip again" not in told
    shutil.rmtree(second)
    whole_frame = (first / "frames/00002.png").read_bytes()
    (first / "frames/00002.png").write_bytes(whole_frame[:-20])
    assert main.main(["resume", str(PLACE)]) == 1
    told = capsys.readouterr().err
    assert f"{first / 'frames/00002.png'} is no whole picture; delete {first}, then" in told
    assert not (PLACE / "final.png").exists() and "00001.png" not in frames(PLACE)
    shutil.rmtree(first)
    go("resume", str(PLACE))
    check_same()


@pytest.mark.parametrize(
    "more",
    [
        ("drawer=palette", "draw.lock=true", "optimiser.name=adagrad"),
        ("motion.steps=1 + 2 * (frame > 4)", "losses.saturation=share", "film.format=frames"),
    ],
)
def test_other_drawers_and_schedules_are_the_same_too(home: Home, more: tuple[str, ...]) -> None:
    asked = words(home, "frames=6", *more)
    go(*asked, "--out", "whole")
    go(*asked, SIDE)
    assert frames(PLACE) == frames(WHOLE) and len(frames(PLACE)) == 6


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["source.blend=0.2", "motion.moments=true"],
            "source.blend=0.2 keeps a part of the frame before and motion.moments=true goes on "
            "with the optimiser's moments; write source.blend=1 motion.moments=false",
        ),
        (["source.blend=0: 1, 9: 0.9"], 'source.blend="0: 1, 9: 0.9" keeps a part of the frame'),
        (["drawer=strokes"], "the strokes of drawer=strokes move on from frame to frame; write"),
    ],
)
def test_frames_that_take_something_from_each_other_are_refused(
    more: list[str], sentence: str, home: Home, refused: Refusal
) -> None:
    told = refused(*words(home, *more), SIDE)
    assert told.startswith("motion.parallel=true needs frames that take nothing from each other")
    assert sentence in told


def test_engines_and_workers_that_cannot_be_are_refused(
    home: Home, refused: Refusal, monkeypatch: Patch
) -> None:
    monkeypatch.setattr("vqclip.cli.commands.runs.sweep.require_engines", lambda name: None)
    asked = words(home)
    assert "write motion.parallel=true, or leave it out" in refused(*asked, "--on", "ray")
    assert "no engine (--on) is called 'slrum'" in refused(*asked, SIDE, "--on", "slrum")
    assert "--workers is for --on slurm and --on ray" in refused(*asked, SIDE, "--workers", "2")
    told = refused(*asked, SIDE, "--on", "ray", "--workers", "0")
    assert "--workers 0: write a whole number, from 1 to 1000" in told


def test_changes_after_the_first_frame_are_not_made_again_in_stretches() -> None:
    """A change in mid-run holds from its step on, also for the frames of other stretches."""
    early, late = (Change(step, {"losses.edges": 2}) for step in (2, 3))
    stretches._refuse_later_changes([early], 3)
    with pytest.raises(ConfigError, match=r"losses\.edges changed .*; add motion\.parallel"):
        stretches._refuse_later_changes([early, late], 3)
