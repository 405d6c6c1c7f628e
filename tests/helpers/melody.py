"""A piece of music for tests and examples, made of arithmetic: kick, bass, hats and a few chords.

    python -m tests.melody music.wav [SECONDS]

The same on every machine up to the rounding of sines, and nobody's work but this file's.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

RATE = 44100
TEMPO = 120.0
BASS = (55.0, 55.0, 65.41, 49.0)  # Hz, a bar each: A, A, C, G
CHORDS = ((220.0, 261.63, 329.63), (220.0, 261.63, 349.23), (196.0, 261.63, 329.63)) * 2


def melody(seconds: float = 8.0, *, tempo: float = TEMPO, rate: int = RATE) -> np.ndarray:
    """Play four beats to the bar: a kick on each, hats between, bass and chords from the start.

    Returns:
        [N] float64 in (-1, 1); a beat falls on 0 s and then every 60 / tempo seconds.
    """
    sound = np.zeros(round(seconds * rate))
    noise = np.random.default_rng(0).standard_normal(rate)
    beat = 60 / tempo
    for number in range(int(np.ceil(seconds / beat))):
        bar = number // 4
        kick = _decaying(0.35, 0.09, rate)
        _mix(sound, number * beat, 0.7 * kick * _glide(kick.size, rate), rate)
        hat = _decaying(0.08, 0.02, rate)
        crisp = np.diff(noise[: hat.size + 1])  # the differences of noise are mostly high
        _mix(sound, (number + 0.5) * beat, 0.07 * hat * crisp, rate)
        pluck = _decaying(beat, 0.25, rate)
        _mix(sound, number * beat, 0.2 * pluck * _tone(BASS[bar % 4], pluck.size, rate), rate)
        if number % 4 == 0:
            chord = _decaying(4 * beat, 1.0, rate)
            for pitch in CHORDS[bar % len(CHORDS)]:
                _mix(sound, number * beat, 0.05 * chord * _tone(pitch, chord.size, rate), rate)
    return np.tanh(sound)


def clicks(
    seconds: float, tempo: float = 120.0, *, first: float = 0.25, rate: int = RATE
) -> np.ndarray:
    """[N] float64: short bursts of noise at an even tempo, the first after `first` seconds."""
    sound = np.zeros(round(seconds * rate))
    burst = np.random.default_rng(1).standard_normal(rate // 50) * _decaying(0.02, 0.004, rate)
    for time in np.arange(first, seconds, 60 / tempo):
        _mix(sound, time, 0.3 * burst, rate)
    return sound


def tone(hertz: float, seconds: float, *, level: float = 0.5, rate: int = RATE) -> np.ndarray:
    """[N] float64: a sine of the amplitude `level`."""
    return level * _tone(hertz, round(seconds * rate), rate)


def save(path: Path, sound: np.ndarray, *, rate: int = RATE) -> Path:
    """Write [N] or [N, channels] in [-1, 1] as a wav of 16 bits."""
    levels = np.round(np.clip(sound, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.tobytes())
    return path


def _tone(hertz: float, length: int, rate: int) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(length) / rate)


def _glide(length: int, rate: int) -> np.ndarray:
    """A drum's skin: from 150 Hz down to 50 Hz."""
    pitch = 50 + 100 * np.exp(-np.arange(length) / (0.03 * rate))
    return np.sin(2 * np.pi * np.cumsum(pitch) / rate)


def _decaying(seconds: float, time: float, rate: int) -> np.ndarray:
    """From 1, a factor e less each `time`, and to 0 at the end without a step."""
    ticks = np.arange(round(seconds * rate))
    return np.exp(-ticks / (time * rate)) * (1 - ticks / ticks.size)


def _mix(sound: np.ndarray, time: float, part: np.ndarray, rate: int) -> None:
    start = round(time * rate)
    room = sound[start : start + part.size]
    room += part[: room.size]


if __name__ == "__main__":
    save(Path(sys.argv[1]), melody(float(sys.argv[2]) if sys.argv[2:] else 8.0))
