"""Audio features for each frame of a film: loudness, bands and beats.

    loud                  how loud it is, of what ears hear (20 Hz to 20 kHz)
    low, mid, high, ...   how loud a band of pitches is; `media.audio.bands` has their edges
    onset                 where something begins, up to 1 for a strong beginning; then it fades
    beat                  the beats so far: 3.5 is halfway between the third and the fourth
    pulse                 1 on each beat, then it fades
    tempo                 beats a minute; the same in every frame

All lie in [0, 1] but `beat` and `tempo`. A frame has the values of its middle, so that a beat
shows in the frame nearest to it. Levels (loudness and bands) are amplitudes: half of one is 6 dB
less. Their scale is that of the whole piece, however little of it is used: 1 is what they stay
below in 95 % of what sounds. They rise within `attack` and fall within `decay`, so that a camera
can follow them.

Sound as variables of schedules is pytti's idea; its bands are filters, these are sums over a
spectrogram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqclip.errors import SoundError
from vqclip.media.audio import beats, spectrogram
from vqclip.media.audio.bands import AUDIBLE, DEFAULT, Bands
from vqclip.media.audio.spectrogram import HOP, RATE

SILENCE = 1e-4  # the RMS that counts as silence: -80 dB
QUIET = 1e-2  # a band that stays below this share of the loudness is not made to look loud


@dataclass(frozen=True)
class AudioFeatures:
    """What was heard in a file.

    Args:
        name: the name of the file.
        seconds: how long the piece is.
        tempo: beats a minute; 0 where no steady beat was heard.
        beats: where they are, in seconds from the beginning of the piece.
        silent: how many seconds of the film come after its end; there all variables rest at 0,
            but `beat` and `tempo`, which stay as they were.
        variables: a value for each frame, rounded to 6 places; see the top of this module.
    """

    name: str
    seconds: float
    tempo: float
    beats: tuple[float, ...]
    silent: float
    variables: Mapping[str, Sequence[float]]


def analyse_audio(
    path: str | Path,
    *,
    fps: float,
    frames: int,
    start: float = 0.0,
    bands: Bands = DEFAULT,
    attack: float = 0.03,
    decay: float = 0.3,
    tempo: float = 0.0,
) -> AudioFeatures:
    """Listen to a whole piece, and give what each frame of a film has of it.

    The same file and arguments give the same values. Four minutes take a second or two
    after librosa's first, longer start, and 460 MB with librosa's own 300; an hour takes 1 GB.

    Args:
        path: a sound, or a film with sound; whatever ffmpeg reads. Channels are mixed to one.
        fps: frames a second.
        frames: how many frames the film has.
        start: where in the piece the film begins, in seconds; 0 or more.
        bands: more bands, or other edges of `low`, `mid` and `high`: {"kick": (40, 100)}, in Hz.
        attack: seconds until a level has risen to 63 % of a louder sound's; 0: at once.
        decay: seconds until it has fallen to 37 %, and an onset or pulse, too; 0: at once.
        tempo: the beats a minute, where they are known; 0: found out.

    Raises:
        SoundError: if librosa or ffmpeg is not installed, the file cannot be read or has no
            sound, or `start` comes after its end.
    """
    path = Path(path)
    librosa = beats.import_librosa()
    edges = {"loud": AUDIBLE, **DEFAULT, **bands}
    ears = beats.mel_filters(librosa)
    weights = np.vstack(
        [ears, *(spectrogram.frequency_weights(*each) for each in edges.values())]
    )
    powers, seconds = spectrogram.sum_spectrogram(path, weights)
    if not 0 <= start < seconds:
        raise SoundError(
            f"{path.name} is {_duration(seconds)} long, but the sound should start at {start:g} "
            "s; start it at 0 s or later, and before its end"
        )
    levels = np.sqrt(powers[:, len(ears) :])  # [hops, bands]: RMS
    sounding = levels[:, 0] > SILENCE
    flux = beats.spectral_flux(librosa, powers[:, : len(ears)], sounding)
    onsets, strengths = beats.find_onsets(librosa, flux)
    struck = beats.track_beats(librosa, flux, sounding, tempo)
    pace = 60 / beats.beat_interval(struck) if len(struck) else 0.0

    middles = start + (np.arange(frames) + 0.5) / fps
    there = middles < seconds
    fading = np.exp(-1 / (fps * decay)) if decay else 0.0
    hops = np.arange(len(levels)) * HOP / RATE
    scaled = _scaled(_following(levels, attack, decay), sounding).T
    variables = {
        **{name: np.interp(middles, hops, scaled[row]) for row, name in enumerate(edges)},
        "onset": _fading((onsets - start) * fps, strengths, frames, fading),
        "pulse": _fading((struck - start) * fps, np.ones(len(struck)), frames, fading),
    }
    variables = {name: values * there for name, values in variables.items()}
    variables["beat"] = beats.count_beats(np.minimum(middles, seconds), struck)
    variables["tempo"] = np.full(frames, pace)
    return AudioFeatures(
        name=path.name,
        seconds=seconds,
        tempo=round(pace, 6),
        beats=tuple(np.round(struck, 6).tolist()),
        silent=max(0.0, start + frames / fps - seconds),
        variables={name: tuple(np.round(each, 6).tolist()) for name, each in variables.items()},
    )


def describe_audio(heard: AudioFeatures) -> str:
    """Say in a sentence what was heard.

    >>> variables = {"loud": (0.0,), "beat": (0.0,)}
    >>> describe_audio(AudioFeatures("a.wav", 151.2, 120.4, (0.5, 1.0), 0, variables))
    'a.wav: 2 min 31 s, about 120 beats a minute; variables: loud, beat'
    """
    pace = f"about {heard.tempo:.0f} beats a minute" if heard.beats else "no steady beat"
    rest = ""
    if heard.silent > 0.05:
        rest = f"; it ends {_duration(heard.silent)} before the film, where they do not change"
    names = ", ".join(heard.variables)
    return f"{heard.name}: {_duration(heard.seconds)}, {pace}; variables: {names}{rest}"


def _duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _following(levels: np.ndarray, attack: float, decay: float) -> np.ndarray:
    """[hops, bands] that rise and fall like levels, but more slowly."""
    rise, fall = (1 - np.exp(-HOP / (RATE * time)) if time else 1.0 for time in (attack, decay))
    found = np.empty(levels.shape)
    last = np.zeros(levels.shape[1])
    for hop, level in enumerate(levels):
        last = last + np.where(level > last, rise, fall) * (level - last)
        found[hop] = last
    return found


def _scaled(levels: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    """[hops, bands] in [0, 1]: 1 is what a band rarely exceeds while there is sound.

    A band in which there is next to nothing stays next to nothing: what leaks into the highs
    from a bass is not blown up.
    """
    if not sounding.any():
        return np.zeros(levels.shape)
    full = np.percentile(
        levels[sounding], beats.FULL, axis=0
    )  # [bands], the first of them `loud`
    full = np.maximum(full, max(QUIET * full[0], SILENCE))
    return np.minimum(levels / full, 1)


def _fading(places: np.ndarray, strengths: np.ndarray, frames: int, fading: float) -> np.ndarray:
    """[frames] that jump up at places, and fade by a factor from frame to frame.

    Args:
        places: where, in frames; those before 0 have faded by then.
    """
    hits: dict[int, float] = {}
    # The first frame whose middle has come to the place.
    first = np.ceil(places - 0.5).astype(int).tolist()
    for frame, strength in zip(first, strengths, strict=True):
        hits[frame] = max(hits.get(frame, 0.0), float(strength))
    found = np.zeros(frames)
    value = 0.0
    for frame in range(min([0, *hits]), frames):
        value = max(value * fading, hits.get(frame, 0.0))
        if frame >= 0:
            found[frame] = value
    return found
