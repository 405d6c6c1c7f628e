"""Numbers that change on the way."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import ConfigError
from vqclip.language.schedules import EASINGS, Key, Schedule, parse_schedule, schedule_to_text

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def test_between_keys_the_value_goes_evenly() -> None:
    value = parse_schedule("10: 1, 20: 3, 40: -1").curve(100)
    steps = range(60)
    wanted = np.interp(steps, [10, 20, 40], [1, 3, -1])
    assert [value(step) for step in steps] == pytest.approx(wanted.tolist())


def test_percents_are_of_the_run() -> None:
    value = parse_schedule("0%: 0, 50%: 1, 100%: 0").curve(201)
    assert [value(step) for step in (0, 50, 100, 150, 200)] == [0, 0.5, 1, 0.5, 0]
    assert parse_schedule("50%: 1").curve(1)(0) == 1


@pytest.mark.parametrize(
    ("easing", "wanted"),
    [
        ("linear", [0.25, 0.5, 0.75]),
        ("ease", [0.125, 0.5, 0.875]),
        ("in", [1 / 16, 1 / 4, 9 / 16]),
        ("out", [7 / 16, 3 / 4, 15 / 16]),
        ("hold", [0, 0, 0]),
    ],
)
def test_easings(easing: str, wanted: list[float]) -> None:
    value = parse_schedule(f"0: 0, 4: 1 {easing}").curve(5)
    assert [value(step) for step in (1, 2, 3)] == pytest.approx(wanted)
    assert (value(0), value(4), value(9)) == (0, 1, 1)


def test_steps_and_percents_may_be_mixed_and_the_last_of_one_step_holds() -> None:
    value = parse_schedule("0: 1, 50%: 2, 4: 5").curve(9)  # 50 % of 9 steps is step 4
    assert (value(4), value(8)) == (5, 5)
    assert value(2) == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the schedule is empty; write keyframes, such as "0: 0, 50%: 1"'),
        ("a: 1", "the schedule's keyframe 'a: 1' cannot be read: write place: value"),
        ("5:", "the schedule's keyframe '5:' cannot be read: write place: value"),
        ("0: 1 + (2", "the schedule's keyframe '0: 1 \\+ \\(2' cannot be read: the expression"),
        ("0: (1 + t) eese", "no easing is called 'eese'; did you mean 'ease'"),
        ("0: 1 2 3", "the schedule's keyframe '0: 1 2 3' cannot be read"),
        ("0: nan", "the schedule's keyframe '0: nan' cannot be read"),
        ("0: 1 eese", "no easing is called 'eese'; did you mean 'ease'"),
        ("10: 1, 5: 2", "place 5 comes after 10; write the keyframes in order"),
        ("50%: 1, 50%: 2", "place 50% comes after 50%; write the keyframes in order"),
        ("-1: 2", "place -1 lies outside the run; write a step from 0 on"),
        ("101%: 2", "place 101% lies outside the run"),
        ("0: 1e999", "is not finite; write numbers"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("frame", [0, 1, 2, 3, 4]),
        ("t", [0, 0.5, 1, 1.5, 2]),
        ("share", [0, 0.25, 0.5, 0.75, 1]),
        ("frames", [5] * 5),
        ("beat * 2", [2, 0, 4, 0, 0]),
        ("3", [3] * 5),
        ("0s: 0, 2s: 1", [0, 0.25, 0.5, 0.75, 1]),
        ("0: 0, 40f: 40", [0, 1, 2, 3, 4]),
        ("0: (frame), 4: 0", [0, 0.75, 1, 0.75, 0]),  # from the line that rises to 0
        ("2: (t) hold", [0, 0.5, 1, 1.5, 2]),  # an expression goes on before and after
        ("0: 1 if t < 1 else 2", [1, 1, 2, 2, 2]),
        ("0: max(1, frame), 4: 0 hold", [1, 1, 2, 3, 0]),
    ],
)
def test_seconds_and_expressions(text: str, wanted: list[float]) -> None:
    value = parse_schedule(text).curve(5, 2.0, {"beat": [1.0, 0.0, 2.0]})
    assert [value(frame) for frame in range(5)] == pytest.approx(wanted)


def test_a_single_key_has_no_end_of_its_own() -> None:
    assert parse_schedule("share").curve(1)(0) == 0


def test_splines_are_hermite_cubics_through_the_keys() -> None:
    places, heights = [0, 4, 6, 13], [1.0, 3.0, -1.0, 2.0]
    text = ", ".join(f"{p}: {h} spline" for p, h in zip(places, heights, strict=True))
    slopes = [(3 - 1) / 4, (-1 - 1) / 6, (2 - 3) / 9, (2 + 1) / 7]
    wanted = scipy.interpolate.CubicHermiteSpline(places, heights, slopes)(range(14))
    value = parse_schedule(text).curve(14)
    assert [value(frame) for frame in range(14)] == pytest.approx(wanted.tolist())


def test_the_other_way_round() -> None:
    there, back = (
        parse_schedule("0: 1, 50%: (1 + t)"),
        parse_schedule("0: 1, 50%: (1 + t)").negated,
    )
    assert parse_schedule(schedule_to_text(back)) == back
    one, other = there.curve(20), back.curve(20)
    assert [one(frame) for frame in range(20)] == [-other(frame) for frame in range(20)]


def test_unknown_names_are_refused_when_the_clock_is_known() -> None:
    with pytest.raises(ConfigError, match="uses 'lowe', which is not a known name; did you"):
        parse_schedule("0: (1 + lowe)").curve(10, 15, {"low": [0.0]})


def test_what_has_no_value_names_its_frame() -> None:
    value = parse_schedule("1 / (frame - 3)").curve(10)
    assert value(2) == -1
    with pytest.raises(
        ConfigError, match=r"'1 / \(frame - 3\)' is not a finite number at frame 3"
    ):
        value(3)


def test_values_are_bounds() -> None:
    assert parse_schedule("0: 1, 50%: -2").values == (1, -2)
    assert parse_schedule("1 + 0.5 * cos(t)").values == (1.5, 0.5, 1.5)
    assert parse_schedule("0: 2, 9: (1/frame)").numbers == (2,)


UNITS = st.sampled_from(["", "%", "s"])
CURVES = sorted(set(EASINGS) - {"spline"})  # which go beyond the keys
KEYS = st.builds(Key, st.floats(0, 100), NUMBERS, UNITS, st.sampled_from(CURVES))


@given(st.lists(KEYS, min_size=1, max_size=5, unique_by=lambda key: (key.unit, key.place)))
def test_what_is_shown_is_read_back(keys: list[Key]) -> None:
    schedule = Schedule(tuple(sorted(keys, key=lambda key: key.place)))
    assert parse_schedule(schedule_to_text(schedule)) == schedule
    values = [schedule.curve(50)(step) for step in range(50)]
    slack = 1e-6 * max(map(abs, schedule.values))
    assert min(schedule.values) - slack <= min(values)
    assert max(values) <= max(schedule.values) + slack
