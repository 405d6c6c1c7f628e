"""The cost of a model's pass: bytes and operations, counted on meta tensors.

Counted on torch's meta device, on tensors that have shapes and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vqclip.models import memory, vqgan
from vqclip.models.memory import MemoryPolicy, blocks_of

# Feature maps that a decoder holds at a time even if it keeps nothing; measured on processors.
PASSING = 5.5


@dataclass(frozen=True)
class Cost:
    """What a forward and backward pass costs.

    Attributes:
        flops: operations.
        kept: bytes held between the two.
        moved: bytes that would be, were nothing worked out twice: what memory has to carry.
        calls: runs of a layer beyond the first of a step: each takes its time, however small.

    Where `work=False` is asked for, only `kept` is counted, which takes a fifth of the time.
    """

    flops: int
    kept: int
    moved: int
    calls: int = 0


def draw_cost(
    drawer: vqgan.VQGAN,
    width: int,
    height: int,
    thrift: MemoryPolicy | None = None,
    *,
    work: bool = True,
) -> Cost:
    """Count one drawing of [1, 3, height, width] and its way back; `drawer` is on meta."""
    thrift = MemoryPolicy() if thrift is None else thrift
    shape = (1, drawer.channels, height // drawer.factor, width // drawer.factor)
    latent = torch.empty(shape, device="meta", requires_grad=True)

    def plain() -> Cost:
        return count(lambda: drawer.decode(latent), drawer, work=work)

    if thrift.tiles:
        cost = _in_tiles(drawer, latent, thrift, work=work)
    elif thrift.recompute:
        draw = partial(thrift.through, drawer.decoder, drawer.decode, latent)
        cost = _twice(draw, drawer, work=work)
    else:
        cost = plain()
    if not work:
        return cost
    whole = plain() if thrift.tiles or thrift.recompute else cost
    codes = drawer.codebook.numel() * shape[2] * shape[3]  # looking for the nearest ones
    return Cost(cost.flops + 2 * codes, cost.kept, whole.kept * cost.flops // whole.flops)


def look_cost(
    judge: Any, squares: int, dtype: torch.dtype = torch.float32, *, work: bool = True
) -> Cost:
    """Count one look at squares and its way back; `judge` is a CLIP on meta."""
    shape = (squares, 3, side(judge), side(judge))
    pixels = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)
    return count(lambda: judge.encode_image(pixels), judge, work=work)


def count(forward: Callable[[], Tensor], model: nn.Module, *, work: bool = True) -> Cost:
    """Count a forward and backward pass of a frozen model on the meta device."""
    if not work:
        with _fused_attention():
            kept, _ = _held(forward, model)
        return Cost(0, kept, kept)
    with FlopCounterMode(display=False) as counter, _fused_attention():
        kept, result = _held(forward, model)
        result.sum().backward()
    return Cost(counter.get_total_flops(), kept, kept)


def _held(forward: Callable[[], Tensor], model: nn.Module) -> tuple[int, Tensor]:
    """Bytes that autograd keeps of a forward pass, and what comes out of it."""
    storages = {}  # held, so that none is freed and its number given to another

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    own = {w.untyped_storage()._cdata for w in (*model.parameters(), *model.buffers())}
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()
    return sum(s.nbytes() for number, s in storages.items() if number not in own), result


def _twice(forward: Callable[[], Tensor], model: nn.Module, *, work: bool) -> Cost:
    """Count what is worked out twice: to what it keeps comes what its largest block does."""
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def note(block: nn.Module, given: tuple[Any, ...]) -> None:
        shapes[block] = tuple(given[0].shape)

    handles = [each.register_forward_pre_hook(note) for each in blocks_of(model)]
    try:
        cost = count(forward, model, work=work)
    finally:
        for handle in handles:
            handle.remove()
    largest = 0
    for block, shape in {_kind(b, shape): (b, shape) for b, shape in shapes.items()}.values():
        given = torch.empty(shape, device="meta", requires_grad=True)
        alone = count(partial(memory.through, [block], given), block, work=False)
        largest = max(largest, alone.kept)
    return Cost(cost.flops, cost.kept + largest, cost.moved)


def _kind(block: nn.Module, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """What is the same for blocks that keep as much."""
    return type(block), shape, *(weight.shape for weight in block.parameters())


def _in_tiles(drawer: vqgan.VQGAN, latent: Tensor, thrift: MemoryPolicy, *, work: bool) -> Cost:
    """Count a drawing whose gradient is worked out in tiles."""
    parts = memory.split(drawer.decoder)
    first = nn.Sequential(drawer.post_quant_conv, *parts.first)

    def begin(given: Tensor) -> Tensor:
        return memory.through(list(first), given)

    whole = (_twice if thrift.recompute else count)(
        lambda: thrift.through(first, begin, latent), first, work=work
    )
    with torch.no_grad():
        hidden = begin(latent)
        maps, passed = [hidden], hidden
        with FlopCounterMode(display=False) as counter:
            for layer in parts.rest:
                passed = memory.through([layer], passed)
                maps.append(passed)
    rows, columns = (
        [wide.stop - wide.start for _, wide in parts.spans(length)] for length in hidden.shape[2:]
    )
    crop = hidden[:, :, : max(rows), : max(columns)].detach().requires_grad_()
    rest = nn.Sequential(*parts.rest)
    tile = _twice(lambda: memory.through(parts.rest, crop, twice=True), rest, work=work)
    flops = tile.flops * sum(rows) * sum(columns) // (max(rows) * max(columns))
    kept = whole.kept + max(int(PASSING * max(each.nbytes for each in maps)), tile.kept)
    return Cost(whole.flops + counter.get_total_flops() + flops, kept, kept)


class _Kept(torch.autograd.Function):
    """Keeps tensors as a fused kernel of attention does: through whatever hooks there are."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, *given: Tensor) -> Tensor:
        ctx.save_for_backward(result, *given)
        ctx.count = len(given)
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        assert len(ctx.saved_tensors) == 1 + ctx.count  # asks for them, as a kernel would
        return (grads[0], *(None for _ in range(ctx.count)))


@contextmanager
def _fused_attention() -> Iterator[None]:
    """Let attention keep what fused kernels keep; on meta it would keep every weight too.

    Put in torch's place for the while, because a mode of torch does not see into its own layers.
    """
    attention = F.scaled_dot_product_attention

    def fused(*args: Any, **kwargs: Any) -> Tensor:
        with saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
            result = attention(*args, **kwargs)
        kept: Tensor = _Kept.apply(result, *args[:3])
        return kept

    F.scaled_dot_product_attention = fused
    try:
        yield
    finally:
        F.scaled_dot_product_attention = attention


def side(judge: Any) -> int:
    """Give the side of the squares that a CLIP sees, in pixels."""
    size = judge.visual.image_size
    return int(size if isinstance(size, int) else size[0])
