"""Numbers that change on the way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import ConfigError
from vqclip.schedules import EASINGS, Key, Schedule, parse, show

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def test_between_keys_the_value_goes_evenly() -> None:
    value = parse("10: 1, 20: 3, 40: -1").curve(100)
    steps = range(60)
    wanted = np.interp(steps, [10, 20, 40], [1, 3, -1])
    assert [value(step) for step in steps] == pytest.approx(wanted.tolist())


def test_percents_are_of_the_run() -> None:
    value = parse("0%: 0, 50%: 1, 100%: 0").curve(201)
    assert [value(step) for step in (0, 50, 100, 150, 200)] == [0, 0.5, 1, 0.5, 0]
    assert parse("50%: 1").curve(1)(0) == 1


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
    value = parse(f"0: 0, 4: 1 {easing}").curve(5)
    assert [value(step) for step in (1, 2, 3)] == pytest.approx(wanted)
    assert (value(0), value(4), value(9)) == (0, 1, 1)


def test_steps_and_percents_may_be_mixed_and_the_last_of_one_step_holds() -> None:
    value = parse("0: 1, 50%: 2, 4: 5").curve(9)  # 50 % of 9 steps is step 4
    assert (value(4), value(8)) == (5, 5)
    assert value(2) == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the schedule is empty; write keys, such as "0: 0, 50%: 1"'),
        ("5", "the schedule's key '5' cannot be read; write place: value"),
        ("a: 1", "the schedule's key 'a: 1' cannot be read"),
        ("0: 1 2 3", "the schedule's key '0: 1 2 3' cannot be read"),
        ("0: nan", "the schedule's key '0: nan' cannot be read"),
        ("0: 1 eese", "no easing is called 'eese'; did you mean 'ease'"),
        ("10: 1, 5: 2", "place 5 comes after 10; write the keys in order"),
        ("50%: 1, 50%: 2", "place 50% comes after 50%; write the keys in order"),
        ("-1: 2", "place -1 lies outside the run; write a step from 0 on"),
        ("101%: 2", "place 101% lies outside the run"),
        ("0: 1e999", "is not finite; write numbers"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text)


KEYS = st.builds(Key, st.floats(0, 100), NUMBERS, st.booleans(), st.sampled_from(sorted(EASINGS)))


@given(st.lists(KEYS, min_size=1, max_size=5, unique_by=lambda key: (key.percent, key.place)))
def test_what_is_shown_is_read_back(keys: list[Key]) -> None:
    schedule = Schedule(tuple(sorted(keys, key=lambda key: key.place)))
    assert parse(show(schedule)) == schedule
    values = [schedule.curve(50)(step) for step in range(50)]
    slack = 1e-6 * max(map(abs, schedule.values))
    assert min(schedule.values) - slack <= min(values)
    assert max(values) <= max(schedule.values) + slack
