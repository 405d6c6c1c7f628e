"""Warping of pictures, latents and optimiser moments along a grid."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vqclip.animation.resample import resample
from vqclip.models.device import upload_tensor


class Warp(Protocol):
    """A warp from one frame to the next, for grids of any size."""

    def __call__(self, height: int, width: int) -> SampleGrid | None:
        """Return where each pixel of a grid was in the frame before; None if nothing moves."""


class SampleGrid(NamedTuple):
    """The positions in the frame before at which a new frame is sampled.

    Args:
        positions: [h, w, 2], (x, y) in pixels.
        seen: [h, w] in [0, 1], less than 1 where the point was hidden; None: nothing was.
    """

    positions: Tensor
    seen: Tensor | None = None


def warp(
    image: Tensor, mapping: Warp, edges: str, kernel: str = "spline"
) -> tuple[Tensor, Tensor]:
    """Warp a picture, a latent or an optimiser's moments.

    Args:
        image: [1, C, h, w].
        mapping: the warp.
        edges, kernel: see `vqclip.animation.resample.resample`.

    Returns:
        The warped tensor, [1, C, h, w], and where it was in view, [1, 1, h, w] in [0, 1].
    """
    height, width = image.shape[-2:]
    places = mapping(height, width)
    if places is None:
        return image, image.new_ones(1, 1, height, width)
    moved, seen = resample(image, places.positions, edges, kernel)
    if places.seen is None:
        return moved, seen
    return moved, seen * upload_tensor(places.seen.to(seen.dtype), seen.device)


def scale_warp(mapping: Warp, share: float) -> Warp:
    """Scale a warp: a share of its motion, in straight lines; a negative share goes back."""

    def some(height: int, width: int) -> SampleGrid | None:
        places = mapping(height, width)
        if places is None:
            return None
        here = pixel_grid(height, width).to(places.positions)
        return SampleGrid(here + share * (places.positions - here))

    return some


def pixel_grid(height: int, width: int) -> Tensor:
    """The positions of a grid's own pixels: [height, width, 2] in float64, x before y."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).double()


def edges_without_fill(edges: str) -> str:
    """The edges for a latent or moments: "mirror" for "fill", which is for pictures only."""
    return "mirror" if edges == "fill" else edges
