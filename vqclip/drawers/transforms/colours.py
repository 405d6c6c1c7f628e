"""Colours as numbers without bounds, and channels that are decorrelated.

A drawer that adds up waves or resolutions may add up any number; `squash` makes a picture of it.
"""

from __future__ import annotations

from torch import Tensor

from vqclip.models.vqgan import clamp_with_grad
from vqclip.tensors import Image

MARGIN = 0.01  # how far the curve goes beyond black and white, so that finite numbers reach them


def squash(values: Tensor) -> Image:
    """Make colours of any numbers, by a logistic curve that reaches black and white.

    Args:
        values: [1, 3, H, W]; -4.6 and less is 0, 0 is 0.5, 4.6 and more is 1.

    Returns:
        [1, 3, H, W] in [0, 1]; gradients that lead back into the range are kept.
    """
    return clamp_with_grad(values.sigmoid() * (1 + 2 * MARGIN) - MARGIN, 0, 1)


def unsquash(picture: Image) -> Tensor:
    """Find the numbers of colours, the inverse of `squash`: [1, 3, H, W] in [-4.62, 4.62]."""
    return ((picture + MARGIN) / (1 + 2 * MARGIN)).logit()
