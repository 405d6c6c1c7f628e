"""Memory policies: chunks after running out of memory, and tiled decoding.

The way there is gone whole, keeping nothing but the small layers; the way back a tile at a time,
each worked out anew. Attention sees the whole picture, so what comes before and in its last layer
stays whole. So does the picture: it is that of the whole decoder, without a seam. Only the
gradient is approximate: the means and spreads that the norms divide by are taken for constants,
and a tile sees a margin around it rather than everything that its pixels depend on.

Differs: where peers tile, they draw each tile by itself and blend them.

Two ways give the same gradient, to the last digits: squares are looked at some at a time, and
what autograd would have kept of them is worked out a second time on the way back; then the
decoder's layers, likewise. Gradient checkpointing: Chen et al., 2016,
https://arxiv.org/abs/1604.06174. The last way only comes near it: see `models.tiles`.
"""

from __future__ import annotations

import math
import re
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

SIDE = 256  # of a tile without its margin, in pixels


MARGIN = 0.5  # of what a pixel depends on; the far half of that weighs next to nothing


Norms = dict[nn.GroupNorm, tuple[Tensor, Tensor]]  # what each multiplies by, and what it adds


Way = Callable[[nn.GroupNorm, Tensor], Tensor]


@dataclass(frozen=True)
class Parts:
    """A decoder of taming-transformers, cut where attention ends.

    Attributes:
        first: layers up to the last with attention.
        rest: layers after it, each of which looks a few pixels far; norms apart.
        scale: pixels of the picture per pixel of what `first` gives.
        reach: pixels around one that it depends on through `rest`, norms apart.
    """

    first: Sequence[nn.Module]
    rest: Sequence[nn.Module]
    scale: int
    reach: int

    def spans(self, length: int, side: int = SIDE) -> Iterator[tuple[slice, slice]]:
        """Cut a length into tiles: where each is, and where with its margin.

        Args:
            length: of what `first` gives.
            side: of a tile, in pixels of the picture.

        >>> [(t.start, t.stop, m.start, m.stop) for t, m in Parts([], [], 8, 16).spans(10, 32)]
        [(0, 4, 0, 5), (4, 8, 3, 9), (8, 10, 7, 10)]
        """
        step = max(1, side // self.scale)
        margin = math.ceil(self.reach * MARGIN / self.scale)
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield slice(start, stop), slice(max(0, start - margin), min(length, stop + margin))


def draw(decoder: Any, given: Tensor, side: int = SIDE) -> Tensor:
    """Draw as `decoder` does: [N, C, h, w] → [N, 3, H, W]; and give the gradient in tiles.

    Args:
        decoder: taming's, or with modules of the same names. Frozen: its weights get no gradient.
        side: of a tile, in pixels of the picture.
    """
    parts = split(decoder)
    picture: Tensor = _InTiles.apply(through(parts.first, given), parts, side)
    return picture


def split(decoder: Any) -> Parts:
    """Put a decoder's layers in order, and cut them after the last attention."""
    middle = decoder.mid
    layers = [decoder.conv_in, middle.block_1, middle.attn_1, middle.block_2]
    seeing = 3
    for level in reversed(decoder.up):
        for index, block in enumerate(level.block):
            layers.append(block)
            if len(level.attn) > 0:
                layers.append(level.attn[index])
                seeing = len(layers)
        if hasattr(level, "upsample"):
            layers.append(level.upsample)
    layers.append(nn.Sequential(decoder.norm_out, nn.SiLU(), decoder.conv_out))
    rest = layers[seeing:]
    growing = {id(level.upsample) for level in decoder.up if hasattr(level, "upsample")}
    scale = 2 ** sum(id(layer) in growing for layer in rest)
    reach, pixels = 0, scale
    for layer in rest:
        pixels //= 2 if id(layer) in growing else 1
        wide = [each for each in layer.modules() if isinstance(each, nn.Conv2d)]
        reach += pixels * sum(each.kernel_size[0] // 2 for each in wide)
    return Parts(layers[:seeing], rest, scale, reach)


class _InTiles(torch.autograd.Function):
    """The layers after the last attention: whole there, in tiles back."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, parts: Parts, side: int) -> Tensor:
        ctx.save_for_backward(hidden)
        ctx.parts, ctx.side, ctx.norms = parts, side, {}
        with normed(parts.rest, partial(measured, ctx.norms)):
            return through(parts.rest, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (hidden,), (grad,), parts = ctx.saved_tensors, grads, ctx.parts
        total = torch.zeros_like(hidden)
        with torch.enable_grad(), normed(parts.rest, partial(as_measured, ctx.norms)):
            for core_y, wide_y in parts.spans(hidden.shape[2], ctx.side):
                for core_x, wide_x in parts.spans(hidden.shape[3], ctx.side):
                    crop = hidden[:, :, wide_y, wide_x].detach().requires_grad_()
                    down, across = (_inside(core_y, wide_y), _inside(core_x, wide_x))
                    # Kept from layer to layer only: a tile of 256 pixels may be half a picture.
                    whole = through(parts.rest, crop, twice=True)
                    drawn = _pixels(whole, parts.scale, down, across)
                    wanted = _pixels(grad, parts.scale, core_y, core_x)
                    total[:, :, wide_y, wide_x] += torch.autograd.grad(drawn, crop, wanted)[0]
        return total, None, None


def through(layers: Sequence[nn.Module], hidden: Tensor, *, twice: bool = False) -> Tensor:
    """Apply layers one after the other; `twice`: keeping only what goes from one to the next."""
    for layer in layers:
        # A block can be told of a time, for the sake of diffusion; a VQGAN has none.
        given = (hidden, None) if isinstance(layer, ResnetBlock) else (hidden,)
        if twice:
            hidden = checkpoint(layer, *given, use_reentrant=False, preserve_rng_state=False)
        else:
            hidden = layer(*given)
    return hidden


@contextmanager
def normed(layers: Sequence[nn.Module], way: Way) -> Iterator[None]:
    """Let the norms of these layers do something else for the while."""
    norms = [each for x in layers for each in x.modules() if isinstance(each, nn.GroupNorm)]
    try:
        for norm in norms:
            norm.forward = partial(way, norm)  # type: ignore[method-assign]
        yield
    finally:
        for norm in norms:
            del norm.forward


def measured(norms: Norms, norm: nn.GroupNorm, given: Tensor) -> Tensor:
    """Normalise, and note by what was multiplied and what was added."""
    rows = given.reshape(len(given), norm.num_groups, -1)
    spread, mean = torch.var_mean(rows, dim=2, correction=0)  # [N, groups]
    each = norm.num_channels // norm.num_groups
    factor = (spread + norm.eps).rsqrt().repeat_interleave(each, 1) * norm.weight
    term = norm.bias - mean.repeat_interleave(each, 1) * factor
    norms[norm] = factor[:, :, None, None], term[:, :, None, None]
    return as_measured(norms, norm, given)


def as_measured(norms: Norms, norm: nn.GroupNorm, given: Tensor) -> Tensor:
    factor, term = norms[norm]
    return torch.addcmul(term, given, factor)


def _inside(core: slice, wide: slice) -> slice:
    """Where a tile is within what it is with its margin."""
    return slice(core.start - wide.start, core.stop - wide.start)


def _pixels(picture: Tensor, scale: int, down: slice, across: slice) -> Tensor:
    """The part of a picture that belongs to these rows and columns of what it is drawn from."""
    rows, columns = (slice(x.start * scale, x.stop * scale) for x in (down, across))
    return picture[:, :, rows, columns]


# Some libraries name what they were doing when memory ran out, and not that it did.
LACKING = re.compile(
    r"can't allocate memory|not enough memory|out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED|unable to find an engine to execute this computation",
    re.IGNORECASE,
)


DIVISOR = 4  # of the squares that are looked at together, each time that memory runs out


@dataclass
class MemoryPolicy:
    """How much is held at a time; shared by what draws and what looks, and tightened on the way.

    Attributes:
        chunk: squares that a perceptor looks at together; 0: all of them.
        recompute: whether the decoder's layers are worked out twice.
        tiles: whether the decoder's gradient is worked out in tiles, which only comes near it.
    """

    chunk: int = 0
    recompute: bool = False
    tiles: bool = False

    def tighten(self, count: int) -> str | None:
        """Hold less from now on: what, in words; None if there is nothing more to be had.

        Args:
            count: of squares a step.
        """
        held = min(self.chunk, count) if self.chunk > 0 else count
        if held > 1:
            self.chunk = max(1, held // DIVISOR)
            return f"looking at {self.chunk} of {count} squares at a time"
        if not self.recompute:
            self.recompute = True
            return "working the decoder out twice"
        if not self.tiles:
            self.tiles = True
            return "correcting the picture piece by piece, which changes it a little"
        return None

    def in_words(self) -> str:
        """Say what is done."""
        some = "1 square is" if self.chunk == 1 else f"{self.chunk} squares are"
        words = [f"{some} looked at together"] if self.chunk > 0 else []
        words += ["the decoder is worked out twice"] if self.recompute else []
        words += ["the picture is corrected piece by piece"] if self.tiles else []
        told = ", and ".join(words) or "everything is held"
        return f"{told}, which changes it a little" if self.tiles else told

    def look(self, model: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
        """Apply a model to rows, some at a time: [N, …] → [N, D]."""
        if not 0 < self.chunk < len(pixels):
            return model(pixels)
        parts = pixels.split(self.chunk)
        if not torch.is_grad_enabled() or not pixels.requires_grad:
            return torch.cat([model(each) for each in parts])
        return torch.cat([_twice(model, each) for each in parts])

    def through(
        self, layers: nn.Module, draw: Callable[[Tensor], Tensor], given: Tensor
    ) -> Tensor:
        """Apply `draw`, keeping only what goes from one of `layers` to the next.

        A layer is a module in there that holds weights in modules of its own, and no such
        module again: a block of convolutions and norms.
        """
        if not self.recompute or not torch.is_grad_enabled() or not given.requires_grad:
            return draw(given)
        blocks = blocks_of(layers)
        forwards = [block.forward for block in blocks]
        try:
            for block, forward in zip(blocks, forwards, strict=True):
                block.forward = _Twice(forward)
            return draw(given)
        finally:
            for block in blocks:
                del block.forward


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is torch's, or Python's, way to say that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and LACKING.search(str(error)) is not None


@dataclass(frozen=True)
class _Twice:
    """A layer's way forward, worked out again on the way back."""

    forward: Callable[..., Any]

    def __call__(self, *given: Any) -> Any:
        return _twice(self.forward, *given)


def _twice(work: Callable[..., Any], *given: Any) -> Any:
    # Nothing in these models draws random numbers.
    return checkpoint(work, *given, use_reentrant=False, preserve_rng_state=False)


def blocks_of(layers: nn.Module) -> list[nn.Module]:
    """The modules of which `through` keeps only what is given to them."""
    return [each for each in layers.modules() if _is_block(each)]


def _is_block(module: nn.Module) -> bool:
    """Whether a module has children with weights, none of which have children."""
    children = list(module.children())
    if not children or isinstance(module, nn.ModuleList | nn.Sequential):
        return False
    return all(not list(child.children()) for child in children) and any(
        True for child in children for _ in child.parameters(recurse=False)
    )
