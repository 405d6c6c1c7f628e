"""Expressions in Python's syntax, of pytti and of Deforum's numexpr, rewritten as they are here.

They are read as syntax and never run: numbers, arithmetic, comparisons, conditions, and calls of
the functions in a table become an expression of `vqclip.language.expressions`. Anything else, a
lambda or an attribute of numpy, is refused with its text.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping

from vqclip.errors import ConfigError
from vqclip.language.expressions import expression_to_text, parse_expression

LONGEST = 1000  # characters
SIGNS: Mapping[type, str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.Pow: "**"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="},
}
# A function there → how it is written here, with its arguments in place of {0}, {1} …
FUNCTIONS: Mapping[str, str] = {
    **{name: f"{name}({{0}})" for name in ("sin", "cos", "tan", "sqrt", "exp", "floor", "ceil")},
    **{name: f"{name}({{0}}, {{1}})" for name in ("min", "max")},
    "abs": "abs({0})",
    "fabs": "abs({0})",
    "round": "round({0})",
    "pow": "({0}) ** ({1})",
    "log": "log({0})",
    "log2": "log({0}) / log(2)",
    "log10": "log({0}) / log(10)",
    "log1p": "log(1 + ({0}))",
    "expm1": "exp({0}) - 1",
    "sinh": "(exp({0}) - exp(-({0}))) / 2",
    "cosh": "(exp({0}) + exp(-({0}))) / 2",
    "radians": "({0}) * pi / 180",
    "degrees": "({0}) * 180 / pi",
    "where": "where({0}, {1}, {2})",
}
CONSTANTS = ("pi", "tau", "e")


def rewrite_expression(text: str, names: Mapping[str, str]) -> str:
    """Rewrite an expression in Python's syntax as one of vqclip.

    Args:
        names: a variable there → its expression here.

    Raises:
        ConfigError: if it is anything but arithmetic with these names and known functions; the
            message holds the text.

    >>> rewrite_expression("math.sin(radians(t * 90))", {"t": "t"})
    'sin(t * 90 * pi / 180)'
    >>> rewrite_expression("10*sin(2*3.14*t/10)", {"t": "frame"})
    '10 * sin(2 * 3.14 * frame / 10)'
    """
    if len(text) > LONGEST:
        raise _refusal(text, f"is longer than {LONGEST} characters")
    try:
        with warnings.catch_warnings():  # of comparisons and escapes that look like slips
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
        found = _write(tree.body, text, names)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        raise _refusal(text, "cannot be read") from None
    return expression_to_text(parse_expression(found))


def _write(node: ast.expr, text: str, names: Mapping[str, str]) -> str:
    """Write a node as text; what has a lower precedence than its surroundings is in brackets."""

    def inner(each: ast.expr) -> str:
        return f"({_write(each, text, names)})"

    match node:
        case ast.Constant(value=value) if isinstance(value, int | float):
            return repr(float(value))
        case ast.Name(id=name):
            if name in names:
                return f"({names[name]})"
            if name in CONSTANTS:
                return name
            raise _refusal(text, f"uses {name}, which is not known here")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{inner(operand)}"
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return inner(operand)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
            return f"floor({inner(left)} / {inner(right)})"
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):  # numexpr's "and"
            return f"{inner(left)} * {inner(right)}"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"max({inner(left)}, {inner(right)})"
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SIGNS:
            return f"{inner(left)} {SIGNS[type(sign)]} {inner(right)}"
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in SIGNS:
            return f"{inner(left)} {SIGNS[type(sign)]} {inner(right)}"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"{inner(body)} if {inner(test)} else {inner(orelse)}"
        case ast.Call(func=called, args=arguments, keywords=[]):
            return _write_call(called, [inner(each) for each in arguments], text)
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name in CONSTANTS:
            return name
    raise _refusal(text, "is more than arithmetic")


def _write_call(called: ast.expr, arguments: list[str], text: str) -> str:
    match called:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="math"), attr=name):
            if name in ("min", "max") and len(arguments) > 1:
                return f"{name}({', '.join(arguments)})"
            form = FUNCTIONS.get(name, "")
            if form and sum(f"{{{each}}}" in form for each in range(3)) == len(arguments):
                return f"({form.format(*arguments)})"
            raise _refusal(text, f"calls {name} in a way that is not known here")
    raise _refusal(text, "calls what is not known here")


def _refusal(text: str, why: str) -> ConfigError:
    shown = text.strip()
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return ConfigError(f"the expression {shown!r} {why}, and nothing of it is run as a program")
