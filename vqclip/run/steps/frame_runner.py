"""The frames of an animation, drawn by a runner one from another: a `frame_loop.FrameDrawer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from vqclip import optimisers
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.config.schema import RunConfig
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.filtered import FilteredDrawer
from vqclip.frame_loop import animate
from vqclip.guidance.cutouts import Cutter
from vqclip.optimisation_loop import Step
from vqclip.tensors import Image, Parameters


class StepTaker(Protocol):
    """What takes the steps of the frames: a `vqclip.run.runner.Runner`."""

    @property
    def config(self) -> RunConfig:
        """The settings."""

    @property
    def filtered(self) -> FilteredDrawer:
        """What draws, as it is shown."""

    @property
    def cutters(self) -> Mapping[str, Cutter]:
        """All that cut, by name."""

    @property
    def drawer(self) -> BaseDrawer:
        """What draws."""

    @property
    def done(self) -> int:
        """How many steps are taken."""

    def draw_stages(self, optimiser: optimisers.Scheduled) -> Iterator[Step]:
        """Take the steps of the first frame."""

    def take_steps(self, optimiser: optimisers.Scheduled, steps: range) -> Iterator[Step]:
        """Take those steps of a later frame that are left."""

    def averaged_parameters(self) -> Parameters:
        """The averages of the parameters."""


@dataclass(frozen=True)
class FrameRunner:
    """The frames of an animation, each drawn from the one before it.

    Attributes:
        runner: whose frames they are; it takes the steps.
        feedback: what takes it from frame to frame.
        optimiser: of the run's latent.
    """

    runner: StepTaker
    feedback: FrameFeedback
    optimiser: optimisers.Scheduled

    def play(self) -> Iterator[Step]:
        """Draw the frames that are left."""
        frame = self.feedback.frame_of_step(self.runner.done)
        begun = (
            frame < self.feedback.end_frame
            and self.runner.done > self.feedback.frame_starts[frame]
        )
        try:
            yield from animate(self, range(frame, self.feedback.end_frame), begun)
        finally:
            self.feedback.motion.close()

    def start_frame(self, frame: int) -> None:
        """Move what the last frame showed on to this one; see `FrameFeedback.start_frame`."""
        self.feedback.start_frame(frame, self.runner.drawer, self.optimiser)
        if self.runner.config.motion.steady:
            for key, cutter in self.runner.cutters.items():
                cutter.restore(self.feedback.streams.setdefault(key, cutter.state()))

    def take_steps(self, frame: int) -> Iterator[Step]:
        """Take the steps of a frame that are left."""
        if frame == 0:
            yield from self.runner.draw_stages(self.optimiser)
        else:
            yield from self.runner.take_steps(self.optimiser, self.feedback.steps(frame))

    def finish_frame(self, frame: int) -> tuple[Image, ...]:
        """Give what is shown of a frame, filtered; see `FrameFeedback.finish_frame`."""
        runner = self.runner
        found = self.feedback.finish_frame(frame, runner.drawer, runner.averaged_parameters())
        return tuple(map(runner.filtered.filter_picture, found))

    def last_step(self, frame: int) -> int:
        """The number of a frame's last step."""
        return self.feedback.steps(frame)[-1]
