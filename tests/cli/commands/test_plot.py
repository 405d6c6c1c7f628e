"""`vqclip plot`: curves on the terminal, as a picture, and as numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Refusal
from tests.helpers.melody import melody, save
from vqclip.cli import main
from vqclip.cli.commands.plot import DOTS, in_braille, panel
from vqclip.language.clock import Timeline

Capture = pytest.CaptureFixture[str]


def dots(text: str) -> set[tuple[int, int]]:
    """The places of braille's dots in a text: columns from the left, rows from the top."""
    found = set()
    for row, line in enumerate(text.splitlines()):
        for column, each in enumerate(line):
            bits = ord(each) - 0x2800 if 0x2800 <= ord(each) < 0x2900 else 0
            for y in range(4):
                for x in range(2):
                    if bits & DOTS[y][x]:
                        found.add((2 * column + x, 4 * row + y))
    return found


def test_a_line_goes_from_corner_to_corner_without_gaps() -> None:
    line = Timeline(101)
    drawn = in_braille([panel("0: 0, 100%: 1", line)], line, 60, 14)
    found = sorted(dots(drawn))
    columns = [x for x, _ in found]
    assert sorted(set(columns)) == list(range(min(columns), max(columns) + 1))
    assert found[0][1] == max(y for _, y in found) and found[-1][1] == min(y for _, y in found)
    rows = drawn.splitlines()
    assert rows[0] == "0: 0, 100%: 1" and max(map(len, rows)) <= 60 and len(rows) <= 14
    assert rows[1].lstrip().startswith("1┤") and rows[-4].lstrip().startswith("0┤")
    assert rows[-2].split() == ["0", "20", "40", "60", "80", "frame"]
    assert rows[-1].split()[1] == "1.333s"


def test_every_schedule_has_a_panel_of_its_own() -> None:
    line = Timeline(30)
    drawn = in_braille([panel(text, line) for text in ("t", "{100 * sin(t)}", "3")], line, 80, 24)
    rows = drawn.splitlines()
    assert [rows.index(name) for name in ("t", "100 * sin(t)", "0: 3")] == [0, 6, 12]
    assert len(rows) <= 24 and drawn.count("┤") == 6


@pytest.mark.parametrize("frames", [1, 2, 3, 5000])
@pytest.mark.parametrize("columns", [1, 80, 1000])
def test_few_and_many_frames_can_be_drawn(frames: int, columns: int) -> None:
    line = Timeline(frames)
    rows = in_braille([panel("noise(t)", line)], line, columns, 2).splitlines()
    assert max(map(len, rows)) <= min(max(columns, 40), 160) and dots("\n".join(rows))


def test_a_script_gets_the_numbers(capsys: Capture) -> None:
    assert (
        main.main(["plot", "frame * 2", "0s: 0, 1s: 3", "--frames", "4", "--fps", "2", "--json"])
        == 0
    )
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["values"] for each in found] == [[0, 2, 4, 6], [0, 1.5, 3, 3]]
    assert found[0] | {"values": ()} == {
        **{"event": "curve", "schedule": "frame * 2", "frames": 4, "fps": 2.0},
        "values": (),
    }


def test_what_follows_a_sound_is_drawn_beside_it(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("librosa")
    save(tmp_path / "tune.wav", melody(4.0))
    words = ["pulse", "--sound", str(tmp_path / "tune.wav"), "--frames", "40", "--fps", "10"]
    assert main.main(["plot", *words, "--json"]) == 0
    (values,) = (json.loads(line)["values"] for line in capsys.readouterr().out.splitlines())
    assert len(values) == 40 and max(values) > 0.9 and min(values) < 0.5


def test_a_picture_of_curves(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "curves.png"
    assert main.main(["plot", "0: 0, 100%: 1", "2", "--steps", "50", "--out", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    drawn = np.asarray(pillow.open(path).convert("L")).astype(int)
    assert drawn.shape == (660, 1200)
    ink = drawn[60:285, 115:1165] < 100  # inside the first panel
    heights = [np.nonzero(column)[0].mean() for column in ink.T if column.any()]
    assert heights == sorted(heights, reverse=True) and heights[0] - heights[-1] > 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1 + low"], "'1 + low' uses 'low', which needs a sound, but this run has none"),
        (["1 + tt"], "uses 'tt', which is not a known name"),
        (["1 / t"], "'1 / t' is not a finite number at frame 0"),
        (["t", "--frames", "0"], "--frames is 0; write a whole number from 1 to 100000"),
        (["t", "--steps", "x"], "--steps is x; write a whole number"),
        (["t", "--fps", "0"], "--fps is 0; write a number above 0"),
        (["t", "--steps", "3", "--frames", "3"], "write one of them"),
        (["beat", "--sound", "no.wav"], "--sound is no.wav, and there is no such file"),
        (["t", "--sound", "no.wav", "--steps", "3"], "--sound needs an animation"),
        (["t", "--out", "a.jpg"], "--out is a.jpg; a plot is a PNG"),
        (["t", "--out", __file__.replace(".py", ".png")], ""),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    refused: Refusal, words: list[str], message: str, tmp_path: Path
) -> None:
    if not message:
        words[2], message = str(tmp_path / "a.png"), "already exists, and vqclip does not"
        (tmp_path / "a.png").touch()
    assert message in refused("plot", *words)
