"""The base of drawers whose parameters are strengths of waves.

Olah et al., 2017, Feature Visualization, https://distill.pub/2017/feature-visualization; Fourier
and wavelets after aphantasia, https://github.com/eps696/aphantasia.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.spectra.colours import correlation_matrix, mix_channels, squash, unsquash
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters

GAIN, CONTRAST = "gain", "contrast"
FIRST_CHANGE = 0.05  # of a start picture by the first step of Adam, as a share of its contrast


class SpectralDrawer(BaseDrawer):
    """A drawer that adds up waves in decorrelated channels, and limits the contrast of the sum.

    The sum is divided by its standard deviation, so that strengths may grow without bound while
    the picture keeps its contrast.

    Differs: others divide a start picture, too, and so change it. Here two parameters that are
    not learnt go with it: its `contrast`, which is the limit, and a `gain`, by which the sum is
    multiplied up to that limit. So strengths can be given the size at which a step of Adam, which
    is absolute, changes the picture by little.

    Args:
        width, height: of the picture, in pixels.
        saturation: strength of colours; 1 is that of photographs.
        contrast: standard deviation of the decorrelated channels, at most, unless that of a
            start picture is greater.
        repeat: how the picture repeats.
    """

    rate_factors: Mapping[str, float] = MappingProxyType({GAIN: 0.0, CONTRAST: 0.0})

    def __init__(
        self,
        width: int,
        height: int,
        saturation: float,
        contrast: float,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, repeat=repeat)
        self.contrast = contrast
        self._matrix = correlation_matrix(saturation)
        self._inverse = torch.linalg.inv(self._matrix.double()).float()

    @abstractmethod
    def synthesise(self, strengths: Parameters) -> Tensor:
        """Add up waves: [1, 3, H, W], the decorrelated channels."""

    @abstractmethod
    def analyse(self, channels: Tensor) -> dict[str, Tensor]:
        """Find the strengths of waves that add up to channels, the inverse of `synthesise`."""

    @abstractmethod
    def random_strengths(self, generator: Noise) -> dict[str, Tensor]:
        """Strengths to start from where there is no picture; their sum has any contrast."""

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Add up waves, limit their contrast and mix the colours."""
        channels = self.synthesise(parameters)
        return squash(mix_channels(self._matrix, channels * limited_gain(channels, parameters)))

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Random strengths, at the contrast that is set."""
        strengths = self.random_strengths(generator)
        deviation = self.synthesise(strengths).std(correction=0)
        gain = self.contrast / deviation.clamp(min=1e-8)
        return {**strengths, GAIN: gain, CONTRAST: torch.full_like(gain, self.contrast)}

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """The strengths of a picture's waves, exactly, and so large that steps change little."""
        channels = mix_channels(self._inverse, unsquash(picture))
        contrast = channels.std(correction=0).clamp(min=self.contrast)
        gain = contrast * (FIRST_CHANGE / self.rate / self._noise_contrast())
        strengths = {name: each / gain for name, each in self.analyse(channels).items()}
        return {**strengths, GAIN: gain, CONTRAST: contrast}

    def _noise_contrast(self) -> float:
        """The standard deviation of a sum of waves whose strengths are noise of deviation 1."""
        noise = self.random_strengths(torch.Generator().manual_seed(0))
        squares = torch.cat([each.square().flatten() for each in noise.values()])
        return float(self.synthesise(noise).std(correction=0) / squares.mean().sqrt())

    @torch.no_grad()
    def blend(self, first: Parameters, second: Parameters, share: float) -> dict[str, Tensor]:
        """Blend the waves as they are drawn, whatever the gain of each."""
        gains = [limited_gain(self.synthesise(each), each) for each in (first, second)]
        ratio = gains[1] / gains[0]
        blended = {
            name: value.lerp(second[name] * ratio, share)
            for name, value in first.items()
            if name not in (GAIN, CONTRAST)
        }
        contrast = first[CONTRAST].lerp(second[CONTRAST], share)
        return {**blended, GAIN: gains[0], CONTRAST: contrast}


def limited_gain(channels: Tensor, parameters: Parameters) -> Tensor:
    """The gain of a sum of waves, or the lower one at which its contrast is the limit: []."""
    deviation = channels.std(correction=0).clamp(min=1e-8)
    return torch.minimum(parameters[GAIN], parameters[CONTRAST] / deviation)
