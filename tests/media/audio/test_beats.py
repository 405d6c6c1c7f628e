"""Onsets of sounds, and beats."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from tests.helpers import melody
from vqclip.errors import SoundError
from vqclip.media.audio import beats, spectrogram
from vqclip.media.audio.spectrogram import HOP, RATE

# librosa is imported in the tests: numba compiles some of it, which takes seconds, and every
# process that collects these tests would wait for it.


def heard(tmp_path: Path, sound: np.ndarray, tempo: float = 0.0) -> np.ndarray:
    """The beats of a sound, in seconds."""
    return beats.track_beats(beats.import_librosa(), *listened(tmp_path, sound), tempo)


def listened(tmp_path: Path, sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rises of sones, and where there is sound."""
    librosa = beats.import_librosa()
    path = melody.save(tmp_path / "a.wav", sound)
    powers, _ = spectrogram.sum_spectrogram(path, beats.mel_filters(librosa))
    sounding = powers.sum(axis=1) > 1e-8
    return beats.spectral_flux(librosa, powers, sounding), sounding


@pytest.mark.parametrize("tempo", [75, 90, 120, 150])
@pytest.mark.parametrize("first", [0.0, 0.25])
def test_clicks_are_the_beats(tmp_path: Path, tempo: float, first: float) -> None:
    wanted = np.arange(first, 10, 60 / tempo)
    found = heard(tmp_path, melody.clicks(10, tempo, first=first))
    assert len(found) == len(wanted)
    assert np.abs(found - wanted).max() < 0.03
    assert 60 / beats.beat_interval(found) == pytest.approx(tempo, abs=2)


@pytest.mark.parametrize("tempo", [100, 120, 140])
def test_kicks_are_the_beats_and_hats_are_not(tmp_path: Path, tempo: float) -> None:
    wanted = np.arange(0, 8, 60 / tempo)
    sound = melody.melody(8, tempo=tempo)
    noise = np.random.default_rng(0).standard_normal(sound.size)
    for other in (sound, sound + 0.1 * noise, sound * np.linspace(0, 1, sound.size)):
        found = heard(tmp_path, other)
        assert len(found) == len(wanted)
        assert np.abs(found - wanted).max() < 0.03


def test_beats_keep_to_where_there_is_sound(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(2 * RATE), melody.clicks(6), np.zeros(3 * RATE)])
    assert heard(tmp_path, sound) == pytest.approx(np.arange(2.25, 8, 0.5), abs=0.03)


def test_a_known_tempo_is_taken(tmp_path: Path) -> None:
    sound = melody.clicks(10, 120)
    assert 60 / beats.beat_interval(heard(tmp_path, sound)) == pytest.approx(120, abs=2)
    assert 60 / beats.beat_interval(heard(tmp_path, sound, 60)) == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(RATE),
        melody.tone(60, 5),
        melody.tone(440, 10),
        melody.clicks(1.0, 120),
        0.1 * np.random.default_rng(5).standard_normal(10 * RATE),
        np.full(1, 0.5),
    ],
    ids=["silence", "hum", "tone", "two clicks", "hiss", "one sample"],
)
def test_what_has_no_beat_is_given_none(tmp_path: Path, sound: np.ndarray) -> None:
    assert len(heard(tmp_path, sound)) == 0


def test_onsets_are_where_sounds_begin_and_as_strong(tmp_path: Path) -> None:
    sound = melody.clicks(4, 60, first=0.5)
    sound[2 * RATE :] *= 0.1
    flux, _ = listened(tmp_path, sound)
    times, strengths = beats.find_onsets(beats.import_librosa(), flux)
    assert times == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=0.03)
    assert strengths[:2] == pytest.approx(1, abs=0.1)
    # A tenth of the amplitude is a hundredth of the power: 0.01^0.3 of the sones.
    assert strengths[2:] == pytest.approx(0.01**0.3, abs=0.05)


def test_the_tempo_of_a_part_at_a_time_is_librosas(monkeypatch: pytest.MonkeyPatch) -> None:
    librosa = beats.import_librosa()
    flux = np.abs(np.random.default_rng(0).standard_normal(4000)) ** 3
    flux[::37] += 20
    wanted = librosa.feature.tempo(onset_envelope=flux, sr=RATE, hop_length=HOP)
    assert beats._tempo(librosa, flux) == pytest.approx(wanted[0])
    monkeypatch.setattr(beats, "PART", 1000)
    assert beats._tempo(librosa, flux) == pytest.approx(wanted[0])


def test_the_interval_is_not_led_astray_by_a_beat_left_out() -> None:
    assert beats.beat_interval(np.array([0, 0.5, 1, 2, 2.5, 3.1])) == pytest.approx(0.525)


def test_beats_are_counted_evenly() -> None:
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.75, 3.5, 5.5])
    # Between beats 2 and 3 there are 2 seconds; before the first and after the last it is 1.
    struck = np.array([1.0, 2.0, 4.0, 5.0])
    wanted = [0, 0.5, 1, 1.5, 2, 2.375, 2.75, 4.5]
    assert beats.count_beats(times, struck) == pytest.approx(wanted)
    assert beats.count_beats(times - 5, struck).min() == 0
    assert beats.count_beats(times, np.zeros(0)).tolist() == [0] * 8


def test_librosa_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(SoundError, match=r"sound cannot be .*pip install 'vqclip\[sound\]'"):
        beats.import_librosa()


def test_processes_import_librosa_one_after_another(tmp_path: Path) -> None:
    """numba's files, written by two at once, crashed every import after."""
    fake = tmp_path / "librosa"
    fake.mkdir()
    (fake / "__init__.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "with (Path(__file__).parent / 'log').open('a') as log:\n"
        "    print('in', file=log, flush=True)\n"
        "    time.sleep(0.5)\n"
        "    print('out', file=log, flush=True)\n"
        "class beat: beat_track = 0\nclass onset: onset_detect = 0\nclass filters: mel = 0\n"
    )
    code = "from vqclip.media.audio import beats as a; print(a.import_librosa().__file__)"
    command = [sys.executable, "-c", code]
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])
    both = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert {process.communicate()[0].strip() for process in both} == {str(fake / "__init__.py")}
    assert (fake / "log").read_text().split() == ["in", "out", "in", "out"]


def test_a_lock_that_cannot_be_had_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(FileLock):
        def acquire(self, *args: object, **kwargs: object) -> None:
            raise PermissionError

    monkeypatch.setattr(beats, "FileLock", Refused)
    assert beats.import_librosa() is importlib.import_module("librosa")
