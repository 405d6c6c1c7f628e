"""What if memory runs out? The same step again, with less of it held at a time.

Two ways give the same gradient, to the last digits: squares are looked at some at a time, and
what autograd would have kept of them is worked out a second time on the way back; then the
decoder's layers, likewise. Gradient checkpointing: Chen et al., 2016,
https://arxiv.org/abs/1604.06174. The last way only comes near it: see `models.tiles`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Some libraries name what they were doing when memory ran out, and not that it did.
LACKING = re.compile(
    r"can't allocate memory|not enough memory|out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED|unable to find an engine to execute this computation",
    re.IGNORECASE,
)
DIVISOR = 4  # of the squares that are looked at together, each time that memory runs out


@dataclass
class Thrift:
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


def is_lacking(error: BaseException) -> bool:
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
