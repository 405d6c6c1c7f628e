"""Layers of taming-transformers that compute the same in less time and memory.

- Attention by a fused kernel; in a large picture, each cell sees a sample of the others.
- Swish, `x * sigmoid(x)`, by torch's SiLU: one kernel each way, and only `x` is kept.
- Nearest upsampling by 2 and a 3x3 convolution as one 2x2 convolution for each of the four
  pixels that a pixel becomes: 4 products a pixel in place of 9. Of a pixel's 3x3 neighbours on
  the enlarged grid, pairs are the same pixel of the small one, so that their weights can be
  added up first (sub-pixel convolution: Shi et al., 2016, https://arxiv.org/abs/1609.05158).

They differ from the originals by rounding alone, but for that sample.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import torch
from taming.modules.diffusionmodules.model import AttnBlock, Decoder, ResnetBlock, Upsample
from torch import Tensor, nn
from torch.nn import functional

from vqclip.models.device import upload_tensor
from vqclip.models.layers import tiled_decoding
from vqclip.models.layers.frozen_layers import (
    apply_convolution,
    apply_norm_and_silu,
    convolve,
)

# Cells that a cell sees at most: those of as many pixels as 1024x1024 has, and a margin, at 8
# pixels a cell. In long pictures the margin is larger, and 20:1 is the longest that `aspect`
# gives. All see all up to there; beyond it, attention takes time in proportion to the picture.
MOST_SEEN = 17_600


class Attention(AttnBlock):  # type: ignore[misc,unused-ignore]
    """taming's attention, by a fused kernel that does not hold the weights of all pairs.

    A picture of 1024 pixels has 16,384 cells where a cell is 8 pixels: the weights are 1 GiB, and
    a gradient needs them three times. Where torch has no such kernel, they are held anyway.

    Differs: the time of attention grows with the square of a picture's area. Beyond `MOST_SEEN`
    cells, keys and values are those of a fixed sample of that many, spread evenly. A mean over a
    sample is nearly the mean over all: at 2048x2048, what the starter's layer gives differs by
    0.2 % from a draft and 0.3 % from random codes, about as much as bfloat16 rounds. Means of
    neighbours are no keys that the network has learnt: from random codes, they change the picture
    six times as much as a sample does.
    """

    def forward(self, given: Tensor) -> Tensor:
        """As `AttnBlock` does."""
        normed = self.norm(given)
        seen = _sample(normed)
        # Contiguous, or torch falls back to the kernel that holds all weights.
        pairs = ((self.q, normed), (self.k, seen), (self.v, seen))
        layers = [apply_convolution(layer, x) for layer, x in pairs]
        query, key, value = (each.flatten(2).mT.contiguous()[:, None] for each in layers)
        found = functional.scaled_dot_product_attention(query, key, value)  # [N, 1, h * w, C]
        return given + apply_convolution(self.proj_out, found.squeeze(1).mT.reshape(given.shape))


def _sample(cells: Tensor) -> Tensor:
    """The cells that others see: [N, C, h, w] as they are, or a sample, [N, C, K, 1]."""
    height, width = cells.shape[-2:]
    if height * width <= MOST_SEEN:
        return cells
    numbers = upload_tensor(sample_cells(height, width, MOST_SEEN), cells.device)
    return cells.flatten(2).index_select(2, numbers)[..., None]


@lru_cache(maxsize=8)
def sample_cells(height: int, width: int, most: int) -> Tensor:
    """The numbers of about `most` cells, at most, spread evenly over height x width: [K], int64.

    One is taken at random of each of equal rectangles; equal arguments give equal numbers.
    """
    share = (most / (height * width)) ** 0.5
    rows, columns = (max(1, int(side * share)) for side in (height, width))
    stream = torch.Generator().manual_seed(0)
    with torch.device("cpu"):  # also where a model without weights is built
        jitter = torch.rand((2, rows, columns), generator=stream, dtype=torch.float64)
        down = (torch.arange(rows)[:, None] + jitter[0]).mul(height / rows).long()
        across = (torch.arange(columns) + jitter[1]).mul(width / columns).long()
    # The product may round up to the end of the last rectangle.
    return (down.clamp(max=height - 1) * width + across.clamp(max=width - 1)).flatten()


class ResidualBlock(ResnetBlock):  # type: ignore[misc,unused-ignore]
    """taming's residual block without an embedding of time, which is for diffusion."""

    def forward(self, given: Tensor, time: None = None) -> Tensor:
        """As `ResnetBlock` does."""
        hidden = apply_convolution(self.conv1, apply_norm_and_silu(self.norm1, given))
        hidden = self.dropout(apply_norm_and_silu(self.norm2, hidden))
        hidden = apply_convolution(self.conv2, hidden)
        if self.in_channels != self.out_channels:
            shortcut = self.conv_shortcut if self.use_conv_shortcut else self.nin_shortcut
            given = apply_convolution(shortcut, given)
        return given + hidden


class Upsampling(Upsample):  # type: ignore[misc,unused-ignore]
    """taming's upsampling; with frozen weights, at the small size."""

    def forward(self, given: Tensor) -> Tensor:
        """As `Upsample` does."""
        if not self.with_conv or type(self.conv) is not nn.Conv2d:
            return super().forward(given)  # type: ignore[no-any-return,unused-ignore]
        if self.conv.weight.requires_grad:
            return super().forward(given)  # type: ignore[no-any-return,unused-ignore]
        return upsample_and_convolve(given, self.conv.weight, self.conv.bias)


def upsample_and_convolve(given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Enlarge by 2, to the nearest pixel, and convolve, padded with zeros.

    Args:
        given: [N, C, h, w].
        weight: [D, C, 3, 3].
        bias: [D], or None.

    Returns:
        [N, D, 2h, 2w].
    """
    rows = _add_up(weight, 2)
    quarters = [quarter for row in rows for quarter in _add_up(row, 3)]
    repeated = None if bias is None else bias.repeat(4)
    found = convolve(given, torch.cat(quarters), repeated, padding=(1, 1))
    height, width = given.shape[-2:]
    # A 2x2 kernel with a border of one has a row and a column more than there are pixels: the
    # upper pixels of each four take the first ones, the lower pixels leave those out.
    parts = found.unflatten(1, (4, len(weight)))
    pixels = [
        parts[:, number, :, down : down + height, across : across + width]
        for number, (down, across) in enumerate(product((0, 1), (0, 1)))
    ]
    pairs = [torch.stack(pixels[first : first + 2], -1) for first in (0, 2)]
    return torch.stack(pairs, 3).flatten(2, 3).flatten(3, 4)


def _add_up(weight: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Add up the weights along a side that meet the same pixel: for the first of two, the second.

    The first of two pixels sees the pixel before and, twice, its own; the second sees its own,
    twice, and the next.
    """
    before, here, after = weight.unbind(side)
    return (
        torch.stack([before, here + after], side),
        torch.stack([before + here, after], side),
    )


class PictureDecoder(Decoder):  # type: ignore[misc,unused-ignore]
    """taming's decoder, of these layers."""

    def forward(self, latent: Tensor) -> Tensor:
        """As `Decoder` does."""
        parts = tiled_decoding.split_decoder(self)
        return tiled_decoding.apply_layers([*parts.first, *parts.rest], latent)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    AttnBlock: Attention,
    ResnetBlock: ResidualBlock,
    Upsample: Upsampling,
    Decoder: PictureDecoder,
}


def replace_layers(network: nn.Module) -> None:
    """Let a network of taming-transformers compute by the layers of this module."""
    for module in network.modules():
        if type(module) in KINDS:
            module.__class__ = KINDS[type(module)]
