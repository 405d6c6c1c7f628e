"""Padding: what a VQGAN sees beyond the border of a picture.

Circular padding shows convolutions the opposite side. With it in all layers, a decoder draws a
picture that tiles: that of a rolled latent is the rolled picture. Norms and attention see the
whole picture, and are so already; in a large picture, where attention sees a fixed sample of
it, nearly so.

The decoder may draw with a margin. Convolutions see zeros beyond the border, and some decoders
learn to leave a bright speck in a corner, by which they control the norms of the whole picture
(in StyleGAN: Karras et al., 2020, https://arxiv.org/abs/1912.04958, section 2). With a margin,
the outermost codes are repeated around the picture, and specks fall into what is cut off.

Where such a decoder draws a picture that tiles, it has no corner for a speck, and without it the
picture is pale. So the norms are held at what they are in a picture with a border.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from taming.modules.diffusionmodules.model import Downsample
from torch import Tensor, nn
from torch.nn import functional

from vqclip.models.layers import tiled_decoding
from vqclip.models.layers.frozen_layers import convolve
from vqclip.repeats import ONCE, Repeat


class CircularConv2d(nn.Conv2d):
    """A convolution padded with what lies beyond the edges; with zeros where nothing does."""

    repeat: Repeat = ONCE

    def forward(self, given: Tensor) -> Tensor:
        """As `nn.Conv2d` does."""
        down, across = cast(tuple[int, int], self.padding)
        padded = self.repeat.pad(given, (across, across, down, down))
        return convolve(padded, self.weight, self.bias, self.stride)


class CircularDownsample(Downsample):  # type: ignore[misc,unused-ignore]
    """taming's halving, which pads by one pixel on the right and below."""

    repeat: Repeat = ONCE

    def forward(self, given: Tensor) -> Tensor:
        """As `Downsample` does."""
        halved: Tensor = self.conv(self.repeat.pad(given, (0, 1, 0, 1)))
        return halved


class HeldGroupNorm(nn.GroupNorm):
    """A group norm whose means and variances may be held at those of another picture.

    Attributes:
        repeat: that of the network.
        held: the factor and the offset, [N, C, 1, 1] both; None if they are its own.
    """

    repeat: Repeat = ONCE
    held: tuple[Tensor, Tensor] | None = None

    def forward(self, given: Tensor) -> Tensor:
        """As `nn.GroupNorm` does."""
        if self.held is None:
            return super().forward(given)
        factor, term = (each.to(given.dtype) for each in self.held)
        return torch.addcmul(term, given, factor)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: CircularConv2d,
    Downsample: CircularDownsample,
    nn.GroupNorm: HeldGroupNorm,
}


def set_repeat(network: nn.Module, repeat: Repeat) -> None:
    """Let a network draw, or see, pictures that repeat, from now on; `ONCE` takes it back."""
    plain = {circular: kind for kind, circular in KINDS.items()}
    for module in network.modules():
        kind = plain.get(type(module), type(module))
        if kind not in KINDS or not _sees_beyond(module):
            continue
        module.__class__ = KINDS[kind] if repeat.is_on else kind
        module.repeat = repeat  # type: ignore[assignment]
        vars(module).pop("held", None)


def _sees_beyond(module: nn.Module) -> bool:
    """Whether a layer may see what lies beyond the edges."""
    if isinstance(module, nn.Conv2d):
        return module.padding != (0, 0)
    return not isinstance(module, Downsample) or bool(module.with_conv)


@torch.no_grad()
def hold_norms(decoder: nn.Module, given: Tensor, margin: int, repeat: Repeat) -> None:
    """Hold the norms of a decoder at what they are where the same latent has a border.

    Args:
        decoder: [N, C, h, w] → [N, 3, H, W], of pictures that repeat.
        given: the latent, [N, C, h, w].
        margin: of the decoder.
        repeat: how its pictures repeat.
    """
    norms: tiled_decoding.Norms = {}
    set_repeat(decoder, ONCE)
    try:
        with tiled_decoding.patched_norms([decoder], partial(tiled_decoding.measure_norm, norms)):
            with_margin(decoder, _roll_to_origin(given, repeat), margin)
    finally:
        set_repeat(decoder, repeat)
    for norm, held in norms.items():
        norm.held = held  # type: ignore[assignment]


def _roll_to_origin(values: Tensor, repeat: Repeat) -> Tensor:
    """Roll a grid to a place that depends on what is in it, and not on where the tile is cut.

    The place is that where it is most like a fixed noise.
    """
    plane = repeat.as_grid(values)
    strength = plane.sum((0, 1)).double()
    stream = torch.Generator().manual_seed(0)
    noise = torch.rand(strength.shape, generator=stream, dtype=torch.float64).to(plane.device)
    spectrum = torch.fft.rfft2(strength) * torch.fft.rfft2(noise).conj()
    match = torch.fft.irfft2(spectrum, s=strength.shape)
    match = match[: None if repeat.down else 1, : None if repeat.across else 1]
    row, column = divmod(int(match.argmax()), match.shape[1])
    rolled = plane.roll((-row, -column), (-2, -1))
    return rolled[..., : values.shape[-2], :]


def with_margin(
    draw: Callable[[Tensor], Tensor], latent: Tensor, margin: int, repeat: Repeat = ONCE
) -> Tensor:
    """Draw a latent with its outermost cells repeated as a margin, which is then cut off.

    In directions in which the picture repeats there is no border, and so no margin.

    Args:
        draw: [N, C, h, w] → [N, 3, H, W].
        latent: [N, C, h, w].
        margin: the width of the margin, in cells; 0 for none.
        repeat: how the picture repeats.

    Returns:
        [N, 3, H, W], as large as without a margin.
    """
    across, down = (0 if repeats else margin for repeats in (repeat.across, repeat.down))
    if across == down == 0:
        return draw(latent)
    around = functional.pad(latent, [across, across, down, down], mode="replicate")
    picture = draw(around)
    high, wide = picture.shape[-2:]
    factor = wide // around.shape[-1]
    across, down = across * factor, down * factor
    return picture[..., down : high - down, across : wide - across]
