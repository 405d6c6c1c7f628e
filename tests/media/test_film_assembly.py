"""Films, decoded back by other means than those that wrote them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image as pillow

from tests.media.test_film_encoder import heard, tone
from vqclip.errors import ConfigError, OutputError
from vqclip.media.film_assembly import SUFFIXES, Film, FilmPlan, open_film
from vqclip.media.film_encoder import EncodeOptions, round_rate

COLOURS = ((200, 40, 30), (20, 180, 60), (40, 60, 220), (128, 128, 128))
ENCODED = [kind for kind in SUFFIXES if kind]


def frame(colour: tuple[int, int, int], height: int = 34, width: int = 46) -> torch.Tensor:
    return torch.tensor(colour).div(255)[None, :, None, None].expand(1, 3, height, width)


def ffmpeg(*arguments: str | Path) -> tuple[bytes, str]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *arguments]
    done = subprocess.run(command, capture_output=True)
    return done.stdout, done.stderr.decode()


def told(path: Path) -> str:
    """What ffmpeg says of a film's picture."""
    found = re.search(r"Video: .*", ffmpeg("-i", path)[1])
    assert found is not None
    return found[0]


def decoded(path: Path) -> np.ndarray[Any, Any]:
    """[N, H, W, 3]: gif and webp through Pillow, the others through ffmpeg."""
    if path.suffix not in (".gif", ".webp"):
        size = re.search(r" (\d\d+)x(\d+)", told(path))
        assert size is not None
        data, _ = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
        return np.frombuffer(data, np.uint8).reshape(-1, int(size[2]), int(size[1]), 3)
    frames = []
    with pillow.open(path) as film:
        for index in range(getattr(film, "n_frames", 1)):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB")))
    return np.stack(frames)


def opened(path: Path, *, fps: float = 30, **options: Any) -> Film:
    """Begin a film; the options are fields of its plan, or say how it is encoded."""
    plan = {each.name for each in fields(FilmPlan)} & options.keys()
    how = {name: value for name, value in options.items() if name not in plan}
    return open_film(
        path,
        EncodeOptions(round_rate(fps), **how),
        FilmPlan(**{name: options[name] for name in plan}),
    )


def made(path: Path, *, height: int = 34, width: int = 46, **options: Any) -> Path:
    film = opened(path, fps=10, grows=False, **options)
    for colour in COLOURS:
        film.add(frame(colour, height, width))
    assert not path.exists() or path.is_dir()
    film.close()
    film.close()
    return path


@pytest.mark.parametrize("kind", ENCODED)
@pytest.mark.parametrize(("height", "width"), [(34, 46), (33, 47)])
def test_a_film_comes_back(tmp_path: Path, kind: str, height: int, width: int) -> None:
    path = made(tmp_path / f"film{kind}", height=height, width=width)
    frames = decoded(path)
    even = kind in (".mp4", ".webm")
    size = (height + height % 2, width + width % 2) if even else (height, width)
    assert frames.shape == (4, *size, 3)
    assert np.abs(frames.mean((1, 2)) - COLOURS).max() < 5
    assert np.abs(frames[:, -1].mean(1) - COLOURS).max() < 8, "padding repeats the edge"
    assert os.listdir(tmp_path) == [path.name]


def test_the_mp4_is_h264_yuv420p_with_its_index_first(tmp_path: Path) -> None:
    path = made(tmp_path / "film.mp4")
    assert re.match(r"Video: h264.* yuv420p\(tv, bt709.* 46x34,.* 10 fps", told(path))
    assert "Duration: 00:00:00.40" in ffmpeg("-i", path)[1]
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_webm_is_vp9_and_times_are_kept(tmp_path: Path) -> None:
    assert re.match(r"Video: vp9 .* yuv420p\(tv, bt709", told(made(tmp_path / "film.webm")))
    for kind in ("gif", "webp"):
        with pillow.open(made(tmp_path / f"film.{kind}")) as film:
            film.seek(1)
            film.load()
            assert film.info["duration"] == 100 and film.info["loop"] == 0


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    for kind in ENCODED:
        first = made(tmp_path / f"a{kind}").read_bytes()
        assert made(tmp_path / f"b{kind}").read_bytes() == first


@pytest.mark.parametrize("kind", ["", *ENCODED])
def test_other_sizes_are_fitted_to_the_declared_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film{kind}"
    film = opened(path, fps=10, size=(40, 20))
    film.add(np.full((10, 20, 3), 90, np.uint8))
    film.add(frame((90, 90, 90), 40, 80))
    film.close()
    pictures = decoded(path) if kind else [iio.imread(p) for p in sorted(path.iterdir())]
    frames = np.asarray(pictures)
    # Two equal frames may be stored as one that lasts longer.
    assert frames.shape[0] in (1, 2) and frames.shape[1:] == (20, 40, 3)
    assert np.abs(frames.astype(int) - 90).max() < 4


def test_a_folder_of_pictures_is_exact_and_goes_on(tmp_path: Path) -> None:
    for colour in COLOURS[:2]:
        film = opened(tmp_path / "frames")
        film.add(frame(colour))
        film.close()
    assert sorted(os.listdir(film.path)) == ["00000.png", "00001.png"]
    assert iio.imread(film.path / "00001.png")[0, 0].tolist() == list(COLOURS[1])


def test_quality_costs_bytes(tmp_path: Path) -> None:
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for kind in (".mp4", ".webm", ".webp"):
        sizes = []
        for quality in (0, 100):
            film = opened(tmp_path / f"{quality}{kind}", quality=quality)
            film.add(noise)
            film.close()
            sizes.append(film.path.stat().st_size)
        assert sizes[0] * 2 < sizes[1]


@pytest.mark.parametrize("kind", ["", *ENCODED])
def test_without_a_frame_nothing_is_left(tmp_path: Path, kind: str) -> None:
    opened(tmp_path / f"film{kind}").close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["", ".mp4", ".gif"])
def test_a_closed_film_takes_no_frame(tmp_path: Path, kind: str) -> None:
    film = opened(tmp_path / f"film{kind}")
    film.add(frame(COLOURS[0]))
    film.close()
    with pytest.raises(OutputError, match=rf"film{kind} is closed; no frame can be added"):
        film.add(frame(COLOURS[0]))


@pytest.mark.parametrize("kind", ["", *ENCODED])
def test_what_a_killed_run_left_is_part_of_the_film(tmp_path: Path, kind: str) -> None:
    whole = made(tmp_path / f"whole{kind}")
    path = tmp_path / f"film{kind}"
    killed = opened(path, fps=10)
    for colour in COLOURS[:3]:
        killed.add(frame(colour))
    killed.flush()
    assert sorted(os.listdir(tmp_path)) == sorted([whole.name, "film.frames" if kind else "film"])
    again = opened(path, fps=10, start=2)  # the third frame is taken again
    assert again.count == 2
    for colour in COLOURS[2:]:
        again.add(frame(colour))
    again.close()
    if kind:
        assert path.read_bytes() == whole.read_bytes()
        assert not (tmp_path / "film.frames").exists()
    else:
        assert [p.read_bytes() for p in sorted(path.iterdir())] == [
            p.read_bytes() for p in sorted(whole.iterdir())
        ]


@pytest.mark.parametrize("kind", ENCODED)
def test_a_film_that_pauses_plays_and_goes_on(tmp_path: Path, kind: str) -> None:
    whole, path = made(tmp_path / f"whole{kind}"), tmp_path / f"film{kind}"
    film = opened(path, fps=10)
    film.pause()  # without a frame there is nothing to make
    assert not path.exists()
    for colour in COLOURS[:2]:
        film.add(frame(colour))
    film.pause()
    assert len(decoded(path)) == 2
    later = opened(path, fps=10, start=2, overwrite=True)
    for colour in COLOURS[2:]:
        later.add(frame(colour))
    later.close()
    later.pause()
    assert path.read_bytes() == whole.read_bytes()


def test_a_film_whose_frames_are_gone_does_not_go_on(tmp_path: Path) -> None:
    film = opened(tmp_path / "film.mp4")
    for colour in COLOURS:
        film.add(frame(colour))
    film.flush()
    (tmp_path / "film.frames" / "00001.png").unlink()
    message = r"film.frames lacks 1 of the 3 frames .* 00001.png; put .*film.format=none"
    with pytest.raises(OutputError, match=message):
        opened(tmp_path / "film.mp4", start=3)
    assert len(os.listdir(tmp_path / "film.frames")) == 3  # none is forgotten then


def test_no_film_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = made(tmp_path / "film.gif")
    with pytest.raises(OutputError, match=r"film.gif already exists"):
        opened(path)
    film = opened(path, overwrite=True)
    film.add(frame(COLOURS[0]))
    film.close()
    assert len(decoded(path)) == 1


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "a.mpg4",
            {},
            "a.mpg4 has the suffix '.mpg4', .*; did you mean '.mp4'\\?; expe",
        ),
        ("a.mp4", {"fps": 0}, "fps is 0; expected more than 0 and at most 1000"),
        ("a.mp4", {"fps": float("nan")}, "fps is nan"),
        ("a.mp4", {"quality": 101}, "quality of a film is 101; expected 0 to 100"),
        ("a.mp4", {"size": (0, 4)}, "size of a film is 0x4; expected 1x1 or more"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        opened(tmp_path / name, **options)


def test_a_frame_of_another_shape_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[4, 4\], uint8; expected \[H, W, 3\] uint8"):
        opened(tmp_path / "frames").add(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("kind", ENCODED)
def test_no_ffmpeg_is_said_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def absent() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", absent)
    with pytest.raises(
        ConfigError, match=r"ffmpeg, which reads and writes.*pip install imageio-ffmpeg"
    ):
        opened(tmp_path / f"film{kind}")


def fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "fake-ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(path))


@pytest.mark.parametrize("kind", ENCODED)
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("cat >/dev/null; exit 1", "it said nothing"),
        ("echo 'No space left on device' >&2; exit 1", "No space left on device"),
    ],
)
def test_an_ffmpeg_that_fails_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, script: str, words: str
) -> None:
    fake(tmp_path, script, monkeypatch)
    film = opened(tmp_path / f"film{kind}")
    film.add(frame(COLOURS[0]))
    message = (
        rf"film{kind} could not be made \(ffmpeg stopped: {words}\); its frames are in "
        rf".*film.frames. Is the disk full"
    )
    with pytest.raises(OutputError, match=message):
        film.close()
    film.close()
    assert sorted(os.listdir(tmp_path)) == ["fake-ffmpeg", "film.frames"]
    assert os.listdir(tmp_path / "film.frames") == ["00000.png"]


def test_an_ffmpeg_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "gone"))
    film = opened(tmp_path / "film.mp4")
    film.add(frame(COLOURS[0]))
    with pytest.raises(OutputError, match=r"film.mp4 could not be made .*No such file"):
        film.close()


def test_a_folder_that_goes_away_is_named(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    film = opened(place / "film.mp4")
    film.add(frame(COLOURS[0]))
    film.flush()
    pictures = opened(place / "frames")
    shutil.rmtree(place)
    with pytest.raises(OutputError, match=r"film.mp4"):
        film.close()
    with pytest.raises(OutputError, match=r"run/frames cannot be written .*moved or deleted"):
        pictures.add(frame(COLOURS[0]))


def test_a_percent_sign_in_a_folder_is_no_pattern(tmp_path: Path) -> None:
    place = tmp_path / "100%d off"
    place.mkdir()
    for kind in ENCODED:
        assert len(decoded(made(place / f"film{kind}"))) == 4


def test_what_a_film_leaves_out_is_noted(tmp_path: Path) -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    for kind, words in (
        (".mp4", "h264 in an mp4 has no transparency; transparent parts become white"),
        (".mov", None),
    ):
        film = opened(tmp_path / f"film{kind}", grows=False)
        film.add(clear)
        film.add(np.zeros((16, 16, 3), np.uint8))  # the others need not have any
        film.close()
        assert film.notes == ([] if words is None else [words])
        frames = decoded(film.path)
        assert (frames[0].min() > 250) == (kind == ".mp4") and frames[1].max() < 5
    song = tmp_path / "song.wav"
    film = opened(tmp_path / "film.gif", sound=tone(song, 0.5))
    assert film.notes == [f"a gif has no sound; {song} is left out"]


def test_a_film_has_sound_and_in_betweens(tmp_path: Path) -> None:
    song = tone(tmp_path / "song.wav", 2)
    path = made(tmp_path / "film.mov", codec="h265", crf=20, between=1, sound=song)
    assert re.match(r"Video: hevc .*hvc1.* 20 fps", told(path))
    assert heard(path) == (pytest.approx(0.4, abs=0.03), pytest.approx(220, abs=5))
    assert len(decoded(path)) == 8


def test_frames_of_another_film_go_before_and_after(tmp_path: Path) -> None:
    other = opened(tmp_path / "other")
    for colour in COLOURS:
        other.add(frame(colour))
    other.close()
    paths = sorted((tmp_path / "other").iterdir())
    place = tmp_path / "frames"
    film = opened(tmp_path / "film.gif", folder=place, start=0, tail=paths[2:])
    film.take(paths[:1])
    film.add(frame(COLOURS[3]))
    film.pause()
    assert (film.count, len(decoded(tmp_path / "film.gif"))) == (2, 2)
    film.close()
    film.close()
    assert film.count == 4 and len(decoded(tmp_path / "film.gif")) == 4
    kept = [path.read_bytes() for path in sorted(place.iterdir())]
    assert kept == [paths[n].read_bytes() for n in (0, 3, 2, 3)]
    gone = opened(tmp_path / "gone.gif", folder=place, start=1, tail=[tmp_path / "nil.png"])
    with pytest.raises(OutputError, match=r"00001.png cannot be written \(No such file"):
        gone.close()
