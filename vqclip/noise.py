"""Noise: random numbers of one seed, or of a place on the way between two.

Whatever a run begins with draws its random numbers here. Of one seed they are torch's own. On a
walk, each is made of the two that both seeds would give: as numbers of a normal distribution, on
the arc from one to the other (slerp, Shoemake, 1985). So every place of a walk has noise of the
same kind, and a small step changes it a little. Independent noise of many numbers is at a right
angle, which is taken for the angle between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vqclip.seeds import SeedWalk

_ALMOST_ONE = 1 - 2**-24  # the greatest that torch.rand gives


@dataclass(frozen=True)
class NoiseWalk:
    """The random numbers of a place between two seeds.

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


def open_noise(seed: SeedWalk) -> Noise:
    """Begin the random numbers of a seed; at the ends of a walk, exactly those of that end."""
    first, second = (torch.Generator().manual_seed(each) for each in (seed.first, seed.second))
    if seed.share == 0 or seed.first == seed.second:
        return first
    return second if seed.share == 1 else NoiseWalk(first, second, seed.share)


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
