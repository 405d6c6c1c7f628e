"""Keyframe strings of Deforum and Disco, and expressions in Python's syntax."""

from __future__ import annotations

import math

import pytest

from vqclip.config import loading
from vqclip.errors import ConfigError
from vqclip.language.expressions import parse_expression
from vqclip.language.peers import keyframes
from vqclip.language.peers.python_expressions import rewrite_expression
from vqclip.language.schedules import parse_schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("0:(1.05), 50:(1.02)", "0: 1.05, 50: 1.02"),
        ("0: (1.05),50: (1.02),", "0: 1.05, 50: 1.02"),
        ('"0":(1), "20":(2)', "0: 1, 20: 2"),
        ("50:(1), 0:(2)", "0: 2, 50: 1"),
        ("0:(1.02)", "1.02"),
        ("1.02", "1.02"),
        ("0:(10*sin(2*3.14*t/10))", "10 * sin(2 * 3.14 * frame / 10)"),
        ("0:(t), 10:(3)", "0: (frame), 10: 3 hold"),
        ("0:(1), max_f-1:(2)", "0: 1, 100%: 2"),
        ("10: 1, 20: 0", "10: 1, 20: 0"),
        ("{10: 1, 20: 0}", "10: 1, 20: 0"),
    ],
)
def test_keyframes_are_rewritten(text: str, schedule: str) -> None:
    assert keyframes.rewrite_keyframes(text) == schedule
    parse_schedule(schedule)


def test_a_curve_between_numbers_is_a_spline() -> None:
    found = keyframes.rewrite_keyframes("0:(1), 10:(2), 20:(t), 30:(1)", "Quadratic")
    assert found == "0: 1, 10: 2 spline, 20: (frame) spline, 30: 1 hold"
    with pytest.raises(ConfigError, match="it is one of Linear, Quadratic, Cubic"):
        keyframes.rewrite_keyframes("0:(1)", "bouncy")


def test_an_expression_holds_until_the_next_keyframe_as_in_deforum() -> None:
    curve = parse_schedule(keyframes.rewrite_keyframes("0:(t*2), 10:(5), 20:(7)")).curve(30)
    assert [curve(frame) for frame in (0, 4, 9, 10, 15, 20, 25)] == [0, 8, 18, 5, 6, 7, 7]


@pytest.mark.parametrize(
    "text", ["", "0:", "a:(1)", "0:(1), 5", "0:(1e999)", "0:(import os)", "0:(x.y)", "-1:(2)"]
)
def test_what_is_no_keyframes_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        keyframes.rewrite_keyframes(text)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("0:(1.05), 50:(1.02),", "0: 1.05, 50: 1.02"),
        ("0:(sin(t/max_f))", "sin(frame / (frames - 1))"),
        ('"0":(1.5)', "0: 1.5"),
        ("50:(1), 0:(2)", "0: 2, 50: 1"),
    ],
)
def test_the_message_of_a_schedule_says_how_it_is_written_here(text: str, here: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_schedule(text)
    told = str(refused.value)
    assert told == f"the schedule {text!r} is written in Deforum's way; here it is {here!r}"
    # In a setting, too.
    with pytest.raises(ConfigError, match=r"camera\.zoom: the schedule .* in Deforum's way"):
        loading.load_config("a fox", overrides=[f"camera.zoom={text}", "frames=60"])


@pytest.mark.parametrize("text", ["0: 1, 50%: 2 eese", "5: 1, 3: 2", "0: (1 +", "0:(q.x),"])
def test_the_messages_of_other_slips_stay(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_schedule(text)
    assert "Deforum" not in str(refused.value)


def test_keyframes_that_are_a_schedule_already_stay() -> None:
    assert parse_schedule("0:(1.05), 50:(1.02)") == parse_schedule("0: 1.05, 50: 1.02")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("math.sin(t) + abs(-2)", math.sin(0.5) + 2),
        ("pow(2, 3) - round(t + 0.1)", 7),
        ("radians(180) / pi", 1),
        ("1 if t > 0.2 else 0", 1),
        ("(t > 0.2) & (t < 0.4)", 0),
        ("7 // 2 % 2", 1),
        ("-t ** 2", -0.25),
        ("(-t) ** 2", 0.25),
        ("2 - (3 - 4) * 2", 4),
        ("max(1, t, 3)", 3),
        ("log10(1000) + math.degrees(math.pi)", 183),
        ("cosh(0) + sinh(0)", 1),
    ],
)
def test_expressions_keep_their_value(text: str, value: float) -> None:
    found = parse_expression(rewrite_expression(text, {"t": "t"}))
    assert found.evaluate({"t": 0.5}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "lambda: 1",
            "np.sin(t)",
            "[x for x in t]",
            "t.real",
            "'a'",
            "f(t)",
            "sin()",
            "sin(t, 2)",
        ],
        *["__import__('os')", "t := 3", "x", "", "1 +", "(" * 400, "t" * 2000, "1 < t < 2"],
    ],
)
def test_programs_are_refused_with_their_text(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rewrite_expression(text, {"t": "t"})
    assert repr(text[:20])[1:-1] in str(refused.value)
