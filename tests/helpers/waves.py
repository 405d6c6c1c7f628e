"""A pattern that is known everywhere, so that it is known what a warp of it must look like."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vqclip.animation.camera_3d import CameraMove3D, Surface
from vqclip.animation.motion_sources import DepthWarp
from vqclip.animation.warp import warp

FINEST = 8.0  # pixels; no wave is shorter


def middles(width: int, height: int) -> Tensor:
    """The middles of the pixels, [height, width, 2], in float64."""
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float64),
        torch.arange(width, dtype=torch.float64),
        indexing="ij",
    )
    return torch.stack([columns, rows], -1)


def waves(positions: Tensor, seed: int = 0, count: int = 24) -> Tensor:
    """The pattern at positions [h, w, 2] in pixels: [1, 3, h, w] of float64, in [0, 1]."""
    stream = torch.Generator().manual_seed(seed)
    draws = torch.rand(4, count, generator=stream, dtype=torch.float64)
    length = 2 * math.pi / (FINEST * (1 + 2 * draws[0]))
    angle, phase = 2 * math.pi * draws[1], 2 * math.pi * draws[2]
    direction = torch.stack([angle.cos(), angle.sin()]) * length  # [2, count]
    rows = torch.stack([(positions @ direction + phase + k).cos().sum(-1) for k in range(3)])
    return (0.5 + rows / count)[None]


def disc(width: int, height: int, margin: float = 4) -> Tensor:
    """Where the inscribed disc is, but for a margin in pixels: [height, width] of bool."""
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    return (middles(width, height) - middle).norm(dim=-1) < min(width, height) / 2 - margin


def psnr(found: Tensor, wanted: Tensor, where: Tensor) -> float:
    """In decibels, of a range of 1, over the pixels `where` [h, w]."""
    error = (found.double() - wanted.double())[..., where].square().mean()
    return -10 * math.log10(max(float(error), 1e-20))


def fly(
    image: Tensor, flight: CameraMove3D, terrain: Surface, edges: str = "fill"
) -> tuple[Tensor, Tensor]:
    """The next frame of a flight, and where it was in view."""
    return warp(image, DepthWarp(flight, terrain), edges)
