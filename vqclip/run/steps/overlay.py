"""Overlays: a picture that is laid over the drawing every so many steps.

The drawing goes on from the two together, encoded into the drawer's parameters. As pixray's
--overlay_image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.schedule_settings import setting_curve
from vqclip.config.schema import RunConfig
from vqclip.config.steps.step_settings import OverlaySteps
from vqclip.drawers.base import BaseDrawer, divide_by_alpha
from vqclip.drawers.filtered import FilteredDrawer, resize_picture
from vqclip.errors import ConfigError
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock
from vqclip.media import images
from vqclip.tensors import Image


@dataclass(frozen=True)
class Overlay:
    """An overlay, and when and how strongly it is laid.

    Differs: pixray encodes the whole picture, and so loses a little of it everywhere; here what a
    VQGAN's encoder does not keep of the drawing is added again where the overlay is transparent.
    pixray's --overlay_alpha takes the place of the picture's own opacity; here they are
    multiplied.

    Args:
        picture: [1, 4, H, W] in [0, 1], the last channel being opacity.
        every: steps from one time to the next.
        start: the first step that it is laid before.
        until: the step at which it is no longer laid; None: it is laid to the end.
        alpha: opacity at a step, in [0, 1], times the picture's own.
    """

    picture: Tensor
    every: int
    start: int
    until: int | None
    alpha: Callable[[int], float]

    @classmethod
    def from_settings(
        cls,
        config: RunConfig,
        steps: OverlaySteps | None,
        drawers: Sequence[BaseDrawer],
        search_path: SearchPath,
        clock: Clock,
        size: tuple[int, int],
        device: torch.device,
    ) -> Overlay | None:
        """An overlay by the settings `overlay.…`; None if they name no picture.

        Args:
            steps: before which it is laid; None if there is no overlay.
            drawers: of the run, which have to encode it.
            size: width and height of the finished picture, in pixels, to which it is stretched.

        Raises:
            ConfigError: if a drawer cannot go on from a picture.
            PictureError: if the picture cannot be read.
        """
        if steps is None:
            return None
        for each in drawers:
            if not each.encodes:
                raise ConfigError(
                    f"overlay.picture needs a drawer that can go on from a picture, and "
                    f"{each.name} cannot; leave it out, or write another drawer"
                )
        alpha = setting_curve(config, "overlay.alpha", clock)
        found = images.read_picture(
            search_path.find(config.overlay.picture), size=size, alpha=True
        )
        if found.shape[1] == 3:
            found = torch.cat([found, torch.ones_like(found[:, :1])], 1)
        return cls(found.to(device), steps.every, steps.start, steps.until, alpha)

    def is_due(self, step: int) -> bool:
        """Whether it is laid before a step, counted from 0."""
        if step < self.start or (self.until is not None and step >= self.until):
            return False
        return (step - self.start) % self.every == 0 and self.alpha(step) > 0

    @torch.no_grad()
    def lay_over(self, filtered: FilteredDrawer, step: int) -> Tensor:
        """Lay it over what is drawn, and let the drawer go on from there.

        Equal parameters give equal ones; what is drawn is not filtered.

        Returns:
            The picture with the overlay, [1, 3, H, W] in [0, 1]; where the drawer has alpha,
            [1, 4, H, W].
        """
        drawer = filtered.drawer
        own = {name: value.detach() for name, value in drawer.parameters.items()}
        drawn = filtered.draw_plain(own)
        height, width = drawn.shape[-2:]
        over = resize_picture(self.picture, height, width, drawer.repeat)
        share = over[:, 3:].clamp(0, 1) * self.alpha(step)
        found = lay_picture(drawn, over[:, :3], share)
        parameters = drawer.encode(found)
        if drawer.is_lossy and not drawer.moves:
            for name, known in drawer.encode(drawn).items():
                kept = functional.interpolate(1 - share, known.shape[-2:], mode="area")
                parameters[name] = parameters[name] + kept * (own[name] - known)
        drawer.replace(parameters)
        drawer.clamp()
        return found

    def leave_out(self, hold: Callable[[Image], Image]) -> Callable[[Image], Image]:
        """Let what holds parts of pictures leave out those over which it is laid."""

        def held(picture: Image) -> Image:
            share = resize_picture(self.picture, *picture.shape[-2:])[:, 3:].clamp(0, 1)
            return hold(picture).lerp(picture, share)

        return held


def lay_picture(below: Tensor, colours: Tensor, share: Tensor) -> Tensor:
    """Lay a picture over another, which may be transparent (Porter and Duff, 1984: over).

    Args:
        below: [1, 3, H, W] in [0, 1]; with opacity, [1, 4, H, W].
        colours: what is laid over it, [1, 3, H, W] in [0, 1].
        share: the opacity of that, [1, 1, H, W] in [0, 1].

    Returns:
        As `below`.
    """
    if below.shape[1] == 3:
        return below.lerp(colours, share)
    opacity = share + below[:, 3:] * (1 - share)
    return divide_by_alpha(below[:, :3] * below[:, 3:] * (1 - share) + colours * share, opacity)
