"""Prompts in the shapes that YAML has."""

from __future__ import annotations

from typing import Any

import pytest

from vqclip.config import presets
from vqclip.errors import ConfigError, PromptError


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, ""),
        ("a fox:2", "a fox:2"),
        (["a fox", "fog:-1"], "a fox | fog:-1"),
        ({"a fox": 2, "16:9": 1, "@x.png": 0.5}, r"a fox:2 | 16\:9 | @x.png:0.5"),
        ([{"a fox": 2}, "fog"], "a fox:2 | fog"),
        ({"keywords": "a fox, ink", "sentence": "A fox."}, "a fox, ink sentence(A fox.)"),
    ],
)
def test_a_value_as_text(value: Any, wanted: str) -> None:
    assert presets.prompt_text(value) == wanted


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "^negative is 7; it must be text in quotes, or a list of texts$"),
        ({"a fox": "big"}, "^negative: a fox has the weight 'big'; it must be a number$"),
        ({"a fox": True}, "^negative: a fox has the weight True"),
        ([["a"], 3.5], "^negative is 3.5"),
    ],
)
def test_what_is_no_prompt_is_refused_by_its_key(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        presets.prompt_text(value, "negative")


def test_a_structure_that_says_nothing_is_refused() -> None:
    with pytest.raises(PromptError, match="says nothing to draw"):
        presets.prompt_text({"subject": ""})
