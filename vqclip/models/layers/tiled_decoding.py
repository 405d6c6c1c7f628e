"""Tiled decoding: the gradient of a decoder, tile by tile.

The forward pass of the decoder stays whole, so that the picture has no seams; after the last
attention layer, which sees the whole picture, the backward pass recomputes a tile at a time. It
takes the means and variances of the norms for constants, and a tile sees a margin around it
rather than all that its pixels depend on. So the gradient is an approximate one.

Differs: other projects draw each tile by itself and blend them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from taming.modules.diffusionmodules.model import ResnetBlock
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from vqclip.models.layers.frozen_layers import OutputLayers
from vqclip.repeats import ONCE, Repeat

TILE_SIDE = 256  # of a tile without its margin, in pixels
# Beyond so many pixels (2048x2048 and a margin), tiles have twice the side: the feature maps of
# the whole picture take more memory than one of them, and a quarter less is computed twice.
LARGE = 4_500_000
TILE_MARGIN = 0.5  # share of the receptive field; its outer half has hardly any weight
Norms = dict[nn.GroupNorm, tuple[Tensor, Tensor]]  # the factor and the offset of each norm
NormForward = Callable[[nn.GroupNorm, Tensor], Tensor]


@dataclass(frozen=True)
class DecoderParts:
    """A decoder of taming-transformers, split after its last attention layer.

    Attributes:
        first: layers up to the last attention.
        rest: layers after it; apart from norms, each sees only a few pixels around.
        scale: pixels of the picture per pixel of the output of `first`.
        reach: radius of the receptive field of `rest` in pixels of the picture, without norms.
    """

    first: Sequence[nn.Module]
    rest: Sequence[nn.Module]
    scale: int
    reach: int

    @property
    def margin(self) -> int:
        """The margin of a tile, in pixels of the output of `first`."""
        return math.ceil(self.reach * TILE_MARGIN / self.scale)

    def spans(
        self, length: int, side: int = TILE_SIDE, around: int = 0
    ) -> Iterator[tuple[slice, slice]]:
        """Yield the tiles along one side: (slice, slice with its margin).

        Args:
            length: of the side, in pixels of the output of `first`.
            side: of a tile, in pixels of the picture.
            around: how many pixels are added at both ends, from where slices are counted.

        >>> spans = DecoderParts([], [], scale=8, reach=16).spans(10, 32)
        >>> [(tile.start, tile.stop, wide.start, wide.stop) for tile, wide in spans]
        [(0, 4, 0, 5), (4, 8, 3, 9), (8, 10, 7, 10)]
        """
        step = max(1, side // self.scale)
        for start in range(around, around + length, step):
            stop = min(start + step, around + length)
            low, high = start - self.margin, stop + self.margin
            yield slice(start, stop), slice(max(0, low), min(length + 2 * around, high))


def choose_tile_side(height: int, width: int) -> int:
    """The side of the tiles of a picture without their margins; all in pixels."""
    return 2 * TILE_SIDE if height * width > LARGE else TILE_SIDE


def draw_in_tiles(
    decoder: Any, given: Tensor, side: int | None = None, repeat: Repeat = ONCE
) -> Tensor:
    """Decode [N, C, h, w] → [N, 3, H, W] as `decoder` does, with the gradient in tiles.

    Args:
        decoder: taming's, or with modules of the same names; its weights get no gradient.
        side: of a tile, in pixels of the picture; None: as `choose_tile_side` has it.
        repeat: how the picture repeats; the decoder's padding is such already.
    """
    parts = split_decoder(decoder)
    hidden = apply_layers(parts.first, given)
    if side is None:
        side = choose_tile_side(*(length * parts.scale for length in hidden.shape[2:]))
    picture: Tensor = _InTiles.apply(hidden, parts, side, repeat)
    return picture


def split_decoder(decoder: Any) -> DecoderParts:
    """List a decoder's layers in order, and split them after the last attention."""
    middle = decoder.mid
    layers = [decoder.conv_in, middle.block_1, middle.attn_1, middle.block_2]
    after_attention = 3
    for level in reversed(decoder.up):
        for index, block in enumerate(level.block):
            layers.append(block)
            if len(level.attn) > 0:
                layers.append(level.attn[index])
                after_attention = len(layers)
        if hasattr(level, "upsample"):
            layers.append(level.upsample)
    layers.append(OutputLayers(decoder.norm_out, decoder.conv_out))
    rest = layers[after_attention:]
    upsampling = {id(level.upsample) for level in decoder.up if hasattr(level, "upsample")}
    scale = 2 ** sum(id(layer) in upsampling for layer in rest)
    reach, pixels = 0, scale
    for layer in rest:
        pixels //= 2 if id(layer) in upsampling else 1
        wide = [each for each in layer.modules() if isinstance(each, nn.Conv2d)]
        reach += pixels * sum(each.kernel_size[0] // 2 for each in wide)
    return DecoderParts(layers[:after_attention], rest, scale, reach)


class _InTiles(torch.autograd.Function):
    """The layers after the last attention: whole forwards, in tiles backwards."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, parts: DecoderParts, side: int, repeat: Repeat
    ) -> Tensor:
        ctx.save_for_backward(hidden)
        ctx.parts, ctx.side, ctx.repeat, ctx.norms = parts, side, repeat, {}
        with patched_norms(parts.rest, partial(measure_norm, ctx.norms)):
            return apply_layers(parts.rest, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (hidden,), (grad,), parts = ctx.saved_tensors, grads, ctx.parts
        margins = ctx.repeat.margins(parts.margin)
        left, _, above, _ = margins
        with torch.enable_grad():
            whole = hidden.detach().requires_grad_()
            around = ctx.repeat.pad(whole, margins)
        total = torch.zeros_like(around)
        with (
            torch.enable_grad(),
            patched_norms(parts.rest, partial(apply_measured_norm, ctx.norms)),
        ):
            for core_y, wide_y in parts.spans(hidden.shape[2], ctx.side, above):
                for core_x, wide_x in parts.spans(hidden.shape[3], ctx.side, left):
                    crop = around[:, :, wide_y, wide_x].detach().requires_grad_()
                    down, across = (_inside(core_y, wide_y), _inside(core_x, wide_x))
                    # Recomputed by layer, since a tile of 256 pixels may be half a picture.
                    drawn = apply_layers(parts.rest, crop, twice=True)
                    drawn = _crop(drawn, parts.scale, down, across)
                    wanted = _crop(grad, parts.scale, _moved(core_y, above), _moved(core_x, left))
                    total[:, :, wide_y, wide_x] += torch.autograd.grad(drawn, crop, wanted)[0]
            return torch.autograd.grad(around, whole, total)[0], None, None, None


def apply_layers(layers: Sequence[nn.Module], hidden: Tensor, *, twice: bool = False) -> Tensor:
    """Apply layers in order.

    Args:
        twice: whether each layer is recomputed in the backward pass.
    """
    for layer in layers:
        # A ResnetBlock takes a time embedding, for diffusion; a VQGAN has none.
        given = (hidden, None) if isinstance(layer, ResnetBlock) else (hidden,)
        if twice:
            hidden = checkpoint(layer, *given, use_reentrant=False, preserve_rng_state=False)
        else:
            hidden = layer(*given)
    return hidden


@contextmanager
def patched_norms(layers: Sequence[nn.Module], forward: NormForward) -> Iterator[None]:
    """Replace the forward method of all group norms in these layers, within the context."""
    norms = [each for x in layers for each in x.modules() if isinstance(each, nn.GroupNorm)]
    try:
        for norm in norms:
            norm.forward = partial(forward, norm)  # type: ignore[method-assign]
        yield
    finally:
        for norm in norms:
            del norm.forward


def measure_norm(norms: Norms, norm: nn.GroupNorm, given: Tensor) -> Tensor:
    """Apply a group norm, and record its factor and offset in `norms`; held ones as they are."""
    if (held := getattr(norm, "held", None)) is not None:
        norms[norm] = held
        return apply_measured_norm(norms, norm, given)
    rows = given.float().reshape(len(given), norm.num_groups, -1)  # half would round them
    spread, mean = torch.var_mean(rows, dim=2, correction=0)  # [N, groups]
    each = norm.num_channels // norm.num_groups
    factor = (spread + norm.eps).rsqrt().repeat_interleave(each, 1) * norm.weight
    term = norm.bias - mean.repeat_interleave(each, 1) * factor
    norms[norm] = factor[:, :, None, None], term[:, :, None, None]
    return apply_measured_norm(norms, norm, given)


def apply_measured_norm(norms: Norms, norm: nn.GroupNorm, given: Tensor) -> Tensor:
    """Apply a group norm by the factor and the offset that `measure_norm` recorded."""
    factor, term = (each.to(given.dtype) for each in norms[norm])
    return torch.addcmul(term, given, factor)


def _inside(core: slice, wide: slice) -> slice:
    """The slice of a tile within the tile with its margin."""
    return _moved(core, wide.start)


def _moved(part: slice, start: int) -> slice:
    """A slice, counted from another place."""
    return slice(part.start - start, part.stop - start)


def _crop(picture: Tensor, scale: int, down: slice, across: slice) -> Tensor:
    """Crop a picture to the pixels of these rows and columns of the layer before."""
    rows, columns = (slice(x.start * scale, x.stop * scale) for x in (down, across))
    return picture[:, :, rows, columns]
