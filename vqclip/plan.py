"""What would a run cost? Sizes, downloads, memory and time, without running it.

`RunConfig -> Estimate`. No weights are loaded: the models are built on torch's meta device, where
tensors have shapes and nothing else, and one step's forward and backward pass is counted there:
operations, and what autograd keeps between the two. How fast this machine is at such work is
measured, for half a second. The answers are about right, not right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vqclip import machine, session
from vqclip.config import RunConfig
from vqclip.errors import ModelAbsent
from vqclip.models import clips, needs, vqgan, zoo
from vqclip.models.catalogue import CHECKPOINTS
from vqclip.recipes import RECIPES
from vqclip.sizes import plan_stages

# Measured on two processor cores with the starter models, torch 2.15: a process that has imported
# everything and read open_clip's vocabulary.
BASE = 900_000_000
CONTEXT = 500_000_000  # of a CUDA process before its first tensor; varies with the GPU
SLACK = 1.15  # what the allocator holds beyond what is in use
SQUARES = 12  # tensors of the size of the squares that cutting keeps
PASSES = 12.0  # how often a step moves what it keeps; steps of three sizes fitted
START = 6.0  # seconds: imports, loading, the first step; measured as BASE was
DRAFT = 0.1  # seconds for each draft of init=dream, measured as BASE was
GLANCE = 0.15  # seconds for one measurement of speed
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Estimate:
    """What a run would need; every number is about.

    Attributes:
        stages: (width, height, steps) of each size that the run passes through, in pixels.
        downloads: (name, bytes or None) of each model that is not here.
        device: where it would run.
        memory: bytes at the peak, of the process, or on a GPU of the GPU. None if a model's shape
            is not known here.
        seconds: from the shell to the picture, or None likewise.
        notes: sentences for people.
    """

    stages: tuple[tuple[int, int, int], ...]
    downloads: tuple[tuple[str, int | None], ...]
    device: str
    memory: int | None
    seconds: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """What a forward and backward pass costs: operations, and bytes kept between the two."""

    flops: int
    kept: int


@dataclass(frozen=True)
class Speed:
    """How fast a device is: operations a second in convolutions and products, bytes a second."""

    draw: float
    look: float
    move: float


def estimate(config: RunConfig) -> Estimate:
    """Work out what a run would need. Loads no weights, asks no network, takes a few seconds.

    Raises:
        ConfigError: for a setting that cannot be used, or a perceptor that does not exist.
        ModelError: if there is no such VQGAN, or a folder that holds no perceptor.
    """
    lacking = needs.absent(config.vqgan, config.perceptors, session.look)
    device = machine.pick_device(config.device)
    dtype = _DTYPES[machine.pick_precision(config.precision, device)]
    layout = _config_of(config.vqgan)
    with torch.device("meta"):
        drawer = vqgan.build(layout).requires_grad_(False).eval()
    stages = plan_stages(config, drawer.factor)
    judges = {name: clips.outline(session.perceptor_source(name)) for name in config.perceptors}
    unknown = [name for name, judge in judges.items() if judge is None]
    memory, seconds, notes = None, None, []
    if unknown:
        names = ", ".join(unknown)
        notes.append(f"memory and time are not known: open_clip has no shape of {names}")
    else:
        known = [judge.to(dtype) for judge in judges.values() if judge is not None]
        draws = [draw_cost(drawer, width, height) for width, height, _ in stages]
        looks = [look_cost(judge, config.cutouts.count, dtype) for judge in known]
        looks.append(_cutting(config, known))
        look = Cost(sum(c.flops for c in looks), sum(c.kept for c in looks))
        base = CONTEXT if device.type == "cuda" else BASE
        weights = sum(_weights(model) for model in (drawer, *known))
        memory = int(base + weights + SLACK * (max(c.kept for c in draws) + look.kept))
        with _threads(config.threads):
            speed = measure(device, dtype)
        each = [_seconds(draw, look, speed) for draw in draws]
        seconds = START + sum(s * steps for s, (_, _, steps) in zip(each, stages, strict=True))
        seconds += DRAFT * config.dream.count if config.init == "dream" else 0.0
    return Estimate(
        stages=tuple(stages),
        downloads=tuple((each.name, each.bytes) for each in lacking),
        device=str(device),
        memory=memory,
        seconds=seconds,
        notes=tuple(notes),
    )


def in_words(estimate: Estimate) -> str:
    """Say an estimate in a few lines, without a newline at the end."""
    sizes = ", ".join(f"{w}x{h} for {n} steps" for w, h, n in estimate.stages)
    here = "nothing, all models are here"
    lines = [f"sizes     {sizes}", f"device    {estimate.device}"]
    if estimate.downloads:
        here = ", ".join(f"{n} ({zoo.readable(size)})" for n, size in estimate.downloads)
    lines.append(f"download  {here}")
    for name, _ in estimate.downloads:
        lines.append(f"          {needs.Absent(name, None).command}")
    if estimate.memory is not None:
        whose = "GPU memory" if estimate.device.startswith("cuda") else "memory"
        lines.append(f"needs     about {estimate.memory / 1e9:.1f} GB of {whose}")
    if estimate.seconds is not None:
        lines.append(f"takes     about {_duration(estimate.seconds)} if nothing else runs here")
    return "\n".join([*lines, *(f"note: {note}" for note in estimate.notes)])


def draw_cost(drawer: vqgan.VQGAN, width: int, height: int) -> Cost:
    """Count one drawing of [1, 3, height, width] and its way back; `drawer` is on meta."""
    shape = (1, drawer.channels, height // drawer.factor, width // drawer.factor)
    latent = torch.empty(shape, device="meta", requires_grad=True)
    cost = count(lambda: drawer.decode(latent), drawer)
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


def measure(device: torch.device, dtype: torch.dtype = torch.float32) -> Speed:
    """Measure how fast a device is now, for about half a second. Draws no random numbers."""
    picture = torch.ones(1, 64, 96, 96, device=device)
    kernel = torch.ones(64, 64, 3, 3, device=device)
    rows = torch.ones(1024, 512, device=device, dtype=dtype)
    columns = torch.ones(512, 512, device=device, dtype=dtype)
    large = torch.ones(2**22, device=device)
    other = torch.empty_like(large)
    return Speed(
        draw=2 * 9 * 64 * picture.numel() / _glance(lambda: F.conv2d(picture, kernel, padding=1)),
        look=2 * rows.numel() * 512 / _glance(lambda: rows @ columns),
        move=8 * large.numel() / _glance(lambda: torch.mul(large, 0.5, out=other)),
    )


def _glance(work: Callable[[], Tensor]) -> float:
    """Time some work: the fastest of as often as fits into GLANCE, in seconds.

    The fastest, because what else runs on the machine only ever slows it down.
    """
    times: list[float] = []
    work()
    until = time.perf_counter() + GLANCE
    while time.perf_counter() < until or len(times) < 3:
        began = time.perf_counter()
        work().flatten()[0].item()  # waits for the device
        times.append(time.perf_counter() - began)
    return min(times)


def _seconds(draw: Cost, look: Cost, speed: Speed) -> float:
    """Estimate one step: the arithmetic, then the reading and writing around it."""
    sums = draw.flops / speed.draw + look.flops / speed.look
    return sums + PASSES * (draw.kept + look.kept) / speed.move


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


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute with as many threads as the run would; 0: as torch chooses."""
    before = torch.get_num_threads()
    torch.set_num_threads(count if count > 0 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _duration(seconds: float) -> str:
    """Say a time roughly.

    >>> _duration(48.2), _duration(400), _duration(9000)
    ('48 s', '7 minutes', '2.5 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
