"""Flicker of a film: the warping error between neighbouring frames.

The warping error of Lai et al., 2018, "Learning Blind Video Temporal Consistency"
(https://arxiv.org/abs/1808.00449): the later of two frames is warped to the earlier one along the
optical flow, and E = Σ M |V - V'|² / Σ M over the pixels M that both show. Here the square is the
mean over the colour channels, so that E is a third of the formula's: the variance of the noise
that would give the same error. M is the complement of `optical_flow.occlusion_mask`, which also
leaves out motion boundaries, as in that paper, which takes both from Ruder et al., 2016.

A film in which nothing moves has no error, and a blurred one has a small one: the measure says
how steady a film is, not how good.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from vqclip.animation.optical_flow import Flow, occlusion_mask, warp
from vqclip.errors import PictureError
from vqclip.tensors import Image

OFTEN = 0.95  # the share of neighbouring frames that differ by at most `Flicker.usual_difference`


@dataclass(frozen=True)
class Flicker:
    """The flicker of a film of N frames; see `measure_flicker`.

    Args:
        warped: the warping error of each of the N - 1 pairs of neighbours: a mean square, with
            colours in [0, 1]. None where the two share no pixel.
        shown: for each pair, the share of the first frame's pixels that the second shows, too.
        differences: for each pair, the mean absolute difference in [0, 1], without warping.
        loop: the same difference between the last frame and the first.
    """

    warped: tuple[float | None, ...]
    shown: tuple[float, ...]
    differences: tuple[float, ...]
    loop: float

    @property
    def warping_error(self) -> float | None:
        """The film's warping error: the mean over its pairs; None if no pair has one."""
        found = [each for each in self.warped if each is not None]
        return math.fsum(found) / len(found) if found else None

    @property
    def mean_difference(self) -> float:
        """The mean difference between neighbouring frames."""
        return math.fsum(self.differences) / len(self.differences)

    @property
    def usual_difference(self) -> float:
        """The 95th percentile of the differences, interpolated as by numpy."""
        ranked = sorted(self.differences)
        place = OFTEN * (len(ranked) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ranked) - 1)
        return ranked[below] + (ranked[above] - ranked[below]) * (place - below)

    @property
    def is_loop(self) -> bool:
        """Whether the film loops: the last frame and the first differ no more than others do."""
        return self.loop <= self.usual_difference


def measure_flicker(
    frames: Iterable[Image], flow: Flow, source: Iterable[Image] | None = None
) -> Flicker:
    """Measure the flicker of a film; no more than three frames are held at a time.

    Args:
        frames: [1, 3, H, W] in [0, 1] each; two or more.
        flow: finds the optical flow.
        source: frames of the same size to find the flow in, so that a film and what was made of
            it can be compared by the same flow; those beyond the last of `frames` are ignored.

    Raises:
        PictureError: if there are fewer than two frames, or fewer of `source` than of `frames`.
    """
    warped: list[float | None] = []
    shown: list[float] = []
    differences: list[float] = []
    start = last = None
    with closing(_together(frames, source)) as pairs:
        for (now, seen), (later, seen_later) in pairwise(pairs):
            forward, backward = flow(seen, seen_later), flow(seen_later, seen)
            both = 1 - occlusion_mask(forward, backward, boundaries=True)  # M
            squares = (now - warp(later, forward).clamp(0, 1)).square().mean(1, keepdim=True)
            count = both.sum().item()
            error = (squares * both).double().sum().item()
            warped.append(error / count if count > 0 else None)
            shown.append(count / both.numel())
            differences.append(_difference(now, later))
            start, last = now if start is None else start, later
    if start is None or last is None:
        raise PictureError("there is one frame, or none; measuring flicker needs two or more")
    return Flicker(tuple(warped), tuple(shown), tuple(differences), _difference(last, start))


def _difference(a: Image, b: Image) -> float:
    return (a - b).abs().double().mean().item()


def _together(
    frames: Iterable[Image], source: Iterable[Image] | None
) -> Generator[tuple[Image, Image], None, None]:
    """Pair each frame with that of the source, or with itself."""
    if source is None:
        for frame in frames:
            yield frame, frame
        return
    seen = iter(source)
    for number, frame in enumerate(frames):
        other = next(seen, None)
        if other is None:
            raise PictureError(
                f"the source ends after {number} frames, before the film does; were they opened "
                "at the same rate?"
            )
        if other.shape != frame.shape:
            raise ValueError(f"frames of {list(frame.shape)} and {list(other.shape)}")
        yield frame, other
