"""Memory policies: what is computed twice or in parts as memory runs out.

`MemoryPolicy` saves memory in three ways, one after the other as memory runs out:

- Chunks: perceptors embed some cutouts at a time, and the activations are recomputed in the
  backward pass.
- Recompute: the decoder's layers are recomputed in the backward pass, too.
- Tiles: the gradient of the decoder is computed tile by tile; see
  `vqclip.models.layers.tiled_decoding`.

The first two are gradient checkpointing (Chen et al., 2016, https://arxiv.org/abs/1604.06174) and
give the same gradient, but for rounding. Tiles give an approximate one.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Some libraries report what failed when memory ran out, and not that it did.
OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_INTERNAL_ERROR_(DEVICE|HOST)_ALLOCATION_FAILED|CUBLAS_STATUS_NOT_INITIALIZED",
    re.IGNORECASE,
)
# This, cuDNN says of an operation that it lacks, too.
NO_ENGINE = re.compile("unable to find an engine to execute this computation", re.IGNORECASE)
NEARLY_FULL = 0.25  # of a GPU's memory, below which it may be what lacks


CHUNK_DIVISOR = 4  # of the chunk, each time that memory runs out


@dataclass
class MemoryPolicy:
    """A memory policy, shared by drawer and perceptors, and tightened as memory runs out.

    Attributes:
        chunk: cutouts that a perceptor embeds at a time; 0: all of them.
        recompute: whether the decoder's layers are recomputed in the backward pass.
        tiles: whether the decoder's gradient is computed in tiles, which approximates it.
    """

    chunk: int = 0
    recompute: bool = False
    tiles: bool = False

    def tighten(self, count: int) -> str | None:
        """Use less memory from now on.

        Args:
            count: the number of cutouts in a step.

        Returns:
            What changes, in words; None if nothing more can be saved.
        """
        held = min(self.chunk, count) if self.chunk > 0 else count
        if held > 1:
            self.chunk = max(1, held // CHUNK_DIVISOR)
            return f"processing {self.chunk} of {count} cutouts at a time"
        if not self.recompute:
            self.recompute = True
            return "computing the decoder twice"
        if not self.tiles:
            self.tiles = True
            return "decoding the picture in tiles, which changes it a little"
        return None

    def describe(self) -> str:
        """Describe the policy in words."""
        some = "1 cutout is" if self.chunk == 1 else f"{self.chunk} cutouts are"
        words = [f"{some} processed at a time"] if self.chunk > 0 else []
        words += ["the decoder is computed twice"] if self.recompute else []
        words += ["the picture is decoded in tiles"] if self.tiles else []
        described = ", and ".join(words) or "everything is held"
        return f"{described}, which changes it a little" if self.tiles else described

    def apply_in_chunks(self, model: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
        """Apply a model to a batch, in chunks: [N, …] → [N, D]."""
        if not 0 < self.chunk < len(pixels):
            return model(pixels)
        parts = pixels.split(self.chunk)
        if not torch.is_grad_enabled() or not pixels.requires_grad:
            return torch.cat([model(each) for each in parts])
        return torch.cat([_checkpointed(model, each) for each in parts])

    def apply_recomputing(
        self, layers: nn.Module, draw: Callable[[Tensor], Tensor], given: Tensor
    ) -> Tensor:
        """Apply `draw`, with the blocks of `layers` recomputed in the backward pass if asked for.

        A block is a module whose children hold the weights: convolutions and norms; see
        `find_blocks`.
        """
        if not self.recompute or not torch.is_grad_enabled() or not given.requires_grad:
            return draw(given)
        blocks = find_blocks(layers)
        forwards = [block.forward for block in blocks]
        try:
            for block, forward in zip(blocks, forwards, strict=True):
                block.forward = _Recomputed(forward)
            return draw(given)
        finally:
            for block in blocks:
                del block.forward


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if not isinstance(error, RuntimeError):
        return False
    if NO_ENGINE.search(str(error)):
        return _is_nearly_full()
    return OUT_OF_MEMORY.search(str(error)) is not None


def release_memory() -> None:
    """Give memory that is kept for later back to the GPU and to the system."""
    with suppress(Exception):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _is_nearly_full() -> bool:
    """Whether there is little memory left on CUDA, if there is CUDA."""
    if not torch.cuda.is_available():
        return False
    free, whole = torch.cuda.mem_get_info()
    spare = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return free + spare < NEARLY_FULL * whole


@dataclass(frozen=True)
class _Recomputed:
    """A layer's forward method, recomputed in the backward pass."""

    forward: Callable[..., Any]

    def __call__(self, *given: Any) -> Any:
        return _checkpointed(self.forward, *given)


def _checkpointed(function: Callable[..., Any], *given: Any) -> Any:
    # Nothing in these models draws random numbers.
    return checkpoint(function, *given, use_reentrant=False, preserve_rng_state=False)


def find_blocks(layers: nn.Module) -> list[nn.Module]:
    """List the blocks in `layers`: modules of which only the input is kept."""
    return [each for each in layers.modules() if _is_block(each)]


def _is_block(module: nn.Module) -> bool:
    """Whether a module has children with weights, and no grandchildren."""
    children = list(module.children())
    if not children or isinstance(module, nn.ModuleList | nn.Sequential):
        return False
    return all(not list(child.children()) for child in children) and any(
        True for child in children for _ in child.parameters(recurse=False)
    )
