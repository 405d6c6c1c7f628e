"""Flicker of a film: the warping error between neighbouring frames.

The warping error of Lai et al., 2018, "Learning Blind Video Temporal Consistency"
(https://arxiv.org/abs/1808.00449): of two frames, the later one is laid on the earlier one along
the optical flow, and E = Σ M |V - V'|² / Σ M over the pixels M that both show. The square is
the mean over the colour channels here, which makes E a third of the formula's, and what a picture
loses to noise of that variance. What both show is told by `flow.occluded`, edges of motion left
out, too, as in that paper, which takes both from Ruder et al., 2016.

A film in which nothing moves has no error, and one that is blurred has a small one: the measure
says how steady a film is, not how good.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from vqclip.animation.optical_flow import Flow, occluded, warp
from vqclip.errors import PictureError
from vqclip.tensors import Image

OFTEN = 0.95  # the share of neighbours that differ less than `Flicker.usual`


@dataclass(frozen=True)
class Flicker:
    """How unsteady a film of N frames is; see `measure_flicker`.

    Args:
        warped: of each of the N - 1 pairs of neighbours, the warping error: a mean square, with
            colours in [0, 1]. None where the two share no pixel.
        shown: which share of the pixels of a pair's first frame its second one shows, too.
        differences: of each pair, the mean absolute difference in [0, 1], as they are.
        loop: the same between the last frame and the first.
    """

    warped: tuple[float | None, ...]
    shown: tuple[float, ...]
    differences: tuple[float, ...]
    loop: float

    @property
    def error(self) -> float | None:
        """The film's warping error: the mean of those that there are."""
        found = [each for each in self.warped if each is not None]
        return math.fsum(found) / len(found) if found else None

    @property
    def difference(self) -> float:
        """The mean difference between neighbours."""
        return math.fsum(self.differences) / len(self.differences)

    @property
    def usual(self) -> float:
        """What 95 in a hundred neighbours differ by at most, between ranks as numpy has it."""
        ranked = sorted(self.differences)
        place = OFTEN * (len(ranked) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ranked) - 1)
        return ranked[below] + (ranked[above] - ranked[below]) * (place - below)

    @property
    def closes(self) -> bool:
        """Whether the step from the last frame to the first is one as others are."""
        return self.loop <= self.usual


def measure_flicker(
    frames: Iterable[Image], flow: Flow, source: Iterable[Image] | None = None
) -> Flicker:
    """Measure how unsteady frames are; two of them are held at a time, and the first.

    Args:
        frames: [1, 3, H, W] in [0, 1] each; two or more.
        flow: finds how things move.
        source: frames of the same size to find that in, so that a film and what was made of it
            are compared along the same ways; more of them than `frames` are not looked at.

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
            both = 1 - occluded(forward, backward, boundaries=True)  # M
            squares = (now - warp(later, forward).clamp(0, 1)).square().mean(1, keepdim=True)
            count = both.sum().item()
            error = (squares * both).double().sum().item()
            warped.append(error / count if count > 0 else None)
            shown.append(count / both.numel())
            differences.append(_difference(now, later))
            start, last = now if start is None else start, later
    if start is None or last is None:
        raise PictureError("there is one frame, or none; two or more can flicker")
    return Flicker(tuple(warped), tuple(shown), tuple(differences), _difference(last, start))


def _difference(a: Image, b: Image) -> float:
    return (a - b).abs().double().mean().item()


def _together(
    frames: Iterable[Image], source: Iterable[Image] | None
) -> Generator[tuple[Image, Image], None, None]:
    """Each frame, with that of the source."""
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
