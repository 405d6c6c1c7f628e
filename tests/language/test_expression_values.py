"""Trees of calls; most about them is in test_expressions.py."""

from __future__ import annotations

import math

import pytest

from vqclip.errors import ConfigError
from vqclip.language.expressions import (
    Call,
    Expression,
    expression_to_text,
    format_number,
    unknown_variable,
)


@pytest.mark.parametrize("number", [0.0, 1.0, 0.1, 1e22, 5e-324, 1 / 3])
def test_digits_read_back(number: float) -> None:
    assert float(format_number(number)) == number and not format_number(number).endswith(".0")


def test_the_other_way_round_and_back() -> None:
    there = Expression(Call("+", ("t", 2.0)))
    assert there.negated.evaluate({"t": 1.0}) == -3
    assert expression_to_text(there.negated) == "-(t + 2)"
    assert there.negated.negated.evaluate({"t": 1.0}) == 3


def test_openings_are_in_silence() -> None:
    assert Expression(Call("+", ("beat", Call("cos", ("t",))))).first_value == (1.0,)
    assert Expression(Call("/", (1.0, "t"))).first_value == ()


def test_bounds_are_never_nan() -> None:
    lost = Call("*", (Call("exp", (1e9,)), Call("-", ("t", "frame"))))
    assert not any(map(math.isnan, Expression(lost).bounds))


def test_the_error_for_a_name_suggests_functions_too() -> None:
    assert isinstance(unknown_variable("sine", "sine", ["t"]), ConfigError)
    assert "did you mean 'sin'" in str(unknown_variable("sine", "sine", ["t"]))
