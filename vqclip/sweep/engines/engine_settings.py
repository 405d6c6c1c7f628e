"""The settings of engines, which stand in the sweep's file under `slurm` and `ray`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import Any, TypeVar

from vqclip.config.setting_fields import option
from vqclip.config.setting_layers import merge_layers
from vqclip.errors import ConfigError


@dataclass(frozen=True)
class SlurmSettings:
    """The array job of a sweep: how many tasks, and what each is given."""

    tasks: int = option(4, "how many tasks draw at a time", least=1, most=1000)
    minutes: int = option(240, "how long a task may take before it is queued again", least=1)
    gpus: int = option(0, "GPUs of a task", least=0, most=64)
    cpus: int = option(4, "processor cores of a task", least=1, most=1024)
    memory: float = option(8.0, "memory of a task, in gigabytes", least=0.5, most=100_000)
    partition: str = option("", "the partition, if not the usual one")
    account: str = option("", "the account, if the cluster wants one")
    setup: list[str] = option([], "lines of a shell before it: module load cuda")


@dataclass(frozen=True)
class RaySettings:
    """The workers of a sweep on a Ray cluster."""

    address: str = option("", "of a cluster; without: one on this machine")
    workers: int = option(0, "how many; 0: one for each GPU, or one", least=0, most=1000)
    cpus: int = option(1, "processor cores of a worker", least=1, most=1024)


Settings = TypeVar("Settings", SlurmSettings, RaySettings)


def read_engine(values: Any, schema: type[Settings], where: str) -> Settings:
    """Read the settings of an engine.

    Args:
        values: as they were parsed; None for the defaults.
        where: the file and the engine, for messages.

    Raises:
        ConfigError: for a key that does not exist, or a value that does not fit.
    """
    if values is not None and not isinstance(values, Mapping):
        raise ConfigError(f"{where} is a group of settings, such as {next(iter(_names(schema)))}")
    found: Settings = merge_layers([(where, dict(values or {}))], schema)
    for each in fields(schema):
        value = getattr(found, each.name)
        least, most = _bounds(each.metadata)
        if isinstance(value, int | float) and not least <= value <= most:
            raise ConfigError(f"{where}: {each.name} is {value}; write {least:g} to {most:g}")
        texts = value if isinstance(value, list) else [value]
        if any("\n" in text or "\0" in text for text in texts if isinstance(text, str)):
            raise ConfigError(f"{where}: {each.name} must stand on one line")
    return found


def require_engine(module: str, extra: str) -> None:
    """Refuse an engine that is not installed.

    Raises:
        ConfigError: that says what to install.
    """
    if find_spec(module) is None:
        raise ConfigError(
            f"--on {extra} needs {module}, which is not installed: pip install 'vqclip[{extra}]'"
        )


def _names(schema: type) -> list[str]:
    return [each.name for each in fields(schema)]


def _bounds(metadata: Mapping[str, Any]) -> tuple[float, float]:
    return metadata["least"], min(metadata["most"], 10**9)
