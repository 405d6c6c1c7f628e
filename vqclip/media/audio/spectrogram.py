"""The spectrogram of a sound file, decoded by ffmpeg and summed up on the way.

ffmpeg decodes into a pipe, so that an hour of music is never held. By ffmpeg's process, as a
film's sound is made: PyAV 18 lets some songs end later (test_a_song_ends_where_its_file_says).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import numpy as np

from vqclip.errors import SoundError
from vqclip.media import ffmpeg

RATE = 44100  # samples a second, whatever the file has
WINDOW, HOP = 2048, 512  # samples
BLOCK = 1 << 20  # bytes from the decoder at a time: six seconds


def sum_spectrogram(path: Path, weights: np.ndarray) -> tuple[np.ndarray, float]:
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


def frequency_weights(low: float, high: float) -> np.ndarray:
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
    read = (*ffmpeg.input_arguments(path), "-map", "0:a:0", "-af", mono)
    command = ffmpeg.ffmpeg_command(*read, "-f", "f32le", "-")
    with tempfile.TemporaryFile() as said:
        process = ffmpeg.start_process(command, stdin=DEVNULL, stdout=PIPE, stderr=said)
        assert process.stdout is not None
        try:
            while block := process.stdout.read(BLOCK):
                samples = np.frombuffer(block[: len(block) // 4 * 4], "<f4")
                yield np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0)
            if process.wait() != 0:
                raise _complaint(path, ffmpeg.last_message(said))
        finally:
            ffmpeg.end_process(process)


def _complaint(path: Path, said: str) -> SoundError:
    """Put what ffmpeg said in an artist's words."""
    from vqclip.media import pyav

    name = path.name
    with suppress(OSError), pyav.open_file(path) as file:
        if not file.streams.audio:
            return SoundError(f"{name} has no sound in it; name a sound, or a film with sound")
    return SoundError(
        f"{name} cannot be read as sound (ffmpeg: {said}); is it damaged? "
        "Choose a wav, mp3, flac or ogg, or a film with sound"
    )
