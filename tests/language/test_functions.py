"""The functions of expressions, against their definitions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqclip.language.functions import (
    FUNCTIONS,
    nearest,
    noise,
    pulse,
    saw,
    smoothstep,
    square,
    triangle,
)

PLACES = [x / 8 for x in range(-16, 17)]


def test_waves_repeat_with_every_whole_number() -> None:
    for wave in (triangle, saw, square, pulse):
        assert [wave(x) for x in PLACES[:8]] == [wave(x + 3) for x in PLACES[:8]]
    assert [triangle(x) for x in (0, 0.125, 0.25, 0.5, 0.75)] == [0, 0.5, 1, 0, -1]
    assert [saw(x) for x in (0, 0.25, 0.5, 0.75)] == [-1, -0.5, 0, 0.5]
    assert [square(x) for x in (0, 0.49, 0.5, 0.99)] == [1, 1, -1, -1]
    assert [pulse(x, 0.25) for x in (0, 0.2, 0.25, 0.9)] == [1, 1, 0, 0]


def test_smoothstep_is_that_of_glsl() -> None:
    assert [smoothstep(2, 4, x) for x in (1, 2, 2.5, 3, 4, 9)] == [0, 0, 0.15625, 0.5, 1, 1]


def test_halves_are_rounded_up() -> None:
    assert [nearest(x) for x in (0.5, 1.5, -0.5, 2.4)] == [1, 2, 0, 2]


def splitmix(first: int, count: int) -> list[float]:
    """splitmix64 as published, with numpy's integers, which wrap; numbers from -1 to 1."""
    z = np.arange(first, first + count).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))).astype(float) / 2**63 - 1).round(9).tolist()


def test_noise_wanders_smoothly_and_always_the_same_way() -> None:
    assert [round(noise(x), 9) for x in range(-3, 9)] == splitmix(-3, 12)
    line = [noise(x / 100) for x in range(5000)]
    assert -1 <= min(line) < -0.8 and 0.8 < max(line) <= 1
    assert abs(sum(line)) / len(line) < 0.3
    steps = [b - a for a, b in pairwise(line)]
    assert max(map(abs, steps)) < 2 * 1.875 / 100 + 1e-9  # the steepest that the bend gets
    assert [noise(x / 4, 1) for x in range(40)] != [noise(x / 4) for x in range(40)]


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(st.floats(-9, 9), min_size=3, max_size=3))
def test_functions_stay_within_their_bounds(name: str, given: list[float]) -> None:
    function = FUNCTIONS[name]
    given = given[: max(function.least, min(function.most, 2))]
    try:
        value = function.run(*given)
    except (ValueError, ZeroDivisionError, OverflowError):
        return
    low, high = function.bounds(*((x - 1, x + 2) for x in given))
    assert low <= value <= high and not math.isnan(value)
