"""Calls in scripts and notebooks, of which the literal values are read.

`pixray.add_settings(quality="better")`, `pixray.run("a fox", drawer="pixel")` and discoart's
`create(…)` are found in the syntax tree. Values are literals, or names that are assigned a
literal once at the top level, as the forms of notebooks are; all others are `Program`s, whose
values nobody knows without running them.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vqclip.errors import ConfigError

MODULES = ("pixray", "clipit", "discoart")
ADDING, RUNNING = ("add_settings",), ("run", "do_run", "create")
RESETTING = ("reset_settings",)
POSITIONAL = {"run": ("prompts", "drawer"), "create": ("config",)}  # names of bare arguments
MOST = 10_000  # parts and characters of a literal
_CALL = re.compile(
    rf"\b(?:(?:{'|'.join(MODULES)})\.|(?<=\W))(?:{'|'.join((*ADDING, *RUNNING))})\s*\("
)
_MAGIC = re.compile(r"^(\s*+)(?:[%!].*|[\w.]+\?{1,2})$")


@dataclass(frozen=True)
class Program:
    """A value that a program computes, as its source has it."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PythonCall:
    """A call that makes a picture, with all settings that were added before it.

    Attributes:
        module: whose function is called: "pixray", "discoart"; "" if that is not told.
        pairs: names and values of its settings.
        line: where it stands.
    """

    module: str
    pairs: tuple[tuple[str, Any], ...]
    line: int


def has_calls(code: str) -> bool:
    """Whether a text may hold calls that make pictures, by its letters."""
    return _CALL.search(code) is not None


def find_calls(code: str) -> list[PythonCall]:
    """Find the calls that make pictures, in order.

    Settings that are added, and never used by a call that can be seen, make a call of their own.

    Raises:
        ConfigError: if the code cannot be read as Python.
    """
    try:
        with warnings.catch_warnings():  # of escapes and comparisons that look like slips
            warnings.simplefilter("ignore")
            tree = ast.parse(_without_magics(code))
        return list(_Reader().read(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ConfigError(f"it cannot be read as Python{line}; check that it is whole") from None


def _without_magics(code: str) -> str:
    """The code with the lines of notebooks that are no Python left empty."""
    lines, magic = [], False
    for line in code.splitlines():
        begins = _MAGIC.match(line)
        lines.append(f"{begins[1]}pass" if begins else "" if magic else line)
        magic = (begins is not None or magic) and line.rstrip().endswith("\\")
    return "\n".join(lines)


class _Reader:
    """Reads a module from top to bottom, and remembers names and settings."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[Any, int]] = {}  # value, and how large it is
        self.added: dict[str, Any] = {}
        self.module, self.line = "", 0

    def read(self, tree: ast.Module) -> Iterator[PythonCall]:
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                yield from self._calls(statement)
                self._assign(statement)
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.names.pop(node.id, None)  # who knows what it is by then
            yield from self._calls(statement)
        if self.added:
            yield PythonCall(self.module, tuple(self.added.items()), self.line)

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        assert statement.value is not None
        found = self._literal(statement.value)
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    self.names.pop(node.id, None)
            if isinstance(target, ast.Name) and found is not None:
                self.names[target.id] = found

    def _calls(self, statement: ast.stmt) -> Iterator[PythonCall]:
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            module, name = _called(call.func)
            own = module in MODULES or (not module and name in (*ADDING, "create"))
            if not own or name not in (*ADDING, *RUNNING, *RESETTING):
                continue
            if name in RESETTING:
                self.added.clear()
                continue
            self.module, self.line = module, call.lineno
            given = dict(self._arguments(call, name))
            self.added |= given
            if name in RUNNING:
                yield PythonCall(module, tuple(self.added.items()), call.lineno)
                self.added = {}

    def _arguments(self, call: ast.Call, name: str) -> Iterator[tuple[str, Any]]:
        for key, node in zip(POSITIONAL.get(name, ()), call.args, strict=False):
            yield key, self._value(node)
        for each in call.keywords:
            value = self._value(each.value)
            if each.arg is not None:
                yield each.arg, value
            elif isinstance(value, dict):  # **settings
                yield from ((str(key), inner) for key, inner in value.items())
            else:
                yield "**", value

    def _value(self, node: ast.expr) -> Any:
        found = self._literal(node)
        return Program(ast.unparse(node)) if found is None else found[0]

    def _literal(self, node: ast.expr) -> tuple[Any, int] | None:
        """A literal and how large it is; None for what a program computes."""
        found = self._read(node)
        return None if found is None or found[1] > MOST else found

    def _read(self, node: ast.expr) -> tuple[Any, int] | None:
        match node:
            case ast.Constant(value=str() as text):
                return text, len(text)
            case ast.Constant(value=bool() | int() | float() | None as value):
                return value, 1
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.UnaryOp(
                op=ast.USub(), operand=ast.Constant(value=int() | float() as number)
            ):
                return -number, 1
            case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
                parts = [self._literal(each) for each in nodes]
                known = [each for each in parts if each is not None]
                if len(known) == len(parts):
                    return [each[0] for each in known], 1 + sum(each[1] for each in known)
            case ast.Dict(keys=keys, values=values) if all(keys):
                pairs = [
                    (self._literal(key), self._literal(value))
                    for key, value in zip(keys, values, strict=True)
                    if key is not None
                ]
                whole = {
                    key[0]: value[0] for key, value in pairs if key and value and _plain(key)
                }
                if len(whole) == len(pairs):
                    return whole, 1 + sum(k[1] + v[1] for k, v in pairs if k and v)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self._literal(left), self._literal(right)
                if first and second and isinstance(first[0], str) and isinstance(second[0], str):
                    return first[0] + second[0], first[1] + second[1]
        return None


def _plain(key: tuple[Any, int]) -> bool:
    return isinstance(key[0], str | int | float | None)


def _called(node: ast.expr) -> tuple[str, str]:
    """The module and the name of a function that is called."""
    match node:
        case ast.Name(id=name):
            return "", name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return module, name
    return "", ""
