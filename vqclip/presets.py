"""Where do settings come from? Presets, run files and overrides, laid over the defaults.

    dataclass defaults ← presets, in order ← run file ← key=value overrides ← the prompt, verbatim

A preset is a YAML file in `configs/`, or any other YAML file; it holds only what differs, and may
say `extends: another`. The only user of OmegaConf. A prompt goes around it, never through it:
`a # b` would become `a`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from vqclip.config import RunConfig, check, describe
from vqclip.errors import ConfigError, suggest
from vqclip.prompts import Prompt, show

Layer = tuple[str, dict[str, Any]]  # where it comes from, in words, and its values


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

    Raises:
        ConfigError: for an unknown key or name, or a value that does not fit, with its place.
    """
    layers: list[Layer] = [] if base is None else [("the notes", dict(base))]
    names = preset.split(",") if isinstance(preset, str) else list(preset)
    for name in (n.strip() for n in names if n.strip()):
        layers += _preset(name, ())
    if file is not None:
        layers += _file(Path(file), ())
    if isinstance(overrides, Mapping):
        layers.append(("the overrides", _nest(overrides)))
    else:
        layers += [("the command line", _nest([_override(text)])) for text in overrides]
    layers.append(("the arguments", settings))
    found, merged = None, _merge(layers)
    for _, values in layers:
        found = values.get("prompts", found)
    config = dataclasses.replace(
        merged, prompts=_prompt_text(found if prompts is None else prompts)
    )
    return check(config)


def presets() -> dict[str, str]:
    """List the presets that come with vqclip: name → its opening comment."""
    found = {}
    for entry in sorted(_configs().iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            lines = entry.read_text(encoding="utf-8").splitlines()
            comment = [line.lstrip("# ") for line in lines[: _opening(lines)]]
            found[entry.name.removesuffix(".yaml")] = " ".join(comment)
    return found


def read_settings(schema: type, path: Path | None, overrides: Sequence[str]) -> Any:
    """Read another schema than RunConfig (the training recipes) from YAML and overrides.

    Raises:
        ConfigError: as for `load`.
    """
    layers = [] if path is None else [(str(path), _yaml(path))]
    layers += [("the command line", _nest([_override(text, schema)])) for text in overrides]
    return _merge(layers, schema)


def _merge(layers: Sequence[Layer], schema: type = RunConfig) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    merged = OmegaConf.structured(schema)
    for where, values in layers:
        plain = {key: value for key, value in values.items() if key != "prompts"}
        _check_keys(plain, schema, where)
        try:
            merged = OmegaConf.merge(merged, OmegaConf.create(_verbatim(plain)))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ConfigError(f"{where}: {_plain_words(error)}") from error
    return OmegaConf.to_object(merged)


def _verbatim(value: Any) -> Any:
    """Escape `${`, by which OmegaConf would look things up, the user's environment included."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: _verbatim(inner) for key, inner in value.items()}
    return [_verbatim(each) for each in value] if isinstance(value, list | tuple) else value


def _plain_words(error: Exception) -> str:
    """OmegaConf's first line and the key, without its class names."""
    line = str(error).splitlines()[0].replace(" of type 'str'", "")
    key = getattr(error, "full_key", None)
    return f"{key}: {line}" if key and str(key) not in line else line


def _check_keys(values: Any, schema: Any, where: str, prefix: str = "") -> None:
    """Refuse keys that the schema does not have, with the nearest that it has."""
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where}: {prefix.rstrip('.') or 'it'} must hold key: value lines, not {values!r}"
        )
    hints = get_type_hints(schema)
    for key, value in values.items():
        if key not in hints:
            # A key of another group ("count" for "cutouts.count") is a near miss, too.
            names = [s.key for s in describe(schema)] + list(hints)
            ends = [n for n in names if n.rpartition(".")[2] == key]
            hint = f"; did you mean {ends[0]!r}?" if ends else suggest(str(key), names)
            raise ConfigError(f"{where}: there is no setting {prefix}{key}{hint}")
        if isinstance(value, str) and value == "???":  # OmegaConf would pass over it in silence
            raise ConfigError(f"{where}: {prefix}{key} is '???'; write a value, or leave it out")
        if dataclasses.is_dataclass(hints[key]):
            _check_keys(value, hints[key], where, f"{prefix}{key}.")


def _override(text: str, schema: type = RunConfig) -> tuple[str, Any]:
    """Read `key=value`; a setting that is text takes the rest verbatim, others as YAML."""
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"{text!r} is no setting; write key=value, such as steps=100")
    hint = _hint(schema, key)
    if hint is str:
        return key, raw
    if get_origin(hint) is list and not raw.lstrip().startswith("["):
        return key, [part.strip() for part in raw.split(",") if part.strip()]
    return key, _parse(raw, f"{key}=")


def _hint(schema: Any, key: str) -> Any:
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            return None
        schema = get_type_hints(schema).get(part)
    return schema


def _nest(pairs: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> dict[str, Any]:
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


def _parse(text: str, where: str) -> Any:
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


def _yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    values = _parse(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold key: value lines, not {type(values).__name__}")
    return values


def _file(path: Path, chain: tuple[str, ...]) -> list[Layer]:
    """A YAML file as layers: what it extends, then itself."""
    if str(path.resolve()) in chain:
        shown = " → ".join(Path(each).name for each in (*chain, str(path)))
        raise ConfigError(f'{path} extends itself: {shown}; take one "extends" out')
    values = _yaml(path)
    parents = values.pop("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(name, str) for name in parents):
        raise ConfigError(
            f"{path}: extends is {parents!r}; it must be a preset's name, or a list"
        )
    layers = []
    for parent in parents:
        near = path.parent / parent
        name = str(near) if near.suffix in (".yaml", ".yml") and near.is_file() else parent
        layers += _preset(name, (*chain, str(path.resolve())))
    return [*layers, (str(path), values)]


def _preset(name: str, chain: tuple[str, ...]) -> list[Layer]:
    """A preset by name or path as layers."""
    if name.endswith((".yaml", ".yml")):
        return _file(Path(name), chain)
    with resources.as_file(_configs() / f"{name}.yaml") as path:
        if re.fullmatch(r"[\w-]+", name) and path.is_file():
            return _file(path, chain)
    known = presets()
    raise ConfigError(
        f"no preset is called {name!r}{suggest(name, known)} (one of: {', '.join(known)})"
    )


def _prompt_text(value: Any) -> str:
    """A prompt as text; from YAML also a list, or `{body: weight}`, whose bodies are verbatim."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return show(_wish(body, weight) for body, weight in value.items())
    if isinstance(value, Sequence):
        return " | ".join(_prompt_text(part) for part in value)
    raise ConfigError(f"prompts is {value!r}; it must be text in quotes, or a list of texts")


def _wish(body: Any, weight: Any) -> Prompt:
    if not isinstance(weight, int | float) or isinstance(weight, bool):
        raise ConfigError(f"prompts: {body} has the weight {weight!r}; it must be a number")
    text = str(body).strip()
    if text.startswith("@"):
        return Prompt(text[1:].strip(), weight, kind="image")
    return Prompt(text, weight)


def _configs() -> Traversable:
    """The presets' folder: of the installed package, or beside it in a checkout (`run.py`)."""
    try:
        return resources.files("vqclip.configs")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "configs"


def _opening(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
