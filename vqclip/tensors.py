"""Tensor types: names for the tensors that pass between modules, with shapes and ranges.

| name      | shape          | values                                                            |
|-----------|----------------|-------------------------------------------------------------------|
| Image     | [1, 3, H, W]   | sRGB in [0, 1]                                                    |
| Cutouts   | [N, 3, S, S]   | sRGB, in [0, 1] before noise                                      |
| Embedding | [N, D]         | rows of length 1                                                  |
| Latent    | [1, C, h, w]   | unbounded; near a VQGAN's codebook vectors                        |
| Scalar    | []             | a loss                                                            |

`Parameters` are the tensors that a drawer draws a picture from, by name.

These are names for readers, not types that are checked: all of them are `torch.Tensor`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Image = Tensor
Cutouts = Tensor
Embedding = Tensor
Latent = Tensor
Scalar = Tensor
Parameters = Mapping[str, Tensor]


def slerp_weights(cosine: Tensor, share: float | Tensor) -> tuple[Tensor, Tensor]:
    """The weights of two directions in their spherical interpolation (slerp, Shoemake, 1985).

    Args:
        cosine: of the angle between them, any shape; clamped to [-1, 1].
        share: of the second direction, in [0, 1]; one for all, or one for each.

    Returns:
        The weights of the first and of the second, in the shape of `cosine`. Where the directions
        are equal or opposite, they are `1 - share` and `share`, those of a straight line.
    """
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < 1e-4
    first = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / sine.clamp(min=1e-4))
    second = torch.where(straight, share, (share * angle).sin() / sine.clamp(min=1e-4))
    return first, second


def slerp_latents(a: Latent, b: Latent, share: float | Tensor) -> Latent:
    """Interpolate latents along an arc in every cell, so that codes keep their length (slerp).

    Shoemake, 1985; lengths are interpolated linearly. It is not the slerp of embeddings in
    `vqclip.guidance.scenes`, whose rows have length 1: the two round differently.

    Args:
        a, b: [1, C, h, w].
        share: in [0, 1]; 0 gives `a`, 1 gives `b`. One for all cells, or [1, 1, h, w].
    """
    lengths = [torch.linalg.vector_norm(each, dim=1, keepdim=True) for each in (a, b)]
    tips = [each / length.clamp(min=1e-8) for each, length in zip((a, b), lengths, strict=True)]
    first, second = slerp_weights((tips[0] * tips[1]).sum(1, keepdim=True), share)
    return (first * tips[0] + second * tips[1]) * lengths[0].lerp(lengths[1], share)


def pack_parameters(key: str, parameters: Parameters) -> dict[str, Tensor]:
    """Name parameters for a checkpoint: `KEY.NAME`, or `KEY` where there is only a latent."""
    if set(parameters) == {"latent"}:
        return {key: parameters["latent"]}
    return {f"{key}.{name}": value for name, value in parameters.items()}


def unpack_parameters(key: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters that `pack_parameters` named so, of all tensors of a checkpoint."""
    if key in tensors:
        return {"latent": tensors[key]}
    start = f"{key}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def find_nearest_rows(points: Tensor, wanted: Tensor, chunk: int = 65536) -> Tensor:
    """For each of the points [N, D], the index of the nearest row of `wanted` [K, D]: [N].

    Args:
        chunk: how many points are compared at a time, which bounds the memory.
    """
    # By matrix products, distances would be inexact where they are small.
    how = "donot_use_mm_for_euclid_dist"
    parts = (torch.cdist(each, wanted, compute_mode=how) for each in points.split(chunk))
    return torch.cat([each.argmin(1) for each in parts])
