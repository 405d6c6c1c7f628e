"""Audio features: the numbers that a sound gives to each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import melody
from tests.helpers.melody import RATE
from tests.media.audio.test_spectrogram import ffmpeg
from vqclip.errors import SoundError
from vqclip.media.audio.features import AudioFeatures, analyse_audio, describe_audio

NAMES = ["loud", "low", "mid", "high", "onset", "pulse", "beat", "tempo"]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return melody.save(tmp_path / "music.wav", melody.melody(6.0))


def curves(heard: AudioFeatures) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in heard.variables.items()}


def levels(
    tmp_path: Path, sound: np.ndarray, seconds: float, **how: float
) -> dict[str, np.ndarray]:
    """The variables of a sound, 24 frames a second."""
    path = melody.save(tmp_path / "a.wav", sound)
    return curves(analyse_audio(path, fps=24, frames=round(24 * seconds), **how))


@pytest.mark.parametrize("fps", [12, 24, 30])
def test_music_at_any_frame_rate(music: Path, fps: float) -> None:
    heard = analyse_audio(music, fps=fps, frames=6 * fps)
    found = curves(heard)
    assert list(found) == NAMES
    assert heard.tempo == pytest.approx(120, abs=2) and (found["tempo"] == heard.tempo).all()
    assert heard.beats == pytest.approx(np.arange(0, 6, 0.5), abs=0.03)
    for name in NAMES[:6]:
        assert len(found[name]) == 6 * fps
        assert found[name].min() >= 0 and 0.9 < found[name].max() <= 1, name
    # Every half second a pulse, in a frame that is shown then.
    middles = (np.arange(6 * fps) + 0.5) / fps
    assert np.abs(middles[found["pulse"] == 1] - np.arange(0, 6, 0.5)).max() < 0.5 / fps + 0.03
    assert (np.diff(found["beat"]) > 0).all()
    assert found["beat"] == pytest.approx(1 + middles / 0.5, abs=0.1)


def test_it_is_the_same_each_time(music: Path) -> None:
    assert analyse_audio(music, fps=24, frames=144) == analyse_audio(music, fps=24, frames=144)


def test_a_part_of_the_film_hears_what_the_whole_hears(music: Path) -> None:
    whole = curves(analyse_audio(music, fps=24, frames=144))
    part = curves(analyse_audio(music, fps=24, frames=48, start=2.0))
    for name, values in part.items():
        assert values.tolist() == whole[name][48:96].tolist(), name


@pytest.mark.parametrize(("hertz", "band"), [(60, "low"), (1000, "mid"), (8000, "high")])
def test_a_tone_moves_its_band_alone(tmp_path: Path, hertz: float, band: str) -> None:
    sound = melody.tone(hertz, 4.0) * np.sin(np.pi * np.arange(4 * RATE) / (4 * RATE))
    found = levels(tmp_path, sound, 4)
    for name in ("low", "mid", "high"):
        assert found[name].max() > 0.95 if name == band else found[name].max() < 0.05, name


def test_bands_of_ones_own(tmp_path: Path) -> None:
    path = melody.save(tmp_path / "a.wav", melody.tone(70, 2.0))
    bands = {"kick": (40.0, 100.0), "hats": (6000.0, 12000.0), "low": (300.0, 600.0)}
    found = curves(analyse_audio(path, fps=24, frames=48, bands=bands))
    assert sorted(found) == sorted([*NAMES, "kick", "hats"])
    late = slice(24, 46)  # the ends are clicks, of all pitches
    assert found["kick"][late].min() > 0.95
    assert max(found["hats"][late].max(), found["low"][late].max()) < 0.1


def test_loudness_follows_a_step(tmp_path: Path) -> None:
    sound = melody.tone(440, 6.0)
    sound[: 2 * RATE] *= 0.25
    sound[4 * RATE :] *= 0.5
    found = levels(tmp_path, sound, 6)["loud"]
    assert found[36] == pytest.approx(0.25, abs=0.01)
    assert found[84] == pytest.approx(1, abs=0.01)
    assert found[-4] == pytest.approx(0.5, abs=0.01)


def test_levels_rise_and_fall_in_their_time(tmp_path: Path) -> None:
    sound = melody.tone(440, 6.0)
    sound[: 2 * RATE] = 0
    sound[4 * RATE :] = 0
    slow = levels(tmp_path, sound, 6, attack=0.5, decay=1.0)["loud"]
    # 0.5 s after the step up it has come 1 - 1/e of the way, 1 s after the step down 1/e is left.
    assert slow[60] / slow[95] == pytest.approx((1 - np.exp(-1)) / (1 - np.exp(-4)), abs=0.03)
    assert slow[120] / slow[96] == pytest.approx(np.exp(-1), abs=0.03)
    raw = levels(tmp_path, sound, 6, attack=0, decay=0)
    assert raw["loud"][[46, 49, 94, 97]] == pytest.approx([0, 1, 1, 0], abs=0.01)
    assert np.argmax(raw["onset"]) == 48 and raw["onset"][[47, 49]].max() == 0


def test_scales_are_those_of_what_sounds(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(20 * RATE), melody.tone(440, 0.5), np.zeros(RATE)])
    found = levels(tmp_path, sound, 21.5)["loud"]
    assert found[:470].max() == 0 and found[485:490].min() > 0.9
    quiet = levels(tmp_path, 0.1 * melody.melody(4.0), 4)
    usual = levels(tmp_path, melody.melody(4.0), 4)
    for name in ("loud", "low", "mid", "pulse", "onset"):
        assert quiet[name] == pytest.approx(usual[name], abs=0.05), name


@pytest.mark.parametrize("length", [1, RATE // 10, RATE * 2])
def test_silence_is_nothing(tmp_path: Path, length: int) -> None:
    path = melody.save(tmp_path / "a.wav", np.zeros(length))
    heard = analyse_audio(path, fps=24, frames=30)
    assert all(set(values) == {0.0} for values in heard.variables.values())
    assert (heard.beats, heard.tempo) == ((), 0)


def test_a_short_sound_in_a_long_film(tmp_path: Path) -> None:
    path = melody.save(tmp_path / "a.wav", melody.tone(440, 0.1))
    heard = analyse_audio(path, fps=10, frames=30)
    assert heard.silent == pytest.approx(2.9)
    assert heard.variables["loud"][0] > 0.5 and set(heard.variables["loud"][1:]) == {0.0}
    assert describe_audio(heard).endswith(
        "; it ends 2.9 s before the film, where they do not change"
    )


def test_at_the_end_of_the_music_the_beats_stay(music: Path) -> None:
    found = curves(analyse_audio(music, fps=10, frames=80))
    for name in NAMES[:6]:
        assert set(found[name][60:]) == {0.0}, name
    assert set(found["beat"][60:]) == {found["beat"][60]} and found["beat"][60] > 12.5
    assert set(found["tempo"]) == {found["tempo"][0]}


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "m4a", "mp4"])
def test_every_kind_of_file_is_the_same_music(tmp_path: Path, music: Path, kind: str) -> None:
    path = tmp_path / f"other.{kind}"
    film = ("-f", "lavfi", "-i", "color=red:32x32:d=6:r=10", "-shortest") if kind == "mp4" else ()
    ffmpeg("-i", music, *film, "-b:a", "192k", path)
    wanted, found = (curves(analyse_audio(p, fps=24, frames=140)) for p in (music, path))
    for name in ("loud", "low", "mid", "high", "beat"):
        assert np.abs(found[name] - wanted[name]).max() < (0 if kind == "flac" else 0.1) + 1e-9
    if kind != "flac":  # an onset on the edge between frames may show in the next
        assert (found["pulse"] == wanted["pulse"]).mean() > 0.6


@pytest.mark.parametrize("start", [-1, 6.0, 60, float("nan")])
def test_a_start_beyond_the_music_is_refused(music: Path, start: float) -> None:
    with pytest.raises(SoundError, match=r"music.wav is 6.0 s long, .* start at .*; start it"):
        analyse_audio(music, fps=24, frames=10, start=start)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (3725, "62 min 5 s")],
)
def test_what_was_heard_is_described(seconds: float, said: str) -> None:
    heard = AudioFeatures("a.mp3", seconds, 0.0, (), 0.0, {"loud": (0.0,), "kick": (0.0,)})
    assert describe_audio(heard) == f"a.mp3: {said}, no steady beat; variables: loud, kick"


def test_music_is_described(music: Path) -> None:
    wanted = f"music.wav: 6.0 s, about 120 beats a minute; variables: {', '.join(NAMES)}"
    assert describe_audio(analyse_audio(music, fps=24, frames=144)) == wanted
