"""Sheets of any pictures: the axes that their notes make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import ConfigError
from vqclip.sweep import noted_sheet
from vqclip.sweep.noted_sheet import NotedPicture, find_axes


def pictures(*values: dict[str, Any]) -> list[NotedPicture]:
    return [NotedPicture(Path(f"{n}.png"), each, f"{n}.png") for n, each in enumerate(values)]


def names(found: list[Any]) -> list[str]:
    return [each.key if hasattr(each, "key") else each.name for each in found]


GRID = [{"prompts": p, "seed": s, "size": "64x64"} for p in ("b", "a") for s in (3, 1, 2)]


def test_what_differs_is_an_axis_and_numbers_are_in_order() -> None:
    found = find_axes(pictures(*GRID))
    assert [(axis.key, axis.values) for axis in found] == [
        ("prompts", ("b", "a")),
        ("seed", (1, 2, 3)),
    ]


def test_what_follows_from_others_is_no_axis() -> None:
    """The number of steps goes with the drawer, and the seed with the prompt."""
    rows = [
        {"prompts": p, "seed": len(p), "drawer": d, "steps": 90 if d == "vqgan" else 100}
        for p in ("a", "bb")
        for d in ("vqgan", "pixels")
    ]
    assert names(find_axes(pictures(*rows))) == ["prompts", "drawer"]


def test_a_grid_has_the_first_axis_down_and_the_last_across() -> None:
    sheet = noted_sheet.noted_sheet(pictures(*GRID))
    assert names(list(sheet.rows)) == ["prompts"] and names(list(sheet.columns)) == ["seed"]
    where = {place: cell.picture for place, cell in sheet.cells.items()}
    assert where[0, 2] == Path("0.png") and where[1, 0] == Path("4.png")
    three = [each | {"style": s} for each in GRID for s in ("x", "y")]
    sheet = noted_sheet.noted_sheet(pictures(*three))
    assert names(list(sheet.rows)) == ["prompts", "seed"] and len(sheet.cells) == 12


def test_rows_and_columns_may_be_chosen() -> None:
    sheet = noted_sheet.noted_sheet(pictures(*GRID), ["seed"], ["prompts"])
    assert (sheet.rows[0].labels, sheet.columns[0].labels) == (["1", "2", "3"], ["b", "a"])
    assert sheet.cells[0, 1].picture == Path("4.png")
    one = noted_sheet.noted_sheet(pictures(*GRID), ["seed"])
    assert names(list(one.columns)) == ["prompts"]
    fixed = noted_sheet.noted_sheet(pictures(*GRID), ["size"], ["seed"])
    assert names(list(fixed.rows)) == ["size", "prompts"] and len(fixed.cells) == 6


def test_pictures_of_one_place_lie_below_each_other() -> None:
    sheet = noted_sheet.noted_sheet(pictures(*GRID, *GRID), ["prompts"], ["seed"])
    assert names(list(sheet.rows)) == ["prompts", ""]
    assert len(sheet.cells) == 12
    assert {sheet.cells[0, 0].picture, sheet.cells[1, 0].picture} == {
        *(Path("1.png"), Path("7.png"))
    }


def test_what_would_leave_most_places_empty_is_told_below_the_pictures() -> None:
    rows = [{"prompts": p, "seed": n, "steps": n % 5} for n, p in enumerate("aaabbbbbc")]
    down = noted_sheet.noted_sheet(pictures(*rows), columns=["prompts"])
    assert len(down.rows[0].labels) == 5 and names(list(down.columns)) == ["prompts"]
    assert [down.cells[row, 2].captions for row in range(1)] == [["8"]]
    across = noted_sheet.noted_sheet(pictures(*rows), rows=["prompts"])
    assert len(across.columns[0].labels) == 5 and names(list(across.rows)) == ["prompts"]
    assert across.cells[1, 4].captions == ["7"]


def test_what_makes_no_grid_is_a_page_that_says_what_differs() -> None:
    rows = [{"prompts": "a", "seed": n, "steps": n * n, "style": "x" * n} for n in range(1, 5)]
    rows[1]["steps"] = 1
    sheet = noted_sheet.noted_sheet(pictures(*rows))
    assert sheet.is_page and [cell.captions[0] for cell in sheet.cells.values()] == list("1234")
    sparse = [{"prompts": str(n), "seed": n % 7} for n in range(8)]
    assert noted_sheet.noted_sheet(pictures(*sparse)).is_page


def test_pictures_without_notes_are_called_by_their_names() -> None:
    sheet = noted_sheet.noted_sheet(pictures(GRID[0], {}, GRID[1]))
    assert [cell.captions[0] for cell in sheet.cells.values()] == ["0.png", "1.png", "2.png"]


def test_keys_that_are_no_settings_are_refused() -> None:
    noted_sheet.check_keys(["seed", "losses.edges"], "--rows")
    with pytest.raises(ConfigError, match="--rows sed: there is no setting sed; did you mean"):
        noted_sheet.check_keys(["sed"], "--rows")
