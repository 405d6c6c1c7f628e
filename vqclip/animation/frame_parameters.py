"""Parameters of frames: encoded from a warped picture, or moved with the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.animation.point_motion import PointMotion
from vqclip.animation.warp import Warp, edges_without_fill, warp
from vqclip.tensors import Image, Parameters


class FrameDrawer(Protocol):
    """A drawer whose parameters frame feedback takes from frame to frame.

    Args:
        parameters: by name; those of a VQGAN are a latent.
        is_grid, is_lossy, moves: see `vqclip.drawers.base`.
    """

    parameters: dict[str, nn.Parameter]
    is_grid: ClassVar[bool]
    is_lossy: ClassVar[bool]
    moves: ClassVar[bool]

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw parameters: [1, 3, H, W] in [0, 1]."""

    def encode(self, picture: Image) -> dict[str, Tensor]:
        """Find parameters for a picture."""

    def blend(self, first: Parameters, second: Parameters, share: float) -> dict[str, Tensor]:
        """Blend parameters; `share` is that of the second."""

    def move(
        self,
        parameters: Parameters,
        follow: Callable[[Tensor], Tensor],
        scale: float,
        fresh: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Move parameters with a camera, where `moves`."""

    def replace(self, parameters: Parameters) -> None:
        """Go on from other parameters."""

    def clamp(self) -> None:
        """Bring the parameters back to their range."""


@dataclass(frozen=True)
class WarpedPictures:
    """Pictures on the way from the last frame to the next, [1, 3, H, W] in [0, 1] each.

    Attributes:
        drawn: the last frame's.
        plain: that, warped.
        target: what the next frame begins with.
        share: where that is a film's own frame, [1, 1, H, W] in [0, 1].
    """

    drawn: Image
    plain: Image
    target: Image
    share: Tensor


def encode(
    drawer: FrameDrawer,
    last: Parameters,
    pictures: WarpedPictures,
    mapping: Warp,
    edges: str,
    through: str,
) -> dict[str, Tensor]:
    """The parameters that a frame begins with: those of its picture.

    Args:
        last: parameters of the last frame.
        edges, through: see `vqclip.animation.motion_sources.FeedbackOptions`.
    """
    drawn, target = pictures.drawn, pictures.target
    if not drawer.is_lossy:
        # A film's own frame is encoded even if it is what was drawn, so that frames which begin
        # with nothing else do not depend on each other in their last digits.
        same = torch.equal(target, drawn) and not bool((pictures.share == 1).all())
        return dict(last) if same else drawer.encode(target)
    found = drawer.encode(target)
    if through == "latent":  # only other changes, such as noise, count
        changes = _subtract(found, drawer.encode(pictures.plain))
        around = edges_without_fill(edges)
        return {k: warp(x, mapping, around)[0] + changes[k] for k, x in last.items()}
    # Add the difference where the last picture, not the film's own frame, is shown.
    for name, rest in _subtract(last, drawer.encode(drawn)).items():
        kept = functional.interpolate(1 - pictures.share, rest.shape[-2:], mode="area")
        found[name] = found[name] + kept * warp(rest, mapping, _known(edges), "linear")[0]
    return found


def move(
    drawer: FrameDrawer,
    own: Parameters,
    drawn: Image,
    mapping: Warp,
    fresh: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Move parameters, whose picture is `drawn`, with the camera.

    Args:
        fresh, generator: see `vqclip.drawers.base.BaseDrawer.move`.
    """
    height, width = drawn.shape[-2:]
    motion = PointMotion(mapping, width, height)
    if not motion.moves:
        return dict(own)
    return drawer.move(own, motion, motion.scale, fresh, generator)


def between(
    drawer: FrameDrawer, own: Parameters, drawn: Image, mapping: Warp, edges: str
) -> dict[str, Tensor]:
    """Move parameters to a picture between two frames, or warp their picture and encode it.

    What no picture shows of them is warped along.
    """
    if drawer.moves:
        return move(drawer, own, drawn, mapping)
    edges = edges_without_fill(edges)
    # What comes into view in one of the frames is shown by the other: black would darken it.
    around = "mirror" if edges == "black" else edges
    moved = drawer.encode(warp(drawn, mapping, around)[0].clamp(0, 1))
    if drawer.is_lossy:
        for name, rest in _subtract(own, drawer.encode(drawn)).items():
            moved[name] = moved[name] + warp(rest, mapping, _known(edges), "linear")[0]
    return moved


def _subtract(first: Parameters, second: Parameters) -> dict[str, Tensor]:
    """The differences of parameters, by name."""
    return {name: value - second[name] for name, value in first.items()}


def _known(edges: str) -> str:
    """The edges for the difference that no picture shows: zero, unless the picture repeats."""
    return edges if edges in ("wrap", "mirror") else "black"
