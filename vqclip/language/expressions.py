"""Arithmetic expressions over time: parsing, evaluating and printing them.

The grammar:

    expression = choice [ "if" choice "else" expression ]
    choice     = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
    sum        = product { ( "+" | "-" ) product }
    product    = signed { ( "*" | "/" | "%" ) signed }
    signed     = { "-" | "+" } power
    power      = atom [ "**" signed ]
    atom       = number | name | name "(" expression { "," expression } ")" | "(" expression ")"

Every value is a floating-point number; a comparison gives 1 or 0, and 0 counts as false. The
parser builds a tree of calls, names and numbers, and a table (`vqclip.language.functions`) gives
the function of each name: no text is ever run as Python, and one that would take long to
evaluate is refused by its size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vqclip.errors import ConfigError, suggest
from vqclip.language import functions

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "tau": math.tau, "e": math.e}


@dataclass(frozen=True)
class Call:
    """A call of a function or an operator, with its arguments."""

    name: str
    arguments: tuple[Node, ...]


Node = float | str | Call  # a number, a name, or a call


@dataclass(frozen=True)
class Expression:
    """A parsed expression: the root of its tree."""

    root: Node

    @property
    def names(self) -> list[str]:
        """The names of its variables, each once."""
        return list(dict.fromkeys(n for n in _leaves(self.root) if n not in CONSTANTS))

    @property
    def bounds(self) -> functions.Bounds:
        """Bounds of its value at any time; they may be wider than necessary."""
        return _bounds(self.root)

    @property
    def first_value(self) -> tuple[float, ...]:
        """Its value at the first frame without sound, as (value,); () if it has none."""
        try:
            return (self.evaluate({**dict.fromkeys(self.names, 0.0), "frames": 1.0}),)
        except ConfigError:
            return ()

    @property
    def negated(self) -> Expression:
        """The negated expression."""
        return Expression(Call("neg", (self.root,)))

    def evaluate(self, variables: Mapping[str, float]) -> float:
        """Evaluate it.

        Args:
            variables: name → value.

        Raises:
            ConfigError: if a variable is missing, or the result is not a finite number.
        """
        try:
            value = _value(self.root, variables)
        except (ValueError, ZeroDivisionError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            place = (
                f" at frame {format_number(variables['frame'])}" if "frame" in variables else ""
            )
            raise ConfigError(
                f"{expression_to_text(self)!r} is not a finite number{place}; avoid division by "
                "0, roots and logarithms of negative numbers, and growth without end"
            )
        return value


def format_number(number: float) -> str:
    """Write a number in the fewest digits that read back as the same one."""
    return repr(float(number)).removesuffix(".0")


def expression_to_text(expression: Expression) -> str:
    """Write an expression as canonical text, which `parse_expression` reads back.

    >>> expression_to_text(Expression(Call("*", (Call("+", ("t", 1.0)), "pi"))))
    '(t + 1) * pi'
    """
    return _to_text(expression.root, 0)


def unknown_variable(name: str, text: str, known: list[str]) -> ConfigError:
    """Build the error for a variable that does not exist.

    Args:
        text: the expression, for the message.
        known: the variables that there are.
    """
    if name in functions.SOUND:
        return ConfigError(
            f"{text!r} uses {name!r}, which needs a sound, but this run has none (write "
            "sound.file=music.mp3, in an animation)"
        )
    hint = suggest(name, [*known, *CONSTANTS, *functions.FUNCTIONS])
    return ConfigError(
        f"{text!r} uses {name!r}, which is not a known name{hint} (there are: "
        f"{', '.join(known)}; {', '.join(CONSTANTS)})"
    )


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,  # with the sign of b, so that phases below 0 work, too
    "**": math.pow,  # refuses what is too large, and gives no complex numbers
    **COMPARISONS,
}


PRECEDENCE = {
    **dict.fromkeys(COMPARISONS, 1),
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
        for each in node.arguments:
            yield from _leaves(each)


def _value(node: Node, variables: Mapping[str, float]) -> float:
    if isinstance(node, str):
        if node not in CONSTANTS and node not in variables:
            raise unknown_variable(node, node, list(variables))
        return CONSTANTS[node] if node in CONSTANTS else variables[node]
    if not isinstance(node, Call):
        return node
    if node.name == "if":  # only one branch is evaluated: 1 / t if t > 0 else 0
        condition, yes, no = node.arguments
        return _value(yes if _value(condition, variables) else no, variables)
    arguments = [_value(each, variables) for each in node.arguments]
    if node.name == "neg":
        return -arguments[0]
    if node.name in OPERATORS:
        return float(OPERATORS[node.name](*arguments))
    return float(functions.FUNCTIONS[node.name].run(*arguments))


def _to_text(node: Node, around: int) -> str:
    """Write a node as text, in brackets if its precedence is below `around`."""
    if isinstance(node, str):
        return node
    if not isinstance(node, Call):
        return format_number(node)
    own = PRECEDENCE.get(node.name, 0)
    if node.name == "if":
        condition, yes, no = node.arguments
        text = f"{_to_text(yes, 1)} if {_to_text(condition, 1)} else {_to_text(no, 0)}"
    elif node.name == "neg":
        text = f"-{_to_text(node.arguments[0], own)}"
    elif node.name in OPERATORS:
        left, right = node.arguments
        # Operators of equal precedence associate to the left; ** takes a minus on its right.
        sides = {1: (2, 2), 5: (6, 4)}.get(own, (own, own + 1))
        text = f"{_to_text(left, sides[0])} {node.name} {_to_text(right, sides[1])}"
    else:
        return f"{node.name}({', '.join(_to_text(each, 0) for each in node.arguments)})"
    return f"({text})" if own < around else text


def _bounds(node: Node) -> functions.Bounds:
    if isinstance(node, str):
        value = CONSTANTS.get(node)
        return (
            functions.VARIABLES.get(node, functions.UNBOUNDED)
            if value is None
            else (value, value)
        )
    if not isinstance(node, Call):
        return node, node
    arguments = [_bounds(each) for each in node.arguments]
    if node.name == "if":
        return min(low for low, _ in arguments[1:]), max(high for _, high in arguments[1:])
    if node.name == "neg":
        return -arguments[0][1], -arguments[0][0]
    if node.name in COMPARISONS:
        return 0.0, 1.0
    if node.name in OPERATORS:
        found = functions.operator_bounds(node.name, *arguments)
    else:
        found = functions.FUNCTIONS[node.name].bounds(*arguments)
    return functions.UNBOUNDED if any(map(math.isnan, found)) else found


NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|[<>=!]=|[-+*/%<>(),]))"
)


LONGEST, MOST, DEEPEST = 1000, 200, 30  # characters, tokens, nested brackets


def parse_expression(text: str) -> Expression:
    """Parse an expression; the grammar is at the top of this module.

    Variables may have any name; the caller checks that they exist, and raises `unknown_variable`.

    Raises:
        ConfigError: if the text is not an expression.

    >>> parse_expression("2*sin(pi/2)").evaluate({})
    2.0
    >>> expression_to_text(parse_expression("(1+(2*t))**-2 if where(t<1,1,0) else 3"))
    '(1 + 2 * t) ** -2 if (1 if t < 1 else 0) else 3'
    """
    return Expression(_Parser(text).whole())


class _Parser:
    """A recursive-descent parser, which reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text if len(text) <= 60 else f"{text[:60]}…"
        if len(text) > LONGEST:
            raise self._error(f"is longer than {LONGEST} characters")
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if found is None:
                raise self._error(f"cannot be read from {text[place:].strip()[:20]!r} on")
            assert found.lastgroup is not None
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        if len(self.tokens) > MOST:
            raise self._error(f"has more than {MOST} numbers, names and signs")
        self.tokens.append(("end", ""))
        self.place = self.depth = 0

    def whole(self) -> Node:
        found = self._expression()
        if self.tokens[self.place][0] != "end":
            raise self._unexpected()
        return found

    def _expression(self) -> Node:
        self._deeper()
        value = self._choice()
        if self._take("if"):
            condition = self._choice()
            if not self._take("else"):
                raise self._error('has an "if" without "else"; write 1 if t < 2 else 0')
            value = Call("if", (condition, value, self._expression()))
        self.depth -= 1
        return value

    def _choice(self) -> Node:
        left = self._sum()
        sign = self._take("<", "<=", ">", ">=", "==", "!=")
        if not sign:
            return left
        found = Call(sign, (left, self._sum()))
        if self.tokens[self.place][1] in COMPARISONS:
            raise self._error("compares twice in a row; write (0 < t) * (t < 1)")
        return found

    def _sum(self) -> Node:
        found = self._product()
        while sign := self._take("+", "-"):
            found = Call(sign, (found, self._product()))
        return found

    def _product(self) -> Node:
        found = self._signed()
        while sign := self._take("*", "/", "%"):
            found = Call(sign, (found, self._signed()))
        return found

    def _signed(self) -> Node:
        self._deeper()
        if self._take("-"):
            found: Node = Call("neg", (self._signed(),))
        elif self._take("+"):
            found = self._signed()
        else:
            found = self._atom()
            if self._take("**"):
                found = Call("**", (found, self._signed()))
        self.depth -= 1
        return found

    def _atom(self) -> Node:
        kind, text = self.tokens[self.place]
        if kind == "number":
            self.place += 1
            if not math.isfinite(float(text)):
                raise self._error(f"holds {text}, which is not finite")
            return float(text)
        if kind == "name" and text not in ("if", "else"):
            self.place += 1
            return self._call(text) if self._take("(") else self._name(text)
        if self._take("("):
            found = self._expression()
            self._close()
            return found
        raise self._unexpected()

    def _name(self, text: str) -> str:
        if text in functions.FUNCTIONS and text not in functions.SOUND:  # pulse is both
            raise self._error(f"names the function {text} without brackets; write {text}(…)")
        if text.lower() in ("nan", "inf", "infinity"):
            raise self._error(f"holds {text}, which is not a finite number")
        return text

    def _call(self, name: str) -> Node:
        arguments = [] if self.tokens[self.place][1] == ")" else [self._expression()]
        while self._take(","):
            arguments.append(self._expression())
        self._close()
        if name not in functions.FUNCTIONS:
            hint = suggest(name, functions.FUNCTIONS)
            names = ", ".join(sorted(functions.FUNCTIONS))
            raise self._error(f"calls {name}, which is not a function{hint} (one of: {names})")
        entry = functions.FUNCTIONS[name]
        if not entry.least <= len(arguments) <= entry.most:
            raise self._error(f"gives {name} {len(arguments)} arguments; write {entry.usage}")
        return Call("if" if name == "where" else name, tuple(arguments))

    def _take(self, *signs: str) -> str:
        """Take the next token if it is one of these; else return ""."""
        text = self.tokens[self.place][1]
        if text not in signs:
            return ""
        self.place += 1
        return text

    def _close(self) -> None:
        if not self._take(")"):
            raise self._unexpected('; a ")" was expected')

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > 2 * DEEPEST:
            raise self._error("is nested too deeply")

    def _unexpected(self, more: str = "") -> ConfigError:
        kind, text = self.tokens[self.place]
        return self._error(
            f"ends too early{more}" if kind == "end" else (f"cannot be read at {text!r}")
        )

    def _error(self, why: str) -> ConfigError:
        comma = re.fullmatch(r"\s*([+-]?\d+),(\d+)\s*", self.text)
        like = ".".join(comma.groups()) if comma else "one such as 1 + 0.5 * sin(2 * pi * t)"
        return ConfigError(f"the expression {self.text!r} {why}; write {like}")
