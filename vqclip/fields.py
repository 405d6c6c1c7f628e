"""How is a setting declared? As a field of a dataclass that carries its help and its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from math import inf
from typing import Any


def option(
    default: Any, help: str, choices: Sequence[str] = (), least: float = -inf, most: float = inf
) -> Any:
    """A setting: a dataclass field with its help, the names that it may take, and its bounds."""
    metadata = {"help": help, "choices": tuple(choices), "least": least, "most": most}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def changing(default: float | None, help: str, least: float = -inf, most: float = inf) -> Any:
    """A setting that may change on the way: a number, or a schedule as text."""
    metadata = {"help": help, "choices": (), "least": least, "most": most, "changing": True}
    return field(default=default, metadata=metadata)


def group(schema: type, help: str) -> Any:
    """A setting that holds further settings."""
    return field(default_factory=schema, metadata={"help": help})
