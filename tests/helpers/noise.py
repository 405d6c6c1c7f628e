"""Pictures of noise, to encode and draw."""

from __future__ import annotations

import torch
from torch import Tensor


def noise_picture(width: int, height: int, seed: int = 1) -> Tensor:
    """A picture of noise in which a third of all values are black or white: [1, 3, H, W]."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(1, 3, height, width, generator=generator) * 1.5 - 0.25).clamp(0, 1)
