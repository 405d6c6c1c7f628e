"""The depth loss: near and far as in another picture, by a depth model.

The peer's: pytti's depth stabilisation, which compares with each frame by AdaBins.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Image, Scalar

_FLAT = 1e-6  # variance below which nothing is nearer than anything else


def compare_depths(found: Tensor, wanted: Tensor) -> Scalar:
    """Half the mean squared difference of depths that are standardised, in [0, 2].

    Each is shifted to a mean of 0 and divided by its deviation, so that neither a scale nor a
    shift counts, as by Ranftl et al., 2020 (https://arxiv.org/abs/1907.01341), who align by least
    squares. It is 1 less the correlation.

    Args:
        found, wanted: of one shape.
    """
    return F.mse_loss(_standardise(found), _standardise(wanted)) / 2


def depth_loss(
    estimate: Callable[[Image], Tensor],
    picture: Image | None = None,
    depths: Tensor | None = None,
) -> Loss:
    """The depth loss: how far estimated depths are from others, whatever their scale and shift.

    Args:
        estimate: depths [1, 1, h, w] of a picture [1, 3, H, W], larger where it is nearer,
            differentiably.
        picture: [1, 3, H, W], whose depths are wanted; they are estimated once a size.
        depths: [1, 1, H, W], in their place; larger is nearer.
    """
    known: dict[tuple[int, ...], Tensor] = {}

    def recall(image: Image, size: tuple[int, ...]) -> Tensor:
        if size not in known:
            wanted = depths
            if wanted is None:
                if picture is None:
                    raise ValueError("the depth loss needs a picture or depths")
                colours = picture.detach()[:, :3].to(image)
                shown = F.interpolate(colours, image.shape[-2:], mode="bicubic", antialias=True)
                with torch.no_grad():
                    wanted = estimate(shown.clamp(0, 1))
            known[size] = F.interpolate(
                wanted.to(image.device, torch.float32), size, mode="bilinear", antialias=True
            )
        return known[size]

    def loss(view: View) -> Scalar:
        found = estimate(view.image)
        return compare_depths(found, recall(view.image, tuple(found.shape[-2:])))

    return loss


def _standardise(depths: Tensor) -> Tensor:
    """Depths with a mean of 0 and a deviation of 1."""
    apart = depths - depths.mean()
    return apart * (apart.square().mean() + _FLAT).rsqrt()
