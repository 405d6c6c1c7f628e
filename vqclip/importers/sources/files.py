"""Files of other tools, and command lines, as a user names them.

Files are YAML, JSON (settings that Disco and pytti write), notebooks, Python scripts, or hold a
command line; which of them is told by what is in them. Several runs in one file: the first one
is read, and the others are named.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vqclip.errors import ConfigError
from vqclip.importers.sources import command_lines, python_calls
from vqclip.importers.sources.command_lines import CommandLine
from vqclip.importers.sources.python_calls import Program

MOST_BYTES = 64 * 2**20  # of a file: notebooks hold their pictures
LONGEST = 200_000  # characters of any other
DEEPEST = 30  # lists in lists
HYDRA = re.compile(r"^#\s*@package\s+_global_", re.MULTILINE)
MODULES = {"pixray": "pixray", "clipit": "pixray", "discoart": "discoart"}  # → a script's name


@dataclass(frozen=True)
class Source:
    """What was read of a file or a command line: the settings of one run.

    Attributes:
        origin: where it is from, in words.
        script: the name of the program, if it is told; else "".
        pairs: keys and values; of a command line none.
        line: the command line, if it is one.
        others: further runs in the same file, in words.
    """

    origin: str
    script: str = ""
    pairs: tuple[tuple[str, Any], ...] = ()
    line: CommandLine | None = None
    others: tuple[str, ...] = ()


def read_source(typed: str, scripts: Sequence[str]) -> Source:
    """Read what a user names.

    Args:
        typed: the name of a file, or a command line.
        scripts: names of the programs whose command lines are understood.

    Raises:
        ConfigError: if it is neither, or cannot be read.
    """
    _refuse_halves(typed)
    path = os.path.expanduser(typed)
    if len(typed) < 4096 and "\0" not in typed and os.path.isfile(path):
        return _read_file(Path(path), scripts)
    if found := _read_commands(typed, scripts, "a command line"):
        return found
    if (line := command_lines.read_options(typed)) is not None:
        return Source("a command line", line=line)
    shown = " ".join(typed.split())[:60]
    if re.search(r"\s", typed.strip()) is None:
        raise ConfigError(
            f"there is no file {shown!r}; check its name, or put a whole command line in quotes: "
            'vqclip import "python pixray.py --prompts fox"'
        )
    raise ConfigError(
        f"{shown!r} is neither a file nor a command line of a tool that is known here "
        f"({', '.join(f'{each}.py' for each in scripts)})"
    )


def _read_file(path: Path, scripts: Sequence[str]) -> Source:
    text = _read_text(path)
    name = path.name
    try:
        if path.suffix.lower() == ".ipynb":
            return _read_notebook(text, name, scripts)
        if path.suffix.lower() == ".py" or not text.lstrip().startswith("{"):
            _refuse_long(text)
        if path.suffix.lower() == ".py":
            return _of_calls(python_calls.find_calls(text), name)
        if text.lstrip().startswith("{") and (values := _read_json(text)) is not None:
            if "cells" in values:
                return _read_notebook(text, name, scripts)
            _refuse_long(text)
            pairs = tuple((str(key), plain_value(each)) for key, each in values.items())
            return Source(name, pairs=pairs)
        if found := _is_command(text, scripts) and _read_commands(text, scripts, name):
            return found
        return _read_yaml(text, name)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error


def _read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: if it cannot be read, is too large, or no text.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path.name} is larger than 64 MB; no settings file is")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read ({error.strerror or error}); check the file"
        ) from None


def _refuse_long(text: str) -> None:
    """Refuse a text that is longer than any settings, before it takes long."""
    if len(text) > LONGEST:
        raise ConfigError(f"it is longer than {LONGEST:,} characters; no settings file is")


def _read_json(text: str) -> dict[str, Any] | None:
    """A JSON object, or None if the text is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _read_notebook(text: str, name: str, scripts: Sequence[str]) -> Source:
    """Read a notebook's calls, else its command lines."""
    notebook = _read_json(text)
    cells = notebook.get("cells") if notebook else None
    if not isinstance(cells, list):
        raise ConfigError("it is no notebook: it has no cells")
    code: list[str] = []
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) else None
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            lines = source if isinstance(source, list) else [source]
            code.append("".join(each for each in lines if isinstance(each, str)))
    whole = "\n".join(code)
    _refuse_halves(whole)
    if python_calls.has_calls(whole) and (calls := python_calls.find_calls(whole)):
        return _of_calls(calls, name)
    if found := _read_commands(whole, scripts, name):
        return found
    raise ConfigError(
        "no run of a tool that is known here is found in it; copy the settings or the command "
        "line from it"
    )


def _of_calls(calls: Sequence[python_calls.PythonCall], name: str) -> Source:
    if not calls:
        raise ConfigError(
            "no call of pixray.run, pixray.add_settings or discoart.create is found in it"
        )
    first, *others = calls
    pairs = tuple((key, plain_value(value)) for key, value in first.pairs)
    rest = tuple(f"the call in line {each.line}" for each in others)
    return Source(name, MODULES.get(first.module, ""), pairs, others=rest)


def _is_command(text: str, scripts: Sequence[str]) -> bool:
    """Whether a file holds a command line, and is no YAML that mentions a program."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return not re.match(r"""["']?[\w-]+["']?\s*:(\s|$)""", first)


def _read_commands(text: str, scripts: Sequence[str], origin: str) -> Source | None:
    lines = command_lines.find_commands(text, scripts)
    if not lines:
        return None
    rest = tuple(f"the command {' '.join(line.words)[:40]!r}" for line in lines[1:])
    return Source(origin, lines[0].script, line=lines[0], others=rest)


def _read_yaml(text: str, name: str) -> Source:
    """Read YAML as pairs; tags that make objects, and aliases, are refused."""
    try:
        _refuse_long(text)
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # before it takes long
                raise ConfigError("it has lists within lists, more than 30 deep")
            if isinstance(event, yaml.AliasEvent):
                raise ConfigError(
                    f"it repeats the part *{event.anchor} by an alias; write it out"
                )
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if not isinstance(root, yaml.MappingNode):
                raise ConfigError("it holds no settings; they are lines such as prompts: a fox")
            pairs = [
                (
                    str(key.value) if isinstance(key, yaml.ScalarNode) else "?",
                    plain_value(loader.construct_object(each, deep=True)),
                )
                for key, each in root.value
            ]
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"it cannot be read as YAML{where} ({error.problem})") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, AttributeError, KeyError):
        raise ConfigError("it cannot be read as YAML; check that it is whole") from None
    return Source(name, "pytti" if HYDRA.search(text) else "", tuple(pairs))


class _Loader(yaml.SafeLoader):
    """YAML of plain values: dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in pairs if not tag.endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def plain_value(value: Any, depth: int = 0) -> Any:
    """A value of texts, numbers, lists and mappings; whatever else there is becomes text.

    Raises:
        ConfigError: if it is nested too deeply, or holds text that is none.
    """
    if depth > DEEPEST:
        raise ConfigError("it has lists within lists, more than 30 deep")
    if isinstance(value, str):
        _refuse_halves(value)
        return value
    if value is None or isinstance(value, bool | float | Program):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**300 else float("inf")
    if isinstance(value, list | tuple):
        return [plain_value(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {
            plain_value(key, depth + 1) if isinstance(key, str | int | float) else str(key): (
                plain_value(each, depth + 1)
            )
            for key, each in value.items()
        }
    return str(value)


def _refuse_halves(text: str) -> None:
    """Refuse a text that holds halves of characters, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("it holds bytes that are no text; save it as UTF-8") from None
