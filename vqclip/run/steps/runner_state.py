"""The state of a run between two steps: what a checkpoint keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class RunnerState:
    """Where a run stands after `done` steps.

    Attributes:
        tensors: the drawer's parameters, their averages, the optimiser's moments, the random
            streams, and the picture that the run began with, if it did, as bytes.
        averaged: how many steps the average holds.
        moved: how many steps the optimiser counts.
        rate_factor: what is left of its rate, where steps went wrong.
    """

    done: int
    tensors: dict[str, Tensor]
    averaged: int
    moved: int
    rate_factor: float = 1.0


def find_size(stages: Sequence[tuple[int, int, int]], done: int) -> tuple[int, int]:
    """The width and height at which a run has drawn its last step.

    Args:
        stages: (width, height, steps) of each size that it passes through, in their order.
        done: how many steps are taken.
    """
    for width, height, count in stages:
        if done <= count:
            return width, height
        done -= count
    return stages[-1][:2]


def select_tensors(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
