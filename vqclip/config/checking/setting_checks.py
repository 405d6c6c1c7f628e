"""Checks of settings that need no model.

`check_settings` checks values of the right kind: names, bounds, and settings that must go
together. `describe_misfit` describes what a value of the wrong kind should have been.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from math import isfinite
from typing import Any, cast, get_args, get_origin

from vqclip.config import perceptor_spec, schedule_settings
from vqclip.config.checking import seeds
from vqclip.config.checking.drawer_checks import check_drawers
from vqclip.config.checking.suggestions import suggest_setting, suggest_value
from vqclip.config.loss_settings import (
    LossSettings,
    list_losses_of_start,
    parse_look_layers,
    parse_looks,
    parse_margins,
)
from vqclip.config.schema import OPTIMISERS, FilmSettings, OptimiserSettings, RunConfig
from vqclip.config.setting_descriptions import describe_settings, type_hints
from vqclip.config.setting_fields import GPU_NUMBER
from vqclip.config.sizes import canonical_rate, canonical_size, plan_stages, read_size
from vqclip.config.steps import step_settings
from vqclip.errors import ConfigError, suggest
from vqclip.language import assets
from vqclip.language.palettes.colour_names import parse_colour
from vqclip.language.palettes.palette_parser import parse_palette
from vqclip.media.audio import bands
from vqclip.media.paths import FILMS

OUT_NAMES = ("DATE", "SEED", "PROMPT", "SEQ")  # what `out` may hold between % and %
FROM_LIBRARY, OPTIMISER_LIBRARY = ("diffgrad", "adamp"), "pytorch_optimizer"
WITHOUT_MOMENTUM = ("adagrad",)
MOST_CRF = {"h264": 51, "h265": 51, "vp9": 63, "av1": 63}  # codec → greatest crf


def check_settings(config: RunConfig) -> RunConfig:
    """Check all settings but those of animations, and return them.

    Raises:
        ConfigError: for the first value that is not valid.
    """
    check_bounds(config, bands.parse_bands(config.sound.bands))
    if not seeds.is_seed(config.seed):
        raise ConfigError(seeds.describe_misfit(config.seed))
    if not config.perceptors or not all(config.perceptors):
        raise ConfigError("perceptors is empty; name at least one, such as perceptors=starter")
    names = perceptor_spec.perceptor_names(config.perceptors)
    if len(set(names)) < len(names):
        raise ConfigError(f"perceptors names a CLIP model twice: {', '.join(names)}")
    if config.optimiser.average >= 1:
        raise ConfigError(f"optimiser.average is {config.optimiser.average}; it must be below 1")
    _check_optimiser(config.optimiser)
    if config.style.count("{}") > 1:
        raise ConfigError(
            f"style is {config.style!r}; it must hold {{}} once, where the prompt goes"
        )
    for place in (config.out, config.assets):
        assets.refuse_address(place, "a folder")
    for name in re.findall("%([A-Z]+)%", config.out):
        if name not in OUT_NAMES:
            raise ConfigError(
                f"out is {config.out}, and %{name}% stands for nothing"
                f"{suggest(name, OUT_NAMES)} (one of: {', '.join(OUT_NAMES)})"
            )
    _check_losses(config)
    check_drawers(config)
    check_film(config.film)
    step_settings.check_step_counts(config)
    plan_stages(config, 1)
    return config


def _check_optimiser(optimiser: OptimiserSettings) -> None:
    """Check that an optimiser is installed, and has a momentum where one is set."""
    name = optimiser.name
    if name in FROM_LIBRARY and find_spec(OPTIMISER_LIBRARY) is None:
        raise ConfigError(
            f"optimiser.name={name} needs {OPTIMISER_LIBRARY}, which is not installed: pip "
            "install 'vqclip[optimisers]'; or use another one, such as adam"
        )
    if name in WITHOUT_MOMENTUM and optimiser.momentum is not None:
        having = ", ".join(each for each in OPTIMISERS if each not in WITHOUT_MOMENTUM)
        raise ConfigError(
            f"optimiser.momentum is {optimiser.momentum:g}, but {name} has none ({having} have); "
            "leave it out"
        )


def canonical_values(values: Mapping[str, Any], schema: type) -> dict[str, Any]:
    """Write values in the form of their settings that people write in another one.

    Sizes become "WxH", rates numbers, steps, seconds and seeds numbers where they can, and None,
    in any spelling, None where it is allowed. What cannot be read stays, to be refused with its
    name.
    """
    found, hints = dict(values), type_hints(schema)
    fields: dict[str, Mapping[str, Any]] = {
        each.name: each.metadata for each in dataclasses.fields(schema)
    }
    for key, value in values.items():
        hint, metadata = hints.get(key), fields.get(key, {})
        inside = get_args(hint)[0] if get_origin(hint) is list else None
        if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            found[key] = canonical_values(value, cast(type, hint))
        elif dataclasses.is_dataclass(inside) and isinstance(value, list):
            found[key] = [
                canonical_values(each, cast(type, inside)) if isinstance(each, Mapping) else each
                for each in value
            ]
        elif (
            type(None) in get_args(hint)
            and isinstance(value, str)
            and value.strip().lower() in ("none", "null")
        ):
            found[key] = None
        elif "units" in metadata:
            found[key] = step_settings.canonical_count(value, metadata, as_text=hint is str)
        elif metadata.get("form") == "seconds":
            seconds = step_settings.canonical_seconds(value)
            # A length of "0s" stays, to be refused; the number 0 is for a still.
            found[key] = value if key == "length" and seconds == 0 else seconds
        elif key == "fps":
            found[key] = canonical_rate(value)
        elif key == "size" and schema is RunConfig:
            found[key] = _size_or_as_typed(value)
        elif key == "seed" and schema is RunConfig and isinstance(value, str):
            with suppress(ValueError):
                found[key] = seeds.canonical_seed(value)
        elif key == "size" and hint is str and isinstance(value, list | tuple):
            found[key] = canonical_size(value)  # of a stage, where a number is the shorter side
    return found


def _size_or_as_typed(value: Any) -> Any:
    """A size as "WxH"; one that is out of range stays as it was typed, for the message."""
    size = canonical_size(value)
    try:
        read_size(size)
    except (ConfigError, TypeError):
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return size


def check_bounds(config: Any, heard: Collection[str] = ()) -> None:
    """Check all values of a schema against their choices and bounds.

    Args:
        config: an instance of any schema.
        heard: further variables that schedules may name.

    Raises:
        ConfigError: for the first value that is not valid.
    """
    for key, value, metadata in _settings(config):
        choices = metadata.get("choices")
        numbered = metadata.get("form") == "device" and GPU_NUMBER.fullmatch(str(value))
        if choices and value not in choices and not numbered:
            raise ConfigError(
                f"{key} is {value!r}{suggest_value(key, str(value), choices)} (one of: "
                f"{', '.join(choices)})"
            )
        counted = "units" in metadata and not metadata.get("changing")
        if counted and (isinstance(value, str) or (value == 0 and metadata["least"] > 0)):
            step_settings.check_count(
                key, str(value), metadata, step_settings.idle_units(config, key)
            )
        if metadata.get("changing") and isinstance(value, str):
            schedule_settings.check_scheduled(
                key, value, metadata["least"], metadata["most"], heard
            )
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(f"{key} is {value}; it must be a number")
        if isinstance(value, int | float) and value < metadata["least"]:
            raise ConfigError(f"{key} is {value}; it must be {metadata['least']:g} or more")
        if isinstance(value, int | float) and value > metadata["most"]:
            raise ConfigError(f"{key} is {value}; it must be {metadata['most']:.9g} or less")


def check_film(film: FilmSettings) -> None:
    """Check that a film's format, codec and other settings go together.

    Raises:
        ConfigError: if they do not; the message names a format or a codec that would.
    """
    codecs = FILMS[film.format]
    if film.codec != "auto" and film.codec not in codecs:
        fitting = " or ".join(kind for kind, each in FILMS.items() if film.codec in each)
        own = f", or film.codec={' or '.join(codecs)}" if codecs else ""
        raise ConfigError(
            f"film.codec is {film.codec}, which does not go into film.format={film.format}; "
            f"write film.format={fitting}{own}"
        )
    codec = (*codecs, "")[0] if film.codec == "auto" else film.codec
    most = MOST_CRF.get(codec)
    if film.crf is not None and most is None:
        having = ", ".join(MOST_CRF)
        raise ConfigError(
            f"film.crf is {film.crf}, but {codec or film.format} has no crf ({having} have); "
            "leave it out"
        )
    if film.crf is not None and most is not None and film.crf > most:
        raise ConfigError(f"film.crf is {film.crf}; for {codec} it must be {most} or less")
    if film.between and film.format == "frames" and film.between_by != "latent":
        raise ConfigError(
            f"film.between is {film.between}, but extra frames are made when a film is encoded, "
            "and film.format is frames; write film.format=mp4 or another kind"
        )


def describe_misfit(key: str, value: Any, schema: type, name: str) -> str:
    """Describe what `value`, found at `key`, must be to fit the field `name` of a schema.

    >>> describe_misfit("steps", 2.5, RunConfig, "steps")
    'steps is 2.5; it must be a whole number, such as 200, or seconds of film, such as 2s'
    """
    shown = _show_value(value)
    for inner, each in value.items() if isinstance(value, Mapping) else ():
        known = [setting.key for setting in describe_settings(RunConfig)]
        if hint := suggest_setting(f"{key}.{inner}", str(each), known):  # somebody's name for it
            return f"{key} is one value, which has no {inner}{hint}"
    default = getattr(schema(), name)
    if isinstance(default, list) and default and dataclasses.is_dataclass(default[0]):
        pairs = ", ".join(f"{k}: {v}" for k, v in vars(default[0]).items())
        return f"{key} is {shown}; write a list such as [{{{pairs}}}]"
    setting = next(each for each in describe_settings(schema) if each.key == name)
    metadata = next(each.metadata for each in dataclasses.fields(schema) if each.name == name)
    if "units" in metadata and not metadata.get("changing"):
        return step_settings.describe_refusal(key, value, metadata, shown)
    kinds = (
        k if k in ("text", "null", "true", "false") else f"a {k}"
        for k in setting.kind.split(" or ")
    )
    example = f"[{setting.default}]" if setting.kind == "list" else setting.default
    such = "" if example in ("", "[]", "null", "0", "0.0") else f", such as {example}"
    return f"{key} is {shown}; it must be {' or '.join(kinds)}{such}"


def _show_value(value: Any) -> str:
    """Show a value about as it was written: a list without the quotes of Python's texts."""
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"[:60]
    return "empty" if value is None else repr(value)[:60]


def describe_group_misfit(key: str, value: Any, schema: type, sign: str = ": ") -> str:
    """Describe what to write instead of one value for a whole group of settings.

    Args:
        sign: what stands between a key and its value: ": " in a file, "=" as an argument.

    >>> describe_group_misfit("film", "gif", FilmSettings)
    "film is 'gif', but it is a group of settings; did you mean film.format: gif?"
    """
    shown = _show_value(value)
    settings = list(describe_settings(schema))
    found = f"{key or 'it'} is {shown}, but it is a group of settings; "
    if meant := [each.key for each in settings if value in each.choices]:
        return f"{found}did you mean {key}.{meant[0]}{sign}{value}?"
    if value is None or str(value).lower() in ("off", "no", "none", "false", "null", "~", "0"):
        if schema is LossSettings:
            names = [each.key for each in settings if "schedule" in each.kind]
            off = ", ".join(f"{key}.{name}{sign}0" for name in names)
            return f"{found}switch them off one by one: {off}"
        return f"{found}leave it out for the defaults"
    such = next((each for each in settings if each.default not in ("", "null")), settings[0])
    return f"{found}write such as {key}.{such.key}{sign}{such.default}"


def _check_losses(config: RunConfig) -> None:
    """Check the losses, and all settings that are colours."""
    losses = config.losses
    if losses.palette and not losses.colours.strip():
        raise ConfigError('losses.palette needs colours, such as losses.colours="#cc0000, gold"')
    for name in list_losses_of_start(losses):
        if getattr(losses, name) and config.init == "random":
            raise ConfigError(
                f"losses.{name} needs a picture to start from; give one with init=, such as "
                "init=photo.png or init=fractal"
            )
    if losses.aesthetic and not losses.aesthetic_head.strip():
        raise ConfigError(
            "losses.aesthetic needs a predictor, since none comes with vqclip: "
            "losses.aesthetic_head=aesthetic-vit-b-32 with perceptors=ViT-B-32::openai (first: "
            "vqclip models fetch aesthetic-vit-b-32), or the file of another"
        )
    if losses.look and not losses.look_of.strip():
        raise ConfigError(
            "losses.look needs a picture whose style it wants: losses.look_of=waves.jpg"
        )
    if losses.depth and not losses.depth_model.strip():
        raise ConfigError(
            "losses.depth needs a depth model, since none comes with vqclip: "
            "losses.depth_model=FOLDER, such as Depth Anything V2's in the format of "
            "transformers, and pip install 'vqclip[depth]'"
        )
    if losses.look_of.strip():
        parse_looks(losses.look_of)
    parse_look_layers(losses.look_layers)
    parse_margins(losses.edge_margins)
    parse_colour(losses.vignette_colour, "losses.vignette_colour")
    if losses.colours.strip():
        parse_palette(losses.colours, "losses.colours")
    draw = config.draw
    if draw.colours.strip() or draw.start == "colours":
        parse_palette(draw.colours, "draw.colours")
    if config.filters.lookup.strip():
        parse_palette(config.filters.lookup, "filters.lookup")
    if draw.paper.strip():
        parse_colour(draw.paper, "draw.paper")
    parse_colour(losses.edge_colour, "losses.edge_colour")
    parse_colour(config.init_colour, "init_colour")


def _settings(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if dataclasses.is_dataclass(value):
            yield from _settings(value, f"{prefix}{each.name}.")
        else:
            yield prefix + each.name, value, each.metadata
