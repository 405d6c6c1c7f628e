"""Tensor types: names for the tensors that pass between modules, with shapes and ranges.

| name      | shape          | values                                                            |
|-----------|----------------|-------------------------------------------------------------------|
| Image     | [1, 3, H, W]   | sRGB in [0, 1]                                                    |
| Cutouts   | [N, 3, S, S]   | sRGB, in [0, 1] before noise                                      |
| Embedding | [N, D]         | rows of length 1                                                  |
| Latent    | [1, C, h, w]   | unbounded; near a VQGAN's codebook vectors                        |
| Scalar    | []             | a loss                                                            |

`Parameters` are the tensors that a drawer draws a picture from, by name. `Noise` is where random
ones come from: a generator, or a place on the way between those of two seeds.

These are names for readers, not types that are checked: all of them are `torch.Tensor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Image = Tensor
Cutouts = Tensor
Embedding = Tensor
Latent = Tensor
Scalar = Tensor
Parameters = Mapping[str, Tensor]
_ALMOST_ONE = 1 - 2**-24  # the greatest that torch.rand gives


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


@dataclass(frozen=True)
class NoiseWalk:
    """The random numbers of a place between two seeds.

    Each is made of the two that both seeds would give: as numbers of a normal distribution, on
    the arc from one to the other (slerp, Shoemake, 1985). So every place has noise of the same
    kind, and a small step changes it a little. Independent noise of many numbers is at a right
    angle, which is taken for the angle between them.

    Args:
        first, second: generators of the seeds, on the processor.
        share: of the second one, above 0 and below 1.
    """

    first: torch.Generator
    second: torch.Generator
    share: float

    @property
    def device(self) -> torch.device:
        """Where its numbers are."""
        return self.first.device

    def blend(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """Blend what both seeds give of a normal distribution."""
        angle = self.share * math.pi / 2
        return math.cos(angle) * draw(self.first) + math.sin(angle) * draw(self.second)


Noise = torch.Generator | NoiseWalk


def draw_normal(shape: Sequence[int], noise: Noise) -> Tensor:
    """Numbers of the standard normal distribution, as `torch.randn` gives them."""
    size = tuple(shape)
    if isinstance(noise, NoiseWalk):
        return noise.blend(lambda one: torch.randn(size, generator=one))
    return torch.randn(size, generator=noise, device=noise.device)


def draw_uniform(shape: Sequence[int], noise: Noise) -> Tensor:
    """Numbers that are evenly distributed in [0, 1), as `torch.rand` gives them."""
    size = tuple(shape)
    if isinstance(noise, NoiseWalk):
        normal = noise.blend(lambda one: _to_normal(torch.rand(size, generator=one)))
        return torch.special.ndtr(normal).float().clamp(max=_ALMOST_ONE)
    return torch.rand(size, generator=noise, device=noise.device)


def draw_whole(low: int, high: int, noise: Noise) -> int:
    """A whole number from `low` to `high` - 1, as `torch.randint` gives it."""
    if isinstance(noise, NoiseWalk):
        return low + int((high - low) * float(draw_uniform((), noise)))
    return int(torch.randint(low, high, (), generator=noise, device=noise.device))


def _to_normal(uniform: Tensor) -> Tensor:
    """Even numbers in [0, 1) as those of the normal distribution that lie as high in it."""
    return torch.special.ndtri(uniform.double().clamp(2**-60, 1 - 2**-53))
