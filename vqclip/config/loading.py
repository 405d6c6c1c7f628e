"""Loading of settings: presets, run files and `key=value` into a RunConfig.

    the schema's defaults ← defaults for the start (a draft, random codes, a film)
        ← presets, in order ← run file ← key=value overrides ← the prompt, verbatim

A preset is a YAML file in `configs/`, or any other YAML file; it holds only what differs, and may
say `extends: another`. A prompt is never merged as YAML (`config.setting_layers`), in which
`a # b` would become `a`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqclip.config import auto_settings, layout_settings, presets
from vqclip.config.checking.setting_checks import canonical_values, check_settings
from vqclip.config.presets import read_preset, read_run_file
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.setting_layers import (
    Layer,
    flatten_keys,
    keys_in,
    merge_layers,
    nest_keys,
    parse_override,
    with_values,
)
from vqclip.config.sizes import canonical_size, size_from_share
from vqclip.config.steps.film_seconds import settle_lengths
from vqclip.errors import ConfigError, PromptError
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.language.prompt_templates import MOST_PROMPTS, expand_templates
from vqclip.language.prompts import parse_prompts as read_prompts

TEXTS = frozenset(("prompts", "negative"))  # may be lists or mappings in YAML
TEMPLATE_KEYS = ("prompts", "negative", "style")  # may hold templates


def load_config(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    base: Mapping[str, Any] | None = None,
    **settings: Any,
) -> RunConfig:
    """Load the settings of a run.

    Args:
        prompts: what to draw, verbatim; None to take it from `file` or a preset.
        preset: names or files, applied in order; `"normal,ink"` is two.
        file: a run file: a preset that may hold `prompts:`.
        overrides: `["steps=10", "cutouts.count=8"]`, or the same as a mapping.
        base: settings to start from instead of the defaults, as `config.describe.to_dict` gives
            them.
        settings: further overrides: `steps=10`, `cutouts={"count": 8}`.

    Returns:
        The settings, with init=auto resolved (`vqclip.config.auto_settings.resolve_auto`).

    Raises:
        ConfigError: for an unknown key or name, a value that is not valid, or a template, which
            stands for several runs; the message names the place.
    """
    layers = _layers(preset, file, overrides, base, settings)
    for where, values in layers if base is None else layers[1:]:
        # Templates in prompts are refused when the prompts are parsed, unless `base` is given.
        _refuse_templates(where, values, ("style",) if base is None else TEMPLATE_KEYS)
    merged = merge_layers(layers)
    text = _prompt_of(layers) if prompts is None else prompts
    return _settled(dataclasses.replace(merged, prompts=text), layers, base)


def _settled(
    merged: RunConfig, layers: Sequence[Layer], base: Mapping[str, Any] | None = None
) -> RunConfig:
    """Decide what is automatic, and set what suits the start where no layer says another.

    Args:
        merged: what the layers say; they are not merged again.
        base: the first of the layers, if it is the notes of a picture.
    """
    was_composed = base is not None and _was_composed(merged, base)
    if base is not None and "drawer" not in {key for _, own in layers[1:] for key in own}:
        merged = auto_settings.free_drawer(merged, base, was_composed)
    config = _with_share(auto_settings.resolve_auto(merged))
    suited = auto_settings.defaults_for(
        *(config.init, config.vqgan, config.drawer),
        composed=layout_settings.is_composed(config),
        alpha=config.draw.alpha,
        tile=config.tile,
    )
    values, layers = flatten_keys(suited), list(layers)
    if base is not None:
        kept = dict(auto_settings.carry_over(base, suited, was_composed))
        usual = flatten_keys(to_dict(RunConfig()))
        freed = {*keys_in(base)} - {*keys_in(kept)}
        values = {key: usual[key] for key in sorted(freed)} | values
        layers[0] = ("the notes", kept)
    said = {key for _, own in layers for key in keys_in(own)}
    return check_settings(
        with_values(config, {key: each for key, each in values.items() if key not in said})
    )


def _was_composed(merged: RunConfig, notes: Mapping[str, Any]) -> bool:
    """Whether the picture that has these notes was a composition of several things."""
    keys = ("prompts", "layout", "init", "size", "aspect")
    before = {key: notes[key] for key in keys if key in notes}
    film = dict(notes.get("source", {})).get("film", "")
    source = dataclasses.replace(merged.source, film=film)
    return layout_settings.is_composed(dataclasses.replace(merged, **before, source=source))


def _with_share(config: RunConfig) -> RunConfig:
    """Compute a size that is a share, `50%`, of the film or picture that a run starts from."""
    if not config.size.strip().endswith("%"):
        return config
    search_path = SearchPath.from_settings(config.assets)
    if config.source.film:
        from vqclip.media.frames.frame_source import open_footage

        whole = open_footage(search_path.find(config.source.film)).size
    elif (picture := search_path.find(config.init)).is_file():
        from vqclip.media.images import read_head

        whole = read_head(picture)[0]
    else:
        return config  # which is refused, as there is nothing that it is a share of
    return dataclasses.replace(config, size=size_from_share(config.size, whole))


def load_configs(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> list[RunConfig]:
    """Load the settings of all runs that templates stand for; see `load_config`.

    Templates may be in the prompt, in `negative` and in `style`; the last one changes fastest.

    Raises:
        ConfigError, PromptError, PictureError: as for `load_config` and `templates.expand`; also
        for
            more than 1000 runs.
    """
    return load_each([prompts], preset, file=file, overrides=overrides)


def load_each(
    prompts: Sequence[str | None],
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> list[RunConfig]:
    """Load the settings of several prompts, which have all others in common; see `load_configs`.

    Raises:
        ConfigError, PromptError, PictureError: see there.
    """
    layers = _layers(preset, file, overrides)
    merged = merge_layers(layers)
    return [
        config
        for text in prompts
        for config in _settle_variants(
            merged, layers, _prompt_of(layers) if text is None else text
        )
    ]


def load_layers(layers: Sequence[Layer]) -> list[RunConfig]:
    """Load the settings of all runs that layers of values stand for; see `load_configs`.

    Args:
        layers: later ones over earlier ones; prompts may be in any shape that YAML has.

    Raises:
        ConfigError, PromptError, PictureError: see there.
    """
    plain = plain_layers(layers)
    return _settle_variants(merge_layers(plain), plain, _prompt_of(plain))


def _settle_variants(merged: RunConfig, layers: Sequence[Layer], prompts: str) -> list[RunConfig]:
    """The settings of all runs that the templates of one prompt, of `negative` and style are."""
    search_path = SearchPath.from_settings(merged.assets)
    expanded = [
        _variants(prompts, search_path),
        _variants(merged.negative, search_path, empty=True),
        expand_templates(merged.style, search_path, slot=True),
    ]
    if math.prod(map(len, expanded)) > MOST_PROMPTS:
        raise PromptError(
            f"the templates in prompt, negative and style make {math.prod(map(len, expanded))} "
            f"runs; at most {MOST_PROMPTS} are allowed at a time"
        )
    return [
        _settled(
            dataclasses.replace(merged, prompts=text, negative=negative, style=style), layers
        )
        for text, negative, style in itertools.product(*expanded)
    ]


def _variants(text: str, search_path: SearchPath, empty: bool = False) -> list[str]:
    """Expand the templates in a text, and check that each result is a prompt.

    Args:
        empty: whether a result may be empty.
    """
    found = expand_templates(text, search_path)
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
    """Refuse a template in the settings of a single run."""
    for key in keys:
        text = values.get(key)
        if not isinstance(text, str):
            continue
        found = expand_templates(text, SearchPath.current(), slot=key == "style")
        if found != [text]:
            raise ConfigError(
                f"{where}: {key} is {text!r}, a template for several runs, but this is one "
                f"run; write out the one you mean, such as {key}={found[0]!r}, or "
                r"\{ and \} where braces are meant"
            )


def _layers(
    preset: str | Sequence[str],
    file: Path | str | None,
    overrides: Sequence[str] | Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """The layers over the defaults, in order."""
    layers: list[Layer] = [] if base is None else [("the notes", dict(base))]
    names = preset.split(",") if isinstance(preset, str) else list(preset)
    for name in (n.strip() for n in names if n.strip()):
        layers += read_preset(name, ())
    if file is not None:
        own = read_run_file(Path(file), ())
        folder = assets.infer_assets(Path(file))
        layers += [("the run file's folder", {"assets": folder} if folder else {}), *own]
    if isinstance(overrides, Mapping):
        layers.append(("the overrides", nest_keys(overrides)))
    else:
        layers += [("the command line", nest_keys([parse_override(text)])) for text in overrides]
    layers.append(("the arguments", dict(settings or {})))
    return plain_layers(layers)


def plain_layers(layers: Sequence[Layer]) -> list[Layer]:
    """The same layers with prompts as text, of which each says once how long a film is.

    Raises:
        ConfigError: for a length that cannot be, or that is given twice.
    """
    canonical = [
        (where, canonical_values(each, RunConfig)) for where, each in _one_length(layers)
    ]
    return [
        (
            where,
            values
            | {key: presets.prompt_text(values[key], key) for key in TEXTS & values.keys()},
        )
        for where, values in settle_lengths(canonical)
    ]


def _one_length(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Let a layer's `frames` override a `length` from below, and the other way round.

    A `size` that is not square overrides an `aspect` from below, too.

    Raises:
        ConfigError: if one layer gives both `frames` and `length`.
    """
    lengths: dict[str, dict[str, Any]] = {}
    for where, values in layers:
        own: dict[str, Any] = {k: values[k] for k in ("frames", "length") if k in values}
        lengths.setdefault(where, {}).update(own)
        other: dict[str, Any] = (
            {"length": 0.0} if own.get("frames") else {"frames": 0} if own.get("length") else {}
        )
        sides = str(canonical_size(values.get("size", ""))).lower().split("x")
        if len(set(sides)) == 2 and "aspect" not in values:
            other["aspect"] = ""
        yield where, values | other
    for where, both in lengths.items():
        if both.get("frames") and both.get("length"):
            raise ConfigError(
                f"{where}: frames={both['frames']} and length={both['length']} both say how long "
                "the animation is; leave one of them out"
            )


def _prompt_of(layers: Sequence[Layer]) -> str:
    """The prompt of the last layer that has one."""
    found = None
    for _, values in layers:
        found = values.get("prompts", found)
    return presets.prompt_text(found)
