"""Padding: what a VQGAN sees beyond the border of a picture.

Circular padding shows convolutions the opposite side. With it in all layers, a decoder draws a
picture that tiles: that of a rolled latent is the rolled picture. Norms and attention see the
whole picture, and are so already.

The decoder may draw with a margin. Convolutions see zeros beyond the border, and some decoders
learn to leave a bright speck in a corner, by which they control the norms of the whole picture
(in StyleGAN: Karras et al., 2020, https://arxiv.org/abs/1912.04958, section 2). With a margin,
the outermost codes are repeated around the picture, and specks fall into what is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from taming.modules.diffusionmodules.model import Downsample
from torch import Tensor, nn
from torch.nn import functional

from vqclip.repeats import ONCE, Repeat


class CircularConv2d(nn.Conv2d):
    """A convolution padded with what lies beyond the edges; with zeros where nothing does."""

    repeat: Repeat = ONCE

    def forward(self, given: Tensor) -> Tensor:
        """As `nn.Conv2d` does."""
        down, across = cast(tuple[int, int], self.padding)
        padded = self.repeat.pad(given, (across, across, down, down))
        return functional.conv2d(padded, self.weight, self.bias, self.stride)


class CircularDownsample(Downsample):  # type: ignore[misc,unused-ignore]
    """taming's halving, which pads by one pixel on the right and below."""

    repeat: Repeat = ONCE

    def forward(self, given: Tensor) -> Tensor:
        """As `Downsample` does."""
        halved: Tensor = self.conv(self.repeat.pad(given, (0, 1, 0, 1)))
        return halved


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: CircularConv2d,
    Downsample: CircularDownsample,
}


def set_repeat(network: nn.Module, repeat: Repeat) -> None:
    """Let a network draw, or see, pictures that repeat, from now on; `ONCE` takes it back."""
    plain = {circular: kind for kind, circular in KINDS.items()}
    for module in network.modules():
        kind = plain.get(type(module), type(module))
        if kind not in KINDS or not _pads(module):
            continue
        module.__class__ = KINDS[kind] if repeat.is_on else kind
        module.repeat = repeat  # type: ignore[assignment]


def _pads(module: nn.Module) -> bool:
    """Whether a layer sees beyond the edges."""
    if isinstance(module, nn.Conv2d):
        return module.padding != (0, 0)
    return bool(module.with_conv)


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
