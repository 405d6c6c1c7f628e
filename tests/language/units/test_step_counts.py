"""Numbers of steps or frames with a unit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vqclip.language.units.step_counts import StepCount, parse_count


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("20", 20, ""),
        ("20i", 20, "i"),
        (" 20 ITERATIONS ", 20, "i"),
        ("20 iter", 20, "i"),
        ("20steps", 20, "i"),
        ("20f", 20, "f"),
        ("20 frames", 20, "f"),
        ("20.0i", 20, "i"),
        ("50%", 50, "%"),
        ("50 p", 50, "%"),
        ("2.5Percent", 2.5, "%"),
        (".5%", 0.5, "%"),
        ("100%", 100, "%"),
        ("2s", 2, "s"),
        ("0.5 sec", 0.5, "s"),
        ("2 seconds", 2, "s"),
    ],
)
def test_units_are_read_as_pixray_reads_them_and_more(
    text: str, number: float, unit: str
) -> None:
    found = parse_count(text)
    assert found == StepCount(number, unit)
    assert parse_count(found.to_text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i",
        "-20i",
        "+20",
        "20.",
        "20.5",
        "20.5i",
        "101%",
        "1e3",
        "20x",
        "20 i i",
        "²",
        "9" * 30,
    ],
)
def test_what_is_no_number_of_steps_is_none(text: str) -> None:
    assert parse_count(text) is None


@pytest.mark.parametrize("percent", ["0.1", "1", "12.5", "29", "33", "50", "99.9", "100"])
@pytest.mark.parametrize("total", [1, 7, 35, 100, 200])
def test_a_share_is_the_nearest_whole_number_and_at_least_one(percent: str, total: int) -> None:
    exact = Fraction(percent) * total / 100
    found = StepCount(float(percent), "%").settle(total, 15)
    assert found == max(1, round(exact))


def test_seconds_are_rounded_too_and_nothing_stays_nothing() -> None:
    assert StepCount(2, "s").settle(9, 23.976) == 48
    assert StepCount(0.01, "s").settle(9, 12) == 1
    assert [StepCount(0, unit).settle(9, 12) for unit in ("", "%", "s")] == [0, 0, 0]
    assert StepCount(20, "i").settle(9, 12) == 20
