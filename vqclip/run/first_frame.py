"""Starts in the middle of another run: a retake's first frame, from the one before it.

All that is left of that frame is a picture; a latent that draws it is found here.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch

from vqclip import optimisers
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.animation.motion_sources import BlendBack
from vqclip.drawers.latent import LatentDrawer
from vqclip.errors import ConfigError
from vqclip.media import images
from vqclip.run.retake import Retake
from vqclip.run.runner import Runner, RunnerState
from vqclip.tensors import Image, Latent

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
    device = ready.drawer.latent.device
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
    latent = fit_latent(ready.drawer, before)
    tensors = {"latent": latent, "average": torch.zeros_like(latent), "voyage.last": latent}
    tensors |= {f"voyage.{name}": each for name, each in feedback.state().items()}
    tensors["voyage.shown"] = _bytes(before)
    if ready.config.motion.colours != "none":
        tensors["voyage.reference"] = _bytes(read(there.picture(0)))
    tensors |= {f"cutouts.{key}": cutter.state() for key, cutter in ready.cutters.items()}
    done = feedback.frame_starts[there.first + lead]
    ready.restore(RunnerState(done, tensors, averaged=0, moved=done))


def fit_latent(drawer: LatentDrawer, picture: Image) -> Latent:
    """Find a latent that draws a picture: the encoder's, mended step by step.

    The encoder alone loses about as much as a new picture would.
    """
    with torch.no_grad():
        latent = drawer.vqgan.encode(picture)
    latent.requires_grad_()
    optimiser = optimisers.build_optimiser("adam", [latent])
    best, least = latent.detach().clone(), math.inf
    for _ in range(LIKE):
        optimiser.zero_grad()
        loss = (drawer.draw_latent(latent) - picture).square().mean()
        if loss.item() < least:
            best, least = latent.detach().clone(), loss.item()
        loss.backward()
        optimiser.step()
    return best


def _bytes(picture: Image) -> torch.Tensor:
    return picture.mul(255).round().to(torch.uint8)
