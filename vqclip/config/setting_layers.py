"""Layers of values, merged over the schema, with errors that name the setting.

A schema is a dataclass such as `vqclip.config.schema.RunConfig`; a layer is a pair of where its
values come from, in words, and the values. OmegaConf merges and converts them. A value that does
not fit is refused with its place and what was expected; OmegaConf's own messages are not shown.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from vqclip.config import schedule_settings
from vqclip.config.checking import seeds
from vqclip.config.checking.setting_checks import (
    canonical_values,
    describe_group_misfit,
    describe_misfit,
)
from vqclip.config.checking.suggestions import suggest_setting
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, kind_of, type_hints
from vqclip.config.steps import step_settings
from vqclip.config.yaml.values import parse_scalar, parse_yaml
from vqclip.errors import ConfigError, find_nearest, suggest
from vqclip.language.expressions import NUMBER

Layer = tuple[str, dict[str, Any]]  # where it comes from, in words, and its values


def merge_layers(layers: Sequence[Layer], schema: type = RunConfig) -> Any:
    """Merge layers over a schema's defaults, later ones over earlier ones.

    `prompts` is left out: prompts are kept verbatim.

    Returns:
        An instance of `schema`.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong kind.
    """
    try:
        return _merge_at_once(layers, schema)
    except ConfigError:
        for each in layers:
            _merge_at_once([each], schema)  # the first one that does not fit is named
        raise


def _merge_at_once(layers: Sequence[Layer], schema: type) -> Any:
    """The same; an error names the last layer where it does not know which one is at fault."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    fitted = [_fit_values(values, schema, where) for where, values in layers]
    keys = sorted({key for values in fitted for key in values})
    # Only what layers speak of is copied, and put through OmegaConf: all of it takes ten times
    # as long. The others are the schema's defaults.
    merged: Any = OmegaConf.masked_copy(_structured(schema), keys)
    try:
        for values in _join_values(fitted, schema):
            # `merge` would copy the settings each time; nobody else holds these.
            merged = OmegaConf.unsafe_merge(
                merged, OmegaConf.create(_escape_interpolation(values))
            )
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        told = _describe_misfit(fitted[-1], schema) or repr(fitted[-1])
        raise ConfigError(f"{layers[-1][0]}: {told}") from error
    try:
        return schema(**dict[str, Any](OmegaConf.to_object(merged)))  # type: ignore[arg-type]
    except (OmegaConfBaseException, ValueError, TypeError) as error:  # ${…} for a number
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{layers[-1][0]}: {message}") from error


def _fit_values(values: Mapping[str, Any], schema: type, where: str) -> dict[str, Any]:
    """Check the keys of a layer, and convert what has several forms to the canonical one."""
    plain = {key: value for key, value in values.items() if key != "prompts"}
    _check_keys(plain, schema, where)
    fitted: dict[str, Any] = _convert_scheduled(canonical_values(plain, schema), schema, where)
    if kind_of(schema, "seed").form == "seed" and not seeds.is_seed(fitted.get("seed")):
        raise ConfigError(f"{where}: {seeds.describe_misfit(fitted['seed'])}")
    return fitted


def _join_values(layers: Sequence[Mapping[str, Any]], schema: type) -> Iterator[dict[str, Any]]:
    """Join layers that follow each other and have no setting in common.

    Of one that has, the earlier value would not be looked at.
    """
    joined, keys = dict[str, Any](), set[str]()
    for values in layers:
        own = {*keys_in(values, schema)}
        if own & keys:
            yield joined
            joined, keys = {}, set()
        joined, keys = _join_groups(joined, values), keys | own
    if joined:
        yield joined


def _join_groups(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Join two layers without common settings: `cutouts` of both, with what each says of it."""
    both = {key: _join_groups(first[key], value) for key, value in second.items() if key in first}
    return {**first, **second, **both}


@functools.cache
def _structured(schema: type) -> Any:
    """A schema's defaults as OmegaConf holds them, made once; not to be changed."""
    from omegaconf import OmegaConf

    return OmegaConf.structured(schema)


def _convert_scheduled(
    values: Mapping[str, Any], schema: type, where: str, prefix: str = ""
) -> Any:
    """Convert settings that may be schedules to numbers, or to canonical text."""
    found, hints = dict(values), type_hints(schema)
    for key, value in values.items():
        if dataclasses.is_dataclass(hints[key]) and isinstance(value, Mapping):
            found[key] = _convert_scheduled(value, hints[key], where, f"{prefix}{key}.")
    for each in (
        each for each in schedule_settings.scheduled_fields(schema) if each.name in values
    ):
        key, kinds = prefix + each.name, get_args(hints[each.name])
        try:
            if "units" in each.metadata and isinstance(values[each.name], str):
                step_settings.require_unit(key, values[each.name], each.metadata)
            found[each.name] = schedule_settings.canonical_value(
                key, values[each.name], whole=int in kinds, optional=types.NoneType in kinds
            )
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        except ValueError as error:
            message = describe_misfit(key, values[each.name], schema, each.name)
            raise ConfigError(f"{where}: {message}") from error
    return found


def _escape_interpolation(value: Any) -> Any:
    """Escape `${`, which OmegaConf would interpolate, even from the environment."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: _escape_interpolation(inner) for key, inner in value.items()}
    return (
        [_escape_interpolation(each) for each in value]
        if isinstance(value, list | tuple)
        else value
    )


def _describe_misfit(values: Mapping[str, Any], schema: type, prefix: str = "") -> str:
    """Describe the first value that OmegaConf refuses, and what was expected; else ""."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    hints = type_hints(schema)
    for key, value in values.items():
        inner = _item_schema(hints[key])
        if dataclasses.is_dataclass(hints[key]):
            found = _describe_misfit(value, hints[key], f"{prefix}{key}.")
        elif inner is not None:
            parts = [(i, each) for i, each in enumerate(value) if isinstance(each, Mapping)]
            messages = (
                _describe_misfit(each, inner, f"{prefix}{key}[{i}].") for i, each in parts
            )
            found = next((words for words in messages if words), "")
        else:
            found = ""
            try:
                one = OmegaConf.create(_escape_interpolation({key: value}))
                OmegaConf.merge(_structured(schema), one)
            except (OmegaConfBaseException, ValueError, TypeError):
                found = describe_misfit(prefix + key, value, schema, key)
        if found:
            return found
    return ""


def _item_schema(hint: Any) -> Any:
    """The schema of a list's items, or None if they have none."""
    inside = get_args(hint) if get_origin(hint) is list else ()
    return inside[0] if inside and dataclasses.is_dataclass(inside[0]) else None


def _check_keys(values: Any, schema: Any, where: str, prefix: str = "") -> None:
    """Refuse keys that are not in the schema, suggesting the nearest."""
    if not isinstance(values, Mapping):
        sign = "=" if where in ("the command line", "the arguments") else ": "
        misfit = describe_group_misfit(prefix.rstrip("."), values, schema, sign)
        raise ConfigError(f"{where}: {misfit}")
    hints = type_hints(schema)
    for key, value in values.items():
        if key == "" and prefix and not isinstance(value, Mapping):  # film.: gif
            _check_keys(value, schema, where, prefix)
        if key not in hints:
            typed = value if isinstance(value, str | int | float) else None
            hint = _suggest_key(prefix, str(key), None if typed is None else str(typed), schema)
            if key == "preset" and not prefix:
                hint = f"; did you mean --preset {value}? (in a file: extends: {value})"
            if key == "model" and isinstance(value, Mapping) and "target" in value:
                command = f"vqclip models import FILE --config {where} --name NAME"
                hint = f"; it is a model's own configuration, for: {command}"
            raise ConfigError(f"{where}: there is no setting {prefix}{key}{hint}")
        if isinstance(value, str) and value == "???":  # OmegaConf would ignore it silently
            raise ConfigError(f"{where}: {prefix}{key} is '???'; write a value, or leave it out")
        if isinstance(value, str) and _is_endless(value, hints[key]):
            raise ConfigError(f"{where}: {prefix}{key} is {value}; write a smaller number")
        if dataclasses.is_dataclass(hints[key]):
            _check_keys(value, hints[key], where, f"{prefix}{key}.")
        elif get_origin(hints[key]) is list:
            _check_items(value, schema, str(key), where, prefix)


def _is_endless(text: str, hint: Any) -> bool:
    """Whether a text for a setting that is a number has too many digits for one: 1e400."""
    kinds = get_args(hint) or (hint,)
    is_number = float in kinds and NUMBER.fullmatch(text.strip()) is not None
    return is_number and not math.isfinite(float(text))


def _check_items(values: Any, schema: Any, name: str, where: str, prefix: str) -> None:
    """Refuse a value that is not a list, and items of the wrong kind."""
    key = prefix + name
    if not isinstance(values, list | tuple):
        raise ConfigError(f"{where}: {describe_misfit(key, values, schema, name)}")
    inner = _item_schema(type_hints(schema)[name])
    for index, item in enumerate(values):
        if inner is not None and isinstance(item, Mapping):
            _check_keys(item, inner, where, f"{key}[{index}].")
        elif inner is not None and not isinstance(item, inner):
            place = f"{key}[{index}]"
            raise ConfigError(f"{where}: {describe_misfit(place, item, schema, name)}")
        elif inner is None and (item is None or isinstance(item, list | tuple | Mapping)):
            raise ConfigError(f"{where}: {describe_misfit(key, values, schema, name)}")


def _suggest_key(prefix: str, key: str, value: str | None, schema: Any) -> str:
    """Suggest a setting in place of one that a schema does not have, or return "".

    Args:
        prefix: the group in which it was looked for, such as "cutouts.", or "".
    """
    here = [prefix + each.key for each in describe_settings(schema)]
    every = [each.key for each in describe_settings()]
    known = every if set(here) <= set(every) else here
    for name in (prefix + key, key):
        if hint := suggest_setting(name, value, known):
            return hint
    ends = [name for name in known if name.rpartition(".")[2] == key]  # there may be several
    ends = ends or [name for name in here if prefix and name.startswith(f"{prefix}{key}_")]
    if ends:
        return f"; did you mean {' or '.join(map(repr, sorted(ends)))}?"
    # The letters of a group's name do not count: they are right already.
    near = find_nearest(key, [name.removeprefix(prefix) for name in here])
    if near is not None:
        return f"; did you mean {prefix + near!r}?"
    return suggest(key, known) if not prefix else ""


def parse_override(text: str, schema: type = RunConfig) -> tuple[str, Any]:
    """Parse `key=value`: verbatim if the setting is text; lists and mappings as YAML.

    Raises:
        ConfigError: if there is no key, or the value is not valid YAML.
    """
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"{text!r} is not a setting; write key=value, such as steps=100")
    kind = kind_of(schema, key)
    steps = int in kind.types and "units" in kind.metadata
    if str in kind.types and kind.form != "seed" and not steps:
        return key, raw
    opening = raw.lstrip()[:1]
    if kind.item.hint is not None and opening != "[":
        # Commas in braces belong to a schedule: perceptors=starter:{0: 0, 50%: 1},starter-second
        return key, [part.strip() for part in re.split(r",(?![^{]*\})", raw) if part.strip()]
    if opening in ("[", "{") and (kind.schema is not None or kind.item.hint is not None):
        return key, parse_yaml(raw, f"{key}=", kind)
    return key, parse_scalar(raw, kind) if raw.strip() else None


def nest_keys(pairs: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Nest dotted keys: {"cutouts.count": 8} → {"cutouts": {"count": 8}}."""
    nested: dict[str, Any] = {}
    for key, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            inner = place.get(parent)
            place[parent] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[parent]
        place[last] = value
    return nested


def flatten_keys(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten to dotted keys: {"cutouts": {"count": 8}} → {"cutouts.count": 8}."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flatten_keys(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def keys_in(
    values: Mapping[str, Any], schema: Any = RunConfig, prefix: str = ""
) -> Iterator[str]:
    """The keys of the settings that a layer has: "cutouts.count", whatever its value is."""
    hints = type_hints(schema)
    for key, value in values.items():
        if dataclasses.is_dataclass(hints[key]):
            yield from keys_in(value, hints[key], f"{prefix}{key}.")
        else:
            yield prefix + key


def with_values(config: Any, values: Mapping[str, Any]) -> Any:
    """A config with some other values, by their keys, which fit: {"losses.init": 3.0}."""
    hints, found = type_hints(type(config)), dict[str, Any]()
    for key, value in nest_keys(values).items():
        inner = _item_schema(hints[key])
        if dataclasses.is_dataclass(hints[key]):
            found[key] = with_values(getattr(config, key), value)
        else:
            found[key] = value if inner is None else [inner(**each) for each in value]
    return dataclasses.replace(config, **found)
