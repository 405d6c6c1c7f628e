"""Every codec, decoded again."""

from __future__ import annotations

import re
import subprocess
import wave
import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

from tests.helpers import films
from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.media import ffmpeg, film_encoder
from vqclip.media.film_encoder import to_pixels
from vqclip.media.frames import frame_source
from vqclip.media.paths import FILMS

COUNT, WIDE, HIGH = 5, 64, 32
KINDS = [(kind, codec) for kind, every in FILMS.items() for codec in every]
KINDS += [("gif", "auto"), ("webp", "auto")]


def pictures(*, alpha: bool = False, count: int = COUNT) -> Iterator[Any]:
    """A box that moves to the right by 6 pixels a picture; with alpha, below a clear strip."""
    for number in range(count):
        pixels = np.full((HIGH, WIDE, 4), 20, np.uint8)
        pixels[..., 3] = 255
        pixels[8:24, 8 + 6 * number : 16 + 6 * number, :3] = (220, 60, 40)
        pixels[:6, :, 3] = 0 if alpha else 255
        yield pixels if alpha else pixels[..., :3].copy()


def made(path: Path, *, alpha: bool = False, count: int = COUNT, **how: Any) -> Path:
    look = film_encoder.resolve_options(
        path.suffix[1:], film_encoder.EncodeOptions(Fraction(10), **how)
    )
    film_encoder.encode_film(
        lambda: pictures(alpha=alpha, count=count), count, (WIDE, HIGH), alpha, path, look
    )
    return path


def places(film: Path) -> list[float]:
    """Where the box is in each picture: the middle of what is red."""
    found = []
    for pixels in frame_source.strip_of_film(film).pictures():
        red = np.clip(pixels[8:24, :, 0].astype(float) - 60, 0, None).sum(0)
        found.append(float(red @ np.arange(WIDE) / red.sum()))
    return found


def tone(path: Path, seconds: float) -> Path:
    """A sound of 220 Hz in its first second, 440 Hz in the second one, and so on."""
    times = np.arange(int(16000 * seconds)) / 16000
    waves = np.sin(2 * np.pi * 220 * (1 + np.floor(times)) * times)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((waves * 9000).astype("<i2").tobytes())
    return path


def heard(film: Path) -> tuple[float, float]:
    """How long a film's sound is, and its pitch."""
    ask = [ffmpeg.find_ffmpeg(), "-i", str(film), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    data = np.frombuffer(subprocess.run(ask, capture_output=True).stdout, "<i2").astype(float)
    some = data[1000:5000]
    return len(data) / 16000, float(np.abs(np.fft.rfft(some)).argmax() * 16000 / len(some))


def told(film: Path) -> str:
    """What ffmpeg says of a film's pictures."""
    done = subprocess.run([ffmpeg.find_ffmpeg(), "-i", film], capture_output=True, text=True)
    return done.stderr.partition(": Video: ")[2].partition("\n")[0]


@pytest.mark.parametrize(("kind", "codec"), KINDS)
@pytest.mark.parametrize("alpha", [False, True])
def test_a_film_comes_back(tmp_path: Path, kind: str, codec: str, alpha: bool) -> None:
    path = made(tmp_path / f"film.{kind}", alpha=alpha, codec=codec)
    found = frame_source.strip_of_film(path)
    name = film_encoder.resolve_options(
        kind, film_encoder.EncodeOptions(Fraction(10), codec=codec)
    ).codec
    keeps = alpha and name in ("prores", "vp9", "gif", "webp")
    assert (found.count, found.size, found.fps) == (COUNT, (WIDE, HIGH), 10)
    assert found.alpha == keeps == (alpha and film_encoder.has_alpha(name))
    for got, wanted in zip(found.pictures(), pictures(alpha=alpha), strict=True):
        if keeps:
            assert np.abs(got[..., 3].astype(int) - wanted[..., 3]).max() <= 2
            got = got[8:]  # colours of what is transparent are nobody's
            wanted = wanted[8:]
        expected = to_pixels(wanted, keeps=keeps, even=False)
        error = np.abs(got[..., :3].astype(int) - expected[..., :3])
        assert error.mean() < 3
        assert np.median(error) <= 3


def test_h265_carries_the_tag_that_quicktime_wants(tmp_path: Path) -> None:
    for kind in ("mp4", "mov"):
        assert re.match(
            r"hevc .*\(hvc1.* yuv420p\(tv, bt709,",
            told(made(tmp_path / f"film.{kind}", codec="h265")),
        )


def test_prores_is_4444(tmp_path: Path) -> None:
    found = told(made(tmp_path / "film.mov", alpha=True))
    assert re.match(r"prores \(4444\) .*yuva444p.*\(tv, bt709,", found)


@pytest.mark.parametrize(("kind", "codec"), [k for k in KINDS if k[0] not in ("gif", "webp")])
def test_same_pictures_same_bytes(tmp_path: Path, kind: str, codec: str) -> None:
    sound = tone(tmp_path / "tone.wav", 1)
    first, second = (
        made(tmp_path / f"{name}.{kind}", codec=codec, sound=sound).read_bytes() for name in "ab"
    )
    assert first == second


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp"])
def test_no_more_than_a_picture_is_held(tmp_path: Path, kind: str) -> None:
    given: list[weakref.ref[Any]] = []
    held: list[int] = []

    def each() -> Iterator[Any]:
        for picture in pictures(count=8):
            given.append(weakref.ref(picture))
            held.append(sum(one() is not None for one in given))
            yield picture

    look = film_encoder.resolve_options(kind, film_encoder.EncodeOptions(Fraction(10)))
    film_encoder.encode_film(each, 8, (WIDE, HIGH), False, tmp_path / f"film.{kind}", look)
    assert max(held) <= 2


def test_crf_stands_for_quality(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for kind, codec in (("mp4", "h264"), ("mp4", "h265"), ("webm", "vp9"), ("webm", "av1")):
        sizes = []
        for crf in (10, 45):
            look = film_encoder.resolve_options(
                kind, film_encoder.EncodeOptions(Fraction(10), codec=codec, crf=crf)
            )
            path = tmp_path / f"{crf}.{kind}"
            film_encoder.encode_film(lambda: iter([noise]), 1, (96, 96), False, path, look)
            sizes.append(path.stat().st_size)
        assert sizes[0] > 1.5 * sizes[1]


@pytest.mark.parametrize("kind", ["mp4", "gif"])
@pytest.mark.parametrize("by", ["blend", "flow"])
def test_pictures_in_between(tmp_path: Path, kind: str, by: str) -> None:
    path = made(tmp_path / f"film.{kind}", between=2, between_by=by)
    found = frame_source.strip_of_film(path)
    assert found.count == 15 and found.fps == pytest.approx(30, abs=0.01)
    middles = places(path)
    wanted = [11.5 + 6 * min(number / 3, COUNT - 1) for number in range(15)]
    assert np.abs(np.subtract(middles, wanted)).max() < 1.2
    row = list(found.pictures())[4][16, :, 0]
    faint = int(((row > 60) & (row < 185)).sum())
    assert faint <= 5 if by == "flow" else faint >= 10  # a box that moves is no fainter


@pytest.mark.parametrize(
    ("kind", "fps", "how", "shown", "shortest"),
    [
        ("gif", 50, {}, 5, 20),
        ("gif", 60, {}, 4, 20),
        ("gif", 120, {}, 2, 20),
        ("gif", 1000, {}, 1, 20),
        ("gif", 10, {"between": 9}, 25, 20),
        ("gif", 10, {"between": 9, "between_by": "flow"}, 25, 20),
        ("webp", 60, {}, 5, 16),
        ("webp", 120, {}, 4, 11),
    ],
)
def test_a_film_that_is_too_fast_for_its_kind_lasts_as_long_as_it_should(
    tmp_path: Path, kind: str, fps: int, how: dict[str, Any], shown: int, shortest: int
) -> None:
    """Browsers show what is to stay for 10 ms or less for 100."""
    path = tmp_path / f"film.{kind}"
    look = film_encoder.resolve_options(kind, film_encoder.EncodeOptions(Fraction(fps), **how))
    film_encoder.encode_film(pictures, COUNT, (WIDE, HIGH), False, path, look)
    with pillow.open(path) as film:
        times = []
        for number in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(number)
            film.load()
            times.append(film.info["duration"])
    assert len(times) == shown and min(times) >= shortest
    assert sum(times) == pytest.approx(1000 * COUNT / fps, abs=0.5 * max(times) + 1) or shown == 1
    said = film_encoder.describe_rate(kind, look)
    assert (said is None) is (shown == COUNT * (1 + look.between))
    assert said is None or f"not {fps * (1 + look.between)}, frames a second" in said


def test_what_is_left_out_lies_evenly(tmp_path: Path) -> None:
    look = film_encoder.resolve_options("gif", film_encoder.EncodeOptions(Fraction(100)))
    film_encoder.encode_film(pictures, COUNT, (WIDE, HIGH), False, tmp_path / "a.gif", look)
    assert places(tmp_path / "a.gif") == pytest.approx([11.5, 23.5], abs=0.5)


def test_no_rate_is_rounded_to_nothing() -> None:
    assert film_encoder.round_rate(1e-9) == Fraction(1, 1001)
    assert film_encoder.round_rate(30 / 1.001) == Fraction(30000, 1001)


def test_one_picture_has_nothing_in_between(tmp_path: Path) -> None:
    path = made(tmp_path / "film.mp4", count=1, between=3, between_by="flow")
    assert frame_source.strip_of_film(path).count == 1


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm"])
def test_sound_goes_with_the_film(tmp_path: Path, kind: str) -> None:
    sound = tone(tmp_path / "tone.wav", 3)
    path = made(tmp_path / f"film.{kind}", sound=sound, sound_start=1.25, between=1)
    seconds, pitch = heard(path)
    assert seconds == pytest.approx(0.5, abs=0.03) and pitch == pytest.approx(440, abs=5)
    assert frame_source.strip_of_film(path).count == 10
    again = made(tmp_path / f"again.{kind}", sound=path)  # a film's sound
    assert heard(again)[1] == pytest.approx(440, abs=5)


def test_the_sound_before_a_films_first_picture_is_heard(tmp_path: Path) -> None:
    sound = tone(tmp_path / "tone.wav", 4)
    late = ("-itsoffset", "3", "-i", made(tmp_path / "a.mp4"), "-map", "0", "-map", "1:v")
    films.ffmpeg("-i", sound, *late, "-c:v", "copy", tmp_path / "late.mp4")
    for start, pitch in ((1.0, 440), (2.0, 660), (3.0, 880)):
        path = made(tmp_path / "film.mp4", sound=tmp_path / "late.mp4", sound_start=start)
        assert heard(path) == (pytest.approx(0.5, abs=0.03), pytest.approx(pitch, abs=5))


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_sounds_stay_as_loud_as_they_are(tmp_path: Path, channels: int) -> None:
    mono = tone(tmp_path / "tone.wav", 1)
    many = ("-af", f"pan={channels}c|" + "|".join(f"c{n}=c0" for n in range(channels)))
    films.ffmpeg("-i", mono, *many, tmp_path / "many.wav")
    path = made(tmp_path / "film.mp4", sound=tmp_path / "many.wav")
    raw = subprocess.run(
        [ffmpeg.find_ffmpeg(), "-i", str(path), "-f", "s16le", "-ar", "16000", "-"],
        capture_output=True,
    ).stdout
    found = np.frombuffer(raw, "<i2").reshape(-1, min(channels, 2)).astype(float)
    assert abs(len(found) / 16000 - 0.4) < 0.1
    loud = np.sqrt((found[2000:5000] ** 2).mean(0)) / (9000 / np.sqrt(2))
    assert np.allclose(loud, 1.0, atol=0.03) or channels == 6  # where all become two


def test_where_a_long_sound_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_encoder, "SOONER", 0.6)
    path = made(tmp_path / "film.mp4", sound=tone(tmp_path / "tone.wav", 4), sound_start=2.0)
    assert heard(path) == (pytest.approx(0.5, abs=0.03), pytest.approx(660, abs=5))


def test_a_short_sound_does_not_cut_the_film(tmp_path: Path) -> None:
    path = made(tmp_path / "film.mp4", sound=tone(tmp_path / "tone.wav", 0.2))
    assert frame_source.strip_of_film(path).count == COUNT


def test_sounds_that_cannot_be_are_refused(tmp_path: Path) -> None:
    silent, sound = made(tmp_path / "silent.mp4"), tone(tmp_path / "tone.wav", 1)
    for path, start, message in (
        (tmp_path / "gone.wav", 0.0, "there is no sound at .*gone.wav; check the name"),
        (silent, 0.0, "silent.mp4 has no sound that ffmpeg can read"),
        (
            sound,
            1.5,
            "sound cannot start at second 1.5 of .*tone.wav; choose one from 0 to 1, its end",
        ),
        (sound, -1.0, "sound cannot start at second -1"),
    ):
        with pytest.raises(PictureError, match=message):
            made(tmp_path / "film.mp4", sound=path, sound_start=start)
    assert not (tmp_path / "film.mp4").exists()


def test_what_ffmpeg_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    look = film_encoder.EncodeOptions(Fraction(10))
    monkeypatch.setattr(ffmpeg, "list_encoders", lambda: frozenset(["gif", "libvpx-vp9"]))
    message = r"cannot encode h264 \(it lacks libx264\); write film.format=webm, or set \$IMAGEIO"
    with pytest.raises(OutputError, match=message):
        film_encoder.resolve_options("mp4", look)
    monkeypatch.setattr(ffmpeg, "list_encoders", lambda: frozenset(["libaom-av1"]))
    assert (
        film_encoder.resolve_options(
            "mp4", film_encoder.EncodeOptions(Fraction(10), codec="av1")
        ).encoder
        == "libaom-av1"
    )
    with pytest.raises(OutputError, match=r"write film.format=mp4 film.codec=av1, or"):
        film_encoder.resolve_options("gif", look)
    monkeypatch.setattr(ffmpeg, "list_encoders", lambda: frozenset())
    with pytest.raises(OutputError, match=r"write film.format=frames, or"):
        film_encoder.resolve_options("gif", look)
    monkeypatch.setattr(ffmpeg, "list_encoders", lambda: None)  # it does not say: it may have all
    assert film_encoder.resolve_options("mp4", look).encoder == "libx264"
    with pytest.raises(ConfigError, match="vp9 does not go into gif"):
        film_encoder.resolve_options("gif", film_encoder.EncodeOptions(Fraction(10), codec="vp9"))


def test_a_webp_says_that_it_has_alpha(tmp_path: Path) -> None:
    path = made(tmp_path / "film.webp", alpha=True, count=3)
    with pillow.open(path) as film:
        assert film.n_frames == 3 and film.mode == "RGBA"
        assert np.asarray(film)[0, 0, 3] == 0
