"""Memory fit: whether a run fits into memory, and what to change if not.

Asked before the first step. Three answers: as it is; with less held at a time, which takes
longer; by no means, and then with which settings it would. What a run needs is counted in
`vqclip.run.memory_footprint`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from vqclip.config.draw_settings import uses_vqgan
from vqclip.config.perceptor_spec import PerceptorSpec, parse_perceptor
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import ConfigError
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import model_files
from vqclip.run.memory_footprint import (
    BASE,
    ModelShapes,
    asked_cutouts,
    build_shapes,
    cutout_counts,
    needed_memory,
    read_memory_policy,
)
from vqclip.run.preflight import PictureParts, Request

DOUBT = 1.3  # an estimate may be wrong by so much, and a run that would fit is not refused
MOST = MemoryPolicy(1, recompute=True, tiles=True)


def choose_memory_policy(
    request: Request, device: torch.device, notes: list[str]
) -> MemoryPolicy:
    """How much is to be held at a time, so that the run fits into the memory that there is.

    Args:
        notes: gets a sentence where it is less than everything.

    Raises:
        ConfigError: if it fits by no means, by far.
    """
    config, parts = request.config, (request.perceptors, request.parts)
    asked = read_memory_policy(config)
    free = available_memory(device)
    if free is None or fits_surely(config, *parts, free):
        return asked
    models = build_shapes(config, *parts)
    if models.networks is None:
        return asked
    found = least_memory_policy(config, models, free)
    if found == asked:
        return asked
    need = f"{needed_memory(config, models, asked) / 1e9:.1f} GB"
    there = f"{free / 1e9:.1f} GB"
    if found is not None:
        notes.append(f"the run would need about {need}, and {there} are free: {found.describe()}")
        return found
    if needed_memory(config, models, MOST) > DOUBT * free:
        would = suggest_settings(config, *parts, free)
        raise ConfigError(
            f"the run would need about {need} of memory, and {there} are free; it would fit with "
            f"{', or '.join(would) if would else 'no setting here: close other programs'}"
        )
    notes.append(f"the run may need more memory than the {there} that are free")
    return replace(MOST)


def least_memory_policy(config: RunConfig, models: ModelShapes, free: int) -> MemoryPolicy | None:
    """The least thrift with which a run fits into so many bytes; None if none is enough."""
    memory_policy = read_memory_policy(config)
    while needed_memory(config, models, memory_policy) > free:
        if memory_policy.tighten(asked_cutouts(config)) is None:
            return None
    return memory_policy


def fits_surely(
    config: RunConfig, perceptors: Sequence[PerceptorSpec], parts: PictureParts, free: int
) -> bool:
    """Whether a run of the bundled models fits without a doubt, so that nothing is counted."""
    names = {each.name for each in perceptors}
    drawn = config.vqgan == "starter" or not uses_vqgan(config.drawer)
    if not (drawn and names <= set(model_files.starter_clips())):
        return False
    width, height = final_size(config)
    cutouts = sum(cutout_counts(config, perceptors, parts))
    return free > 2 * (BASE + 6_000 * width * height + 16_000_000 * cutouts)


def available_memory(device: torch.device) -> int | None:
    """How many bytes a run may have, this process included; None if nobody says.

    On CUDA, what CUDA itself takes is gone already: the device has been tried by then.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_reserved(device)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
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


def suggest_settings(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    parts: PictureParts,
    free: int,
) -> list[str]:
    """Up to three settings with which a run would fit, each for itself: the least changes."""
    built: dict[tuple[str, ...], ModelShapes] = {}
    read = dict(zip(config.perceptors, perceptors, strict=True))

    def fits(one: RunConfig) -> bool:
        key = (one.vqgan, *one.perceptors)
        if key not in built:
            looking = [read.get(each) or parse_perceptor(each) for each in one.perceptors]
            built[key] = build_shapes(one, looking, parts)
        models = built[key]
        return models.networks is not None and needed_memory(one, models, MOST) <= free

    found: list[str] = []
    for ways in _ways(config):
        # The last one changes most. If not even that fits, the others need not be counted.
        words = (
            next((_changed_as_typed(config, x) for x in ways if fits(x)), "")
            if fits(ways[-1])
            else ""
        )
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
    count = max(1, asked_cutouts(config) // share)
    return replace(config, cutouts=replace(config.cutouts, count=count))


def suggest_smaller(
    config: RunConfig,
    perceptors: Sequence[PerceptorSpec],
    parts: PictureParts,
) -> list[str]:
    """Up to three settings with which a run would need a quarter less than at its thriftiest."""
    models = build_shapes(config, perceptors, parts)
    if models.networks is None:
        return []
    need = needed_memory(config, models, MOST)
    return suggest_settings(config, perceptors, parts, need * 3 // 4)


def _smaller(config: RunConfig, size: tuple[int, int], share: float) -> RunConfig:
    wide, high = (max(16, int(side * share) // 16 * 16) for side in size)
    return replace(config, size=f"{wide}x{high}", aspect="")


def _changed_as_typed(before: RunConfig, after: RunConfig) -> str:
    """What one config sets otherwise than another, as it would be typed."""
    words = []
    for key in ("size", "vqgan", "perceptors"):
        value = getattr(after, key)
        if value != getattr(before, key):
            words.append(f"{key}={','.join(value) if isinstance(value, list) else value}")
    if after.cutouts.count != before.cutouts.count:
        words.append(f"cutouts.count={after.cutouts.count}")
    return " ".join(words)
