"""Memory fit: whether a run fits into memory, and what to change if not.

No weights are loaded: the models are built on torch's meta device, and what one step keeps is
counted there. The answers are about right, not right: `benchmarks/memory.py` says how far off.

Asked before the first step. Three answers: as it is; with less held at a time, which takes
longer; by no means, and then with which settings it would.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from vqclip.config import scheduled
from vqclip.config.perceptor_spec import PerceptorSpec, parse_perceptor
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size, plan_stages
from vqclip.errors import ConfigError, ModelAbsent
from vqclip.guidance import regions as guidance_regions
from vqclip.guidance.cutout_recipes import RECIPES
from vqclip.models import clip, vqgan, vqgan_config
from vqclip.models import device as models_device
from vqclip.models.cost import Cost, draw_cost, look_cost, side
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import registry
from vqclip.models.zoo.catalogue import CHECKPOINTS
from vqclip.run.preflight import Request

# Measured on two processor cores with the starter models, torch 2.15: a process that has imported
# everything and read open_clip's vocabulary.
BASE = 900_000_000
CONTEXT = 500_000_000  # of a CUDA process before its first tensor; varies with the GPU
SLACK = 1.15  # what the allocator holds beyond what is in use
SQUARES = 12  # tensors of the size of the squares that cutting keeps
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Shapes:
    """The models of a run, on the meta device, and who looks at how much.

    `judges` is None if open_clip has no shape of one; `unknown` names those. `counted` is what
    has been counted already, since that takes half a second each time.

    Attributes:
        perceptors: as the settings name them, in the order of `judges`.
        regions: how many parts of the picture have prompts of their own.
    """

    drawer: vqgan.VQGAN
    judges: tuple[Any, ...] | None
    unknown: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype
    perceptors: Sequence[PerceptorSpec]
    regions: int
    counted: dict[Any, Cost] = field(default_factory=dict)


def shapes(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    regions: int,
) -> Shapes:
    """Build the models of a run without weights.

    Args:
        perceptors: as the settings name them.
        regions: how many parts of the picture have prompts of their own.

    Raises:
        ConfigError: for a setting that cannot be used, or a perceptor that does not exist.
        ModelError: if there is no such VQGAN, or a folder that holds no perceptor.
    """
    device = models_device.pick_device(config.device)
    dtype = _DTYPES[models_device.pick_precision(config.precision, device)]
    layout = _config_of(config.vqgan)
    with torch.device("meta"):
        drawer = vqgan.build_vqgan(layout).requires_grad_(False).eval()
    judges = {each.name: clip.outline(each.name) for each in perceptors}
    unknown = tuple(name for name, judge in judges.items() if judge is None)
    known = tuple(judge.to(dtype) for judge in judges.values() if judge is not None)
    known_or_not = None if unknown else known
    return Shapes(drawer, known_or_not, unknown, device, dtype, perceptors, regions)


def costs(
    config: RunConfig, models: Shapes, memory_policy: MemoryPolicy
) -> tuple[list[Cost], Cost]:
    """What drawing costs at each size, and what looking costs, in one step."""
    stages = plan_stages(config, models.drawer.factor)
    draws = [_drawing(models, wide, high, memory_policy, work=True) for wide, high, _ in stages]
    return draws, _looking(config, models, memory_policy, work=True)


def cutout_counts(
    config: RunConfig, perceptors: Sequence[PerceptorSpec], regions: int
) -> list[int]:
    """How many squares each perceptor looks at in a step; those of regions, too."""
    most = squares_asked(config)
    counts = [each.squares or most for each in perceptors]
    return [own + regions * guidance_regions.count(own) for own in counts]


def squares_asked(config: RunConfig) -> int:
    """How many squares `cutouts.count` asks for; the most, where it changes on the way."""
    return max(1, round(scheduled.greatest_value(config, "cutouts.count")))


def _drawing(
    models: Shapes, wide: int, high: int, memory_policy: MemoryPolicy, *, work: bool
) -> Cost:
    counted = models.counted
    key = (wide, high, memory_policy.recompute, memory_policy.tiles, work)
    if key not in counted:
        counted[key] = draw_cost(models.drawer, wide, high, memory_policy, work=work)
    return counted[key]


def _looking(
    config: RunConfig, models: Shapes, memory_policy: MemoryPolicy, *, work: bool
) -> Cost:
    assert models.judges is not None
    counted = models.counted
    looks = [_cutting(config, models.judges)]
    squares = cutout_counts(config, models.perceptors, models.regions)
    for index, judge in enumerate(models.judges):
        key = (index, work)
        if key not in counted:  # what is looked at together costs in proportion
            counted[key] = look_cost(judge, 1, models.dtype, work=work)
        layers = sum(1 for each in judge.visual.modules() if not list(each.children()))
        looks.append(_some(counted[key], squares[index], memory_policy.chunk, layers))
    return Cost(*(sum(x) for x in zip(*map(astuple, looks), strict=True)))


def _some(one: Cost, squares: int, chunk: int, layers: int = 0) -> Cost:
    """What looking at squares costs, so many at a time (0: all), by what one of them does."""
    if not 0 < chunk < squares:
        return Cost(one.flops * squares, one.kept * squares, one.kept * squares)
    # Each chunk goes forward twice and back once, which is as long a way as forward, since the
    # weights need no gradient; only one chunk's layers are held at a time.
    calls = 3 * layers * (-(-squares // chunk) - 1)
    work, moved = (each * squares * 3 // 2 for each in (one.flops, one.kept))
    return Cost(work, one.kept * chunk, moved, calls)


def peak(models: Shapes, draws: Sequence[Cost], look: Cost) -> int:
    """Bytes of the process at its peak, or on a GPU of the GPU."""
    assert models.judges is not None
    base = CONTEXT if models.device.type == "cuda" else BASE
    weights = sum(_weights(model) for model in (models.drawer, *models.judges))
    return int(base + weights + SLACK * (max(cost.kept for cost in draws) + look.kept))


def needed(config: RunConfig, models: Shapes, memory_policy: MemoryPolicy | None = None) -> int:
    """Bytes at the peak of a run; see `peak`."""
    memory_policy = MemoryPolicy() if memory_policy is None else memory_policy
    stages = plan_stages(config, models.drawer.factor)
    wide, high, _ = max(stages, key=lambda stage: stage[0] * stage[1])
    draw = _drawing(models, wide, high, memory_policy, work=False)
    return peak(models, [draw], _looking(config, models, memory_policy, work=False))


def _cutting(config: RunConfig, judges: Sequence[Any]) -> Cost:
    """Estimate what cutting keeps, once for each size of squares."""
    pooled = 1 if RECIPES[config.cutouts.recipe].pooling == "bilinear" else 4
    pixels = sum(3 * side**2 for side in {side(judge) for judge in judges})
    kept = 4 * SQUARES * pooled * squares_asked(config) * pixels
    return Cost(0, kept, kept)


def _weights(model: torch.nn.Module) -> int:
    """Count the bytes of a model's weights."""
    return sum(w.numel() * w.element_size() for w in (*model.parameters(), *model.buffers()))


def _config_of(name: str) -> dict[str, Any]:
    """Read a VQGAN's config, which is here even when its weights are not."""
    try:
        return vqgan_config.read_config(registry.find_vqgan(name).config)
    except ModelAbsent:
        return vqgan_config.read_config(registry.HERE / CHECKPOINTS[name].config)


DOUBT = 1.3  # an estimate may be wrong by so much, and a run that would fit is not refused
MOST = MemoryPolicy(1, recompute=True, tiles=True)


def choose(request: Request, device: torch.device, notes: list[str]) -> MemoryPolicy:
    """How much is to be held at a time, so that the run fits into the memory that there is.

    Args:
        notes: gets a sentence where it is less than everything.

    Raises:
        ConfigError: if it fits by no means, by far.
    """
    config, parts = request.config, (request.perceptors, request.regions)
    asked = thrift_of(config)
    free = room(device)
    if free is None or fits_surely(config, *parts, free):
        return asked
    models = shapes(config, *parts)
    if models.judges is None:
        return asked
    found = least(config, models, free)
    if found == asked:
        return asked
    need = f"{needed(config, models, asked) / 1e9:.1f} GB"
    there = f"{free / 1e9:.1f} GB"
    if found is not None:
        notes.append(f"the run would need about {need}, and {there} are free: {found.in_words()}")
        return found
    if needed(config, models, MOST) > DOUBT * free:
        would = remedies(config, *parts, free)
        raise ConfigError(
            f"the run would need about {need} of memory, and {there} are free; it would fit with "
            f"{', or '.join(would) if would else 'no setting here: close other programs'}"
        )
    notes.append(f"the run may need more memory than the {there} that are free")
    return replace(MOST)


def least(config: RunConfig, models: Shapes, free: int) -> MemoryPolicy | None:
    """The least thrift with which a run fits into so many bytes; None if none is enough."""
    memory_policy = thrift_of(config)
    while needed(config, models, memory_policy) > free:
        if memory_policy.tighten(squares_asked(config)) is None:
            return None
    return memory_policy


def thrift_of(config: RunConfig) -> MemoryPolicy:
    """How much is to be held at a time by what a config says."""
    memory = config.memory
    return MemoryPolicy(memory.chunk, memory.recompute, memory.tiles)


def fits_surely(
    config: RunConfig, perceptors: Sequence[PerceptorSpec], regions: int, free: int
) -> bool:
    """Whether a run of the bundled models fits without a doubt, so that nothing is counted."""
    names = {each.name for each in perceptors}
    if config.vqgan != "starter" or not names <= set(registry.starter_clips()):
        return False
    width, height = final_size(config)
    squares = sum(cutout_counts(config, perceptors, regions))
    return free > 2 * (BASE + 6_000 * width * height + 16_000_000 * squares)


def room(device: torch.device) -> int | None:
    """How many bytes a run may have, this process included; None if nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_reserved(device)
    try:
        own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable"))
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return None
    limits = [free]
    with suppress(OSError, ValueError):  # of a container; "max" is no number
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        limits.append(most - int((group / "memory.current").read_text()))
    return own + min(limits)


def remedies(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    regions: int,
    free: int,
) -> list[str]:
    """Up to three settings with which a run would fit, each for itself: the least changes."""
    built: dict[tuple[str, ...], Shapes] = {}
    read = dict(zip(config.perceptors, perceptors, strict=True))

    def fits(one: RunConfig) -> bool:
        key = (one.vqgan, *one.perceptors)
        if key not in built:
            looking = [read.get(each) or parse_perceptor(each) for each in one.perceptors]
            built[key] = shapes(one, looking, regions)
        models = built[key]
        return models.judges is not None and needed(one, models, MOST) <= free

    found: list[str] = []
    for ways in _ways(config):
        # The last one changes most. If not even that fits, the others need not be counted.
        words = next((_told(config, x) for x in ways if fits(x)), "") if fits(ways[-1]) else ""
        if words and not any({*x.split()} <= {*words.split()} for x in found):
            found.append(words)
        if len(found) == 3:
            break
    return found


def _ways(config: RunConfig) -> Iterator[list[RunConfig]]:
    """Settings that need less; in each list of one kind, the least change first."""
    size = final_size(config)
    smaller = [_smaller(config, size, share) for share in (0.75, 0.5, 0.35, 0.2)]
    bundled = replace(config, vqgan="starter", perceptors=["starter"])
    yield smaller
    if len(config.perceptors) > 1:
        yield [replace(config, perceptors=[name]) for name in config.perceptors]
    yield [_fewer(config, share) for share in (2, 4, 8)]
    if config.vqgan != "starter":
        yield [replace(config, vqgan="starter")]
    yield [_fewer(each, 4) for each in smaller]
    if len(config.perceptors) > 1:
        yield [replace(each, perceptors=config.perceptors[:1]) for each in smaller]
    if (bundled.vqgan, bundled.perceptors) != (config.vqgan, config.perceptors):
        yield [bundled]
        yield [_smaller(bundled, size, share) for share in (0.5, 0.2)]


def _fewer(config: RunConfig, share: int) -> RunConfig:
    count = max(1, squares_asked(config) // share)
    return replace(config, cutouts=replace(config.cutouts, count=count))


def shrunk(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    regions: int,
) -> list[str]:
    """Up to three settings with which a run would need a quarter less than at its thriftiest."""
    models = shapes(config, perceptors, regions)
    if models.judges is None:
        return []
    need = needed(config, models, MOST)
    return remedies(config, perceptors, regions, need * 3 // 4)


def _smaller(config: RunConfig, size: tuple[int, int], share: float) -> RunConfig:
    wide, high = (max(16, int(side * share) // 16 * 16) for side in size)
    return replace(config, size=f"{wide}x{high}", aspect="")


def _told(before: RunConfig, after: RunConfig) -> str:
    """What one config sets otherwise than another, as it would be typed."""
    words = []
    for key in ("size", "vqgan", "perceptors"):
        value = getattr(after, key)
        if value != getattr(before, key):
            words.append(f"{key}={','.join(value) if isinstance(value, list) else value}")
    if after.cutouts.count != before.cutouts.count:
        words.append(f"cutouts.count={after.cutouts.count}")
    return " ".join(words)
