"""The memory footprint of a run: how many bytes it needs at its peak.

No weights are loaded: the models are built on torch's meta device, and what one step keeps is
counted there. The answers are about right, not right: `benchmarks/memory.py` says how far off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import torch

from vqclip.config import schedule_settings
from vqclip.config.draw_settings import DrawSettings, drawer_names, uses_vqgan
from vqclip.config.perceptor_spec import PerceptorSpec
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import plan_stages
from vqclip.drawers.registry import DRAWERS, DrawerInputs
from vqclip.errors import ModelAbsent
from vqclip.guidance import regions as guidance_regions
from vqclip.guidance.composition import thing_prompts
from vqclip.guidance.cutout_recipes import RECIPES
from vqclip.models import clip, vqgan, vqgan_config
from vqclip.models import device as models_device
from vqclip.models.cost import (
    Cost,
    count_cost,
    draw_cost,
    embed_cost,
    encode_cost,
    image_size,
)
from vqclip.models.layers.initialisation import NoInitialisation
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import CHECKPOINTS
from vqclip.run.preflight import PictureParts

# Measured on two processor cores with the starter models, torch 2.15: a process that has imported
# everything and read open_clip's vocabulary.
BASE = 900_000_000
CONTEXT = 500_000_000  # of a CUDA process before its first tensor; varies with the GPU
SLACK = 1.15  # what the allocator holds beyond what is in use
SMALL_SIDE = 96  # of the picture at which drawers without a network are counted
SQUARES = 12  # tensors of the size of the squares that cutting keeps
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class ModelShapes:
    """The models of a run, on the meta device, and who looks at how much.

    `networks` is None if open_clip has no shape of one; `unknown` names those. `counted` is what
    has been counted already, since that takes half a second each time.

    Attributes:
        vqgan: if it is among the drawers.
        dtype, decoder_dtype: number formats of perceptors, and of the VQGAN in a step.
        perceptors: as the settings name them, in the order of `networks`.
        parts: those of the picture that have prompts of their own.
        weights: of all models, in bytes; those that open_clip does not describe left out.
    """

    vqgan: vqgan.VQGAN | None
    networks: tuple[Any, ...] | None
    unknown: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype
    decoder_dtype: torch.dtype
    perceptors: Sequence[PerceptorSpec]
    parts: PictureParts
    weights: int
    counted: dict[Any, Cost] = field(default_factory=dict)

    @property
    def factor(self) -> int:
        """The sides of a picture are multiples of it, in pixels."""
        return 1 if self.vqgan is None else self.vqgan.factor


def build_shapes(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    parts: PictureParts,
) -> ModelShapes:
    """Build the models of a run without weights.

    Args:
        perceptors: as the settings name them.
        parts: those of the picture that have prompts of their own.

    Raises:
        ConfigError: for a setting that cannot be used, or a perceptor that does not exist.
        ModelError: if there is no such VQGAN, or a folder that holds no perceptor.
    """
    device = models_device.pick_device(config.device)
    dtype = _DTYPES[models_device.pick_precision(config.precision, device)]
    decoder_dtype = _DTYPES[models_device.pick_decoder_precision(config.precision, device)]
    if config.memory.tiles:
        decoder_dtype = torch.float32
    drawer, drawer_weights = None, 0
    if uses_vqgan(config.drawer):
        with torch.device("meta"), NoInitialisation():
            built = vqgan.build_vqgan(_config_of(config.vqgan))
            drawer = built.requires_grad_(False).eval()
        drawer_weights = _weights(drawer)
        if device.type == "cpu":  # CUDA keeps float32 beside it
            drawer.to(decoder_dtype)
    networks = {each.name: clip.build_without_weights(each.name) for each in perceptors}
    unknown = tuple(name for name, network in networks.items() if network is None)
    known = tuple(network.to(dtype) for network in networks.values() if network is not None)
    known_or_not = None if unknown else known
    weights = drawer_weights + sum(map(_weights, known))
    formats = device, dtype, decoder_dtype
    return ModelShapes(drawer, known_or_not, unknown, *formats, perceptors, parts, weights)


def step_costs(
    config: RunConfig, models: ModelShapes, memory_policy: MemoryPolicy
) -> tuple[list[Cost], Cost]:
    """What drawing costs in one step, at each size and then by the last of two drawers, and
    what looking costs.
    """
    first, *last = drawer_names(config.drawer)
    stages = [(first, *stage) for stage in plan_stages(config, models.factor)]
    stages += [(name, *stages[-1][1:]) for name in last]
    draws = [
        _drawing(name, config, models, (wide, high), memory_policy, work=True)
        for name, wide, high, _ in stages
    ]
    return draws, _looking(config, models, memory_policy, work=True)


def step_sizes(config: RunConfig, models: ModelShapes) -> list[tuple[int, int]]:
    """Width and height in pixels of what each of the costs of drawing of `step_costs` draws."""
    sizes = [(wide, high) for wide, high, _ in plan_stages(config, models.factor)]
    return [*sizes, *(sizes[-1] for _ in drawer_names(config.drawer)[1:])]


def encoding_costs(config: RunConfig, models: ModelShapes) -> list[Cost]:
    """What it costs to encode a picture for each of them; only a VQGAN has to compute."""
    first, *last = drawer_names(config.drawer)
    sizes, found = step_sizes(config, models), []
    for name, size in zip([first] * (len(sizes) - len(last)) + last, sizes, strict=True):
        key = ("encoding", name, size)
        if key not in models.counted:
            vqgan_or_not = models.vqgan if name == "vqgan" else None
            models.counted[key] = (
                Cost(0, 0, 0) if vqgan_or_not is None else encode_cost(vqgan_or_not, *size)
            )
        found.append(models.counted[key])
    return found


def read_memory_policy(config: RunConfig) -> MemoryPolicy:
    """How much is to be held at a time by what a config says."""
    memory = config.memory
    return MemoryPolicy(memory.chunk, memory.recompute, memory.tiles)


def cutout_counts(
    config: RunConfig, perceptors: Sequence[PerceptorSpec], parts: PictureParts
) -> list[int]:
    """How many squares each perceptor looks at in a step; those of parts, too."""
    most = asked_cutouts(config)
    counts = [each.cutouts or most for each in perceptors]
    return [_count_squares(own, parts) for own in counts]


def _count_squares(own: int, parts: PictureParts) -> int:
    """How many squares are looked at where those of a whole picture would be `own`."""
    whole = thing_prompts.share_whole(own) if parts.in_all_scenes else own
    each = (
        thing_prompts.share_cutouts(own, parts.things)
        if parts.things
        else guidance_regions.count_cutouts(own)
    )
    return whole + (parts.regions + min(parts.things, guidance_regions.AT_ONCE)) * each


def asked_cutouts(config: RunConfig) -> int:
    """How many cutouts `cutouts.count` asks for; the most, where it changes on the way."""
    return max(1, round(schedule_settings.greatest_value(config, "cutouts.count")))


def _drawing(
    name: str,
    config: RunConfig,
    models: ModelShapes,
    size: tuple[int, int],
    memory_policy: MemoryPolicy,
    *,
    work: bool,
) -> Cost:
    """What one step of a drawer costs."""
    key = (name, size, memory_policy.recompute, memory_policy.tiles, work)
    if name == "vqgan":
        assert models.vqgan is not None
        if key not in models.counted:
            counted = draw_cost(models.vqgan, *size, memory_policy, work=work)
            models.counted[key] = counted
        return models.counted[key]
    settings_key = (name, size, config.draw)
    if settings_key not in models.counted:
        models.counted[settings_key] = _count_small(name, config.draw, size)
    return models.counted[settings_key]


def _count_small(name: str, settings: DrawSettings, size: tuple[int, int]) -> Cost:
    """What a drawer without a network keeps, counted where it is quick and scaled to a size."""
    share = min(1.0, SMALL_SIDE / max(size))
    wide, high = (max(16, round(side * share)) for side in size)
    drawer = DRAWERS[name](DrawerInputs(wide, high, settings))
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(0)))
    small = count_cost(drawer.draw, torch.nn.Module(), work=False).kept
    kept = small * size[0] * size[1] // (wide * high)
    return Cost(0, kept, kept)


def _looking(
    config: RunConfig, models: ModelShapes, memory_policy: MemoryPolicy, *, work: bool
) -> Cost:
    assert models.networks is not None
    counted = models.counted
    looks = [_cutting(config, models.networks)]
    cutouts = cutout_counts(config, models.perceptors, models.parts)
    for index, network in enumerate(models.networks):
        key = (index, work)
        if key not in counted:  # what is looked at together costs in proportion
            counted[key] = embed_cost(network, 1, models.dtype, work=work)
        chunk = memory_policy.chunk
        layers = _count_layers(network.visual) if chunk else 0
        looks.append(_some(counted[key], cutouts[index], chunk, layers))
    return Cost(*(sum(x) for x in zip(*map(astuple, looks), strict=True)))


def _count_layers(model: torch.nn.Module) -> int:
    return sum(1 for each in model.modules() if not list(each.children()))


def _some(one: Cost, cutouts: int, chunk: int, layers: int = 0) -> Cost:
    """What looking at squares costs, so many at a time (0: all), by what one of them does."""
    if not 0 < chunk < cutouts:
        return Cost(one.flops * cutouts, one.kept * cutouts, one.kept * cutouts)
    # Each chunk goes forward twice and back once, which is as long a way as forward, since the
    # weights need no gradient; only one chunk's layers are held at a time.
    calls = 3 * layers * (-(-cutouts // chunk) - 1)
    work, moved = (each * cutouts * 3 // 2 for each in (one.flops, one.kept))
    return Cost(work, one.kept * chunk, moved, calls)


def peak_memory(models: ModelShapes, draws: Sequence[Cost], look: Cost) -> int:
    """Bytes of the process at its peak, or on CUDA of the GPU, without CUDA's own `CONTEXT`."""
    assert models.networks is not None
    base = 0 if models.device.type == "cuda" else BASE
    return int(base + models.weights + SLACK * (max(cost.kept for cost in draws) + look.kept))


def needed_memory(
    config: RunConfig, models: ModelShapes, memory_policy: MemoryPolicy | None = None
) -> int:
    """Bytes at the peak of a run; see `peak_memory`."""
    memory_policy = MemoryPolicy() if memory_policy is None else memory_policy
    stages = plan_stages(config, models.factor)
    wide, high, _ = max(stages, key=lambda stage: stage[0] * stage[1])
    draws = [
        _drawing(name, config, models, (wide, high), memory_policy, work=False)
        for name in drawer_names(config.drawer)
    ]
    return peak_memory(models, draws, _looking(config, models, memory_policy, work=False))


def _cutting(config: RunConfig, networks: Sequence[Any]) -> Cost:
    """Estimate what cutting keeps, once for each size of squares."""
    pooled = 1 if RECIPES[config.cutouts.recipe].pooling == "bilinear" else 4
    pixels = sum(3 * side**2 for side in {image_size(network) for network in networks})
    kept = 4 * SQUARES * pooled * asked_cutouts(config) * pixels
    return Cost(0, kept, kept)


def _weights(model: torch.nn.Module) -> int:
    """Count the bytes of a model's weights."""
    return sum(w.numel() * w.element_size() for w in (*model.parameters(), *model.buffers()))


def _config_of(name: str) -> dict[str, Any]:
    """Read a VQGAN's config, which is here even when its weights are not."""
    try:
        return vqgan_config.read_config(model_files.find_vqgan(name).config)
    except ModelAbsent:
        return vqgan_config.read_config(model_files.MODELS_FOLDER / CHECKPOINTS[name].config)
