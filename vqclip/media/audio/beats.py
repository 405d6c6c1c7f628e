"""Onsets and beats of a piece of music, by librosa.

Both are librosa's (McFee et al. 2015; its beats are those of Ellis, "Beat Tracking by Dynamic
Programming", 2007), found where loudness in sones rises: by Stevens' power law instead of in
decibels, so that a kick counts for more than a hat.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from filelock import FileLock

from vqclip.errors import SoundError
from vqclip.media.audio.spectrogram import HOP, RATE, WINDOW

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


def import_librosa() -> Any:
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


def mel_filters(librosa: Any) -> np.ndarray:
    """[MELS, WINDOW / 2 + 1]: how much each of the ear's bands takes of each frequency."""
    return np.asarray(
        librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MELS, fmin=30, fmax=16000, norm=None)
    )


def spectral_flux(librosa: Any, powers: np.ndarray, sounding: np.ndarray) -> np.ndarray:
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


def find_onsets(librosa: Any, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where sounds begin, in seconds, and how strongly, in (0, 1]."""
    # librosa takes the first of rising values; post_max looks ahead, for the highest.
    known = {"sr": RATE, "hop_length": HOP, "post_max": 3}
    hops = librosa.onset.onset_detect(onset_envelope=flux, **known)
    if not len(hops):
        return np.zeros(0), np.zeros(0)
    strengths = np.minimum(flux[hops] / max(np.percentile(flux[hops], FULL), FAINT), 1)
    clear = strengths > CLEAR
    return hops[clear] * HOP / RATE, strengths[clear]


def track_beats(librosa: Any, flux: np.ndarray, sounding: np.ndarray, tempo: float) -> np.ndarray:
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
    apart = beat_interval(np.array(hops))

    def goes_on(hop: int) -> bool:
        near = sounding[max(hop - REACH, 0) : hop + REACH + 1]
        return 0 <= hop < len(flux) - REACH and bool(near.any())

    while goes_on(hop := round(hops[0] - apart)):
        hops.insert(0, _onset_near(flux, hop))
    while goes_on(hop := round(hops[-1] + apart)):
        hops.append(_onset_near(flux, hop))
    return np.array(hops) * HOP / RATE


def beat_interval(beats: np.ndarray) -> float:
    """The time between beats: the mean of those intervals that are near the median."""
    intervals = np.diff(beats)
    middle = np.median(intervals)
    return float(intervals[np.abs(intervals - middle) <= middle / 4].mean())


def count_beats(times: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """How many beats there were until each time; evenly between two, and beyond the ends."""
    if not len(beats):
        return np.zeros(len(times))
    inner = np.interp(times, beats, np.arange(1, len(beats) + 1))
    outer = np.minimum(times - beats[0], 0) + np.maximum(times - beats[-1], 0)
    return np.maximum(inner + outer / beat_interval(beats), 0)


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
