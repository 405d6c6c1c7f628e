"""Frames of films and of pictures in a row, against the numbers that they were made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from tests.helpers.films import ffmpeg, film, levels
from vqclip.errors import ConfigError, PictureError
from vqclip.media import files, images
from vqclip.media.frames import frame_source
from vqclip.media.frames.frame_source import FITS, open_footage

# Lossless, in red, green and blue: the frames can be told apart by their numbers.
FFV1 = ("-pix_fmt", "gbrp", "-c:v", "ffv1")
SHADES = "nullsrc=size=6x4:rate=10:duration={},format=gbrp,geq=r='N*{}':g=9:b=200"


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """Thirty frames at 10 a second; number n has 8 n of red."""
    return film(tmp_path / "shades.mkv", *FFV1, source=SHADES.format(3, 8))


@pytest.fixture
def row(tmp_path: Path) -> Path:
    """Twelve pictures, whose names have to be sorted as numbers; number n has 20 n of red."""
    folder = tmp_path / "row"
    folder.mkdir()
    for number in range(12):
        pillow.new("RGB", (6, 4), (20 * number, 9, 200)).save(folder / f"f{number}.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".f5.png").write_bytes(b"hidden")
    (folder / "below").mkdir()
    return folder


def reds(frames: frame_source.Footage) -> list[int]:
    return [levels(frame, 2, 2)[0] for frame in frames]


def test_a_film_is_a_stream_of_its_frames(shades: Path) -> None:
    opened = open_footage(shades)
    assert (opened.size, opened.fps, opened.count, opened.sound) == ((6, 4), 10, 30, None)
    frames = list(opened)
    assert all(f.shape == (1, 3, 4, 6) and f.dtype == torch.float32 for f in frames)
    assert [levels(f, 5, 3) for f in frames] == [[8 * n, 9, 200] for n in range(30)]
    assert all(torch.equal(a, b) for a, b in zip(frames, opened, strict=True)), "not the same"


def test_pictures_come_in_the_order_of_their_numbers(row: Path) -> None:
    for given in (row, str(row / "f*.png"), str(row / "**" / "*.png")):
        opened = open_footage(given)
        assert (opened.size, opened.fps, opened.count, opened.sound) == ((6, 4), None, 12, None)
        assert reds(opened) == [20 * n for n in range(12)]
    assert open_footage(row, fps=24).fps == 24
    assert reds(open_footage(row / "f3.png")) == [60]


@pytest.mark.parametrize("stride", [1, 2, 7])
@pytest.mark.parametrize("first", [0, 1, 3, 99])
def test_what_is_passed_over_is_what_would_have_come(
    shades: Path, row: Path, stride: int, first: int
) -> None:
    for path, whole in ((shades, [8 * n for n in range(30)]), (row, [20 * n for n in range(12)])):
        opened = open_footage(path, stride=stride, first=first, fps=10)
        wanted = whole[::stride][first:]
        assert (reds(opened), opened.count, opened.fps) == (wanted, len(wanted), 10 / stride)


def test_a_rate_is_made_by_repeating_and_leaving_out(shades: Path) -> None:
    twice, half = open_footage(shades, fps=20), open_footage(shades, fps=5)
    assert (twice.fps, twice.count, half.fps, half.count) == (20, 60, 5, 15)
    found = reds(twice)
    assert sorted(set(found)) == [8 * n for n in range(30)] and len(found) == 60
    steps = np.diff(reds(half))
    assert len(steps) == 14 and set(steps.tolist()) == {16}
    # A resumed run meets the same frames at any rate.
    odd = reds(open_footage(shades, fps=7, stride=3))
    assert reds(open_footage(shades, fps=7, stride=3, first=2)) == odd[2:]


def test_a_varying_rate_becomes_constant(tmp_path: Path) -> None:
    late = "setpts='if(lt(N,5),N,5+4*(N-5))/10/TB'"  # 0 to 0.4 s, then 0.5, 0.9 … 2.1 s
    source = SHADES.format(1, 25)
    path = film(tmp_path / "a.mkv", "-vf", late, "-fps_mode", "vfr", *FFV1, source=source)
    found = reds(open_footage(path, fps=10))
    assert found[:21] == [
        0,
        25,
        50,
        75,
        100,
        *(4 * [125]),
        *(4 * [150]),
        *(4 * [175]),
        *(4 * [200]),
    ]
    assert set(found[21:]) == {225}
    assert open_footage(path, fps=10).count == len(found)


def test_turned_films_are_upright_and_have_sound(tmp_path: Path) -> None:
    halves = "color=red:size=32x16:rate=10:duration=1,drawbox=0:0:16:16:blue:fill"
    plain = film(
        *(tmp_path / "a.mp4", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"),
        *("-c:v", "libx264", "-pix_fmt", "yuv444p"),
        source=halves,
    )
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", path)  # anticlockwise
    opened = open_footage(path)
    assert (opened.size, opened.sound) == ((16, 32), path)
    frame = next(iter(opened))
    assert levels(frame, 8, 4)[0] > 200, "what was to the right is on top"
    assert levels(frame, 8, 28)[2] > 200


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p")),
        ("a.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
        ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
        ("a.png", ()),
    ],
)
def test_transparency_is_laid_on_a_ground(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    source = "color=red@0.5:size=32x32:rate=10:duration=0.5,format=rgba"
    path = film(
        tmp_path / name, *options, *(("-frames:v", "1") if not options else ()), source=source
    )
    for ground, wanted in (("white", (255, 128, 128)), ("#0000ff", (128, 0, 128))):
        found = levels(next(iter(open_footage(path, ground=ground))), 9, 9)
        assert np.abs(np.subtract(found, wanted)).max() <= 4, ground


def test_gif_and_odd_sizes(tmp_path: Path) -> None:
    source = "color=0xff0000:size=33x17:rate=10:duration=0.5"
    for name in ("a.gif", "a.mp4"):
        path = film(tmp_path / name, *(FFV1[:2] if name == "a.mp4" else ()), source=source)
        frames = list(open_footage(path))
        assert [f.shape for f in frames] == [(1, 3, 17, 33)] * 5
        assert np.abs(np.subtract(levels(frames[4], 32, 16), (255, 0, 0))).max() <= 4


def test_frames_are_brought_to_a_size(tmp_path: Path) -> None:
    """Thirds of red, green and blue, twice as wide as high."""
    picture = np.zeros((60, 120, 3), np.uint8)
    for third in range(3):
        picture[:, 40 * third : 40 * third + 40, third] = 255
    path = tmp_path / "a.png"
    files.write_whole(path, images.to_png(picture))
    shown = {fit: next(iter(open_footage(path, size=(30, 30), fit=fit))) for fit in FITS}
    assert {frame.shape for frame in shown.values()} == {(1, 3, 30, 30)}
    red, green, blue, white = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    for fit, places in {
        # The middle 60 of 120 columns are kept: ten of red, forty of green, ten of blue.
        "cover": {(0, 15): red, (2, 0): red, (15, 0): green, (27, 29): blue},
        "contain": {
            (15, 3): white,
            (3, 15): red,
            (15, 15): green,
            (27, 15): blue,
            (9, 28): white,
        },
        "stretch": {(4, 0): red, (15, 29): green, (26, 15): blue},
    }.items():
        for (x, y), colour in places.items():
            found = levels(shown[fit], x, y)
            assert np.abs(np.subtract(found, colour)).max() <= 12, (fit, x, y)
    # The same as Pillow's own way to say it.
    middle = (
        pillow.fromarray(picture)
        .crop((30, 0, 90, 60))
        .resize((30, 30), pillow.Resampling.LANCZOS)
    )
    assert np.abs(images.to_bytes(shown["cover"]).astype(int) - np.asarray(middle)).mean() < 3


def test_pictures_of_a_row_have_the_size_of_the_first(tmp_path: Path) -> None:
    for number, size in enumerate([(40, 20), (20, 40), (7, 7)]):
        pillow.new("RGB", size, "teal").save(tmp_path / f"{number}.png")
    assert [frame.shape for frame in open_footage(tmp_path)] == [(1, 3, 20, 40)] * 3


def test_a_picture_that_cannot_be_read_stops_after_those_before(row: Path) -> None:
    (row / "f2.png").write_bytes(b"no picture")
    frames = iter(open_footage(row))
    assert [levels(next(frames), 0, 0)[0] for _ in range(2)] == [0, 20]
    with pytest.raises(PictureError, match=r"f2\.png is not a picture that can be read"):
        next(frames)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gone.mp4", r"no film or folder at .*gone\.mp4; check the name"),
        ("https://there.test/a.mp4", "download it first"),
        ("row/f%02d.png", r"for pictures in a row write '.*row/f\*\.png'"),
        ("row/below", "below holds no pictures to make a film of"),
        ("row/*.mov", r"nothing matches row/\*.mov; check the pattern"),
        ("row/notes.txt", r"notes\.txt cannot be read as a film"),
    ],
)
def test_what_is_not_there_is_said(
    row: Path, monkeypatch: pytest.MonkeyPatch, name: str, complaint: str
) -> None:
    monkeypatch.chdir(row.parent)
    with pytest.raises(PictureError, match=complaint):
        open_footage(name)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"size": (0, 9)}, "frames of 0x9 are not possible"),
        ({"size": (10**5, 10**5)}, "frames of 100000x100000 are not possible"),
        ({"fps": 0}, "fps is 0; expected 0.001 to 1000"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"stride": 0}, "stride is 0; expected 1"),
        ({"first": -1}, "the first frame is -1"),
        ({"fit": "cower"}, "did you mean 'cover'"),
        ({"ground": "whyte"}, "'whyte' is not a colour"),
    ],
)
def test_what_cannot_be_is_refused(row: Path, given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        open_footage(row, **given)  # type: ignore[arg-type]
