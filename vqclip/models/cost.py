"""The cost of a model's pass: bytes and operations, counted on meta tensors.

Tensors on torch's meta device have shapes but no data, so that counting takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vqclip.models import vqgan
from vqclip.models.layers import tiled_decoding
from vqclip.models.memory import MemoryPolicy, find_blocks

# Feature maps that a decoder holds at a time even if it keeps nothing; measured on CPUs.
PASSING = 5.5
# Feature maps that a VQGAN reads and writes for each that it keeps: frozen norms and SiLUs are
# computed again, and frozen convolutions keep nothing (see `layers.frozen_layers`).
PASSED = 3


@dataclass(frozen=True)
class Cost:
    """The cost of a forward and backward pass.

    Attributes:
        flops: floating-point operations.
        kept: bytes that autograd holds between the two.
        moved: bytes that it would hold if nothing were recomputed: a measure of memory traffic.
        calls: calls of a layer beyond the first in a step, each of which has a fixed cost.
        forward: the operations of the forward pass alone.
        attention: those of one product of queries and keys in attention layers. The forward pass
            takes two such products, the backward pass of a fused kernel five.

    With `work=False`, only `kept` is counted, which takes a fifth of the time.
    """

    flops: int
    kept: int
    moved: int
    calls: int = 0
    forward: int = 0
    attention: int = 0


def draw_cost(
    drawer: vqgan.VQGAN,
    width: int,
    height: int,
    policy: MemoryPolicy | None = None,
    *,
    work: bool = True,
) -> Cost:
    """Count the decoding of a picture [1, 3, height, width] and its backward pass.

    Args:
        drawer: on the meta device.
        policy: the memory policy.
        work: whether operations are counted, too.
    """
    policy = MemoryPolicy() if policy is None else policy
    shape = (1, drawer.channels, height // drawer.factor, width // drawer.factor)
    dtype = drawer.codebook.dtype
    latent = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)

    def plain() -> Cost:
        return count_cost(lambda: drawer.decode(latent), drawer, work=work)

    if policy.tiles:
        cost = _count_in_tiles(drawer, latent, policy, work=work)
    else:
        draw = partial(policy.apply_recomputing, drawer.decoder, drawer.decode, latent)
        with _noted_maps(drawer) as maps:
            cost = _count_recomputed(draw, drawer, work=work) if policy.recompute else plain()
        cost = replace(cost, kept=cost.kept + int(PASSING * max(maps)))
    if not work:
        return cost
    whole = plain() if policy.tiles or policy.recompute else cost
    codes = drawer.codebook.numel() * shape[2] * shape[3]  # the search for the nearest ones
    moved = PASSED * whole.moved * cost.flops // whole.flops
    searched = {"flops": cost.flops + 2 * codes, "forward": whole.forward + 2 * codes}
    return replace(cost, moved=moved, **searched)


def encode_cost(drawer: vqgan.VQGAN, width: int, height: int) -> Cost:
    """Count the encoding of a picture [1, 3, height, width], which has no backward pass.

    Args:
        drawer: on the meta device.
    """
    shape, dtype = (1, 3, height, width), drawer.codebook.dtype
    picture = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)
    with _fused_attention():
        kept, _ = _kept_bytes(lambda: drawer.encode(picture), drawer)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, _fused_attention() as seen:
        drawer.encode(picture)
    flops = counter.get_total_flops()
    return Cost(flops, 0, PASSED * kept, forward=flops, attention=sum(seen))


def embed_cost(
    perceptor: Any, cutouts: int, dtype: torch.dtype = torch.float32, *, work: bool = True
) -> Cost:
    """Count the embedding of `cutouts` cutouts and its backward pass.

    Args:
        perceptor: a CLIP on the meta device.
        work: whether operations are counted, too.
    """
    shape = (cutouts, 3, image_size(perceptor), image_size(perceptor))
    pixels = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)
    return count_cost(lambda: perceptor.encode_image(pixels), perceptor, work=work)


def count_cost(forward: Callable[[], Tensor], model: nn.Module, *, work: bool = True) -> Cost:
    """Count a forward and backward pass of a frozen model on the meta device."""
    if not work:
        with _fused_attention():
            kept, _ = _kept_bytes(forward, model)
        return Cost(0, kept, kept)
    with FlopCounterMode(display=False) as counter, _fused_attention() as seen:
        kept, result = _kept_bytes(forward, model)
        alone, products = counter.get_total_flops(), sum(seen)
        result.sum().backward()
    # torch counts four products backwards; a fused kernel computes the first one again.
    flops = counter.get_total_flops() + products
    return Cost(flops, kept, kept, forward=alone, attention=products)


def _kept_bytes(forward: Callable[[], Tensor], model: nn.Module) -> tuple[int, Tensor]:
    """The bytes that autograd keeps of a forward pass, and the result of the pass."""
    storages = {}  # held, so that no address is freed and used again

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    own = {w.untyped_storage()._cdata for w in (*model.parameters(), *model.buffers())}
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()
    return sum(s.nbytes() for number, s in storages.items() if number not in own), result


def _count_recomputed(forward: Callable[[], Tensor], model: nn.Module, *, work: bool) -> Cost:
    """Count a pass with recomputed blocks, of which one at a time, the largest, is held."""
    shapes: dict[nn.Module, tuple[int, ...]] = {}
    dtype = next(model.parameters()).dtype

    def note(block: nn.Module, given: tuple[Any, ...]) -> None:
        shapes[block] = tuple(given[0].shape)

    handles = [each.register_forward_pre_hook(note) for each in find_blocks(model)]
    try:
        cost = count_cost(forward, model, work=work)
    finally:
        for handle in handles:
            handle.remove()
    largest = 0
    for block, shape in {_cost_key(b, shape): (b, shape) for b, shape in shapes.items()}.values():
        given = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)
        alone = count_cost(
            partial(tiled_decoding.apply_layers, [block], given), block, work=False
        )
        largest = max(largest, alone.kept)
    return replace(cost, kept=cost.kept + largest)


@contextmanager
def _noted_maps(model: nn.Module) -> Iterator[list[int]]:
    """Yields a list of the bytes of all that the model's layers return within the context."""
    maps: list[int] = []

    def note(layer: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        if isinstance(result, Tensor):
            maps.append(result.nbytes)

    handles = [layer.register_forward_hook(note) for layer in model.modules()]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def _cost_key(block: nn.Module, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A key that is equal for blocks of equal cost."""
    return type(block), shape, *(weight.shape for weight in block.parameters())


def _count_in_tiles(
    drawer: vqgan.VQGAN, latent: Tensor, policy: MemoryPolicy, *, work: bool
) -> Cost:
    """Count a decoding whose gradient is computed in tiles."""
    parts = tiled_decoding.split_decoder(drawer.decoder)
    first = nn.Sequential(drawer.post_quant_conv, *parts.first)

    def begin(given: Tensor) -> Tensor:
        return tiled_decoding.apply_layers(list(first), given)

    whole = (_count_recomputed if policy.recompute else count_cost)(
        lambda: policy.apply_recomputing(first, begin, latent), first, work=work
    )
    with torch.no_grad():
        hidden = begin(latent)
        maps, passed = [hidden], hidden
        with FlopCounterMode(display=False) as counter:
            for layer in parts.rest:
                passed = tiled_decoding.apply_layers([layer], passed)
                maps.append(passed)
    side = tiled_decoding.choose_tile_side(*(length * parts.scale for length in hidden.shape[2:]))
    rows, columns = (
        [wide.stop - wide.start for _, wide in parts.spans(length, side)]
        for length in hidden.shape[2:]
    )
    crop = hidden[:, :, : max(rows), : max(columns)].detach().requires_grad_()
    rest = nn.Sequential(*parts.rest)
    tile = _count_recomputed(
        lambda: tiled_decoding.apply_layers(parts.rest, crop, twice=True), rest, work=work
    )
    flops = tile.flops * sum(rows) * sum(columns) // (max(rows) * max(columns))
    kept = whole.kept + max(int(PASSING * max(each.nbytes for each in maps)), tile.kept)
    after = counter.get_total_flops()
    flops, forward = whole.flops + after + flops, whole.forward + after
    return replace(whole, flops=flops, kept=kept, forward=forward)


class _SavedTensors(torch.autograd.Function):
    """Saves tensors for the backward pass as a fused attention kernel does, seen by hooks."""

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
def _fused_attention() -> Iterator[list[int]]:
    """Let attention keep what fused kernels keep; on meta it would keep all weights, too.

    Yields a list of the operations of each product of queries and keys. It replaces torch's
    function within the context, because torch's modes do not reach calls from torch's own layers.
    """
    attention = F.scaled_dot_product_attention
    products: list[int] = []

    def fused(*args: Any, **kwargs: Any) -> Tensor:
        with saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
            result = attention(*args, **kwargs)
        products.append(2 * args[0].numel() * args[1].shape[-2])
        kept: Tensor = _SavedTensors.apply(result, *args[:3])
        return kept

    F.scaled_dot_product_attention = fused
    try:
        yield products
    finally:
        F.scaled_dot_product_attention = attention


def image_size(perceptor: Any) -> int:
    """The side of a CLIP's input images, in pixels."""
    size = perceptor.visual.image_size
    return int(size if isinstance(size, int) else size[0])
