"""Layers of values, merged over the schema, with errors that name the setting.

A schema is a dataclass, as `config.schema.RunConfig`; a layer is where values come from, in
words, and the values. What does not fit is refused with its place and what it should have been:
OmegaConf does the merging and converting, and its own words never reach the user.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from vqclip.config import scheduled
from vqclip.config.checks import unfit
from vqclip.config.describe import describe_settings
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, suggest

Layer = tuple[str, dict[str, Any]]  # where it comes from, in words, and its values


def merge_layers(layers: Sequence[Layer], schema: type = RunConfig) -> Any:
    """Lay values over a schema's defaults; `prompts` is left out: a prompt never goes through.

    Raises:
        ConfigError: for an unknown key, or a value of the wrong kind.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    merged = OmegaConf.structured(schema)
    for where, values in layers:
        plain = {key: value for key, value in values.items() if key != "prompts"}
        _check_keys(plain, schema, where)
        plain = _tidied(plain, schema, where)
        try:
            merged = OmegaConf.merge(merged, OmegaConf.create(_verbatim(plain)))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ConfigError(f"{where}: {_blame(plain, schema) or repr(plain)}") from error
    return OmegaConf.to_object(merged)


def _tidied(values: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> Any:
    """Values with those that may change as numbers, or as schedules in canonical text."""
    found, hints = dict(values), get_type_hints(schema)
    for key, value in values.items():
        if dataclasses.is_dataclass(hints[key]) and isinstance(value, Mapping):
            found[key] = _tidied(value, hints[key], where, f"{prefix}{key}.")
    for each in (each for each in scheduled.changing(schema) if each.name in values):
        key, kinds = prefix + each.name, get_args(hints[each.name])
        try:
            found[each.name] = scheduled.canonical(
                key, values[each.name], whole=int in kinds, optional=types.NoneType in kinds
            )
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        except ValueError as error:
            told = unfit(key, values[each.name], schema, each.name)
            raise ConfigError(f"{where}: {told}") from error
    return found


def _verbatim(value: Any) -> Any:
    """Escape `${`, by which OmegaConf would look things up, the user's environment included."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: _verbatim(inner) for key, inner in value.items()}
    return [_verbatim(each) for each in value] if isinstance(value, list | tuple) else value


def _blame(values: Mapping[str, Any], schema: type, prefix: str = "") -> str:
    """Find the first value that OmegaConf does not take, and say what it should have been."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    hints = get_type_hints(schema)
    for key, value in values.items():
        inner = _inner(hints[key])
        if dataclasses.is_dataclass(hints[key]):
            found = _blame(value, hints[key], f"{prefix}{key}.")
        elif inner is not None:
            parts = [(i, each) for i, each in enumerate(value) if isinstance(each, Mapping)]
            said = (_blame(each, inner, f"{prefix}{key}[{i}].") for i, each in parts)
            found = next((words for words in said if words), "")
        else:
            found = ""
            try:
                one = OmegaConf.create(_verbatim({key: value}))
                OmegaConf.merge(OmegaConf.structured(schema), one)
            except (OmegaConfBaseException, ValueError, TypeError):
                found = unfit(prefix + key, value, schema, key)
        if found:
            return found
    return ""


def _inner(hint: Any) -> Any:
    """The schema of a list's items, if they have one."""
    inside = get_args(hint) if get_origin(hint) is list else ()
    return inside[0] if inside and dataclasses.is_dataclass(inside[0]) else None


def _check_keys(values: Any, schema: Any, where: str, prefix: str = "") -> None:
    """Refuse keys that the schema does not have, with the nearest that it has."""
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where}: {prefix.rstrip('.') or 'it'} must hold key: value lines, not {values!r}"
            f"{_meant(values, schema, prefix)}"
        )
    hints = get_type_hints(schema)
    for key, value in values.items():
        if key not in hints:
            # A key of another group ("count" for "cutouts.count") is a near miss, too.
            names = [s.key for s in describe_settings(schema)]
            names += [prefix + name for name in hints if prefix + name not in names]
            ends = [n for n in names if n.rpartition(".")[2] == key]
            ends = ends or [n for n in names if prefix and n.startswith(f"{prefix}{key}_")]
            hint = suggest(prefix + str(key), names) or suggest(str(key), names)
            if ends:  # there may be several: cutouts.count, dream.count
                hint = f"; did you mean {' or '.join(map(repr, sorted(ends)))}?"
            if key == "preset" and not prefix:
                hint = f"; did you mean --preset {value}? (in a file: extends: {value})"
            raise ConfigError(f"{where}: there is no setting {prefix}{key}{hint}")
        if isinstance(value, str) and value == "???":  # OmegaConf would pass over it in silence
            raise ConfigError(f"{where}: {prefix}{key} is '???'; write a value, or leave it out")
        if dataclasses.is_dataclass(hints[key]):
            _check_keys(value, hints[key], where, f"{prefix}{key}.")
        elif get_origin(hints[key]) is list:
            _check_items(value, schema, str(key), where, prefix)


def _check_items(values: Any, schema: Any, name: str, where: str, prefix: str) -> None:
    """Refuse what is no list, and items that are of another kind than the schema's."""
    key = prefix + name
    if not isinstance(values, list | tuple):
        raise ConfigError(f"{where}: {unfit(key, values, schema, name)}")
    inner = _inner(get_type_hints(schema)[name])
    for index, item in enumerate(values):
        if inner is not None and isinstance(item, Mapping):
            _check_keys(item, inner, where, f"{key}[{index}].")
        elif inner is not None and not isinstance(item, inner):
            raise ConfigError(f"{where}: {unfit(f'{key}[{index}]', item, schema, name)}")
        elif inner is None and (item is None or isinstance(item, list | tuple | Mapping)):
            raise ConfigError(f"{where}: {unfit(key, values, schema, name)}")


def _meant(value: Any, schema: Any, prefix: str) -> str:
    """What a value that stands where a group belongs may have been meant for."""
    takes = [
        s.key for s in describe_settings(schema) if isinstance(value, str) and value in s.choices
    ]
    return f"; did you mean {prefix}{takes[0]}={value}?" if prefix and takes else ""


def parse_override(text: str, schema: type = RunConfig) -> tuple[str, Any]:
    """Read `key=value`; a setting that is text takes the rest verbatim, others as YAML."""
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"{text!r} is no setting; write key=value, such as steps=100")
    hint = _hint(schema, key)
    if hint is str or (isinstance(hint, types.UnionType) and str in get_args(hint)):
        return key, raw
    if get_origin(hint) is list and not raw.lstrip().startswith("["):
        # A schedule's commas part its keys: perceptors=starter:{0: 0, 50%: 1},starter-second
        return key, [part.strip() for part in re.split(r",(?![^{]*\})", raw) if part.strip()]
    return key, parse_yaml(raw, f"{key}=")


def _hint(schema: Any, key: str) -> Any:
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            return None
        schema = get_type_hints(schema).get(part)
    return schema


def nest(pairs: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """{"cutouts.count": 8} → {"cutouts": {"count": 8}}."""
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


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"cutouts": {"count": 8}} → {"cutouts.count": 8}."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def keys_in(
    values: Mapping[str, Any], schema: Any = RunConfig, prefix: str = ""
) -> Iterator[str]:
    """The keys of the settings that a layer has: "cutouts.count", whatever its value is."""
    hints = get_type_hints(schema)
    for key, value in values.items():
        if dataclasses.is_dataclass(hints[key]):
            yield from keys_in(value, hints[key], f"{prefix}{key}.")
        else:
            yield prefix + key


def with_values(config: Any, values: Mapping[str, Any]) -> Any:
    """A config with some other values, by their keys, which fit: {"losses.init": 3.0}."""
    hints, found = get_type_hints(type(config)), dict[str, Any]()
    for key, value in nest(values).items():
        inner = _inner(hints[key])
        if dataclasses.is_dataclass(hints[key]):
            found[key] = with_values(getattr(config, key), value)
        else:
            found[key] = value if inner is None else [inner(**each) for each in value]
    return dataclasses.replace(config, **found)


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML.

    Raises:
        ConfigError: if it cannot be read or says something twice, with its place.
    """
    import yaml

    try:
        _check_nodes(yaml.compose(text, Loader=yaml.SafeLoader), where)
        return yaml.safe_load(text)
    except RecursionError as error:
        raise ConfigError(f"{where}: lists within lists, too deep to be settings") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        tab = "\t" in text and "'\\t'" in str(error)
        why = "a tab; YAML is indented with spaces" if tab else getattr(error, "problem", error)
        raise ConfigError(f"{where}{place}: {why}") from error


def _check_nodes(node: Any, where: str, above: tuple[int, ...] = ()) -> None:
    """Refuse what YAML allows but nobody means: a key that stands twice, a list in itself."""
    if node is None or isinstance(node.value, str):
        return
    place = f"{where}, line {node.start_mark.line + 1}"
    if id(node) in above:
        raise ConfigError(f"{place}: a part that holds itself; write it out")
    keys = [pair[0] for pair in node.value] if node.id == "mapping" else []
    seen: set[str] = set()
    for key in keys:
        name = key.value if isinstance(key.value, str) else ""
        if name in seen:
            line = key.start_mark.line + 1
            raise ConfigError(f"{where}, line {line}: {name} stands twice; take one of them out")
        seen |= {name} - {"", "<<"}
    for child in node.value:
        _check_nodes(child[1] if keys else child, where, (*above, id(node)))
