"""YAML files: presets and run files, and prompts in the shapes that YAML has."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import Kind
from vqclip.config.setting_layers import Layer, merge_layers, nest_keys, parse_override
from vqclip.config.yaml.errors import quote_line, quote_text
from vqclip.config.yaml.values import parse_yaml
from vqclip.errors import ConfigError, suggest
from vqclip.language import structured
from vqclip.language.clock import parse_length
from vqclip.language.prompt_parser import parse_call
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import prompts_to_text


def list_presets() -> dict[str, str]:
    """List the bundled presets: name → the comment at the head of its file."""
    found = {}
    for entry in sorted(presets_folder().iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            lines = entry.read_text(encoding="utf-8").splitlines()
            comment = [line.lstrip("# ") for line in lines[: _comment_length(lines)]]
            found[entry.name.removesuffix(".yaml")] = " ".join(comment)
    return found


def read_settings(schema: type, path: Path | None, overrides: Sequence[str]) -> Any:
    """Read settings of another schema, such as a training recipe's, from YAML and overrides.

    Args:
        schema: a dataclass; its defaults apply where nothing is given.
        path: the YAML file, or None.
        overrides: `key=value` each.

    Raises:
        ConfigError: as for `load`.
    """
    layers = [] if path is None else [(str(path), _yaml(path, schema))]
    layers += [
        ("the command line", nest_keys([parse_override(text, schema)])) for text in overrides
    ]
    return merge_layers(layers, schema)


def _yaml(path: Path, schema: type) -> dict[str, Any]:
    values = parse_yaml(text := read_yaml_text(path), str(path), Kind(schema))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} {_describe_shape(values, text, schema)}")
    return values


def read_yaml_text(path: Path) -> str:
    """Read the text of a YAML file.

    Raises:
        ConfigError: if it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        name = str(path) if len(str(path)) <= 200 else f"{str(path)[:60]}…"
        raise ConfigError(
            f"{name} cannot be read ({error.strerror or error}); check the name of the file"
        ) from error


def _describe_shape(values: Any, text: str, schema: type) -> str:
    """Describe a file that is a list or a text, and what to write instead."""
    assignment = re.match(r"\s*([a-z_.]+) *= *(\S.*)", text)
    names = {each.name for each in dataclasses.fields(schema)}
    if assignment and assignment[1].partition(".")[0] in names:
        return (
            "must hold key: value lines; in a file, write a colon: "
            f"{assignment[1]}: {assignment[2].strip()}"
        )
    first, glued, _ = text.split(maxsplit=1)[0].partition(":")
    if isinstance(values, str) and glued and first in names:
        return f"needs a space after the colon: {first}: {text.strip()[len(first) + 1 :][:60]}"
    if isinstance(values, str) and first in names:
        return f"has no colon after {first}; write {first}: and the value behind it"
    shape = "a list" if isinstance(values, list) else "a text"
    if schema is not RunConfig:
        return f"holds {shape} alone; write key: value lines"
    if isinstance(values, list):
        return "holds a list alone; if these are prompts, write prompts: in a line above it"
    short = values if len(values) < 80 and "\n" not in values else "…"
    line = f"prompts: {short}"
    return (
        "holds a text alone; if it is the prompt, write prompts: before it: "
        f"{line if short == '…' or _is_plain(line) else quote_line(line)}"
    )


def _is_plain(line: str) -> bool:
    """Whether a line is read as it stands, without quotes."""
    try:
        return bool(parse_yaml(line, "", Kind(RunConfig)))
    except ConfigError:
        return False


def read_run_file(path: Path, chain: tuple[str, ...]) -> list[Layer]:
    """Read a run file as layers: those that it extends, then its own.

    Args:
        chain: the files that extend it, so that a circle is found.

    Raises:
        ConfigError: if it cannot be read, extends itself, or has keys that do not fit.
    """
    if str(path.resolve()) in chain:
        shown = " → ".join(Path(each).name for each in (*chain, str(path)))
        raise ConfigError(f'{path} extends itself: {shown}; remove one "extends"')
    return layer_values(_yaml(path, RunConfig), path, chain)


def layer_values(values: dict[str, Any], path: Path, chain: tuple[str, ...]) -> list[Layer]:
    """The layers of what a run file holds; see `read_run_file`."""
    values = dict(values)
    if "axes" in values:
        raise ConfigError(f"{path} is a sweep of several runs; draw them: vqclip sweep {path}")
    if found := [key for key in structured.SENTENCE_KEYS if key in values and key != "style"]:
        raise ConfigError(
            f"{path}: {' and '.join(found)} belong to a structured prompt, which stands in a run "
            f"file under prompts: such as prompts: {{{found[0]}: …}} (see vqclip help structured)"
        )
    parents = values.pop("extends", [])
    if isinstance(parents, str):  # several, as for --preset
        parents = [each.strip() for each in parents.split(",") if each.strip()]
    if not isinstance(parents, list) or not all(isinstance(name, str) for name in parents):
        raise ConfigError(
            f"{path}: extends is {'empty' if parents is None else 'no name'}; it must be a "
            "preset's name, or a list of names"
        )
    layers = []
    for parent in parents:
        near = path.parent / parent
        is_file = near.suffix.lower() in (".yaml", ".yml") and os.path.isfile(near)
        name = str(near) if is_file else parent
        layers += read_preset(name, (*chain, str(path.resolve())))
    if isinstance(values.get("assets"), str) and values["assets"]:
        values["assets"] = str(path.parent / os.path.expanduser(values["assets"]))
    scenes = values.pop("scenes", None)
    if scenes is not None:
        if "prompts" in values:
            raise ConfigError(f"{path}: scenes replaces prompts; leave one of them out")
        if not isinstance(scenes, list) or not scenes:
            such = f", such as - {quote_text(scenes)}" if isinstance(scenes, str) else ""
            raise ConfigError(
                f"{path}: scenes must be a list with one prompt for each scene, each in a line "
                f"of its own behind a dash{such}"
            )
        values["prompts"] = " ^ ".join(scene_text(each, str(path)) for each in scenes)
    return [*layers, (str(path), values)]


def read_preset(name: str, chain: tuple[str, ...]) -> list[Layer]:
    """Read a preset, by name or path, as layers; see `read_run_file`.

    Raises:
        ConfigError: if there is no such preset, or as `read_run_file`.
    """
    if name.lower().endswith((".yaml", ".yml")):
        return read_run_file(Path(name), chain)
    with resources.as_file(presets_folder() / f"{name}.yaml") as path:
        if re.fullmatch(r"[\w-]+", name) and path.is_file():
            return read_run_file(path, chain)
    known = list_presets()
    raise ConfigError(
        f"no preset is called {name!r}{suggest(name, known)} (one of: {', '.join(known)})"
    )


def presets_folder() -> Traversable:
    """The folder of the bundled presets, installed or in a checkout (`run.py`)."""
    try:
        return resources.files("vqclip.configs")
    except ModuleNotFoundError:
        return Path(__file__).parents[2] / "configs"


def _comment_length(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def prompt_text(value: Any, key: str = "prompts") -> str:
    """Convert a prompt in YAML to text: from text, a list, `{body: weight}` or a structure.

    Args:
        key: the setting that it belongs to, for messages.

    Raises:
        ConfigError: if it is none of these, or a weight is not a number.
        PromptError: for a structured prompt with nothing to draw in it.

    >>> prompt_text(["a fox", {"fog": -0.5}])
    'a fox | fog:-0.5'
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if structured.is_structured(value) and not all(map(_is_number, value.values())):
            return prompts_to_text(structured.translate_structured(value))
        structured.refuse_frames(value)
        return prompts_to_text(
            _weighted_prompt(body, weight, key) for body, weight in value.items()
        )
    if isinstance(value, Sequence):
        return " | ".join(prompt_text(part, key) for part in value)
    raise ConfigError(f"{key} is {value!r}; it must be text in quotes, or a list of texts")


def scene_text(value: Any, where: str) -> str:
    """Convert a scene in YAML to text; `{prompts: a fox, for: 2s}` gives it a length.

    Args:
        where: what it was read from, for messages.

    Raises:
        ConfigError, PromptError: as `prompt_text`; also for a length that is not one.
    """
    if not isinstance(value, Mapping) or "for" not in value or len(value) < 2:
        return prompt_text(value)
    rest = {key: inner for key, inner in value.items() if key != "for"}
    try:
        lasting = parse_length(str(value["for"]))
    except ConfigError as error:
        raise ConfigError(f"{where}: scenes: for: {error}") from error
    words = prompt_text(rest["prompts"] if list(rest) == ["prompts"] else rest)
    return f"{words} | lasting({lasting.to_text})"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _weighted_prompt(body: Any, weight: Any, key: str) -> Prompt:
    if not _is_number(weight) or (isinstance(weight, int) and abs(weight) > 10**300):
        raise ConfigError(f"{key}: {body} has the weight {weight!r}; it must be a number")
    words = str(body).strip()
    if words.startswith("@"):
        return Prompt(words[1:].strip(), weight, kind="image")
    called = parse_call(words)
    return Prompt(words, weight) if called is None else replace(called, weight=weight)
