"""Sweep files on the tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.conftest import Home
from vqclip.sweep.sweep_folder import SweepFolder

SMALL = {"init": "random", "layout": "off", "drawer": "vqgan", "seed": 5}


def base(home: Home, **more: Any) -> dict[str, Any]:
    """Settings of a run of a third of a second."""
    found: dict[str, Any] = {}
    for word in home.words():
        key, _, value = word.partition("=")
        found[key] = yaml.safe_load(value)
    return found | {"perceptors": [str(home.clip)]} | SMALL | more


def write(home: Home, axes: Any, *, name: str = "foxes", **more: Any) -> Path:
    """Write a sweep file; `base` among `more` adds to the settings of all runs."""
    path = Path(f"{name}.yaml")
    settings = base(home, **more.pop("base", {}))
    for key in axes if isinstance(axes, dict) else ():
        settings.pop(key, None)
    path.write_text(
        yaml.safe_dump({"base": settings, "axes": axes, **more}, sort_keys=False),
        encoding="utf-8",
    )
    return path


def pictures(folder: Path) -> dict[str, bytes]:
    """The finished pictures of a sweep, by their folders."""
    return {each.parent.name: each.read_bytes() for each in sorted(folder.glob("*/final.png"))}


def states(folder: SweepFolder) -> list[str]:
    """What the runs of a sweep have come to."""
    return [run.state for run in folder.runs]
