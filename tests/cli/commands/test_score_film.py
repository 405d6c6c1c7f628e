"""`vqclip score --film` as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home, Refusal
from tests.helpers.films import film
from vqclip.animation import flicker
from vqclip.animation.optical_flow import open_flow
from vqclip.cli import main
from vqclip.config.setting_descriptions import to_dict
from vqclip.guidance import perceptor, zero_shot
from vqclip.media import images
from vqclip.media.frames.frame_source import open_footage
from vqclip.run.record.provenance import Provenance

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second of film, and a folder of three pictures, where the test stands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "row").mkdir()
    for number in range(3):
        pillow.new("RGB", (40, 30), (40 * number, 9, 200)).save(f"row/{number}.png")
    return film(Path("a.mp4"), "-c:v", "libx264", "-pix_fmt", "yuv444p", rate="12")


def events(capsys: Capture, *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main.main(["score", *words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_film_is_measured(clip: Path, capsys: Capture) -> None:
    (found,) = events(capsys, "--film", "a.mp4")
    wanted = flicker.measure_flicker(open_footage("a.mp4"), open_flow("dis"))
    assert found == {
        **{"event": "film", "film": "a.mp4", "source": None, "flow": "dis", "frames": 12},
        **{"warp_error": wanted.warping_error, "warp_errors": list(wanted.warped)},
        **{"compared": pytest.approx(sum(wanted.shown) / 11, abs=1e-6)},
        **{"difference": wanted.mean_difference, "differences": list(wanted.differences)},
        **{
            "difference_95": wanted.usual_difference,
            "loop": wanted.loop,
            "closes": wanted.is_loop,
        },
    }
    assert main.main(["score", "--film", "row", "--flow", "none", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.split("  ") for line in out.splitlines()]
    assert [line[0] for line in lines] == [
        *("frames", "warp error ×1000", "neighbours", "neighbours, 95 %", "last to first")
    ]
    # Of three channels, one differs by 40 levels from frame to frame, and by 80 over the loop.
    assert out.count("13.33") == 2 and "26.67  the loop does not close" in out
    assert f"{1000 * (40 / 255) ** 2 / 3:.3f}  on the 100 % of pixels" in out


def test_motion_is_found_in_the_source(clip: Path, capsys: Capture) -> None:
    """Which is brought to the film's size and rate, whatever its own."""
    film(Path("wide.mkv"), "-vf", "scale=80:70", "-c:v", "ffv1", rate="24")
    (found,) = events(capsys, "--film", "a.mp4", "--source", "wide.mkv", "--flow", "farneback")
    source = open_footage("wide.mkv", size=(64, 48), fps=12)
    wanted = flicker.measure_flicker(open_footage("a.mp4"), open_flow("farneback"), source)
    assert found["source"] == "wide.mkv" and found["warp_errors"] == list(wanted.warped)
    # A source of as many frames is taken as it is, whatever it says of their rate.
    film(Path("slow.mkv"), "-c:v", "ffv1", rate="6", seconds="2")
    (found,) = events(capsys, "--film", "a.mp4", "--source", "slow.mkv")
    wanted = flicker.measure_flicker(
        open_footage("a.mp4"), open_flow("dis"), open_footage("slow.mkv")
    )
    assert found["warp_errors"] == list(wanted.warped)


@pytest.mark.parametrize("name", ["run", "run/frames", "run/frames/*.png", "run/film.mp4"])
def test_the_source_of_a_run_is_taken_as_the_run_took_it(
    clip: Path, capsys: Capture, name: str
) -> None:
    """From the same moment on, as many frames a second, and cut to the same shape."""
    film(Path("wide.mkv"), "-vf", "scale=80:70", "-c:v", "ffv1", rate="24", seconds="3")
    over: dict[str, Any] = {"film": "there.mp4", "start": 1.5, "stride": 2, "fit": "stretch"}
    between = {"between": 1} if name == "run/film.mp4" else {}
    settings = {"source": over, "frames": 6, "fps": 6.0, "film": between}
    config = to_dict(vqclip.load("a fox", **settings), everywhere=False)
    notes = Provenance(config, "a fox", 1, {}, {})
    Path("run/frames").mkdir(parents=True)
    Path("run/run.json").write_text(notes.to_json())
    for number in range(6):
        pillow.new("RGB", (40, 30), (40 * number, 9, 200)).save(f"run/frames/{number}.png")
    many, size, drawn = 1, (40, 30), open_footage("run/frames")
    if name == "run/film.mp4":  # with others in between
        many, size, drawn = 2, (64, 48), open_footage(clip.rename(name))
    (found,) = events(capsys, "--film", name, "--source", "wide.mkv", "--flow", "farneback")
    how: dict[str, Any] = {"fps": 12 * many, "stride": 2, "first": 9 * many, "fit": "stretch"}
    source = open_footage("wide.mkv", size=size, **how)
    wanted = flicker.measure_flicker(drawn, open_flow("farneback"), source)
    assert found["frames"] == 6 * many and found["warp_errors"] == list(wanted.warped)
    assert main.main(["score", "--film", name, "--source", "wide.mkv"]) == 0
    said = "note: wide.mkv is read as in the run: source.start=1.5 source.stride=2\n"
    assert said in capsys.readouterr().err


def test_frames_are_held_against_words(clip: Path, home: Home, capsys: Capture) -> None:
    film(Path("long.mp4"), "-c:v", "libx264", rate="12", seconds="3")
    for name, stride in (("long.mp4", 2), ("row", 1)):
        words = ["--film", name, "a fox | fog", "--flow", "none", f"perceptors={home.clip}"]
        *scores, last = events(capsys, *words)
        assert last["event"] == "film" and [s["prompt"] for s in scores] == ["a fox", "fog"]
        eye = perceptor.load_perceptor(str(home.clip))
        frames = list(open_footage(name))[::stride]
        seen = torch.cat(
            [zero_shot.embed_picture(pillow.fromarray(images.to_bytes(f)), eye) for f in frames]
        )
        for score in scores:
            wanted = (seen @ zero_shot.embed_texts([str(score["prompt"])], eye).T).mean().item()
            assert score["cosine"] == pytest.approx(wanted, abs=1e-5)
            assert score["seen"] == len(frames) and score["perceptor"] == str(home.clip)
    assert main.main(["score", *words, "--quiet"]) == 0
    assert "the mean of 3 frames with 'fog', by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--film", "gone.mp4"], "there is no film or folder at gone.mp4"),
        (["--film", "a.mp4", "--source", "gone/"], "there is no film or folder at gone/"),
        (["--film", "note.txt"], "note.txt cannot be read as a film"),
        (["--film", "row/1.png"], "measuring flicker needs two or more"),
        (["--film", "a.mp4", "--source", "row"], "the source ends after 3 frames"),
        (["--film", "a.mp4", "--flow", "diss"], "did you mean 'dis'"),
        (["--film", "a.mp4", "--flow", "gone.pth"], "there is no checkpoint at gone.pth"),
        (["--film", "a.mp4", "a", "fox"], "one prompt, in quotes; 2 words"),
        (["--film", "a.mp4", "@row/1.png"], "holds no words to score"),
        (["--film", "a.mp4", "steps=3"], "is a setting for drawing"),
        (["--film"], "expected one argument"),
        (["row/1.png", "a fox", "--source", "a.mp4"], "--source and --flow belong to --film"),
        (["row/1.png", "a fox", "--flow", "none"], "--source and --flow belong to --film"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    clip: Path, home: Home, refused: Refusal, words: list[str], complaint: str
) -> None:
    Path("note.txt").write_text("no film")
    assert complaint in refused("score", *words)
