"""`vqclip film` as a shell sees it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers.films import ffmpeg
from tests.media.test_film_encoder import heard, tone
from vqclip.cli import main
from vqclip.cli.commands import film as commands_film
from vqclip.media import film_encoder
from vqclip.media.frames import frame_source

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures, of which the sixth is larger and the last ones have alpha."""
    monkeypatch.chdir(tmp_path)
    folder = Path("frames")
    folder.mkdir()
    for number in range(1, 13):
        size = (34, 22) if number == 6 else (17, 11)
        picture = pillow.new("RGB", size, (20 * number, 100, 50))
        if number > 10:
            picture.putalpha(0)
        picture.save(folder / f"frame{number}.png")
    return folder


def made(capsys: Capture, *words: str) -> tuple[frame_source.Strip, list[dict[str, Any]], str]:
    """The film, the events, and what was said."""
    capsys.readouterr()
    assert main.main(["film", *words, "--json"]) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["event"] == "done" and not list(Path().rglob(".*.part*"))
    return frame_source.strip_of_film(Path(events[-1]["film"])), events, err


def reds(found: frame_source.Strip) -> list[int]:
    return [int(pixels[4, 4, 0]) for pixels in found.pictures()]


def test_a_folder_becomes_a_film(frames: Path, capsys: Capture) -> None:
    found, events, err = made(capsys, "frames", "--fps", "12")
    assert (found.count, found.size, found.fps) == (12, (18, 12), 12)
    assert np.abs(np.subtract(reds(found)[:10], [20 * n for n in range(1, 11)])).max() < 6
    assert min(reds(found)[10:]) > 250  # on white
    start, done = events
    assert Path(start["film"]) == Path("frames.mp4").absolute()
    assert (start["frames"], start["fps"], start["codec"]) == (12, 12.0, "h264")
    assert (done["frames"], start["size"]) == (12, [17, 11])
    assert "12 pictures of 17x11 from frames\n" in err
    assert "note: pictures of another size, fitted to 17x11: 1\n" in err
    assert "note: h264 has no transparency; transparent parts become white\n" in err
    assert "note: h264 needs even sides, so the film is 18x12\n" in err
    again, events, _ = made(capsys, "frames", "--size", "20x16", "film.codec=h265")
    assert Path(events[0]["film"]).name == "frames-2.mp4"
    assert (again.size, again.fps) == ((20, 16), 15)


def test_a_film_becomes_another(frames: Path, capsys: Capture) -> None:
    sound = tone(Path("tone.wav"), 3)
    made(capsys, "frames/*.png", "--fps", "12", "--sound", str(sound), "--sound-start", "1")
    film = Path("film.mp4")
    assert heard(film) == (pytest.approx(1, abs=0.03), pytest.approx(440, abs=5))
    found, _, _ = made(capsys, str(film), "--out", "b.webm", "film.between=1")
    assert (found.count, found.fps) == (24, 24)
    assert heard(Path("b.webm"))[1] == pytest.approx(440, abs=5)  # it keeps its sound
    found, _, err = made(capsys, str(film), "--fps", "6", "--format", "mov")
    assert found.fps == 6 and not found.sound and "the film's sound is left out, since" in err
    found, _, err = made(capsys, str(film), "--out", "film.gif")
    assert found.count == 12 and "note: gif has no sound; film.mp4 is left out" in err
    assert main.main(["film", str(film), "--out", "single", "--quiet"]) == 0
    assert sorted(os.listdir("single")) == [f"{number:05d}.png" for number in range(12)]


def test_a_run_becomes_a_film_of_another_kind(home: Home, capsys: Capture) -> None:
    words = home.words("steps=4", "film.format=frames", "film.fps=5", "seed=1")
    assert main.main(["a fox", "--quiet", *words]) == 0
    found, events, _ = made(capsys, "outputs/0001-a-fox", "--format", "webp")
    assert events[-1]["film"] == "outputs/0001-a-fox/film.webp"
    assert (found.count, found.fps, found.size) == (4, 5, (32, 32))


def test_a_run_keeps_its_sound(home: Home, capsys: Capture) -> None:
    """That of its own film, or else of what it was made with, from where that began."""
    tone(Path("tone.wav"), 4)
    clip = ("-f", "lavfi", "-i", "testsrc=size=32x32:rate=4:duration=4", "-i", "tone.wav")
    ffmpeg(*clip, "-c:v", "ffv1", "clip.mkv")
    words = home.words("seed=1", "motion.steps=1", "source.flow=none", "source.start=2")
    words[words.index("film.format=none")] = "film.format=mp4"
    assert main.main(["animate", "a fox", "--source", "clip.mkv", "--quiet", *words]) == 0
    run = Path("outputs/0001-a-fox")
    third = (pytest.approx(2, abs=0.03), pytest.approx(660, abs=5))
    assert heard(run / "film.mp4") == third
    found, _, err = made(capsys, str(run), "--format", "webm")
    assert (found.count, found.fps, heard(run / "film.webm")) == (8, 4, third)
    assert "note" not in err
    made(capsys, str(run), "--sound", "tone.wav", "--out", "other.mp4")
    assert heard(Path("other.mp4"))[1] == pytest.approx(220, abs=5)
    found, _, err = made(capsys, str(run), "--fps", "8", "--out", "fast.mp4")
    assert (
        not found.sound
        and "the film's sound is left out, since it does not fit another fps" in err
    )
    _, _, err = made(capsys, str(run), "--format", "gif")
    assert f"note: gif has no sound; {run / 'film.mp4'} is left out" in err
    (run / "film.mp4").unlink()
    made(capsys, str(run), "--out", "again.mov", "--between", "1")
    assert heard(Path("again.mov")) == third
    Path("clip.mkv").unlink()
    found, _, err = made(capsys, str(run), "--out", "mute.mp4")
    assert found.count == 8 and not found.sound
    assert "note: the run's sound is left out; there is no film or folder at clip.mkv" in err


def test_every_fifth_frame_on_a_sheet(frames: Path, capsys: Capture) -> None:
    assert main.main(["film", "frames", "--sheet", "5", "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("sheet.png\n")
    with pillow.open("sheet.png") as sheet:
        assert sheet.size[0] == 3 * 136 + 8  # 0, 5 and 10
    assert not list(Path().glob("*.mp4"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            [],
            "name what the film is to be made of, .* draw the word itself: vqclip generate film",
        ),
        (["gone"], "there is no gone; name a run"),
        (["frames", "--format", "mp5"], "film.format is 'mp5'; did you mean 'mp4'"),
        (["frames", "--format", "none"], "film.format is none; name a film format, such as mp4"),
        (["frames", "--out", "a.mp5"], "--out a.mp5: there is no film format .mp5; did you"),
        (
            ["frames", "--out", "a.gif", "--format", "mp4"],
            "--out a.gif and film.format=mp4 do no",
        ),
        (["frames", "--out", "a.gif", "film.codec=av1"], "film.codec is av1, which does not go "),
        (["frames", "--out", "tone.wav/a.mp4"], "tone.wav is not a folder"),
        (
            ["frames", "--out", "there.mp4"],
            "there.mp4 already exists, and vqclip does not over",
        ),
        (["frames", "--size", "big"], "--size is 'big'; write width x height"),
        (["frames", "--fps", "0"], "film.fps is 0; it must be 1 or more"),
        (
            ["frames", "fps=3"],
            r"fps= is not a setting of films \(one of: film.format, film.codec",
        ),
        (
            ["frames", "film.fsp=3"],
            "film.fsp= is not a setting of films; did you mean 'film.fps'",
        ),
        (
            ["frames", "--between", "1", "film.between_by=latent"],
            "film.between_by=latent needs the latents of a run, which finished pictures do not "
            "have",
        ),
        (["frames", "--sound", "gone.mp3"], "there is no sound at gone.mp3"),
        (["frames", "--sound-start", "x"], "--sound-start x: write seconds, such as 12.5"),
        (["frames", "--sheet", "0"], "--sheet 0: it must be a whole number, 1 or more"),
        (
            ["frames", "--sheet", "2", "--out", "a.gif"],
            "--out a.gif: the name of a contact sheet",
        ),
        (["frames", "broken.png"], "broken.png is not a picture that can be read"),
        (["frames", "cut.png"], "cut.png cannot be read as a picture"),
        (["broken.mp4"], "broken.mp4 cannot be read as a film"),
    ],
)
def test_what_cannot_be_is_refused(
    frames: Path, refused: Refusal, words: list[str], sentence: str
) -> None:
    tone(Path("tone.wav"), 0.1)
    for name in ("there.mp4", "broken.mp4", "broken.png"):
        Path(name).write_text("hello")
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    pillow.fromarray(noise).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:600])
    before = sorted(os.listdir())
    import re

    assert re.match(sentence, refused("film", *words))
    assert sorted(os.listdir()) == before


def test_a_sheet_of_too_many_is_refused(
    frames: Path, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands_film, "MOST", 5)
    sentence = refused("film", "frames", "--sheet", "2")
    assert sentence.startswith("--sheet 2 would put 6 pictures on a sheet, which has room for 5")
    assert sentence.endswith("write --sheet 3 or more")


def test_a_film_that_fails_leaves_nothing(
    frames: Path, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_encoder, "SPEED", {"libx264": ("-preset", "hasty")})
    assert refused("film", "frames").startswith("ffmpeg stopped: ")
    assert os.listdir() == ["frames"]
