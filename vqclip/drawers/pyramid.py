"""The pyramid drawer: a picture as a sum of resolutions.

Fort and Whitaker, 2025, Direct Ascent Synthesis, https://arxiv.org/abs/2502.07753.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2
from types import MappingProxyType
from typing import ClassVar, Self

import torch
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.spectra.colours import squash, unsquash
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters

BASE = "base"
FINEST = 2  # pixels to the side of a cell in the finest octave; cells of one pixel dither
COARSEST = 8  # cells on the longer side of the coarsest octave, at most


class PyramidDrawer(BaseDrawer):
    """A drawer that adds up octaves: grids of 2, 4, 8 … pixels to a cell, and a picture below.

    Every octave is learnt at one rate, so that a broad shape and a fine line grow equally fast.
    This keeps pictures clear of the noise that fools a CLIP where pixels are learnt alone. The
    picture below, `base`, is the one to start from; it is a parameter so that it is kept with
    the others, but it is not learnt.

    Differs: the paper adds up all sizes from 1 to 224 pixels. Octaves are fewer, and the finest
    is left out.
    """

    name: ClassVar[str] = "pyramid"
    rate: ClassVar[float] = 0.05
    rate_factors: Mapping[str, float] = MappingProxyType({BASE: 0.0})

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """A drawer of a size in pixels; it has no settings."""
        return cls(width, height, repeat=repeat)

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Add up the octaves, each enlarged to the next finer one, and the base."""
        base = parameters[BASE]
        total, *finer = [parameters[name] for name in reversed(self._octaves(base))]
        for grid in (*finer, base):
            total = grid + self.repeat.resize(total, grid.shape[-2:], "bicubic")
        return squash(total)

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Octaves of nothing over a grey base: the generator is not asked."""
        return self.encode(torch.full((1, 3, self.height, self.width), 0.5))

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """A base of the picture, and octaves of nothing."""
        base = unsquash(picture)
        sizes = self._octaves(base)
        return {BASE: base, **{n: base.new_zeros(1, 3, *size) for n, size in sizes.items()}}

    def _octaves(self, base: Tensor) -> dict[str, tuple[int, int]]:
        """The names and sizes of the octaves over a base; in a shifted repeat, of even width."""
        sizes = octave_sizes(*base.shape[-2:])
        if not self.repeat.shifted:
            return sizes
        return {name: (rows, columns + columns % 2) for name, (rows, columns) in sizes.items()}


def octave_sizes(height: int, width: int) -> dict[str, tuple[int, int]]:
    """The names and sizes (rows, columns) of the octaves of a picture, the finest first.

    >>> octave_sizes(40, 64)
    {'octave_0002': (20, 32), 'octave_0004': (10, 16), 'octave_0008': (5, 8)}
    """
    count = max(1, ceil(log2(max(height, width) / COARSEST / FINEST)) + 1)
    cells = [FINEST * 2**level for level in range(count)]  # pixels to the side of one
    return {f"octave_{side:04}": (ceil(height / side), ceil(width / side)) for side in cells}
