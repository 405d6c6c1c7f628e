"""Sheets from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runs(home: Home) -> Path:
    """A folder with four runs."""
    axes = {"prompts": ["a fox", "an owl"], "seed": [1, 2]}
    assert main.main(["sweep", str(sweeps.write(home, axes)), "--quiet"]) == 0
    return Path("outputs/foxes")


def told(capsys: Capture, *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert main.main(["sheet", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_sheet_finds_its_axes(runs: Path, capsys: Capture, refused: Refusal) -> None:
    wanted = {"event": "sheet", "pictures": 4, "rows": ["prompts"], "columns": ["seed"]}
    assert told(capsys, str(runs)) == wanted | {"sheet": "sheet.png"}
    assert told(capsys, "outputs/*/0*", "--out", "b.png") == wanted | {"sheet": "b.png"}
    finals = [str(each) for each in sorted(runs.glob("0*/final.png"))]
    assert told(capsys, *finals, "--out", "c.png") == wanted | {"sheet": "c.png"}
    one = told(capsys, *finals[:2], "--out", "d.png")
    assert (one["pictures"], one["rows"], one["columns"]) == (2, [], [])
    chosen = told(capsys, str(runs), "--columns", "prompts", "--out", "e.png", "--size", "64")
    assert (chosen["rows"], chosen["columns"]) == (["seed"], ["prompts"])
    assert pillow.open("e.png").height < pillow.open("b.png").height
    before = Path("b.png").read_bytes()
    assert main.main(["sheet", str(runs), "--out", "b.png"]) == 2  # nothing is overwritten
    assert Path("b.png").read_bytes() == before


def test_pictures_without_notes_are_on_it_by_name(home: Home, capsys: Capture) -> None:
    Path("photos").mkdir()
    for number in range(3):
        pillow.new("RGB", (30, 20), (9, 9, 80 * number)).save(f"photos/{number}.jpg")
    assert told(capsys, "photos", "--out", "new/s.png")["pictures"] == 3
    whole = np.asarray(pillow.open("new/s.png")).astype(int)
    for name, kind in (("new/s.JPG", "JPEG"), ("new/s.webp", "WEBP")):
        assert told(capsys, "photos", "--out", name)["sheet"] == name
        other = pillow.open(name)
        assert other.format == kind
        assert np.abs(np.asarray(other).astype(int) - whole).mean() < 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["photos", "--out", "sheet.gif"],
            "the name of a contact sheet must end in .png, .jpg, .jpeg or .webp",
        ),
        (["photos", "--size", "9"], "--size 9: write a number of pixels from 32 to 1024"),
        (["photos", "--rows", "sed"], "there is no setting sed; did you mean 'seed'?"),
        (["photos", "--rows", "seed", "--columns", "seed"], "seed cannot go down and across"),
        (["photos", "--out", "there.png"], "there.png already exists, and vqclip does not"),
        (["nowhere"], "there is no picture at nowhere"),
        (["empty"], "empty holds no picture"),
        (["photos/b.png"], "photos/b.png"),
    ],
)
def test_what_makes_no_sheet_is_refused(
    words: list[str], sentence: str, home: Home, refused: Refusal
) -> None:
    for name in ("photos", "empty"):
        Path(name).mkdir()
    pillow.new("RGB", (30, 20)).save("photos/a.png")
    Path("photos/b.png").write_text("no picture")
    Path("there.png").write_text("mine")
    assert sentence in refused("sheet", *words)
    assert Path("there.png").read_text() == "mine" and not Path("sheet.png").exists()
