"""Layouts in JSON come back as they were, or are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.helpers.layouts import PALM
from vqclip.errors import PromptError
from vqclip.language.layout.layout_json import layouts_to_values, read_layouts
from vqclip.language.layout.layout_types import Layout, Setting, Thing

DOOR = Layout(
    (
        Thing("house", "a blue house", (0.1, 0.2, 0.7, 0.8)),
        Thing("door", "a red door", (0.3, 0.5, 0.1, 0.4), part=True),
    ),
    Setting("sea", "night", "", "by the sea at night"),
    "watercolour",
)


def test_a_setting_of_words_alone_comes_back() -> None:
    autumn = replace(DOOR, setting=Setting(text="in autumn"))
    assert read_layouts(layouts_to_values({0: autumn})) == {0: autumn}


def test_layouts_come_back() -> None:
    values = layouts_to_values({0: PALM, 3: DOOR})
    assert read_layouts(json.loads(json.dumps(values))) == {0: PALM, 3: DOOR}
    assert values[0] == {
        "scene": 1,
        "setting": None,
        "style": "",
        "things": [
            {
                "name": "palm tree",
                "prompt": "a palm tree",
                "box": [0.35, 0.0, 0.65, 1.0],
                "part": False,
            },
            {
                "name": "snowman",
                "prompt": "a snowman",
                "box": [0.0, 0.4, 0.5, 0.6],
                "part": False,
            },
        ],
    }
    night = {"place": "sea", "time": "night", "weather": "", "text": "by the sea at night"}
    assert values[1]["setting"] == night


THING = {"name": "fox", "prompt": "a fox", "box": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    "value",
    [
        7,
        {},
        {"scene": 1},
        {"scene": 0, "setting": None, "things": [THING]},
        {"scene": "x", "setting": None, "things": [THING]},
        {"scene": 1, "setting": None, "things": []},
        {"scene": 1, "setting": 7, "things": [THING]},
        {"scene": 1, "setting": None, "things": [THING | {"box": [0, 0, 1]}]},
        {"scene": 1, "setting": None, "things": [THING | {"box": [0.5, 0, 0.6, 1]}]},
        {"scene": 1, "setting": None, "things": [THING | {"box": [0, 0, 0, 1]}]},
        {"scene": 1, "setting": None, "things": [THING | {"box": [float("nan"), 0, 1, 1]}]},
        {"scene": 1, "setting": None, "things": [THING | {"prompt": " "}]},
        {"scene": 1, "setting": None, "things": [{"prompt": "a fox", "box": [0, 0, 1, 1]}]},
    ],
)
def test_what_is_no_layout_is_refused(value: Any) -> None:
    with pytest.raises(PromptError, match="is no layout of a sentence"):
        read_layouts([value])


def test_what_is_not_known_is_passed_over() -> None:
    value = {"scene": 1, "setting": {"tide": "low"}, "things": [THING | {"tail": 2}], "new": 1}
    assert read_layouts([value]) == {0: Layout((Thing("fox", "a fox", (0, 0, 1, 1)),))}
