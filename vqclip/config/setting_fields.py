"""Fields of the settings schema: dataclass fields with help, choices and bounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from math import inf
from typing import Any

DEVICES = ("auto", "cpu", "cuda", "mps")
GPU_NUMBER = re.compile("cuda:[0-9]{1,3}")


def option(
    default: Any,
    help: str,
    choices: Sequence[str] = (),
    least: float = -inf,
    most: float = inf,
    form: str = "",
    drawers: Sequence[str] = (),
) -> Any:
    """A setting: a dataclass field with its help, the names allowed, and its bounds.

    Args:
        form: "prompts" or "words" for texts that are drawn, "seconds" for a time, "size" for
            a width and a height, which may be a list, "device" for one that may have a number,
            "seed" for a whole number or a walk between two.
        drawers: names of the drawers that have it; none where it is not a drawer's.
    """
    metadata = {"help": help, "choices": tuple(choices), "least": least, "most": most}
    metadata |= {"form": form} if form else {}
    metadata |= {"drawers": tuple(drawers)} if drawers else {}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def step_count(
    default: Any,
    help: str,
    least: float = 0,
    most: float = inf,
    units: Sequence[str] = ("i", "%", "s"),
    example: int = 60,
) -> Any:
    """A number of steps or frames, which may have a unit: `20i`, `50%`, `2s`.

    Its type is int where a unit makes it a number at once, `int | str` or str where it stays text
    until the steps of the run are known; see `vqclip.config.steps.step_settings`.

    Args:
        units: those that it may have: "i" for steps or "f" for frames, "%" and "s".
        example: what messages show where there is no default above 1.
    """
    metadata = {"help": help, "choices": (), "least": least, "most": most, "units": tuple(units)}
    shown = default if isinstance(default, int) and default > 1 else example
    return field(default=default, metadata={**metadata, "example": shown})


def device_option(help: str) -> Any:
    """A device: "auto", a kind, or a GPU by its number: "cuda:1"."""
    return option("auto", help, DEVICES, form="device")


def schedulable(
    default: float | None,
    help: str,
    least: float = -inf,
    most: float = inf,
    drawers: Sequence[str] = (),
    units: Sequence[str] = (),
) -> Any:
    """A setting that may be a schedule: a number, or a schedule as text.

    Args:
        drawers: as for `option`.
        units: of a number of steps, as for `step_count`.
    """
    metadata = {"help": help, "choices": (), "least": least, "most": most, "changing": True}
    metadata |= {"drawers": tuple(drawers)} if drawers else {}
    metadata |= {"units": tuple(units), "example": default} if units else {}
    return field(default=default, metadata=metadata)


def group(schema: type, help: str) -> Any:
    """A group of settings, as a field that holds another schema."""
    return field(default_factory=schema, metadata={"help": help})
