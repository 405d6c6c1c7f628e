"""Sketches of layouts: what `plan` and `explain` show, for people, scripts and as a picture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers.layouts import PALM, SENTENCE, understand_palms
from vqclip.cli.main import main
from vqclip.cli.sketches import layout_sketch
from vqclip.cli.sketches.picture_sketch import sketch_as_png
from vqclip.cli.sketches.text_sketch import sketch_as_text
from vqclip.language.layout.layout_json import layouts_to_values
from vqclip.language.layout.layout_types import Layout, Setting, Thing

Capture = pytest.CaptureFixture[str]
PLACES = "a palm tree in(35% 0% 65% 100%) | a snowman in(0% 40% 50% 60%)"


@pytest.fixture
def planned(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    understand_palms(monkeypatch)
    return home


def test_boxes_have_their_names_and_the_shape_of_the_picture() -> None:
    layout = Layout(
        (
            Thing("house", "a house", (0.25, 0.25, 0.5, 0.75)),
            Thing("a very long name of a door", "a door", (0.4, 0.5, 0.2, 0.5)),
        )
    )
    assert sketch_as_text(layout, 1.0).to_text().splitlines() == [
        "┌────────────────────────────┐",
        "│                            │",
        "│                            │",
        "│                            │",
        "│       ┌────────────┐       │",
        "│       │house       │       │",
        "│       │            │       │",
        "│       │            │       │",
        "│       │   ┌────┐   │       │",
        "│       │   │a v…│   │       │",
        "│       │   │    │   │       │",
        "│       │   │    │   │       │",
        "│       │   │    │   │       │",
        "│       │   │    │   │       │",
        "│       └───┴────┴───┘       │",
        "└────────────────────────────┘",
    ]
    plain = sketch_as_text(layout, 0.5).to_text(plain=True)
    assert set(plain) <= set("+-| \nhousea v…")
    assert {len(line) for line in plain.splitlines()} == {16}


BOXES = st.tuples(*(st.floats(0, 0.9) for _ in range(2)), *(st.floats(0.01, 1) for _ in range(2)))
THINGS = st.builds(
    lambda name, box: Thing(
        name, "a thing", (*box[:2], min(box[2], 1 - box[0]), min(box[3], 1 - box[1]))
    ),
    st.text(min_size=1, max_size=40) | st.sampled_from(["fox", "狐狸", "e\u0301tude"]),
    BOXES,
)


@settings(database=None, deadline=None, max_examples=150)
@given(things=st.lists(THINGS, min_size=1, max_size=9), aspect=st.floats(0.05, 20))
def test_any_layout_can_be_sketched(things: list[Thing], aspect: float) -> None:
    from rich.cells import cell_len

    layout = Layout(tuple(things))
    lines = sketch_as_text(layout, aspect).to_text().split("\n")
    assert 5 <= len(lines) <= 16
    assert len({cell_len(line) for line in lines}) == 1
    assert 14 <= cell_len(lines[0]) <= 78
    picture = pillow.open(io.BytesIO(sketch_as_png([(layout, aspect)])))
    assert max(picture.size) == 640 + 32


def test_pictures_of_layouts_lie_on_a_sheet() -> None:
    fish = Thing("fish", "a fish", (0.6, 0.4, 0.2, 0.2))
    sea, land = (Layout((fish,), Setting(place)) for place in ("underwater", ""))
    sheet = pillow.open(io.BytesIO(sketch_as_png([(land, 2.0), (sea, 1.0), (PALM, 0.5)])))
    assert sheet.size == (2 * 336 + 16, 2 * 336 + 16)
    sky, earth = sheet.getpixel((20, 20)), sheet.getpixel((20, 16 + 140))
    assert sky != earth
    assert sheet.getpixel((336 + 20, 310)) == sky  # no horizon under water


def test_plan_shows_the_layout(planned: Home, capsys: Capture) -> None:
    assert main(["plan", SENTENCE, *planned.words("size=64x32")]) == 0
    shown = capsys.readouterr().out
    assert f"note: the sentence is drawn as: {SENTENCE} | {PLACES}\n" in shown
    assert "palm tree" in shown.partition("┌")[2] and "snowman" in shown.partition("┌")[2]
    rows = [line for line in shown.splitlines() if line[:1] in ("┌", "│", "└")]
    assert len(rows) == 16 and len(rows[0]) == 58


def test_plan_and_explain_tell_scripts_the_layout(planned: Home, capsys: Capture) -> None:
    told = layouts_to_values({0: PALM})
    for command, event in (("plan", "plan"), ("explain", "understood")):
        assert main([command, SENTENCE, "--json", *planned.words()]) == 0
        assert main([command, "a fox", "--json", *planned.words()]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found = [line for line in lines if line["event"] == event]
        assert [each["layout"] for each in found] == [told[0], None]
        assert [each["layouts"] for each in found] == [told, []]


def test_explain_shows_the_layout_and_what_is_read_of_its_things(
    planned: Home, capsys: Capture
) -> None:
    assert main(["explain", f"a fox ^ {SENTENCE}", *planned.words()]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"a fox ^ {SENTENCE} | {PLACES}\n")
    assert "\nscene 2:\n┌" in shown
    assert "tokens  a palm tree\n" in shown
    assert "  scene 2: a snowman, in 0% 40% 50% 60%, ×1\n" in shown


def test_a_sketch_is_a_new_png(planned: Home, refused: Refusal, capsys: Capture) -> None:
    words = planned.words()
    assert main(["plan", SENTENCE, "--sketch", "a.png", *words]) == 0
    assert capsys.readouterr().out.endswith("\na.png\n")
    assert main(["explain", SENTENCE, "--sketch", "b.png", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "event": "sketch",
        "path": "b.png",
    }
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert pillow.open("a.png").size == (672, 672)
    for command in ("plan", "explain"):
        assert "already exists" in refused(command, SENTENCE, "--sketch", "a.png", *words)
        assert "a sketch is a PNG" in refused(command, SENTENCE, "--sketch", "a.jpg", *words)
        assert main([command, "a fox", "--sketch", "c.png", *words]) == 2
        said = capsys.readouterr().err
        assert "needs a layout to draw" in said and "no layout of a sentence" in said
    assert not Path("c.png").exists()


def test_colours_and_plain_lines_where_they_belong(
    planned: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["plan", SENTENCE, *planned.words()]) == 0
    assert "\x1b[31m" in capsys.readouterr().out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setattr(layout_sketch, "_knows_lines", lambda: False)
    assert main(["plan", SENTENCE, *planned.words()]) == 0
    shown = capsys.readouterr().out
    assert "+--" in shown and "┌" not in shown


def test_a_file_of_prompts_counts_the_models_once(
    planned: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqclip.run import memory_footprint, plan_summary

    made, speeds = [], []
    build, measure = memory_footprint.build_shapes, plan_summary.measure_speed
    monkeypatch.setattr(memory_footprint, "build_shapes", lambda *a: made.append(1) or build(*a))
    monkeypatch.setattr(plan_summary, "measure_speed", lambda *a: speeds.append(1) or measure(*a))
    Path("prompts.txt").write_text(f"a fox\n{SENTENCE}\nan owl\n")
    assert main(["plan", "prompts.txt", "--json", *planned.words()]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (len(told), len(made), len(speeds)) == (3, 1, 1)
    fox, palm, owl = (each["seconds"] for each in told)
    assert fox == owl < palm
    assert told[0]["memory"] == told[2]["memory"] < told[1]["memory"]
