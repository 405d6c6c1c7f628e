"""Warping of pictures, latents and optimiser moments along a grid."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vqclip.animation.resample import resample
from vqclip.tensors import Latent


class Warp(Protocol):
    """How things move from one frame to the next."""

    def __call__(self, height: int, width: int) -> SampleGrid | None:
        """Where each pixel of a grid was a frame ago; None where nothing moves."""


class SampleGrid(NamedTuple):
    """Where pixels were a frame ago.

    Args:
        positions: [h, w, 2], x before y, in pixels.
        seen: [h, w] in [0, 1], less where something hid it then; None: all was to be seen.
    """

    positions: Tensor
    seen: Tensor | None = None


def warp(image: Tensor, way: Warp, edges: str, kernel: str = "spline") -> tuple[Tensor, Tensor]:
    """Move what lies on a grid, be it pixels, a latent or moments: [1, C, h, w].

    Returns:
        It, and where it was in view, [1, 1, h, w] in [0, 1].
    """
    height, width = image.shape[-2:]
    places = way(height, width)
    if places is None:
        return image, image.new_ones(1, 1, height, width)
    moved, seen = resample(image, places.positions, edges, kernel)
    return moved, seen if places.seen is None else seen * places.seen.to(seen)


def slerp(a: Latent, b: Latent, share: float) -> Latent:
    """Go from one latent to another along an arc in every cell, so that codes keep their length.

    Shoemake, 1985; lengths go evenly.
    """
    lengths = [torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (a, b)]
    tips = [each / length.clamp(min=1e-8) for each, length in zip((a, b), lengths, strict=True)]
    angle = (tips[0] * tips[1]).sum(1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < 1e-4
    first = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / sine.clamp(min=1e-4))
    second = torch.where(straight, share, (share * angle).sin() / sine.clamp(min=1e-4))
    return (first * tips[0] + second * tips[1]) * lengths[0].lerp(lengths[1], share)


def part(way: Warp, share: float) -> Warp:
    """A share of a movement; below 0, back again. Straight on, which small ones nearly are."""

    def some(height: int, width: int) -> SampleGrid | None:
        places = way(height, width)
        if places is None:
            return None
        here = grid(height, width).to(places.positions)
        return SampleGrid(here + share * (places.positions - here))

    return some


def grid(height: int, width: int) -> Tensor:
    """Where each pixel is: [height, width, 2], x before y."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).double()


def inside(edges: str) -> str:
    """What lies beyond a grid that is no picture: nothing can be drawn there by itself."""
    return "mirror" if edges == "fill" else edges
