"""Ways from one value to the next."""

from __future__ import annotations

import pytest

from vqclip.language.schedules import EASINGS, spline


@pytest.mark.parametrize("name", sorted(set(EASINGS) - {"hold"}))
def test_easings_go_from_nothing_to_everything_and_never_back(name: str) -> None:
    way = [EASINGS[name](share / 50) for share in range(51)]
    assert (way[0], way[-1]) == (0, 1) and way == sorted(way)


def test_a_spline_of_two_keys_is_a_line() -> None:
    assert [spline([0, 8], {0: 1.0, 1: 3.0}, 1, x) for x in (0, 0.25, 1)] == [1, 1.5, 3]


def test_a_spline_passes_its_keys_without_a_bend() -> None:
    places, heights = [0.0, 4.0, 10.0], {0: 0.0, 1: 2.0, 2: -1.0}
    tiny = 1e-6
    before = (heights[1] - spline(places, heights, 1, 1 - tiny)) / (tiny * 4)
    after = (spline(places, heights, 2, tiny) - heights[1]) / (tiny * 6)
    assert before == pytest.approx(after, abs=1e-4) == -0.1
