"""Audio analysis: spectrogram, onsets and beats of a sound file.

ffmpeg decodes into a pipe, and the spectrogram is summed up on the way, so that an hour of music
is never held. By ffmpeg's process, as a film's sound is made: PyAV 18 lets some songs end
later (test_a_song_ends_where_its_file_says).

Both are librosa's (McFee et al. 2015; its beats are those of Ellis, "Beat Tracking by Dynamic
Programming", 2007), found where loudness in sones rises: by Stevens' power law instead of in
decibels, so that a kick counts for more than a hat.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import gettempdir
from typing import Any

import numpy as np
from filelock import FileLock

from vqclip.errors import SoundError
from vqclip.media import ffmpeg

RATE = 44100  # samples a second, whatever the file has
WINDOW, HOP = 2048, 512  # samples
BLOCK = 1 << 20  # bytes from the decoder at a time: six seconds


def sums(path: Path, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Take sums over a spectrogram.

    Args:
        weights: [sums, WINDOW / 2 + 1], what each counts of each frequency.

    Returns:
        [hops, sums] float32, mean squares around each HOP-th sample from 0 on; and the length in
        seconds. Full scale is 1.

    Raises:
        SoundError: if the file cannot be read or holds no sound.
        ConfigError: if there is no ffmpeg.
    """
    window = np.hanning(WINDOW + 1)[:-1]
    scale = weights.T * 2 / (WINDOW * np.sum(window**2))
    rows: list[np.ndarray] = []
    rest = np.zeros(WINDOW // 2)  # hops are the middles of windows
    length = 0

    def summed(samples: np.ndarray) -> np.ndarray:
        """Take all windows that are whole, and give back the samples from the next one on."""
        views = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
        spectrum = np.fft.rfft(views * window)
        rows.append(((spectrum.real**2 + spectrum.imag**2) @ scale).astype(np.float32))
        return samples[len(views) * HOP :]

    for block in _decoded(path):
        length += len(block)
        rest = np.concatenate([rest, block])
        if len(rest) >= WINDOW:
            rest = summed(rest)
    if length == 0:
        raise SoundError(f"{path.name} holds no sound: it has 0 seconds; choose another file")
    summed(np.concatenate([rest, np.zeros(WINDOW // 2)]))
    return np.concatenate(rows), length / RATE


def share(low: float, high: float) -> np.ndarray:
    """[WINDOW / 2 + 1]: how much of each frequency of a spectrum lies between two, in Hz."""
    width = RATE / WINDOW
    middles = np.arange(WINDOW // 2 + 1) * width
    covered = np.minimum(middles + width / 2, high) - np.maximum(middles - width / 2, low)
    return np.clip(covered / width, 0, 1)


def _decoded(path: Path) -> Iterator[np.ndarray]:
    """Give the samples of a file, blocks of [N] float64."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise SoundError(
            f"{path} is {what}; name a sound, such as music.mp3, or a film with sound"
        )
    # In a film whose sound begins late, silence comes first.
    mono = f"aresample={RATE}:async=1:first_pts=0:out_chlayout=mono:rematrix_maxval=1"
    read = (*ffmpeg.opened(path), "-map", "0:a:0", "-af", mono)
    command = ffmpeg.command(*read, "-f", "f32le", "-")
    with tempfile.TemporaryFile() as said:
        process = ffmpeg.start(command, stdin=DEVNULL, stdout=PIPE, stderr=said)
        assert process.stdout is not None
        try:
            while block := process.stdout.read(BLOCK):
                samples = np.frombuffer(block[: len(block) // 4 * 4], "<f4")
                yield np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0)
            if process.wait() != 0:
                raise _complaint(path, ffmpeg.last(said))
        finally:
            ffmpeg.end(process)


def _complaint(path: Path, said: str) -> SoundError:
    """Put what ffmpeg said in an artist's words."""
    from vqclip.media import pyav

    name = path.name
    with suppress(OSError), pyav.opened(path) as file:
        if not file.streams.audio:
            return SoundError(f"{name} has no sound in it; name a sound, or a film with sound")
    return SoundError(
        f"{name} cannot be read as sound (ffmpeg: {said}); is it damaged? "
        "Choose a wav, mp3, flac or ogg, or a film with sound"
    )


INSTALL = "pip install 'vqclip[sound]'"
MELS = 64  # bands, as wide as the ear's, in which onsets are looked for
SONES = 0.3  # loudness is power to this exponent (Stevens, 1957)
FULL = 95  # the percentile that counts as full strength
FAINT = 0.15  # an onset this strong, as a share of the loudness, may become a whole one
CLEAR = 0.2  # weaker onsets than this share of a whole one are left out
FEWEST = 4  # beats that make a rhythm
STEADY = 1.8  # how much stronger onsets are on the beats of a piece that has beats; noise: 1.5
LAGS = 8 * RATE // HOP  # what is compared for a tempo: 8 s, as librosa does
PART = 1 << 12  # hops that are looked through for a tempo at once: 48 s
REACH = 5  # hops around a beat in which the onset is that it belongs to: 58 ms


def librosa() -> Any:
    """Import librosa.

    Raises:
        SoundError: if it is not installed, or cannot be used.
    """
    try:
        with _compiling_alone():
            librosa = import_module("librosa")
            # They come on first use, and numba with them, which fails where it may write nowhere.
            _ = librosa.beat.beat_track, librosa.onset.onset_detect, librosa.filters.mel
    except (ImportError, RuntimeError, ValueError) as error:
        raise SoundError(
            f"sound cannot be analysed ({error}); install what is missing: {INSTALL}"
        ) from error
    return librosa


@contextmanager
def _compiling_alone() -> Iterator[None]:
    """Let one process at a time import librosa.

    The first import compiles some of it and keeps that on disk, with numba, whose files
    several processes mix up when they write at once: every import after that crashes.
    """
    spec = find_spec("librosa")
    # Beside the compiled files; where nobody may write there, they are elsewhere, too.
    places = [Path(spec.origin).parent] if spec and spec.origin else []
    with ExitStack() as stack:
        for place in [*places, Path(gettempdir())]:
            # Where no file can be locked, only two first imports at once would do harm.
            with suppress(OSError, NotImplementedError):
                stack.enter_context(FileLock(place / ".vqclip-compiling.lock"))
                break
        yield


def ears(librosa: Any) -> np.ndarray:
    """[MELS, WINDOW / 2 + 1]: how much each of the ear's bands takes of each frequency."""
    return np.asarray(
        librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MELS, fmin=30, fmax=16000, norm=None)
    )


def flux(librosa: Any, powers: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    """By how much sones rise from moment to moment, as a share of how many the piece has.

    Args:
        powers: [hops, MELS] mean squares, at least one hop.
        sounding: [hops] bool, where it is not silent.

    Returns:
        [hops] from 0 on.
    """
    if not sounding.any():
        return np.zeros(len(powers))
    sones = powers.astype(np.float64) ** SONES
    level = np.percentile(sones.mean(axis=1)[sounding], FULL)
    # What begins shows most in a window of which it has filled a quarter, a hop too early, so
    # rises are put a hop later; what sounds from the first moment on rose out of silence.
    silence = np.zeros((1, MELS))
    rises = librosa.onset.onset_strength(
        S=np.vstack([silence, sones]).T, sr=RATE, hop_length=HOP, center=False
    )
    return np.asarray(rises[: len(powers)] / level)


def onsets(librosa: Any, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where sounds begin, in seconds, and how strongly, in (0, 1]."""
    # librosa takes the first of rising values; post_max looks ahead, for the highest.
    known = {"sr": RATE, "hop_length": HOP, "post_max": 3}
    hops = librosa.onset.onset_detect(onset_envelope=flux, **known)
    if not len(hops):
        return np.zeros(0), np.zeros(0)
    strengths = np.minimum(flux[hops] / max(np.percentile(flux[hops], FULL), FAINT), 1)
    clear = strengths > CLEAR
    return hops[clear] * HOP / RATE, strengths[clear]


def track(librosa: Any, flux: np.ndarray, sounding: np.ndarray, tempo: float) -> np.ndarray:
    """The beats, in seconds from the beginning; none where there is no steady one.

    Args:
        tempo: in beats a minute; 0 where it is not known.
    """
    if not flux.any():
        return np.zeros(0)
    _, found = librosa.beat.beat_track(
        onset_envelope=flux, sr=RATE, hop_length=HOP, bpm=tempo or _tempo(librosa, flux)
    )
    hops = [_onset_near(flux, int(hop)) for hop in found]
    clear = max(STEADY * flux.mean(), CLEAR * FAINT)
    if len(hops) < FEWEST or np.median(flux[hops]) < clear:
        return np.zeros(0)
    # At both ends librosa leaves out weak beats, or puts one beside; they are even instead, and
    # go on for as long as something sounds.
    strong = np.flatnonzero(flux[hops] >= clear)
    hops = hops[strong[0] : strong[-1] + 1]
    apart = interval(np.array(hops))

    def goes_on(hop: int) -> bool:
        near = sounding[max(hop - REACH, 0) : hop + REACH + 1]
        return 0 <= hop < len(flux) - REACH and bool(near.any())

    while goes_on(hop := round(hops[0] - apart)):
        hops.insert(0, _onset_near(flux, hop))
    while goes_on(hop := round(hops[-1] + apart)):
        hops.append(_onset_near(flux, hop))
    return np.array(hops) * HOP / RATE


def interval(beats: np.ndarray) -> float:
    """The time between beats: the mean of those intervals that are near the median."""
    intervals = np.diff(beats)
    middle = np.median(intervals)
    return float(intervals[np.abs(intervals - middle) <= middle / 4].mean())


def count(times: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """How many beats there were until each time; evenly between two, and beyond the ends."""
    if not len(beats):
        return np.zeros(len(times))
    inner = np.interp(times, beats, np.arange(1, len(beats) + 1))
    outer = np.minimum(times - beats[0], 0) + np.maximum(times - beats[-1], 0)
    return np.maximum(inner + outer / interval(beats), 0)


def _tempo(librosa: Any, flux: np.ndarray) -> float:
    """The beats a minute that suit a whole piece best.

    As `librosa.beat.beat_track` finds it, but a part at a time: its tempogram of all at once
    takes some 30 kB for each hop, 9 GB an hour.
    """
    known = {"sr": RATE, "hop_length": HOP}
    total = np.zeros(LAGS)
    for at in range(0, len(flux), PART):
        gram = librosa.feature.tempogram(
            onset_envelope=flux[at : at + PART], win_length=LAGS, **known
        )
        total += gram.sum(axis=1)
    return float(librosa.feature.tempo(tg=total[:, None] / len(flux), **known)[0])


def _onset_near(flux: np.ndarray, hop: int) -> int:
    """The strongest rise around a hop; of equal ones the nearest."""
    around = range(max(hop - REACH, 0), min(hop + REACH + 1, len(flux)))
    return max(around, key=lambda each: (flux[each], -abs(each - hop)))
