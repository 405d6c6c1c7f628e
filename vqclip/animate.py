"""The frame loop. Read it after `generate`, which it repeats for every frame.

A frame starts from the frame before, moved by the camera or by the motion of the source film;
then come a few steps of `generate`; then it is shown. So the picture keeps its content as it
moves, and new content grows where the camera uncovers it. VQGAN+CLIP animation: chigozienri,
2021; nerdyrodent's and pytti's work alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from vqclip.generate import Step

if TYPE_CHECKING:
    from vqclip.tensors import Image


class Traveller(Protocol):
    """An animated picture, which can be moved from frame to frame."""

    def move(self, frame: int) -> None:
        """Warp the frame before to this frame, and start over from it."""

    def refine(self, frame: int) -> Iterator[Step]:
        """Take the remaining steps of a frame, at least one."""

    def develop(self, frame: int) -> tuple[Image, ...]:
        """Return the images that are shown of a finished frame: in-between frames first."""

    def last(self, frame: int) -> int:
        """The number of a frame's last step."""


def animate(traveller: Traveller, frames: Iterable[int], begun: bool = False) -> Iterator[Step]:
    """Draw one frame after another, yielding a Step at a time.

    The last step of each frame has the images that are shown of it, in `Step.shown`.

    Args:
        frames: their numbers; frame 0 is not moved.
        begun: whether the first of them has been moved already, as when a run is resumed.
    """
    for frame in frames:
        if frame > 0 and not begun:
            traveller.move(frame)
        begun = False
        for step in traveller.refine(frame):
            over = step.index == traveller.last(frame)
            yield replace(step, frame=frame, shown=traveller.develop(frame) if over else ())
