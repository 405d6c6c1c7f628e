"""The state of a run between two steps: what a checkpoint keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
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


def select_tensors(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
