"""Colours by their names."""

from __future__ import annotations

import pytest
import torch

from vqclip.errors import ConfigError
from vqclip.guidance.losses.pixel_losses import parse_colours


def test_colours() -> None:
    expected = torch.tensor([[255, 0, 0], [255, 215, 0], [0, 128, 128], [255, 255, 255]]) / 255
    assert torch.equal(parse_colours("#ff0000, gold,Teal ,#FFF"), expected)
    assert torch.equal(parse_colours(["#ff0000", "gold", "teal", "white"]), expected)


@pytest.mark.parametrize("name", ["", "#ff00", "#ff000080", "rgb(300", "#gggggg", "goldd"])
def test_what_is_no_colour_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"is not a colour.*; write a CSS name such as gold, hex digits"
    ):
        parse_colours(f"red,{name}")


def test_a_mistyped_colour_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"'goldd' is not a colour; did you mean 'gold'\?"):
        parse_colours("goldd")


def test_no_colours_are_refused() -> None:
    with pytest.raises(ConfigError, match="no colours were given; write some, such as"):
        parse_colours([])
