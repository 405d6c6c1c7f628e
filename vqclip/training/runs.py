"""How does a training run go on where it stopped? One file holds the state of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch


def save(path: Path, everything: dict[str, Any], step: int) -> None:
    """Write the state of every part aside, then move it into place."""
    part = path.with_suffix(".part")
    torch.save(
        {name: thing.state_dict() for name, thing in everything.items()} | {"step": step}, part
    )
    part.replace(path)


def restore(path: Path, everything: dict[str, Any]) -> int:
    """Load what `save` wrote; return the step to go on from, 0 if there is nothing."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, thing in everything.items():
        thing.load_state_dict(state[name])
    return int(state["step"])


class Paced(Protocol):
    """Settings that say how fast and how long to learn."""

    rate: float
    steps: int


def learning_rate(recipe: Paced, step: int) -> float:
    """A warm-up of 200 steps, then half a cosine down to a fiftieth."""
    wave = 0.5 + 0.5 * torch.tensor(step / recipe.steps * torch.pi).clamp(max=torch.pi).cos()
    return recipe.rate * min(1.0, step / 200 + 0.005) * max(0.02, wave.item())
