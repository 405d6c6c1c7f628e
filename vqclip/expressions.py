"""Sums that change with time: `1 + 0.1 * sin(2 * pi * t)`.

    expression = choice [ "if" choice "else" expression ]
    choice     = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
    sum        = product { ( "+" | "-" ) product }
    product    = signed { ( "*" | "/" | "%" ) signed }
    signed     = { "-" | "+" } power
    power      = atom [ "**" signed ]
    atom       = number | name | name "(" expression { "," expression } ")" | "(" expression ")"

Everything is a floating-point number; what is compared gives 1 or 0, and 0 is the one that does
not hold. A parser of its own reads this and a table says what each name does: nothing that is
typed is ever run as Python, and a text that would take long is refused by its size.
"""

from __future__ import annotations

import math
import re

from vqclip import waves
from vqclip.errors import ConfigError, suggest
from vqclip.sums import COMPARED, Call, Expression, Node, digits, show, unknown

__all__ = ["NUMBER", "Expression", "digits", "parse", "show", "unknown"]

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|[<>=!]=|[-+*/%<>(),]))"
)
LONGEST, MOST, DEEPEST = 1000, 200, 30  # characters, tokens, brackets within brackets


def parse(text: str) -> Expression:
    """Read an expression; the grammar is at the top of this module.

    Variables may have any name; who brings them says which there are: `unknown`.

    Raises:
        ConfigError: for what is none, with the place.

    >>> parse("2*sin(pi/2)").at({})
    2.0
    >>> show(parse("(1+(2*t))**-2 if where(t<1,1,0) else 3"))
    '(1 + 2 * t) ** -2 if (1 if t < 1 else 0) else 3'
    """
    return Expression(_Reader(text).whole())


class _Reader:
    """Reads tokens from left to right."""

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
        if self.tokens[self.place][1] in COMPARED:
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
        if text in waves.FUNCTIONS and text not in waves.SOUND:  # pulse is both
            raise self._error(f"names the function {text} without brackets; write {text}(…)")
        if text.lower() in ("nan", "inf", "infinity"):
            raise self._error(f"holds {text}, which is no finite number")
        return text

    def _call(self, name: str) -> Node:
        given = [] if self.tokens[self.place][1] == ")" else [self._expression()]
        while self._take(","):
            given.append(self._expression())
        self._close()
        if name not in waves.FUNCTIONS:
            hint = suggest(name, waves.FUNCTIONS)
            names = ", ".join(sorted(waves.FUNCTIONS))
            raise self._error(f"calls {name}, which is no function{hint} (one of: {names})")
        entry = waves.FUNCTIONS[name]
        if not entry.least <= len(given) <= entry.most:
            raise self._error(f"gives {name} {len(given)} numbers; write {entry.usage}")
        return Call("if" if name == "where" else name, tuple(given))

    def _take(self, *signs: str) -> str:
        """The next token, if it is one of these; else nothing."""
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
        return self._error(f"ends too early{more}" if kind == "end" else f"stumbles at {text!r}")

    def _error(self, why: str) -> ConfigError:
        comma = re.fullmatch(r"\s*([+-]?\d+),(\d+)\s*", self.text)
        like = ".".join(comma.groups()) if comma else "one such as 1 + 0.5 * sin(2 * pi * t)"
        return ConfigError(f"the expression {self.text!r} {why}; write {like}")
