"""What is a sum that changes with time, what comes out of it, and how is it written?

A tree of calls, names and numbers. `vqclip.expressions` reads it from text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vqclip import waves
from vqclip.errors import ConfigError, suggest

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "tau": math.tau, "e": math.e}


@dataclass(frozen=True)
class Call:
    """A function, or a sign between numbers, with what it is given."""

    name: str
    given: tuple[Node, ...]


Node = float | str | Call  # a number, a name, or a call


@dataclass(frozen=True)
class Expression:
    """A sum that was understood."""

    root: Node

    @property
    def names(self) -> list[str]:
        """The variables in it, each once."""
        return list(dict.fromkeys(n for n in _leaves(self.root) if n not in CONSTANTS))

    @property
    def bounds(self) -> waves.Bounds:
        """Between which values it stays whatever the time is; wider than it needs to be."""
        return _bounds(self.root)

    @property
    def opening(self) -> tuple[float, ...]:
        """Its value at the first frame, in silence, if it has one."""
        try:
            return (self.at({**dict.fromkeys(self.names, 0.0), "frames": 1.0}),)
        except ConfigError:
            return ()

    @property
    def negative(self) -> Expression:
        """The same, the other way round."""
        return Expression(Call("neg", (self.root,)))

    def at(self, variables: Mapping[str, float]) -> float:
        """Work it out.

        Raises:
            ConfigError: if a variable is not there, or the result is no finite number.
        """
        try:
            value = _value(self.root, variables)
        except (ValueError, ZeroDivisionError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            place = f" at frame {digits(variables['frame'])}" if "frame" in variables else ""
            raise ConfigError(
                f"{show(self)!r} is no finite number{place}; keep it from dividing by 0, from "
                "roots and logarithms of negative numbers, and from growing without end"
            )
        return value


def digits(number: float) -> str:
    """Write a number in the fewest digits that read back as the same one."""
    return repr(float(number)).removesuffix(".0")


def show(expression: Expression) -> str:
    """Write an expression in a canonical way, which `expressions.parse` reads back.

    >>> show(Expression(Call("*", (Call("+", ("t", 1.0)), "pi"))))
    '(t + 1) * pi'
    """
    return _written(expression.root, 0)


def unknown(name: str, text: str, known: list[str]) -> ConfigError:
    """The error for a variable that nobody brings."""
    if name in waves.SOUND:
        return ConfigError(
            f"{text!r} asks for {name!r}, which a sound brings; this run has none "
            "(sound.file=music.mp3, of an animation)"
        )
    hint = suggest(name, [*known, *CONSTANTS, *waves.FUNCTIONS])
    return ConfigError(
        f"{text!r} asks for {name!r}, which nothing here is called{hint} (there are: "
        f"{', '.join(known)}; {', '.join(CONSTANTS)})"
    )


COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
SIGNS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,  # with the sign of b, so that a phase is one before 0, too
    "**": math.pow,  # refuses what is too large, and gives no complex numbers
    **COMPARED,
}
STRENGTH = {
    **dict.fromkeys(COMPARED, 1),
    "+": 2,
    "-": 2,
    "*": 3,
    "/": 3,
    "%": 3,
    "neg": 4,
    "**": 5,
}


def _leaves(node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Call):
        for each in node.given:
            yield from _leaves(each)


def _value(node: Node, variables: Mapping[str, float]) -> float:
    if isinstance(node, str):
        if node not in CONSTANTS and node not in variables:
            raise unknown(node, node, list(variables))
        return CONSTANTS[node] if node in CONSTANTS else variables[node]
    if not isinstance(node, Call):
        return node
    if node.name == "if":  # only the side that counts is worked out: 1 / t if t > 0 else 0
        condition, yes, no = node.given
        return _value(yes if _value(condition, variables) else no, variables)
    given = [_value(each, variables) for each in node.given]
    if node.name == "neg":
        return -given[0]
    if node.name in SIGNS:
        return float(SIGNS[node.name](*given))
    return float(waves.FUNCTIONS[node.name].run(*given))


def _written(node: Node, around: int) -> str:
    """A node as text, in brackets where what stands around it binds as strongly."""
    if isinstance(node, str):
        return node
    if not isinstance(node, Call):
        return digits(node)
    own = STRENGTH.get(node.name, 0)
    if node.name == "if":
        condition, yes, no = node.given
        text = f"{_written(yes, 1)} if {_written(condition, 1)} else {_written(no, 0)}"
    elif node.name == "neg":
        text = f"-{_written(node.given[0], own)}"
    elif node.name in SIGNS:
        left, right = node.given
        # Signs of the same strength belong together from the left; ** takes a sign on its right.
        sides = {1: (2, 2), 5: (6, 4)}.get(own, (own, own + 1))
        text = f"{_written(left, sides[0])} {node.name} {_written(right, sides[1])}"
    else:
        return f"{node.name}({', '.join(_written(each, 0) for each in node.given)})"
    return f"({text})" if own < around else text


def _bounds(node: Node) -> waves.Bounds:
    if isinstance(node, str):
        value = CONSTANTS.get(node)
        return waves.VARIABLES.get(node, waves.ANYTHING) if value is None else (value, value)
    if not isinstance(node, Call):
        return node, node
    given = [_bounds(each) for each in node.given]
    if node.name == "if":
        return min(low for low, _ in given[1:]), max(high for _, high in given[1:])
    if node.name == "neg":
        return -given[0][1], -given[0][0]
    if node.name in COMPARED:
        return 0.0, 1.0
    if node.name in SIGNS:
        found = waves.between(node.name, *given)
    else:
        found = waves.FUNCTIONS[node.name].bounds(*given)
    return waves.ANYTHING if any(map(math.isnan, found)) else found
