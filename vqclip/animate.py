"""The frame loop. Read it after `generate`, which it repeats for every frame.

A frame begins with what the last one showed, moved to where the camera, the flight or the film
underneath has taken it; then come a few steps of `generate`; then it is shown. So a picture
keeps what it has, and grows what comes into view. VQGAN+CLIP animation: chigozienri, 2021;
nerdyrodent's and pytti's are alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from vqclip.generate import Step

if TYPE_CHECKING:
    from vqclip.tensors import Image


class Traveller(Protocol):
    """Something that draws, and can be moved along."""

    def move(self, frame: int) -> None:
        """Move what the last frame showed to where it is in this one, and start over from it."""

    def refine(self, frame: int) -> Iterator[Step]:
        """Take the steps of a frame that are left; at least one."""

    def develop(self, frame: int) -> tuple[Image, ...]:
        """Give what is shown, once all steps of a frame are taken: in-between frames first."""

    def last(self, frame: int) -> int:
        """The number of a frame's last step."""


def animate(traveller: Traveller, frames: Iterable[int], begun: bool = False) -> Iterator[Step]:
    """Draw one frame after another, yielding a Step at a time.

    The last step of each frame brings what is shown of it, in `Step.shown`.

    Args:
        frames: their numbers; 0 has nothing to be moved from.
        begun: whether the first of them was moved already, and some of its steps taken.
    """
    for frame in frames:
        if frame > 0 and not begun:
            traveller.move(frame)
        begun = False
        for step in traveller.refine(frame):
            over = step.index == traveller.last(frame)
            yield replace(step, frame=frame, shown=traveller.develop(frame) if over else ())
