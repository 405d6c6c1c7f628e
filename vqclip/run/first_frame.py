"""Starts in the middle of another run: a retake's first frame, from the one before it.

All that is left of that frame is a picture; parameters that draw it are found here.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from vqclip import optimisers
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.animation.motion_sources import BlendBack
from vqclip.drawers.base import BaseDrawer
from vqclip.errors import ConfigError
from vqclip.media import images
from vqclip.run.retake import Retake
from vqclip.run.runner import Runner
from vqclip.run.steps.runner_state import RunnerState
from vqclip.tensors import Image, pack_parameters

LIKE = 60  # steps in which a latent is found for a picture


def read_first_frame(there: Retake, size: tuple[int, int]) -> Image | None:
    """The picture with which a stretch begins: [1, 3, H, W] in [0, 1].

    Raises:
        ConfigError: if it is of another size than (width, height) `size`.
    """
    path = there.continues_frame or there.picture(there.until % there.frames)
    picture = images.read_picture(path)
    height, width = picture.shape[-2:]
    if (width, height) != size:
        raise ConfigError(
            f"the frames in {there.folder} are {width}x{height}, and this run's would be "
            f"{size[0]}x{size[1]}; frames that are drawn again must have the same size"
        )
    return picture if there.continues_frame else None


def begin_retake(ready: Runner, feedback: FrameFeedback, there: Retake) -> None:
    """Let a session draw a stretch only: from the frame before it, and back to what was there."""
    device = next(iter(ready.drawer.parameters.values())).device
    lead = feedback.options.loop

    def read(path: Path) -> Image:
        return images.read_picture(path).to(device)

    feedback.blend_back = BlendBack(
        until=there.until + lead,
        share=lambda frame: there.blend_share(frame - lead),
        old_frame=lambda frame: read(there.picture(frame - lead)),
        continues=there.joins_again,
        final=(lambda: read(there.picture(-1))) if there.until < there.frames else None,
    )
    if there.continues_frame is None:
        return
    before = read(there.continues_frame)
    found = fit_parameters(ready.drawer, before)
    tensors = pack_parameters("latent", found) | pack_parameters("voyage.last", found)
    tensors |= pack_parameters("average", {k: torch.zeros_like(x) for k, x in found.items()})
    tensors |= {f"voyage.{name}": each for name, each in feedback.state().items()}
    tensors["voyage.shown"] = _bytes(before)
    if ready.config.motion.colours != "none":
        tensors["voyage.reference"] = _bytes(read(there.picture(0)))
    tensors |= {f"cutouts.{key}": cutter.state() for key, cutter in ready.cutters.items()}
    done = feedback.frame_starts[there.first + lead]
    ready.restore(RunnerState(done, tensors, averaged=0, moved=done))


def fit_parameters(drawer: BaseDrawer, picture: Image) -> dict[str, Tensor]:
    """Find parameters that draw a picture: the encoder's, mended step by step.

    A VQGAN's encoder alone loses about as much as a new picture would.
    """
    found = drawer.encode(picture)
    if not drawer.is_lossy:
        return found
    moving = {name: value.requires_grad_() for name, value in found.items()}
    optimiser = optimisers.build_optimiser(
        "adam", moving, rate=drawer.default_rate("adam"), rate_factors=drawer.rate_factors
    )
    best, least = {name: x.detach().clone() for name, x in moving.items()}, math.inf
    for _ in range(LIKE):
        optimiser.zero_grad()
        loss = (drawer.draw_parameters(moving) - picture).square().mean()
        if loss.item() < least:
            best, least = {k: x.detach().clone() for k, x in moving.items()}, loss.item()
        loss.backward()
        optimiser.step()
    return best


def _bytes(picture: Image) -> torch.Tensor:
    return picture.mul(255).round().to(torch.uint8)
