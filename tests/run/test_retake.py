"""A stretch of an animation, drawn anew between frames that stay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Home
from tests.helpers.building import draw_latent
from tests.helpers.killing import kill_run
from tests.helpers.moving import ready, shown
from tests.run.test_recording import contents, count, frames
from tests.run.test_resume import Capture, Patch, go
from vqclip.cli import main
from vqclip.media import images
from vqclip.run import first_frame
from vqclip.run.retake import Retake

OLD = "outputs/0001-a-fox"
WORDS = (
    "frames=8",
    "motion.steps=2",
    "seed=5",
    "init=random",
    "film.format=mp4",
    "camera.roll=2",
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the runs of `old` and `looped`, which are drawn once, and copied for tests."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def old(home: Home, drawn: Path) -> Home:
    """A run of eight frames."""
    return draw_once(home, drawn / "old")


@pytest.fixture
def looped(home: Home, drawn: Path) -> Home:
    """A loop of eight frames, with two pictures between each of them and the next."""
    more = ("film.between=2", "film.between_by=latent", "loop=true")
    return draw_once(home, drawn / "looped", *more)


def draw_once(home: Home, kept: Path, *more: str) -> Home:
    """Draw a run into `outputs`, or copy it from where it is kept."""
    if kept.exists():
        shutil.copytree(kept, "outputs")
    else:
        go("animate", "a fox", *home.words(*WORDS, *more))
        shutil.copytree("outputs", kept)
    return home


def test_the_other_frames_stay(old: Home) -> None:
    go("again", OLD, "--frames", "3:6", "seed=6")
    one, two = (frames(Path(f"outputs/000{n}-a-fox")) for n in (1, 2))
    names = list(one)
    assert list(two) == names and len(names) == 8
    assert [one[name] == two[name] for name in names] == [True] * 3 + [False] * 3 + [True] * 2
    place = Path("outputs/0002-a-fox")
    assert count(place / "film.mp4") == 8
    lines = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["frame"]) for line in lines] == [
        *((7, 3), (8, 3), (9, 4), (10, 4), (11, 5), (12, 5))
    ]
    last = images.read_picture(place / "frames/00007.png")
    assert torch.equal(images.read_picture(place / "final.png"), last)
    notes = json.loads((place / "run.json").read_text())
    assert notes["config"]["retake"] == {"of": OLD, "frames": "3:6"}
    assert f"frames {OLD}" in notes["models"]


def test_a_stretch_is_made_again_and_goes_on(old: Home, monkeypatch: Patch) -> None:
    words = ["again", OLD, "--frames", "3:7", "prompts=a bear"]
    go(*words)
    go("again", "outputs/0002-a-bear")
    kill_run(monkeypatch, 11, *words, "checkpoint.every=2")
    go("resume", "outputs/0004-a-bear")
    whole, again, piece = (Path(f"outputs/000{n}-a-bear") for n in (2, 3, 4))
    assert frames(whole) == frames(again) == frames(piece)
    # The copy is a stretch of the same run, too.
    notes = [json.loads((p / "run.json").read_text()) for p in (whole, again)]
    assert notes[0]["config"] == notes[1]["config"]
    for name in ("final.png", "film.mp4", "log.jsonl"):
        assert contents(whole)[name] == contents(again)[name] == contents(piece)[name], name


@pytest.mark.parametrize("stretch", ["0:3", "5:8", "0:8", "4:5"])
def test_a_stretch_may_be_at_either_end(old: Home, stretch: str) -> None:
    go("again", OLD, "--frames", stretch, "seed=6")
    one, two = (list(frames(Path(f"outputs/000{n}-a-fox")).values()) for n in (1, 2))
    first, until = map(int, stretch.split(":"))
    assert len(two) == 8
    assert [a == b for a, b in zip(one, two, strict=True)] == [
        not first <= number < until for number in range(8)
    ]


def test_a_stretch_of_strokes_is_blended_as_pictures(home: Home) -> None:
    strokes = ("drawer=strokes", "draw.strokes=8", "film.between=1", "film.between_by=latent")
    go("animate", "a fox", *home.words(*WORDS, *strokes, "steps=3"))
    go("again", OLD, "--frames", "2:6", "seed=6")
    one, two = (sorted(Path(f"outputs/000{n}-a-fox/frames").iterdir()) for n in (1, 2))
    assert len(one) == len(two) == 15
    pairs = zip(one, two, strict=True)
    gaps = [
        float((images.read_picture(a) - images.read_picture(b)).abs().mean()) for a, b in pairs
    ]
    # Frames 2 to 5 are pictures 4 to 10; picture 11 leads to frame 6, which stays.
    assert not any(gaps[:3] + gaps[12:]) and all(gaps[3:12])
    assert gaps[11] < gaps[10] < gaps[8] and gaps[11] < gaps[6] / 2


def test_pictures_between_frames_are_numbered_alike(looped: Home) -> None:
    for number, stretch in enumerate(("2:5", "1:2", "6:8"), start=2):
        go("again", OLD, "--frames", stretch, "seed=6")
        one, two = (list(frames(Path(f"outputs/000{n}-a-fox")).values()) for n in (1, number))
        assert len(one) == len(two) == 24
        first, until = map(int, stretch.split(":"))
        # What leads to the stretch, and from it to the frame that stays, is drawn anew, too.
        place = [max(0, (first - 1) * 3 + 1), until * 3]
        assert [a == b for a, b in zip(one, two, strict=True)] == [
            not place[0] <= n < place[1] for n in range(24)
        ]


@pytest.mark.parametrize(("stretch", "instead"), [("0:3", "1:3"), ("0:1", "1:2")])
def test_the_pictures_that_close_a_loop_lead_to_the_frame_that_stays(
    looped: Home, capsys: Capture, stretch: str, instead: str
) -> None:
    capsys.readouterr()
    assert main.main(["again", OLD, "--frames", stretch]) == 2
    said = capsys.readouterr().err
    assert f"retake.frames is '{stretch}'; with loop, the pictures between the last" in said
    assert f"lead to frame 0 as it was, so it has to stay: begin at 1, such as {instead}" in said


def test_how_much_of_what_was_there_comes_back() -> None:
    def shares(first: int, until: int, loop: bool = False) -> list[float]:
        there = Retake(Path(), first, until, 40, 0, loop)
        return [round(there.blend_share(frame), 3) for frame in range(first, until)]

    assert shares(3, 7) == [0, 0, 0.333, 0.667]
    assert [shares(5, 5 + n) for n in (1, 2, 3, 5)] == [
        [0.5],
        [0, 0.5],
        [0, 0.333, 0.667],
        [0, 0, 0.25, 0.5, 0.75],
    ]
    assert shares(0, 30)[-9:] == [0, *(round(n / 9, 3) for n in range(1, 9))]
    assert shares(30, 40) == [0] * 10
    assert shares(36, 40, loop=True) == [0, 0, 0.333, 0.667]


def test_it_begins_from_the_picture_before(old: Home) -> None:
    run = ready(old, frames=8, camera={"roll": 2.0}, retake={"of": OLD, "frames": "3:6"}, seed=6)
    before = images.read_picture(Path(OLD) / "frames/00002.png")
    assert run.feedback is not None and run.feedback.last is not None
    assert torch.equal(run.feedback.shown, before)  # type: ignore[arg-type]
    assert (run.done, run.total) == (7, 13)
    with torch.no_grad():
        drawn = draw_latent(run, run.feedback.last["latent"])
        plain = draw_latent(run, run.drawer.vqgan.encode(before))
    apart = [float((each - before).square().mean()) for each in (drawn, plain)]
    assert apart[0] <= apart[1], "the encoder's latent was not mended"
    assert len(shown(run.play())) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", "6:3"], f"retake.frames is '6:3'; {OLD} has 8 frames, so write A:B"),
        (["--frames", "3:9"], "retake.frames is '3:9'; "),
        (["--frames", "a:b"], "B at most 8, such as 2:5: from A to B - 1"),
        (["--frames", "3:5", "loop=true"], f"loop is True, and was False in {OLD}, of which"),
        (["--frames", "3:5", "fps=9"], "fps is 9.0, and was None in"),
        (["--frames", "3:5", "length=1"], "frames is 12, and was 8 in"),
        (["--frames", "3:5", "size=64x64"], "are 32x32, and this run's would be 64x64"),
        (["retake.frames=3:5"], "retake.of (a run) and retake.frames (its frames"),
        (["retake.frames=3:5", "retake.of=nil"], "retake.of is nil, which is not a run"),
    ],
)
def test_stretches_that_cannot_be(
    old: Home, capsys: Capture, words: list[str], message: str
) -> None:
    capsys.readouterr()
    assert main.main(["again", OLD, *words]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in Path("outputs").iterdir()] == ["0001-a-fox"]


def test_what_a_stretch_needs_is_missed(old: Home, capsys: Capture, monkeypatch: Patch) -> None:
    kill_run(monkeypatch, 9, "again", OLD, "--frames", "3:6", "checkpoint.every=2")
    place = Path("outputs/0002-a-fox")
    assert main.main(["resume", str(place), "frames=9"]) == 2
    assert "frames is 9, but outputs/0002-a-fox is a run of 8; leave" in capsys.readouterr().err
    assert main.main(["resume", str(place), "retake.frames=3:7"]) == 2
    assert "retake.frames cannot change in the middle of a run" in capsys.readouterr().err
    frame = Path(OLD, "frames/00006.png")
    shutil.copy(Path(OLD, "frames/00005.png"), frame)
    assert main.main(["resume", str(place)]) == 2
    assert f"frames {OLD} is not the file that the run began with" in capsys.readouterr().err
    frame.unlink()
    assert main.main(["resume", str(place)]) == 2
    said = f"1 of the frames of {OLD} are missing, such as {frame}; put them back, or complete"
    assert said in capsys.readouterr().err


def test_a_still_has_no_stretch(home: Home, capsys: Capture) -> None:
    go("a fox", *home.words())
    assert main.main(["again", OLD, "--frames", "1:2", "frames=4"]) == 2
    assert f"{OLD} is a still picture, and has no frames to draw again" in capsys.readouterr().err


def test_a_latent_is_found_for_a_picture(home: Home) -> None:
    run = ready(home)
    other: Any = run.drawer.vqgan.random_latent(8, 8, torch.Generator().manual_seed(4))
    picture = draw_latent(run, other).detach()
    found = first_frame.fit_parameters(run.drawer, picture)["latent"]
    with torch.no_grad():
        plain = run.drawer.vqgan.encode(picture)
        apart = [(draw_latent(run, x) - picture).square().mean() for x in (found, plain)]
    assert apart[0] < apart[1]


def test_scenes_of_a_stretch_have_their_drafts(home: Home, monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        "vqclip.run.init_image.InitImage.draw_draft", lambda *_: torch.full((1, 3, 32, 32), 0.5)
    )
    words = home.words(*WORDS[:3], "prompts=a fox ^ a bear", "init=random", "film.format=none")
    go("animate", *words)
    retake = {"of": OLD, "frames": "3:6"}
    run = ready(home, frames=8, prompts="a fox ^ a bear", init="dream", retake=retake)
    assert run.feedback is not None
    assert sorted(run.feedback.drafts) == [0, 1]
    assert len(shown(run.play())) == 3
