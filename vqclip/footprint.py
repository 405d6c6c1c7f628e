"""How much memory does a run need? Counted on models that have shapes and nothing else.

No weights are loaded: the models are built on torch's meta device, and what one step's forward
pass keeps for the way back is counted there. The answers are about right, not right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vqclip import machine
from vqclip.config import RunConfig
from vqclip.errors import ModelAbsent
from vqclip.models import clips, vqgan, zoo
from vqclip.models.catalogue import CHECKPOINTS
from vqclip.recipes import RECIPES
from vqclip.sizes import plan_stages
from vqclip.thrift import Thrift

# Measured on two processor cores with the starter models, torch 2.15: a process that has imported
# everything and read open_clip's vocabulary.
BASE = 900_000_000
CONTEXT = 500_000_000  # of a CUDA process before its first tensor; varies with the GPU
SLACK = 1.15  # what the allocator holds beyond what is in use
SQUARES = 12  # tensors of the size of the squares that cutting keeps
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Cost:
    """What a forward and backward pass costs: operations, and bytes kept between the two."""

    flops: int
    kept: int


@dataclass(frozen=True)
class Shapes:
    """The models of a run, on the meta device.

    `judges` is None if open_clip has no shape of one; `unknown` names those. `counted` is what
    has been counted already, since that takes half a second each time.
    """

    drawer: vqgan.VQGAN
    judges: tuple[Any, ...] | None
    unknown: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype
    counted: dict[Any, Cost] = field(default_factory=dict)


def shapes(config: RunConfig, source: Callable[[str], str]) -> Shapes:
    """Build the models of a run without weights.

    Args:
        source: perceptor → folder or name, as open_clip is to be asked for it.

    Raises:
        ConfigError: for a setting that cannot be used, or a perceptor that does not exist.
        ModelError: if there is no such VQGAN, or a folder that holds no perceptor.
    """
    device = machine.pick_device(config.device)
    dtype = _DTYPES[machine.pick_precision(config.precision, device)]
    layout = _config_of(config.vqgan)
    with torch.device("meta"):
        drawer = vqgan.build(layout).requires_grad_(False).eval()
    judges = {name: clips.outline(source(name)) for name in config.perceptors}
    unknown = tuple(name for name, judge in judges.items() if judge is None)
    known = tuple(judge.to(dtype) for judge in judges.values() if judge is not None)
    return Shapes(drawer, None if unknown else known, unknown, device, dtype)


def costs(config: RunConfig, models: Shapes, thrift: Thrift) -> tuple[list[Cost], Cost]:
    """What drawing costs at each size, and what looking costs, in one step."""
    assert models.judges is not None
    counted = models.counted
    draws = []
    for wide, high, _ in plan_stages(config, models.drawer.factor):
        key = (wide, high, thrift.recompute)
        if key not in counted:
            counted[key] = draw_cost(models.drawer, wide, high, thrift)
        draws.append(counted[key])
    looks = [_cutting(config, models.judges)]
    for index, judge in enumerate(models.judges):
        if index not in counted:  # what is looked at together costs in proportion
            counted[index] = look_cost(judge, 1, models.dtype)
        looks.append(_some(counted[index], config.cutouts.count, thrift.chunk))
    return draws, Cost(sum(c.flops for c in looks), sum(c.kept for c in looks))


def _some(one: Cost, squares: int, chunk: int) -> Cost:
    """What looking at squares costs, so many at a time (0: all), by what one of them does."""
    if not 0 < chunk < squares:
        return Cost(one.flops * squares, one.kept * squares)
    # Each chunk goes forward twice and back once; only one's layers are held at a time.
    return Cost(one.flops * squares * 4 // 3, one.kept * chunk)


def peak(models: Shapes, draws: Sequence[Cost], look: Cost) -> int:
    """Bytes of the process at its peak, or on a GPU of the GPU."""
    assert models.judges is not None
    base = CONTEXT if models.device.type == "cuda" else BASE
    weights = sum(_weights(model) for model in (models.drawer, *models.judges))
    return int(base + weights + SLACK * (max(cost.kept for cost in draws) + look.kept))


def needed(config: RunConfig, models: Shapes, thrift: Thrift | None = None) -> int:
    """Bytes at the peak of a run; see `peak`."""
    return peak(models, *costs(config, models, Thrift() if thrift is None else thrift))


def draw_cost(drawer: vqgan.VQGAN, width: int, height: int, thrift: Thrift | None = None) -> Cost:
    """Count one drawing of [1, 3, height, width] and its way back; `drawer` is on meta."""
    thrift = Thrift() if thrift is None else thrift
    shape = (1, drawer.channels, height // drawer.factor, width // drawer.factor)
    latent = torch.empty(shape, device="meta", requires_grad=True)
    cost = count(lambda: thrift.through(drawer.decoder, drawer.decode, latent), drawer)
    codes = drawer.codebook.numel() * shape[2] * shape[3]  # looking for the nearest ones
    return Cost(cost.flops + 2 * codes, cost.kept)


def look_cost(judge: Any, squares: int, dtype: torch.dtype = torch.float32) -> Cost:
    """Count one look at squares and its way back; `judge` is a CLIP on meta."""
    shape = (squares, 3, _side(judge), _side(judge))
    pixels = torch.empty(shape, device="meta", dtype=dtype, requires_grad=True)
    return count(lambda: judge.encode_image(pixels), judge)


def count(forward: Callable[[], Tensor], model: torch.nn.Module) -> Cost:
    """Count a forward and backward pass of a frozen model on the meta device."""
    storages = {}  # held, so that none is freed and its number given to another

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    with FlopCounterMode(display=False) as counter:
        with saved_tensors_hooks(keep, lambda tensor: tensor), _fused_attention(keep):
            result = forward()
        result.sum().backward()
    own = {w.untyped_storage()._cdata for w in (*model.parameters(), *model.buffers())}
    kept = sum(s.nbytes() for number, s in storages.items() if number not in own)
    return Cost(counter.get_total_flops(), kept)


@contextmanager
def _fused_attention(keep: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let attention keep what fused kernels keep; on meta it would keep every weight too.

    Put in torch's place for the while, because a mode of torch does not see into its own layers.
    """
    attention = F.scaled_dot_product_attention

    def fused(*args: Any, **kwargs: Any) -> Tensor:
        with saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
            result = attention(*args, **kwargs)
        for tensor in (*args[:3], result):
            keep(tensor)
        return result

    F.scaled_dot_product_attention = fused
    try:
        yield
    finally:
        F.scaled_dot_product_attention = attention


def _cutting(config: RunConfig, judges: Sequence[Any]) -> Cost:
    """Estimate what cutting keeps, once for each size of squares."""
    pooled = 1 if RECIPES[config.cutouts.recipe].pooling == "bilinear" else 4
    pixels = sum(3 * side**2 for side in {_side(judge) for judge in judges})
    return Cost(0, 4 * SQUARES * pooled * config.cutouts.count * pixels)


def _side(judge: Any) -> int:
    """Give the side of the squares that a CLIP sees, in pixels."""
    size = judge.visual.image_size
    return int(size if isinstance(size, int) else size[0])


def _weights(model: torch.nn.Module) -> int:
    """Count the bytes of a model's weights."""
    return sum(w.numel() * w.element_size() for w in (*model.parameters(), *model.buffers()))


def _config_of(name: str) -> dict[str, Any]:
    """Read a VQGAN's config, which is here even when its weights are not."""
    try:
        return vqgan.read_config(zoo.find(name).config)
    except ModelAbsent:
        return vqgan.read_config(zoo.HERE / CHECKPOINTS[name].config)
