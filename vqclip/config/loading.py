"""Loading of settings: presets, run files and `key=value` into a RunConfig.

    dataclass defaults ← what suits a draft, if the run starts from one
        ← presets, in order ← run file ← key=value overrides ← the prompt, verbatim

A preset is a YAML file in `configs/`, or any other YAML file; it holds only what differs, and may
say `extends: another`. A prompt goes around `config.layers`, never through it: `a # b` would
become `a`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqclip.config import defaults, yaml_files
from vqclip.config.checks import check_settings
from vqclip.config.describe import to_dict
from vqclip.config.layers import (
    Layer,
    flat,
    keys_in,
    merge_layers,
    nest,
    parse_override,
    with_values,
)
from vqclip.config.schema import RunConfig
from vqclip.config.yaml_files import read_preset, read_run_file
from vqclip.errors import ConfigError, PromptError
from vqclip.language import assets
from vqclip.language.prompts import parse_prompts as read_prompts
from vqclip.language.templates import MOST, expand

TEXTS = frozenset(("prompts", "negative"))  # what may have one of the `shapes` of YAML


TEMPLATED = ("prompts", "negative", "style")


def load(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    base: Mapping[str, Any] | None = None,
    **settings: Any,
) -> RunConfig:
    """Put a run's settings together.

    Args:
        prompts: what to draw, verbatim; None to take it from `file` or a preset.
        preset: one or more names or files, applied in order; `"normal,ink"` is two.
        file: a run file; like a preset, and may hold `prompts:`.
        overrides: `["steps=10", "cutouts.count=8"]`, or the same as a mapping.
        base: settings to start from instead of the defaults, as `config.to_dict` gives them.
        settings: further overrides: `steps=10`, `cutouts={"count": 8}`.

    Returns:
        The settings, with init=auto decided (`beginnings.settled`).

    Raises:
        ConfigError: for an unknown key or name, a value that does not fit, or a template where
            one text is wanted, with its place.
    """
    layers = _layers(preset, file, overrides, base, settings)
    for where, values in layers if base is None else layers[1:]:
        # Prompts are refused as they are read, unless somebody draws from notes and can be told.
        _refuse_templates(where, values, ("style",) if base is None else TEMPLATED)
    merged = merge_layers(layers)
    text = _wanted(layers) if prompts is None else prompts
    return _settled(dataclasses.replace(merged, prompts=text), layers, base)


def _settled(
    merged: RunConfig, layers: Sequence[Layer], base: Mapping[str, Any] | None = None
) -> RunConfig:
    """Decide what is automatic, and set what suits the start where no layer says another.

    Args:
        merged: what the layers say; they are not merged again.
        base: the first of the layers, if it is the notes of a picture.
    """
    config = defaults.resolve_auto(merged)
    suited = defaults.defaults_for(config.init, config.vqgan)
    values, layers = flat(suited), list(layers)
    if base is not None:
        kept = dict(defaults.carry_over(base, suited))
        usual = flat(to_dict(RunConfig()))
        freed = {*keys_in(base)} - {*keys_in(kept)}
        values = {key: usual[key] for key in sorted(freed)} | values
        layers[0] = ("the notes", kept)
    said = {key for _, own in layers for key in keys_in(own)}
    return check_settings(
        with_values(config, {key: each for key, each in values.items() if key not in said})
    )


def load_all(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> list[RunConfig]:
    """Put settings together as `load` does, for each run that templates stand for.

    They may stand in the prompt, in `negative` and in `style`; the last one changes fastest.

    Raises:
        ConfigError, PromptError, PictureError: as for `load` and `templates.expand`; also for
            more than 1000 runs.
    """
    layers = _layers(preset, file, overrides)
    merged = merge_layers(layers)
    where = assets.search_path(merged.assets)
    several = [
        _variants(_wanted(layers) if prompts is None else prompts, where),
        _variants(merged.negative, where, empty=True),
        expand(merged.style, where, slot=True),
    ]
    if math.prod(map(len, several)) > MOST:
        raise PromptError(
            f"the templates of prompt, negative and style stand for "
            f"{math.prod(map(len, several))} runs; at most {MOST} are drawn at a time"
        )
    return [
        _settled(
            dataclasses.replace(merged, prompts=text, negative=negative, style=style), layers
        )
        for text, negative, style in itertools.product(*several)
    ]


def _variants(text: str, where: Sequence[Path], empty: bool = False) -> list[str]:
    """Expand a text; of several, each has to be a prompt.

    Args:
        empty: whether there may be nothing in it.
    """
    found = expand(text, where)
    for each in found if len(found) > 1 else []:
        try:
            if each.strip() or not empty:
                read_prompts(each)
        except PromptError as error:
            raise PromptError(
                f"{error} (it is one of the {len(found)} that {text!r} stands for)"
            ) from error
    return found


def _refuse_templates(where: str, values: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Refuse a template where there is one run."""
    for key in keys:
        text = values.get(key)
        found = expand(text, slot=key == "style") if isinstance(text, str) else [text]
        if found != [text]:
            raise ConfigError(
                f"{where}: {key} is {text!r}, a template, which stands for a run each, and this "
                f"is one run; write out which you mean, such as {key}={found[0]!r}, or "
                r"\{ and \} where braces are meant"
            )


def _layers(
    preset: str | Sequence[str],
    file: Path | str | None,
    overrides: Sequence[str] | Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """What lies over the defaults, in order."""
    layers: list[Layer] = [] if base is None else [("the notes", dict(base))]
    names = preset.split(",") if isinstance(preset, str) else list(preset)
    for name in (n.strip() for n in names if n.strip()):
        layers += read_preset(name, ())
    if file is not None:
        own = read_run_file(Path(file), ())
        folder = assets.assets_beside(Path(file))
        layers += [("the run file's folder", {"assets": folder} if folder else {}), *own]
    if isinstance(overrides, Mapping):
        layers.append(("the overrides", nest(overrides)))
    else:
        layers += [("the command line", nest([parse_override(text)])) for text in overrides]
    layers.append(("the arguments", dict(settings or {})))
    return [
        (
            where,
            values
            | {key: yaml_files.prompt_text(values[key], key) for key in TEXTS & values.keys()},
        )
        for where, values in _one_length(layers)
    ]


def _one_length(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Let who says how long an animation is in frames forget a length from below, or vice versa.

    And who says a size that is no square, a shape from below.

    Raises:
        ConfigError: if both are said in one place.
    """
    said: dict[str, dict[str, Any]] = {}
    for where, values in layers:
        own: dict[str, Any] = {k: values[k] for k in ("frames", "length") if k in values}
        said.setdefault(where, {}).update(own)
        other: dict[str, Any] = (
            {"length": 0.0} if own.get("frames") else {"frames": 0} if own.get("length") else {}
        )
        sides = str(values.get("size", "")).lower().split("x")
        if len(set(sides)) == 2 and "aspect" not in values:
            other["aspect"] = ""
        yield where, values | other
    for where, both in said.items():
        if both.get("frames") and both.get("length"):
            raise ConfigError(
                f"{where}: frames={both['frames']} and length={both['length']} both say how long "
                "the animation is; leave one of them out"
            )


def _wanted(layers: Sequence[Layer]) -> str:
    """The prompt that the last of some layers brings."""
    found = None
    for _, values in layers:
        found = values.get("prompts", found)
    return yaml_files.prompt_text(found)
