"""The times of a run's parts, estimated: its start, its steps, what lies between, its end.

Operations and bytes are counted by `memory_footprint`, and divided by the speed of the machine.
Constants were measured on two processor cores with the starter models.
`benchmarks/large_pictures.py` holds each part against what a run took.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vqclip.config.schema import RunConfig
from vqclip.models.cost import Cost
from vqclip.run.timing.machine_speed import Speed

PASSES = 25.0  # how often a step's drawing moves what it keeps
LOOK_PASSES = 12.0  # how often its looking does
FORWARD_PASSES = 8.0  # how often a forward pass alone moves what a step would keep
# Feature maps beyond 32 MiB are given back to the system, and mapped anew, each time. Passes that
# have such maps would keep about so many bytes or more.
MAPPED_BYTES = 1_000_000_000
MAPPED_PASSES = 22.0
PICTURE_PASSES = 300.0  # how often losses, cutouts and the optimiser move the picture in a step
START = 4.0  # seconds: imports, loading, the second judge
DRAFT = 0.07  # seconds for each draft of init=dream
MOVE = 1.0  # times a step's drawing: what it takes to move a frame and show it
LAY = 1.4  # times a step's drawing: what it takes to lay an overlay
CALL = 25e-6  # seconds of a layer's run beside its arithmetic: chunks of one square fitted
SAVE = 1.7e-6  # seconds a pixel: the picture as a PNG, and the checkpoint
PIXEL_BYTES = 12  # of a pixel in float32


@dataclass(frozen=True)
class RunTimes:
    """Seconds of a run's parts on this machine if nothing else runs there; all are about.

    Attributes:
        start: from the shell to the first step.
        steps: of one step, at each size and then by the last of two drawers.
        between: before each of them but the first: enlarging the picture, or handing it over.
        drawing: of the drawing in each step, which is forward and back.
        end: from the last step to the finished files.
    """

    start: float
    steps: tuple[float, ...]
    between: tuple[float, ...]
    drawing: tuple[float, ...]
    end: float


def estimate_times(
    config: RunConfig,
    speed: Speed,
    draws: Sequence[Cost],
    look: Cost,
    encodes: Sequence[Cost],
    sizes: Sequence[tuple[int, int]],
    widening: float,
) -> RunTimes:
    """Estimate how long the parts of a run take.

    Args:
        draws, look: what drawing and looking cost in a step; see `memory_footprint.step_costs`.
        encodes: what it costs to encode a picture for each of `draws`.
        sizes: width and height of each of them, in pixels.
        widening: how many times as many bytes a number has in float32 as in a step's drawing.
    """
    pixels = [width * height for width, height in sizes]
    encoded = [forward_seconds(each, speed, widening) for each in encodes]
    shown = [forward_seconds(draw, speed, widening) for draw in draws]
    start = START + (DRAFT * config.dream.count if config.init == "dream" else 0.0)
    passed = PICTURE_PASSES * PIXEL_BYTES / speed.move
    return RunTimes(
        start=start + (encoded[0] if config.init != "random" else 0.0),
        steps=tuple(
            step_seconds(draw, look, speed) + passed * area
            for draw, area in zip(draws, pixels, strict=True)
        ),
        between=tuple(shown[i - 1] + encoded[i] for i in range(1, len(draws))),
        drawing=tuple(step_seconds(draw, Cost(0, 0, 0), speed) for draw in draws),
        end=shown[-1] + SAVE * pixels[-1],
    )


def step_seconds(draw: Cost, look: Cost, speed: Speed) -> float:
    """Estimate one step: the arithmetic, then the reading and writing around it."""
    attention = 7 * draw.attention  # products
    sums = (draw.flops - attention) / speed.draw + attention / speed.attend
    moved = (PASSES * draw.moved + LOOK_PASSES * look.moved) / speed.move
    return sums + look.flops / speed.look + moved + CALL * (draw.calls + look.calls)


def forward_seconds(cost: Cost, speed: Speed, widening: float = 1.0) -> float:
    """Estimate a forward pass without a gradient.

    Args:
        widening: how many times as many bytes it moves as were counted, in float32.
    """
    attention = 2 * cost.attention
    sums = (cost.forward - attention) / speed.plain_draw + attention / speed.plain_attend
    moved = widening * cost.moved
    passes = FORWARD_PASSES if moved < MAPPED_BYTES else MAPPED_PASSES
    return sums + passes * moved / speed.move
