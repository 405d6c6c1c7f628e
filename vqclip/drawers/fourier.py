"""The Fourier drawer: a picture as a spectrum of waves.

Mordvintsev et al., 2018, Differentiable Image Parameterizations,
https://distill.pub/2018/differentiable-parameterizations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Self

import torch
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.spectra.spectral_drawer import GAIN, SpectralDrawer
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Noise, Parameters, draw_normal

SPECTRUM = "spectrum"
LONGEST = 4  # waves of this many periods on the longer side are as strong as all longer ones


class FourierDrawer(SpectralDrawer):
    """A drawer whose parameters are the amplitudes of waves.

    A wave's amplitude is divided by a power of its frequency, as in photographs, so that the
    picture gets shapes before texture. The picture is periodic: it always tiles.
    In a shifted repeat, rows of waves are turned as the picture goes down: by half a turn for
    each period across, from one tile to the next.

    Args:
        width, height: of the picture, in pixels.
        decay: the power of the frequency; lower gives finer texture.
        saturation, contrast, repeat: see `SpectralDrawer`.
    """

    name: ClassVar[str] = "fourier"
    rate: ClassVar[float] = 0.05

    def __init__(
        self,
        width: int,
        height: int,
        decay: float = 1.5,
        saturation: float = 1.8,
        contrast: float = 1.0,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, saturation, contrast, repeat)
        self.decay = decay

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """A drawer of a size in pixels."""
        chosen = (settings.decay, settings.saturation, settings.contrast)
        return cls(width, height, *chosen, repeat)

    def synthesise(self, strengths: Parameters) -> Tensor:
        """Add up the waves of a spectrum [1, 3, H, W // 2 + 1, 2], whose last axis is complex."""
        spectrum = torch.view_as_complex(strengths[SPECTRUM].contiguous())
        weights = wave_weights(self.width, self.height, self.decay, spectrum.device)
        if self.repeat.shifted:
            rows = torch.fft.ifft(spectrum * weights, dim=-2, norm="ortho")
            return torch.fft.irfft(rows * self._turns(rows), n=self.width, norm="ortho")
        return torch.fft.irfft2(spectrum * weights, s=(self.height, self.width), norm="ortho")

    def analyse(self, channels: Tensor) -> dict[str, Tensor]:
        """The spectrum of channels: [1, 3, H, W // 2 + 1, 2]."""
        weights = wave_weights(self.width, self.height, self.decay, channels.device)
        if self.repeat.shifted:
            rows = torch.fft.rfft(channels, norm="ortho")
            spectrum = torch.fft.fft(rows * self._turns(rows).conj(), dim=-2, norm="ortho")
        else:
            spectrum = torch.fft.rfft2(channels, norm="ortho")
        return {SPECTRUM: torch.view_as_real(spectrum / weights)}

    def _turns(self, like: Tensor) -> Tensor:
        """The turns of the waves in each row of a shifted repeat: complex, [H, W // 2 + 1]."""
        down = torch.arange(self.height, dtype=torch.float64)[:, None] / self.height
        phases = -torch.pi * down * torch.arange(self.width // 2 + 1)
        return torch.polar(torch.ones_like(phases), phases).to(like)

    def random_strengths(self, generator: Noise) -> dict[str, Tensor]:
        """Faint noise, which the first step of Adam replaces."""
        shape = (1, 3, self.height, self.width // 2 + 1, 2)
        return {SPECTRUM: 0.01 * draw_normal(shape, generator)}

    @torch.no_grad()
    def enlarge(self, width: int, height: int) -> None:
        """Continue at a larger size, exactly: every wave goes on as it is.

        At a size that is smaller in any direction, or in a shifted repeat, the picture is resized
        and encoded.
        """
        if width < self.width or height < self.height or self.repeat.shifted:
            super().enlarge(width, height)
            return
        channels = self.synthesise(self.parameters)
        for axis, size in ((-2, height), (-1, width)):
            channels = enlarge_periodic(channels, axis, size)
        self.width, self.height = width, height
        spectrum = self.analyse(channels)[SPECTRUM]
        # Frequencies are lower now, and so amplitudes are; they keep their size to Adam's steps.
        factor = self.parameters[SPECTRUM].norm() / spectrum.norm().clamp(min=1e-8)
        self.replace({SPECTRUM: spectrum * factor, GAIN: self.parameters[GAIN] / factor})


@lru_cache(maxsize=2)
def wave_weights(width: int, height: int, decay: float, device: torch.device) -> Tensor:
    """The weights of waves by frequency, at which the noise of a photograph is white.

    Args:
        width, height: of the picture, in pixels.
        decay: the power of the frequency that divides.
        device: where they are wanted.

    Returns:
        [height, width // 2 + 1], in the order of `torch.fft.rfft2`.
    """
    rows = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(width, dtype=torch.float64)
    frequencies = (rows.square() + columns.square()).sqrt()
    lowest = min(LONGEST / max(width, height), 0.5)
    weights = frequencies.clamp(min=lowest) ** -decay * (width * height) ** 0.5
    return weights.float().to(device)


def enlarge_periodic(values: Tensor, axis: int, size: int) -> Tensor:
    """Enlarge a periodic signal along an axis by waves alone, its edges staying where they are.

    Args:
        values: real, any shape.
        axis: negative.
        size: along the axis, at least that of `values`.
    """
    old = values.shape[axis]
    spectrum = torch.fft.rfft(values.movedim(axis, -1), norm="forward")
    if old % 2 == 0 and size > old:
        spectrum[..., -1] /= 2  # the wave at half the old rate now has a twin of negative sign
    # Pixels are sampled at their centres, so the first moves by half the change of their size.
    shift = (old / size - 1) / 2 / old
    phases = 2 * torch.pi * shift * torch.arange(spectrum.shape[-1], device=values.device)
    moved = spectrum * torch.polar(torch.ones_like(phases), phases)
    return torch.fft.irfft(moved, n=size, norm="forward").movedim(-1, axis)
