"""Colours as numbers without bounds, and channels that are decorrelated.

A drawer that adds up waves or resolutions may add up to any number; `squash` makes a picture of
it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vqclip.models.vqgan import clamp_with_grad
from vqclip.tensors import Image

MARGIN = 0.01  # how far the curve goes beyond black and white, so that finite numbers reach them
# The square root of the covariance of colours in ImageNet, in its main axes: from grey, blue to
# yellow and green to purple (columns) to red, green and blue (rows). Olah et al., 2017, Feature
# Visualization, https://distill.pub/2017/feature-visualization.
CORRELATION = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


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


def correlation_matrix(saturation: float) -> Tensor:
    """The matrix from decorrelated channels to red, green and blue: [3, 3].

    Args:
        saturation: strength of colours; 1 is that of photographs.
    """
    matrix = torch.tensor(CORRELATION)
    matrix[:, 0] /= saturation
    return matrix / matrix.norm(dim=0).max()


def mix_channels(matrix: Tensor, values: Tensor) -> Tensor:
    """Mix the channels of values [1, 3, H, W] by a matrix [3, 3]."""
    return torch.einsum("rc,bchw->brhw", matrix.to(values), values)
