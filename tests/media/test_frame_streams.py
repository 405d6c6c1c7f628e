"""Pictures of files, and of films, as they come out for a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from tests.helpers import films
from tests.helpers.films import film
from vqclip.errors import PictureError
from vqclip.media import ffmpeg, images
from vqclip.media.frames import frame_source as media_footage
from vqclip.media.frames.frame_source import open_footage


def saved(path: Path, colour: tuple[int, ...], size: tuple[int, int] = (8, 6)) -> Path:
    pillow.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(path)
    return path


def test_pictures_of_one_size_pass_as_they_are(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{n}.png", (n, 0, 9)) for n in range(3)]
    found = media_footage.strip_of_pictures(paths)
    assert (found.count, found.size, found.alpha, found.others) == (3, (8, 6), False, 0)
    for _ in range(2):  # may be asked for again
        assert [p[0, 0].tolist() for p in found.pictures()] == [[n, 0, 9] for n in range(3)]


def test_other_sizes_are_fitted_and_alpha_spreads(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path / "first.png", (200, 0, 0), (8, 8)),
        saved(tmp_path / "larger.png", (0, 200, 0, 128), (16, 16)),
        saved(tmp_path / "wide.png", (0, 0, 200), (16, 8)),
    ]
    found = media_footage.strip_of_pictures(paths)
    assert (found.size, found.alpha, found.others) == ((8, 8), True, 2)
    first, larger, wide = found.pictures()
    assert first.shape == larger.shape == wide.shape == (8, 8, 4)
    assert np.abs(larger[4, 4].astype(int) - [0, 200, 0, 128]).max() <= 1
    assert wide[4, 4].tolist() == [0, 0, 200, 255] and wide[0, 0].tolist() == [0, 0, 0, 0]
    (plain,) = media_footage.strip_of_pictures(paths[2:], (8, 8)).pictures()
    assert plain[0, 0].tolist() == [0, 0, 0] and plain[4, 4].tolist() == [0, 0, 200]


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6
    pillow.new("RGB", (8, 6)).save(tmp_path / "photo.jpg", exif=exif)
    found = media_footage.strip_of_pictures([tmp_path / "photo.jpg"])
    assert found.size == (6, 8) and found.others == 0
    assert next(found.pictures()).shape == (8, 6, 3)


def test_pictures_that_cannot_be_are_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there are no pictures"):
        media_footage.strip_of_pictures([])
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(PictureError, match=r"text.png is not a picture that can be read"):
        media_footage.strip_of_pictures([tmp_path / "text.png"])
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    pillow.fromarray(noise).save(tmp_path / "cut.png")
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"cut.png cannot be read as a picture .*damaged"):
        list(media_footage.strip_of_pictures([tmp_path / "cut.png"]).pictures())


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_what_stays_longer_comes_more_often(tmp_path: Path, kind: str) -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    first, *rest = (pillow.new("RGB", (8, 6), colour) for colour in colours)
    path = tmp_path / f"film.{kind}"
    first.save(path, save_all=True, append_images=rest, duration=[50, 150, 50], lossless=True)
    found = media_footage.strip_of_film(path)
    assert (found.count, found.fps, found.size, found.alpha) == (5, 20, (8, 6), False)
    greens = [int(pixels[0, 0, 1]) for pixels in found.pictures()]
    assert [green > 200 for green in greens] == [False, True, True, True, False]


def test_a_gif_of_30_fps_is_one(tmp_path: Path) -> None:
    pictures = [pillow.new("RGB", (8, 6), (n, 0, 0)) for n in range(0, 90, 10)]
    path = tmp_path / "film.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[30, 40, 30] * 3)
    found = media_footage.strip_of_film(path)
    assert (found.count, found.fps) == (9, 30)


def test_a_still_webp_is_a_film_of_one_picture(tmp_path: Path) -> None:
    pillow.new("RGB", (8, 6)).save(tmp_path / "still.webp")
    found = media_footage.strip_of_film(tmp_path / "still.webp")
    assert (found.count, found.fps) == (1, 10)


def test_a_film_of_uneven_times_comes_evenly(tmp_path: Path) -> None:
    path = tmp_path / "uneven.mkv"
    source = ffmpeg.raw_input_arguments((16, 16), False, Fraction(10))
    late = ["-vf", "setpts='if(lt(N,2),N,N+2)/(10*TB)'", "-fps_mode", "vfr"]
    frames = (np.full((16, 16, 3), 40 * number, np.uint8) for number in range(4))
    ffmpeg.feed_pictures(ffmpeg.ffmpeg_command(*source, *late, "-c:v", "ffv1", str(path)), frames)
    found = media_footage.strip_of_film(path, (8, 8))
    greys = [round(float(pixels.mean()) / 40) for pixels in found.pictures()]
    assert found.count == len(greys) and found.size == (8, 8)
    assert sorted(set(greys)) == [0, 1, 2, 3] and greys.count(1) == 3


@pytest.mark.parametrize("kind", ["wide.mp4", "late.mkv", "cut.mp4", "a.gif"])
def test_a_film_to_make_films_of_is_the_one_to_draw_over(tmp_path: Path, kind: str) -> None:
    """Whatever its pixels' shape, and when its pictures begin."""
    path, h264 = tmp_path / kind, ("-c:v", "libx264", "-pix_fmt", "yuv444p")
    card = film(tmp_path / "card.mp4", *h264, seconds="1.5")
    if kind == "wide.mp4":
        film(path, "-vf", "setsar=2/1", *h264)
    elif kind == "late.mkv":
        late = ("-itsoffset", "0.5", "-i", card, "-map", "0", "-map", "1", "-c:v", "copy")
        films.ffmpeg("-f", "lavfi", "-i", "sine=duration=2", *late, path)
    elif kind == "cut.mp4":
        films.ffmpeg("-ss", "0.8", "-i", card, "-c", "copy", path)
    else:
        film(path)
    strip, footage = media_footage.strip_of_film(path), open_footage(path)
    sizes = {"wide.mp4": ((128, 48), 10), "late.mkv": ((64, 48), 20), "cut.mp4": ((64, 48), 7)}
    assert (strip.size, strip.count) == sizes.get(kind, ((64, 48), 10))
    assert (strip.size, strip.count) == (footage.size, footage.count)
    assert float(strip.fps or 0) == footage.fps
    for pixels, frame in zip(strip.pictures(), footage, strict=True):
        assert (pixels == images.to_bytes(frame)).all()


def test_films_that_cannot_be_are_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"there is no film at .*gone.mp4; check the name"):
        media_footage.strip_of_film(tmp_path / "gone.mp4")
    for kind, message in (
        ("mp4", "film.mp4 cannot be read as a film .*; is it damaged"),
        ("gif", "film.gif is not a picture that can be read"),
    ):
        (tmp_path / f"film.{kind}").write_text("hello")
        with pytest.raises(PictureError, match=message):
            media_footage.strip_of_film(tmp_path / f"film.{kind}")
