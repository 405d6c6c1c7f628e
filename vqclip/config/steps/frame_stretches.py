"""Stretches of frames: how an animation is cut up to be drawn side by side."""

from __future__ import annotations

LEAST = 4  # frames in a stretch: models and the film are opened for each
MOST = 64  # stretches, of which each has a run folder


def cut_frames(frames: int) -> list[tuple[int, int]]:
    """Cut the frames after the first one into stretches: the first of each, and one after it.

    They depend on the number of frames alone, so whoever asks again gets the same ones.

    >>> cut_frames(12)
    [(1, 5), (5, 9), (9, 12)]
    """
    size = max(LEAST, -(-(frames - 1) // MOST))
    return [(first, min(first + size, frames)) for first in range(1, frames, size)]
