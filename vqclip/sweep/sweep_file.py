"""Sweep files: what `vqclip sweep FILE.yaml` reads.

base: {preset: draft, size: 128x128}   settings of every run, as in a run file
axes:                                  settings, each with its values
  prompts: ["a red fox", "a castle"]
  seed: [1, 2, 3]
by: grid                               grid, zip, random, latin or optuna
count: 12                              of runs, for random, latin and optuna
sample_seed: 0                         of the values that are chosen at random
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vqclip.config import loading, presets
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import Kind, describe_settings
from vqclip.config.setting_layers import Layer, nest_keys
from vqclip.config.yaml.values import parse_yaml
from vqclip.errors import ConfigError, suggest
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.language.prompt_templates import expand_templates
from vqclip.sweep.axes import (
    MOST_VALUES,
    PRESET,
    Axis,
    expand_axis,
    read_axes,
    spread_axis,
)
from vqclip.sweep.engines.engine_settings import RaySettings, SlurmSettings, read_engine
from vqclip.sweep.sampling import SAMPLERS, SEARCHED, Values, check_count, sample_values


@dataclass(frozen=True)
class SweepSettings:
    """What a sweep file may hold, for the parser of YAML."""

    base: RunConfig = field(default_factory=RunConfig)
    axes: dict[str, Any] = field(default_factory=dict, metadata={"form": "axes"})
    by: str = "grid"
    count: int | None = None
    sample_seed: int = 0
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    ray: RaySettings = field(default_factory=RaySettings)


KEYS = tuple(each.name for each in fields(SweepSettings))


@dataclass(frozen=True)
class Sweep:
    """A sweep as it was asked for, understood and checked.

    Args:
        path: the file; what it names is looked for beside it.
        text: what it holds.
        parents: the layers of settings that `base` extends.
        own: the layers of `base` itself.
        axes: with all values, but for ranges of random and latin.
        runs: the values of each run; none if they are searched for.
        by: how they were chosen.
        count: how many are asked for; None where the axes tell.
        sample_seed: of the random numbers that they were chosen by.
        slurm, ray: what is asked of these engines.
    """

    path: Path
    text: str
    parents: Sequence[Layer]
    own: Sequence[Layer]
    axes: Sequence[Axis]
    runs: Sequence[Values]
    by: str = "grid"
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    ray: RaySettings = field(default_factory=RaySettings)
    count: int | None = None
    sample_seed: int = 0

    @property
    def is_search(self) -> bool:
        """Whether its runs are chosen one by one, by the scores of those before."""
        return self.by == SEARCHED

    def layers(self, values: Values) -> list[Layer]:
        """The layers of settings of a run with some values of the axes."""
        rest = {key: value for key, value in values.items() if key != PRESET}
        looks = read_presets(str(values.get(PRESET, "")), self.path)
        folder = assets.infer_assets(self.path)
        beside: Layer = ("the sweep file's folder", {"assets": folder} if folder else {})
        nested = nest_keys(rest)
        return [beside, *self.parents, *looks, *self.own, (f"{self.path}: axes", nested)]


def is_sweep_file(path: Path) -> bool:
    """Whether a YAML file is that of a sweep, and not of a run: it has axes."""
    try:
        found = parse_yaml(presets.read_yaml_text(path), str(path))
    except ConfigError:
        return False
    return isinstance(found, dict) and "axes" in found


def read_sweep(path: Path, text: str | None = None) -> Sweep:
    """Read a sweep file.

    Args:
        text: what it held when the sweep began; None reads it now.

    Raises:
        ConfigError: for a file that cannot be read, a key that does not exist, axes without
            values, or more than 1000 runs.
        PromptError, PictureError: for templates that cannot be expanded.
    """
    text = presets.read_yaml_text(path) if text is None else text
    where = str(path)
    found = parse_yaml(text, where, Kind(SweepSettings))
    if not isinstance(found, Mapping) or "axes" not in found:
        raise ConfigError(
            f"{where} has no axes, so it is no sweep; a sweep has base: (settings of all runs) "
            "and axes: (settings with several values each); a single run is drawn by vqclip "
            f"{where}"
        )
    _check_keys(found, where)
    by, count, sample_seed = _read_sampling(found, where)
    parents, own = _read_base(found.get("base"), path)
    axes = [spread_axis(axis, by, where) for axis in read_axes(found["axes"], where)]
    search_path = _search_path(path, [*parents, *own])
    axes = [*_template_axes([*parents, *own], axes, search_path), *axes]
    repeats = by == "zip"  # the runs differ, and some have a value in common
    axes = [expand_axis(axis, search_path, where, repeats=repeats) for axis in axes]
    runs: list[Values] = []
    if by == SEARCHED:
        check_count(axes, by, count, where)
    else:
        runs = sample_values(axes, by, count, sample_seed, where)
    slurm = read_engine(found.get("slurm"), SlurmSettings, f"{where}: slurm")
    ray = read_engine(found.get("ray"), RaySettings, f"{where}: ray")
    return Sweep(path, text, parents, own, axes, runs, by, slurm, ray, count, sample_seed)


def _check_keys(found: Mapping[str, Any], where: str) -> None:
    known = {each.key.partition(".")[0] for each in describe_settings()} | {"extends", PRESET}
    for key in (key for key in found if key not in KEYS):
        if key == "seed":
            raise ConfigError(
                f"{where}: seed stands under base or axes; sample_seed is that of the values "
                "that are chosen at random"
            )
        if key.partition(".")[0] in known | {"scenes"}:
            raise ConfigError(
                f"{where}: {key} is a setting of the runs; write it under base, or with several "
                "values under axes"
            )
        raise ConfigError(
            f"{where}: a sweep has no {key}{suggest(key, KEYS)} (it has {', '.join(KEYS)})"
        )


def _read_sampling(found: Mapping[str, Any], where: str) -> tuple[str, int | None, int]:
    """How the runs are chosen, how many, and by which seed."""
    by, count = found.get("by") or "grid", found.get("count")
    seed = found.get("sample_seed") or 0
    ways = (*SAMPLERS, SEARCHED)
    if not isinstance(by, str) or by not in ways:
        raise ConfigError(
            f"{where}: by is {by!r}{suggest(str(by), ways)} (one of: {', '.join(ways)})"
        )
    if count is not None and not (isinstance(count, int) and 1 <= count <= MOST_VALUES):
        raise ConfigError(f"{where}: count is {count!r}; write a number from 1 to {MOST_VALUES}")
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ConfigError(f"{where}: sample_seed is {seed!r}; write a whole number, 0 or more")
    return by, count, seed


def _read_base(base: Any, path: Path) -> tuple[list[Layer], list[Layer]]:
    """The layers that `base` extends, and its own."""
    if base is None:
        return [], []
    if not isinstance(base, Mapping):
        raise ConfigError(
            f"{path}: base is {base!r}, but it is a group of settings; for those of a run file: "
            "base: {extends: FILE.yaml}"
        )
    values = dict(base)
    if PRESET in values:  # the same thing; a command line has --preset, a run file extends
        if "extends" in values:
            raise ConfigError(f"{path}: base has both preset and extends; leave one of them out")
        values["extends"] = values.pop(PRESET)
    found = presets.layer_values(values, path, ())
    return found[:-1], found[-1:]


def read_presets(names: str, path: Path) -> list[Layer]:
    """The layers of some presets: `normal,ink`, or files beside the sweep's.

    Raises:
        ConfigError: if there is no such preset.
    """
    chosen = [each.strip() for each in names.split(",") if each.strip()]
    return presets.layer_values({"extends": chosen}, path, ())[:-1] if chosen else []


def _search_path(path: Path, layers: Sequence[Layer]) -> SearchPath:
    folder = assets.infer_assets(path)
    for _, values in layers:
        folder = str(values.get("assets") or folder)
    return SearchPath.from_settings(folder)


def _template_axes(
    layers: Sequence[Layer], axes: Sequence[Axis], search_path: SearchPath
) -> list[Axis]:
    """An axis for each text of `base` that is a template, unless it is an axis anyway."""
    found = []
    for key in loading.TEMPLATE_KEYS:
        said = [values[key] for _, values in layers if key in values]
        if not said or key in {axis.key for axis in axes}:
            continue
        text = presets.prompt_text(said[-1], key) if key in loading.TEXTS else said[-1]
        if not isinstance(text, str):
            continue  # is refused when the settings are merged
        if len(expand_templates(text, search_path, slot=key == "style")) > 1:
            found.append(Axis(key, (text,)))
    return found
