"""The wavelets drawer: a picture as a sum of wavelets.

After aphantasia, https://github.com/eps696/aphantasia.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log2
from typing import ClassVar, Self

import torch
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.spectra.spectral_drawer import SpectralDrawer
from vqclip.drawers.spectra.wavelet_filters import find_filters
from vqclip.drawers.spectra.wavelet_transform import analyse_waves, synthesise_waves
from vqclip.tensors import Noise, Parameters, draw_normal

LOW = "low"


class WaveletsDrawer(SpectralDrawer):
    """A drawer whose parameters are the strengths of wavelets: short waves, each at its place.

    Wavelets of all scales are as many as there are pixels; coarse ones are made stronger, so that
    the picture gets shapes before texture.

    Args:
        width, height: of the picture, in pixels.
        wave: the wavelet, by its name in PyWavelets.
        sharp: 0: a wavelet is as strong as its area is large; 1: all are equally strong.
        saturation, contrast: see `SpectralDrawer`.

    Raises:
        ConfigError: if there is no such wavelet, or PyWavelets has to be installed for it.
    """

    name: ClassVar[str] = "wavelets"
    rate: ClassVar[float] = 0.05

    def __init__(
        self,
        width: int,
        height: int,
        wave: str = "coif2",
        sharp: float = 0.3,
        saturation: float = 1.8,
        contrast: float = 1.0,
    ) -> None:
        super().__init__(width, height, saturation, contrast)
        self.filters = find_filters(wave)
        self.sharp = sharp

    @classmethod
    def from_settings(cls, width: int, height: int, settings: DrawSettings) -> Self:
        """A drawer of a size in pixels."""
        return cls(
            *(width, height, settings.wave, settings.sharp),
            *(settings.saturation, settings.contrast),
        )

    def synthesise(self, strengths: Parameters) -> Tensor:
        """Add up wavelets: `low` [1, 3, h, w]; `detail_00` (finest) … [1, 3, 3, h, w]."""
        details = [strengths[name] for name in self._detail_names()]
        weights = self._weights(details)
        weighted = [each * weight for each, weight in zip(details, weights, strict=True)]
        return synthesise_waves(strengths[LOW], weighted, self.filters, (self.height, self.width))

    def analyse(self, channels: Tensor) -> dict[str, Tensor]:
        """The strengths of the wavelets of channels."""
        names = self._detail_names()
        low, details = analyse_waves(channels, len(names), self.filters)
        pairs = zip(details, self._weights(details), strict=True)
        weighted = [each / weight for each, weight in pairs]
        return {LOW: low, **dict(zip(names, weighted, strict=True))}

    def random_strengths(self, generator: Noise) -> dict[str, Tensor]:
        """White noise."""
        blank = self.analyse(torch.zeros(1, 3, self.height, self.width))
        return {n: draw_normal(each.shape, generator) for n, each in blank.items()}

    def _detail_names(self) -> list[str]:
        levels = floor(log2(min(self.width, self.height)))
        return [f"detail_{level:02}" for level in range(levels)]

    def _weights(self, details: Sequence[Tensor]) -> list[float]:
        """How strong the wavelets of each scale are: those of the finest, which is first, 1."""
        return [(details[0].numel() / each.numel()) ** (1 - self.sharp) for each in details]
