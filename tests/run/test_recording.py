"""Which film a run makes: animations by the command line, killed, gone on, longer, and again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home
from tests.helpers.killing import kill_run
from tests.helpers.moving import clip
from tests.run.test_resume import Capture, Patch, go
from vqclip.cli import main
from vqclip.media.files import CHECKPOINT

WORDS = ("frames=4", "motion.steps=2", "seed=5", "init=random", "checkpoint.every=2")
FILM = (*WORDS, "film.format=mp4", "camera.zoom=1.05")


def contents(place: Path) -> dict[str, bytes]:
    """What must be equal of an animation."""
    names = ["final.png", "log.jsonl", CHECKPOINT, *(p.name for p in place.glob("film.*"))]
    found = {name: (place / name).read_bytes() for name in names}
    return found | frames(place)


def frames(place: Path) -> dict[str, bytes]:
    return {f"frames/{p.name}": p.read_bytes() for p in sorted((place / "frames").iterdir())}


def count(path: Path) -> int:
    return int(imageio_ffmpeg.count_frames_and_secs(str(path))[0])


@pytest.mark.parametrize(
    ("after", "more"),
    [
        (5, ("film.format=mp4",)),  # between two frames
        (8, ("film.format=mp4", "film.between=1", "film.between_by=latent", "loop=true")),
        (6, ("film.format=none", "source.film=clip", "source.flow=none", "init=auto")),
    ],
)
def test_a_killed_animation_goes_on(
    home: Home, monkeypatch: Patch, after: int, more: tuple[str, ...]
) -> None:
    clip(Path("clip"), 5)
    words = ["animate", "a fox", *home.words(*WORDS, *more)]
    go(*words, "--out", "whole")
    kill_run(monkeypatch, after, *words, "--out", "pieces")
    place = Path("pieces/0001-a-fox")
    assert not (place / "final.png").exists()
    go("resume", str(place))
    assert contents(place) == contents(Path("whole/0001-a-fox"))


def test_an_animation_keeps_its_frames_and_says_where_its_film_is(
    home: Home, capsys: Capture
) -> None:
    assert main.main(["animate", "a fox", *home.words(*FILM), "--fps", "8"]) == 0
    place = Path("outputs/0001-a-fox")
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(place / "final.png")]
    assert f"4 frames, 0.5 s at 8 a second, in {place}/film.mp4" in err
    assert count(place / "film.mp4") == 4 and len(frames(place)) == 4
    assert (place / "steps").is_dir() and not (place / "film.frames").exists()
    lines = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    assert [line.get("frame") for line in lines] == [0, 0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("more", "said", "shown"),
    [
        (("fps=120",), "2 frames, 0.04 s at 50 a second", 2),
        (("fps=12", "film.between=9"), "17 frames, 0.34 s at 50 a second", 17),
        (("fps=12", "film.between=1"), "8 frames, 0.333 s at 24 a second", 8),
    ],
)
def test_what_the_end_says_of_a_film_holds_of_its_file(
    home: Home, capsys: Capture, more: tuple[str, ...], said: str, shown: int
) -> None:
    words = home.words(*FILM, "film.format=gif", *more)
    assert main.main(["animate", "a fox", *words]) == 0
    place = Path("outputs/0001-a-fox")
    assert f"{said}, in {place}/film.gif" in capsys.readouterr().err
    with pillow.open(place / "film.gif") as film:
        assert film.n_frames == shown  # type: ignore[attr-defined]


def test_scripts_hear_of_frames(home: Home, capsys: Capture) -> None:
    assert main.main(["animate", "a fox", *home.words(*WORDS), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "start" and events[0]["frames"] == 4
    steps = [each for each in events if each["event"] == "step"]
    assert [each["frame"] for each in steps] == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    place = "outputs/0001-a-fox"
    assert events[-1]["film"] == f"{place}/frames" == events[-1]["frames"]
    assert events[-1]["final"] == f"{place}/final.png"
    capsys.readouterr()
    assert main.main(["a fox", *home.words("film.format=mp4"), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["film"] == "outputs/0002-a-fox/film.mp4" and events[-1]["frames"] is None
    assert all("frame" not in each for each in events if each["event"] == "step")


def test_an_animation_is_made_again_byte_by_byte(home: Home) -> None:
    go("animate", "a fox", *home.words(*FILM))
    go("again", "outputs/0001-a-fox/final.png")
    one, two = (contents(Path(f"outputs/000{n}-a-fox")) for n in (1, 2))
    del one[CHECKPOINT], two[CHECKPOINT]  # which says how often it is written
    assert one == two


def test_an_animation_may_become_longer(home: Home, capsys: Capture) -> None:
    go("animate", "a fox", *home.words(*FILM))
    place = Path("outputs/0001-a-fox")
    before = frames(place)
    assert main.main(["resume", str(place)]) == 2
    said = f"{place} is complete; to continue it: vqclip resume {place} frames=6"
    assert said in capsys.readouterr().err
    go("resume", str(place), "frames=6")
    after = frames(place)
    assert len(after) == 6 and before.items() < after.items()
    assert count(place / "film.mp4") == 6 and (place / "final-1.png").exists()
    go("animate", "a fox", *home.words(*FILM, "frames=6"))
    assert frames(Path("outputs/0002-a-fox")) == after
    go("resume", str(place), "length=0.75")  # 12 a second
    assert len(frames(place)) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("frames=2", "frames is 2, but {place} is a run of 4; write 4 or more"),
        ("frames=0", "frames is 0, but {place} is a run of 4; write 4 or more"),
        ("steps=9", "steps cannot change in the middle of a run"),
        ("fps=9", "fps cannot change in the middle of a run"),
        ("motion.steps=9", "motion.steps cannot change in the middle of a run"),
        ("loop=true", "loop cannot change in the middle of a run"),
        ("film.between=2", "film.between cannot change in the middle of a run"),
    ],
)
def test_what_an_animation_is_cannot_change(
    home: Home, monkeypatch: Patch, capsys: Capture, change: str, message: str
) -> None:
    kill_run(monkeypatch, 5, "animate", "a fox", *home.words(*FILM))
    place = Path("outputs/0001-a-fox")
    assert main.main(["resume", str(place), change]) == 2
    assert message.format(place=place) in capsys.readouterr().err


def test_steps_that_hang_on_the_length_forbid_another(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    words = home.words(*FILM, "motion.steps=0: 1, 100%: 4")
    kill_run(monkeypatch, 6, "animate", "a fox", *words)
    place = "outputs/0001-a-fox"
    assert main.main(["resume", place, "frames=9"]) == 2
    assert (
        "motion.steps is '0: 1, 100%: 4', which depends on the number" in capsys.readouterr().err
    )
    go("resume", place)


def test_a_still_does_not_become_an_animation(home: Home, capsys: Capture) -> None:
    go("a fox", *home.words())
    assert main.main(["resume", "outputs/0001-a-fox", "frames=9"]) == 2
    assert "frames is 9, but outputs/0001-a-fox is a run of 0; leave" in capsys.readouterr().err


def test_another_film_under_the_same_name_is_noticed(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    clip(Path("clip"), 4)
    words = home.words(*WORDS, "source.film=clip", "source.flow=none", "init=auto")
    kill_run(monkeypatch, 6, "animate", "a fox", *words)
    go("animate", "a fox", *words)
    clip(Path("clip"), 4, by=2.0)
    assert main.main(["resume", "outputs/0001-a-fox"]) == 2
    assert "film clip is not the file that the run began with" in capsys.readouterr().err
    assert main.main(["again", "outputs/0002-a-fox"]) == 0
    assert "note: clip has changed since; the picture will differ" in capsys.readouterr().err
    shutil.rmtree("clip")
    assert main.main(["resume", "outputs/0001-a-fox"]) == 2
    assert "source.film is clip, but no such film" in capsys.readouterr().err


def test_frames_that_are_gone_are_missed(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    kill_run(monkeypatch, 8, "animate", "a fox", *home.words(*FILM))
    place = Path("outputs/0001-a-fox")
    (place / "frames/00001.png").unlink()
    assert main.main(["resume", str(place)]) == 2
    assert "frames lacks 1 of the 3 frames that the film had" in capsys.readouterr().err


def test_a_draft_is_small_and_quick(home: Home) -> None:
    words = home.words("frames=3", "motion.steps=12", "steps=20", "size=80x64", "init=random")
    go("animate", "a fox", "--draft", *words)
    notes = json.loads(Path("outputs/0001-a-fox/run.json").read_text())["config"]
    assert (notes["size"], notes["steps"], notes["motion"]["steps"]) == ("40x32", 2, 1)
    assert notes["frames"] == 3


@pytest.mark.starter
def test_a_film_that_is_killed_comes_out_the_same(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["animate", "a red balloon", "seed=1", "init=random", "camera.zoom=1.04", "frames=4"]
    words += ["size=64x64", "steps=2", "motion.steps=3", "checkpoint.every=2", "cutouts.count=4"]
    words += ["device=cpu", "precision=fp32", f"threads={torch.get_num_threads()}"]
    go(*words, "--out", "whole")
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "run.py"), *words, "--out", "pieces", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "step" and event["step"] == 6:  # in the middle of the third frame
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    place = Path("pieces/0001-a-red-balloon")
    assert not (place / "final.png").exists()
    go("resume", str(place))
    assert contents(place) == contents(Path("whole/0001-a-red-balloon"))
    assert count(place / "film.mp4") == 4
