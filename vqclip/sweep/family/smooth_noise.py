"""Smooth noise, by which pictures and latents of parents are shaken and blended."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

SOFT = 3.0  # how steep the borders of a blend are


def draw_field(
    channels: int, shape: Sequence[int], generator: Generator, cells: int = 3
) -> Tensor:
    """Smooth noise of about unit size: [1, channels, *shape]."""
    coarse = torch.randn(1, channels, cells + 1, cells + 1, generator=generator).clamp(-2, 2)
    return functional.interpolate(coarse, tuple(shape), mode="bicubic", align_corners=True)


def draw_share(shape: Sequence[int], generator: Generator) -> Tensor:
    """The share of the first of two parents at each place, in [0, 1]: [1, 1, *shape]."""
    pattern = draw_field(1, shape, generator, cells=2)
    return torch.sigmoid(SOFT * (pattern + draw_number(generator, -0.5, 0.5)))


def draw_number(generator: Generator, low: float, high: float) -> float:
    """A number between two others."""
    return low + (high - low) * float(torch.rand((), generator=generator))
