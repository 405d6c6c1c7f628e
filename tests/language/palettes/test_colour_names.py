"""Colours by name, against Pillow's table and published values."""

from __future__ import annotations

import pytest
from PIL import ImageColor

from vqclip.errors import ConfigError
from vqclip.language.palettes.colour_names import (
    css_names,
    find_colour,
    parse_colour,
    to_hex,
    xkcd_names,
)


def test_css_names_are_those_of_pillow() -> None:
    assert set(css_names()) == set(ImageColor.colormap)
    for name in css_names():
        levels = ImageColor.getrgb(name)
        assert find_colour(name) == find_colour(name.upper())
        assert find_colour(name) == tuple(level / 255 for level in levels)


def test_the_lists_are_whole() -> None:
    assert (len(css_names()), len(xkcd_names())) == (148, 949)
    both = set(css_names()) & set(xkcd_names())
    differ = [name for name in both if css_names()[name] != xkcd_names()[name]]
    assert (len(both), len(differ)) == (49, 46)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("red", "#ff0000"), ("xkcd:red", "#e50000"), ("mat:red", "#ff0000")),
        *(("xkcd:blue", "#0343df"), ("xkcd:green", "#15b01a"), ("xkcd:pink", "#ff81c0")),
        *(("dusty rose", "#c0737a"), ("Dusty  Rose", "#c0737a"), ("robin's egg", "#6dedfd")),
        *(("grey/blue", "#647d8e"), ("gray/blue", "#647d8e"), ("light grey", "#d8dcd6")),
        *(("lightgrey", "#d3d3d3"), ("xkcd:gray", "#929591")),
        *(("tab:blue", "#1f77b4"), ("mat:tab:gray", "#7f7f7f"), ("k", "#000000")),
        *(("mat:g", "#008000"), ("c", "#00bfbf"), ("0.5", "#808080"), (".25", "#404040")),
        *(("mat:0", "#000000"), ("1", "#ffffff"), ("pixel_green", "#70ff87")),
        *(("pixel_orange", "#ffcc33"), ("( 255 + 204 + 0 )", "#ffcc00")),
        *(("[.5+0.25+1]", "#8040ff"), ("#AbC", "#aabbcc"), (" #0a0B0c ", "#0a0b0c")),
    ],
)
def test_colours(text: str, found: str) -> None:
    assert to_hex(parse_colour(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "#12", "#1234", "#ff000080", "rgb(1, 2, 3)", "mat:dusty rose", "xkcd:gold digger"),
        *("xkcd:", "mat:", "1.5", "-1", "0.5.1", "(1+2)", "(1+2+3+4)", "[2+0+0]", "(1+-2+3)"),
        *("mat:pixel_red", "transparent", "none", "x", "١"),
    ],
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^edge_colour: .* is not a colour"):
        parse_colour(text, "edge_colour")
