"""Axes: values, ranges and templates."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vqclip.errors import ConfigError
from vqclip.language.assets import SearchPath
from vqclip.sweep import axes
from vqclip.sweep.axes import Axis, Span


def read(key: str, value: Any) -> Axis:
    (found,) = axes.read_axes({key: value}, "foxes.yaml")
    return found


def test_values_are_as_they_were_written() -> None:
    assert read("seed", [1, 2]) == Axis("seed", (1, 2))
    assert read("prompts", ["a fox", ["a", "b"]]) == Axis("prompts", ("a fox", "a | b"))
    assert read("perceptors", ["starter,b", ["c"]]).values == (["starter", "b"], ["c"])
    assert read("preset", ["ink", ["ink", "better"], None]).values == ("ink", "ink,better", "")
    assert read("style", "one").values == ("one",)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_range_is_even_or_its_logarithm_is(share: float) -> None:
    assert Span(2, 10).at(share) == pytest.approx(2 + 8 * share, rel=1e-3)
    assert math.log(Span(0.01, 10, log=True).at(share)) == pytest.approx(
        math.log(0.01) + share * math.log(1000), abs=1e-3
    )
    assert Span(1, 4, whole=True).at(share) == 1 + int(4 * share)


def test_a_whole_range_has_both_ends_and_each_as_often() -> None:
    found = [Span(3, 6, whole=True).at((i + 0.5) / 400) for i in range(400)]
    assert {value: found.count(value) for value in found} == {3: 100, 4: 100, 5: 100, 6: 100}
    logged = [Span(1, 1000, log=True, whole=True).at(i / 999) for i in range(999)]
    assert min(logged) == 1 and max(logged) <= 1000 and logged == sorted(logged)
    assert {type(each) for each in logged} == {int}


def test_a_grid_gets_values_that_are_evenly_spaced() -> None:
    span = read("losses.smoothness", {"from": 0.1, "to": 10, "log": True, "count": 3})
    assert axes.spread_axis(span, "grid", "f").values == (0.1, 1.0, 10.0)
    assert axes.spread_axis(read("seed", {"from": 3, "to": 5}), "zip", "f").values == (3, 4, 5)
    assert axes.spread_axis(span, "random", "f") is span


def test_templates_are_values() -> None:
    axis = Axis("prompts", ("a {red|blue} fox", "an owl"))
    found = axes.expand_axis(axis, SearchPath.from_settings(""), "f")
    assert found.values == ("a red fox", "a blue fox", "an owl")
    styles = Axis("style", ("{ink|oil} of {}", "{}"))
    found = axes.expand_axis(styles, SearchPath.from_settings(""), "f")
    assert found.values == ("ink of {}", "oil of {}", "{}")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("sede", [1], "there is no setting sede; did you mean 'seed'?"),
        ("losses", [1], "there is no setting losses; it is a group of settings, such as losses."),
        ("seed", [], "seed has no values; write seed: [...], or remove it"),
        ("seed", None, "seed has no values"),
        ("out", ["a", "b"], "out changes no picture; write it under base"),
        ("seed", list(range(1001)), "seed has 1001 values; at most 1000 are allowed"),
        ("seed", {"from": 1}, "to is None; write a number"),
        ("seed", {"from": 1, "to": 8, "step": 2}, "and no step"),
        ("seed", {"from": 8, "to": 1}, "from 8 to 1 is no range"),
        ("seed", {"from": 0, "to": 8, "log": True}, "with log, it must be above 0"),
        ("seed", {"from": 0.5, "to": 8}, "takes whole numbers"),
        ("seed", {"from": 1, "to": 8, "count": 1}, "write a number from 2 to 1000"),
        ("seed", {"from": 1, "to": 8, "log": 3}, "log is 3; write true or false"),
        ("style", {"from": 1, "to": 2}, "style is no number, so it has no range"),
        ("seed", {"from": True, "to": 2}, "from is True; write a number"),
        ("seed", {"from": float("inf"), "to": 2}, "from is inf; write a number"),
    ],
)
def test_what_is_no_axis_is_refused(key: str, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(key, value)
    assert str(caught.value).startswith("foxes.yaml: axes: ") and sentence in str(caught.value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"from": 0.1, "to": 1}, "by grid needs certain values"),
        ({"from": 1, "to": 10, "log": True}, "by grid needs certain values"),
    ],
)
def test_a_grid_of_a_range_without_a_count_is_refused(value: Any, sentence: str) -> None:
    axis = read("losses.smoothness", value)
    with pytest.raises(ConfigError, match=sentence):
        axes.spread_axis(axis, "grid", "foxes.yaml")


def test_values_that_are_there_twice_are_refused() -> None:
    for values in ((1, 2, 1), (["a"], ["a"])):
        with pytest.raises(ConfigError, match="twice; remove one of them"):
            axes.expand_axis(Axis("seed", values), SearchPath.from_settings(""), "f")
    with pytest.raises(ConfigError, match="axes: prompts has red fox twice"):
        twice = Axis("prompts", ("{red|blue} fox", "red fox"))
        axes.expand_axis(twice, SearchPath.from_settings(""), "f")
