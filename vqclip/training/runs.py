"""How does a training run go on where it stopped? One file holds the state of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
