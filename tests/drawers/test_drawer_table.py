"""The table of drawers in the documentation, which says what works with what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vqclip.config.draw_settings import DRAWERS
from vqclip.config.loading import load_config
from vqclip.drawers.lines import LinesDrawer
from vqclip.drawers.mosaic import MosaicDrawer
from vqclip.drawers.pixels import PixelsDrawer
from vqclip.drawers.strokes import StrokesDrawer
from vqclip.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs/pages/drawers.md"
WITH_SVG = {each.name for each in (PixelsDrawer, MosaicDrawer, StrokesDrawer, LinesDrawer)}


def table() -> dict[str, dict[str, bool]]:
    """Feature → drawer → whether they go together."""
    rows = re.findall(r"^\|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [[each.strip() for each in row.split("|")] for row in rows]
    start = next(n for n, row in enumerate(cells) if {*row[1:]} == {*DRAWERS})
    found, order = {}, cells[start][1:]
    for name, *said in cells[start + 2 :]:
        assert {*said} <= {"yes", "no"}, name
        found[name] = {d: each == "yes" for d, each in zip(order, said, strict=True)}
    return found


def accepts(*overrides: str) -> bool:
    try:
        load_config("a fox", overrides=list(overrides))
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("name", DRAWERS)
def test_the_table_is_true(name: str) -> None:
    said = {feature: row[name] for feature, row in table().items()}
    assert said.pop("animation") == accepts(f"drawer={name}", "frames=3")
    through = accepts(f"drawer={name}", "frames=3", "camera.through=latent")
    assert said.pop("`camera.through=latent`") == through
    assert said.pop("`draw.alpha`") == accepts(f"drawer={name}", "draw.alpha=true")
    assert said.pop("`final.svg`") == (name in WITH_SVG)
    assert said.pop("`tile`") == accepts(f"drawer={name}", "tile=both")
    other = "pixels" if name == "pyramid" else "pyramid"
    chain = accepts(f"drawer={name},{other}") and accepts(f"drawer={other},{name}")
    assert said.pop("first or last of two") == chain
    assert not said


def test_every_drawer_has_a_row_that_says_what_it_is_for() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in DRAWERS:
        assert f"\n| `{name}` |" in text
