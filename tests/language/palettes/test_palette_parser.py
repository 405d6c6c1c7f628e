"""The grammar of palettes, against what pixray makes of the same texts."""

from __future__ import annotations

import re

import pytest

from vqclip.errors import ConfigError
from vqclip.language.palettes.colour_names import to_hex
from vqclip.language.palettes.palette_parser import (
    PaletteFile,
    interpolate_colours,
    parse_colours,
    parse_palette,
    write_list,
)


def hexes(text: str) -> str:
    return " ".join(map(to_hex, parse_colours(text)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"xkcd:red\4", "#000000 #4c0000 #990000 #e50000"),
        (r"black->xkcd:red->white\5", "#000000 #720000 #e50000 #f28080 #ffffff"),
        (r"[black,xkcd:red,#ff0000]\5", "#000000 #720000 #e50000 #f20000 #ff0000"),
        (
            r"neon green->neon blue->neon pink\12",
            "#0cff0c #0bf838 #09f164 #08ea91 #06e3bd #05dce9 "
            "#1bc5f6 #489ee3 #7677d1 #a350bf #d128ac #fe019a",
        ),
    ],
)
def test_ramps_are_those_of_pixray(text: str, found: str) -> None:
    assert hexes(text) == found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("red;blue;yellow", 48),
        (r"red\8;blue->yellow\8", 16),
        (r"neon green->neon blue->neon pink\12; black->grey->grey blue", 28),
        ("[red, blue]; gold->teal", 18),
        ("red", 1),
        ("red;", None),
    ],
)
def test_sections_follow_each_other(text: str, count: int | None) -> None:
    if count is None:
        with pytest.raises(ConfigError, match="'' is not a colour"):
            parse_colours(text)
    else:
        assert len(parse_colours(text)) == count


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gold", "#ffd700"),  # alone, as it has always been
        (" #cc0000 , Gold,teal", "#cc0000 #ffd700 #008080"),
        ("[gold, teal]", "#ffd700 #008080"),
        ("[gold]", "#ffd700"),
        ("gold, teal; #FFF, k", "#ffd700 #008080 #ffffff #000000"),
        (r"red\3", "#000000 #800000 #ff0000"),
        (r"red->blue\1", "#0000ff"),  # pixray divides by zero
        (r" red  ->  blue \2", "#ff0000 #0000ff"),  # pixray fails at the spaces
        (r"[gold]\2", "#ffd700 #ffd700"),
        (r"[[1+.8+0], red]\2", "#ffcc00 #ff0000"),
        (r"red->[1+.8+0]\2", "#ff0000 #ffcc00"),
        (r"[1+.8+0]->red\2", "#ffcc00 #ff0000"),
        ("[1+.8+0]", "#ffcc00"),
        ("(255+204+0)", "#ffcc00"),
        (r"0.5->1.0\2", "#808080 #ffffff"),
    ],
)
def test_sections(text: str, found: str) -> None:
    assert hexes(text) == found


def test_files_stay_names() -> None:
    sections = parse_palette(r"@my pictures/a,b.png\12; red\2; @c.gpl").sections
    assert sections[0] == PaletteFile("my pictures/a,b.png", 12)
    assert sections[1] == ((0, 0, 0), (1, 0, 0))
    assert sections[2] == PaletteFile("c.gpl", 255)
    with pytest.raises(ConfigError, match=r"draw.colours: @c.gpl is a file"):
        parse_colours("@c.gpl", "draw.colours")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("  ", "losses.colours: no colours were given"),
        (
            "navy, golld; teal",
            "losses.colours: 'golld' is not a colour; did you mean 'gold'?; write",
        ),
        (
            "navy->nven pink",
            "losses.colours: 'nven pink' is not a colour; did you mean 'neon pink'?",
        ),
        ("xkcd:rad", "'xkcd:rad' is not a colour; did you mean 'xkcd:red'?"),
        ("gold,", "'' is not a colour"),
        ("->gold", "'' is not a colour"),
        ("[]", "'' is not a colour"),
        ("[gold", "'[gold' is not a colour"),
        ("@", "no file after @"),
        (r"@\8", "no file after @"),
        (r"red\0", r"'red\\0' asks for 0 colours; write a number from 1 to 4096"),
        (rf"red\{'9' * 400}", "write a number from 1 to 4096"),
        (r"red\x", r"'red\\x' is not a colour"),
        (r"gold, teal\5", r"is both a list and a ramp; write ; between sections"),
        ("gold, teal->red", "is both a list and a ramp"),
        (r"red\4096;gold", "a palette of 4112 colours; 4096 are possible at most"),
        ("(255+204+300)", "'(255+204+300)' is not a colour"),
        ("[1+2+0]->red", "'[1+2+0]' is not a colour"),
        ("#ff000080", "'#ff000080' is not a colour"),
        ("rgb(1, 2, 3)", "'rgb(1' is not a colour"),
    ],
)
def test_what_is_no_palette_is_told(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)) as told:
        parse_palette(text, "losses.colours")
    assert str(told.value).startswith("losses.colours: ")
    with pytest.raises(ConfigError, match=re.escape(complaint.removeprefix("losses.colours: "))):
        parse_palette(text)


def test_interpolation_meets_every_colour() -> None:
    stops = [(0.0, 0.0, 0.0), (0.3, 0.9, 0.1), (1.0, 0.2, 0.7)]
    found = interpolate_colours(stops, 9)
    assert found[0] == stops[0] and found[4] == stops[1] and found[8] == stops[2]
    assert found[2] == pytest.approx((0.15, 0.45, 0.05))


def test_a_list_that_is_written_is_read() -> None:
    colours = parse_colours("gold->teal")
    again = parse_colours(write_list(colours))
    assert list(map(to_hex, again)) == list(map(to_hex, colours))
