"""Sums that change with time, against Python's own arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import ConfigError
from vqclip.language import expressions
from vqclip.language.expressions import expression_to_text, parse_expression

NOW = {"t": 1.5, "frame": 18.0, "low": 0.25}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("(-2) ** 2", 4),
        ("2 ** -1", 0.5),
        ("7 - 2 - 1", 4),
        ("8 / 4 / 2", 1),
        ("-7 % 3", 2),
        ("- - 3", 3),
        ("+t", 1.5),
        ("sin(pi / 2) + cos(0)", 2),
        ("tau / pi + log(e)", 3),
        ("max(1, frame, 3) + min(t, 1)", 19),
        ("clamp(frame, 0, 10)", 10),
        ("lerp(10, 20, low)", 12.5),
        ("abs(-2.5) + sqrt(4) + exp(0) + floor(1.9) + ceil(1.1) + round(0.5)", 9.5),
        ("1 if t < 1 else 2 if t < 2 else 3", 2),
        ("where(t >= 1.5, 10, 20)", 10),
        ("(t == 1.5) + (t != 1.5) + (t > 2) + (t <= 1)", 1),
        ("1 / 0 if t < 0 else 5", 5),  # the other side is not worked out
        ("1e3 + .5", 1000.5),
        ("where(1, 2, sqrt(-1))", 2),
    ],
)
def test_what_comes_out(text: str, wanted: float) -> None:
    assert parse_expression(text).evaluate(NOW) == pytest.approx(wanted)
    assert parse_expression(expression_to_text(parse_expression(text))) == parse_expression(text)


Known = tuple[str, float | None]  # a text, and what comes out; None where nothing does


def joined(parts: tuple[Known, str, Known]) -> Known:
    (left, a), sign, (right, b) = parts
    ways = {"+": float.__add__, "-": float.__sub__, "*": float.__mul__}
    ways |= {"/": float.__truediv__, "%": float.__mod__}
    value = None
    if a is not None and b is not None and not (sign in "/%" and b == 0):
        value = ways[sign](a, b)
    return f"({left} {sign} {right})", value


def chosen(parts: tuple[Known, Known, Known]) -> Known:
    (yes, a), (no, b), (limit, c) = parts
    text = f"({yes} if {yes} > {limit} else {no})"
    return text, None if a is None or c is None else (a if a > c else b)


LEAVES = [*NOW.items(), ("2", 2.0), ("0.5", 0.5), ("3", 3.0)]
SUMS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(joined),
        inner.map(lambda x: (f"(-{x[0]})", None if x[1] is None else -x[1])),
        st.tuples(inner, inner, inner).map(chosen),
    ),
    max_leaves=12,
)


@given(SUMS)
def test_sums_agree_with_pythons_numbers(known: Known) -> None:
    text, wanted = known
    if len(text.split()) > 100:
        return
    found = parse_expression(text)
    shown = expression_to_text(found)
    assert parse_expression(shown) == found and len(shown) <= len(text)
    if wanted is None:
        with pytest.raises(ConfigError, match="not a finite number"):
            found.evaluate(NOW)
        return
    assert found.evaluate(NOW) == wanted
    low, high = found.bounds
    assert low <= wanted <= high


def test_names_are_those_of_variables() -> None:
    assert parse_expression("t + pi * sin(low) + t").names == ["t", "low"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends too early"),
        ("1 +", "ends too early"),
        ("(1", 'ends too early; a "\\)" was expected'),
        ("1)", "cannot be read at '\\)'"),
        ("1 2", "cannot be read at '2'"),
        ("a.b", "cannot be read from '.b' on"),
        ("t[0]", r"cannot be read from '\[0\]' on"),
        ("'a'", "cannot be read from"),
        ("1 if t", 'has an "if" without "else"'),
        ("0 < t < 1", "compares twice in a row"),
        ("sinn(t)", "calls sinn, which is not a function; did you mean 'sin'"),
        ("__import__(1)", "calls __import__, which is not a function"),
        ("sin", r"names the function sin without brackets; write sin\(…\)"),
        ("sin(1, 2)", r"gives sin 2 arguments; write sin\(x\)"),
        ("max()", r"gives max 0 arguments; write max\(a, b\)"),
        ("1e999", "holds 1e999, which is not finite"),
        ("nan", "holds nan, which is not a finite number"),
        ("(" * 60 + "1" + ")" * 60, "is nested too deeply"),
        ("-" * 150 + "1", "is nested too deeply"),
        ("1" + "+1" * 150, "has more than 200 numbers, names and signs"),
        ("1" * 2000, "is longer than 1000 characters"),
        ("1 if 1 else " * 80 + "1", "has more than 200|nested too deeply"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["9**9**9**9", "1 / (t - 1.5)", "sqrt(-t)", "log(0)", "(-8) ** 0.5", "exp(1000)", "1 % 0"],
)
def test_what_is_not_finite_is_refused_by_its_name_and_frame(text: str) -> None:
    with pytest.raises(
        ConfigError, match="is not a finite number at frame 18; avoid division"
    ) as found:
        parse_expression(text).evaluate(NOW)
    assert repr(expression_to_text(parse_expression(text))) in str(found.value)


def test_variables_that_are_not_there_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"uses 'lwo', which .* did you mean 'low'.* are: t, fr"
    ):
        parse_expression("1 + lwo").evaluate(NOW)


def test_the_deepest_that_is_read_can_be_worked_out() -> None:
    text = "+".join(["t"] * 100)
    assert parse_expression(text).evaluate(NOW) == 150 and parse_expression(text).bounds == (
        0,
        math.inf,
    )
    deep = "(" * (expressions.DEEPEST - 1) + "t" + ")" * (expressions.DEEPEST - 1)
    assert parse_expression(deep).evaluate(NOW) == 1.5
