"""The frame loop. Read it after `optimisation_loop`, which it repeats for every frame.

A frame starts from the frame before, moved by the camera or by the motion of the source film;
then come a few steps of `generate`; then it is shown. So the picture keeps its content as it
moves, and new content grows where the camera uncovers it. VQGAN+CLIP animation: chigozienri,
2021; nerdyrodent's and pytti's work alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from vqclip.optimisation_loop import Step

if TYPE_CHECKING:
    from vqclip.tensors import Image


class AnimatedDrawer(Protocol):
    """An animated picture, which can be moved from frame to frame."""

    def start_frame(self, frame: int) -> None:
        """Warp the frame before to this frame, and start over from it."""

    def take_steps(self, frame: int) -> Iterator[Step]:
        """Take the remaining steps of a frame, at least one."""

    def finish_frame(self, frame: int) -> tuple[Image, ...]:
        """Return the images that are shown of a finished frame: in-between frames first."""

    def last_step(self, frame: int) -> int:
        """The number of a frame's last step."""


def animate(drawer: AnimatedDrawer, frames: Iterable[int], begun: bool = False) -> Iterator[Step]:
    """Draw one frame after another, yielding a Step at a time.

    The last step of each frame has the images that are shown of it, in `Step.shown`.

    Args:
        frames: their numbers; frame 0 is not moved.
        begun: whether the first of them has been moved already, as when a run is resumed.
    """
    for frame in frames:
        if frame > 0 and not begun:
            drawer.start_frame(frame)
        begun = False
        for step in drawer.take_steps(frame):
            over = step.index == drawer.last_step(frame)
            yield replace(step, frame=frame, shown=drawer.finish_frame(frame) if over else ())
