"""Layouts in the notes of pictures: made again, gone on with, shown and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from tests.helpers.layouts import PALM, SENTENCE, plan_nothing, understand_palms
from vqclip.cli.main import main
from vqclip.config.loading import load_config
from vqclip.errors import PictureError
from vqclip.language.layout.layout_json import layouts_to_values
from vqclip.language.layout.layout_types import Layout
from vqclip.run.record import provenance
from vqclip.run.record.noted_layouts import find_layouts
from vqclip.run.record.provenance import Provenance

Capture = pytest.CaptureFixture[str]
PLACES = "a palm tree in(35% 0% 65% 100%) | a snowman in(0% 40% 50% 60%)"


def notes(*, layouts: dict[int, Layout] | None = None, **config: Any) -> Provenance:
    settings = {"size": "256x256", "aspect": "", "layout": "auto", "init": "dream"} | config
    values = layouts_to_values({0: PALM} if layouts is None else layouts)
    return Provenance(settings, SENTENCE, 7, {}, {}, layouts=values)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"steps": 9, "style": "ink", "size": "512x512", "init": "random"}, True),
        ({"aspect": "1:1"}, True),
        ({"seed": 8}, False),
        ({"prompts": "a fox"}, False),
        ({"size": "512x256"}, False),
        ({"aspect": "4:3"}, False),
    ],
)
def test_a_layout_holds_for_the_same_prompts_seed_and_shape(
    changes: dict[str, Any], kept: bool
) -> None:
    before = notes()
    config = load_config(base=before.settings, overrides=changes)
    assert find_layouts(before, config) == ({0: PALM} if kept else None)


@pytest.mark.parametrize(
    ("before", "changes", "kept"),
    [
        ({}, {}, True),
        ({"layout": "off"}, {}, True),
        ({"layout": "off"}, {"layout": "auto"}, False),
        ({"init": "a.png"}, {"init": "dream"}, False),
    ],
)
def test_a_run_that_planned_nothing_plans_nothing_unless_it_is_told_to(
    before: dict[str, Any], changes: dict[str, Any], kept: bool
) -> None:
    noted = notes(layouts={}, **before)
    config = load_config(base=noted.settings, overrides=changes)
    assert find_layouts(noted, config) == ({} if kept else None)


def test_a_picture_of_an_earlier_version_has_no_layout() -> None:
    old = notes(layouts={})
    del old.config["layout"]
    config = load_config(base=old.settings)
    assert config.layout == "off" and find_layouts(old, config) == {}


def test_layouts_that_no_run_can_have_had_are_refused() -> None:
    with pytest.raises(PictureError, match="holds a layout that cannot be read"):
        find_layouts(Provenance({}, "a fox", 1, {}, {}, layouts=[7]), load_config("a fox"))  # type: ignore[list-item]


def drawn(*words: str) -> Path:
    assert main([*words, "--quiet"]) == 0
    return max(Path("outputs").iterdir())


@pytest.fixture
def picture(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    understand_palms(monkeypatch)
    return drawn(SENTENCE, *home.words("seed=3", "checkpoint.every=1"))


def test_again_draws_the_layout_of_the_notes_whatever_is_planned_now(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provenance.read_provenance(picture).layouts == layouts_to_values({0: PALM})
    plan_nothing(monkeypatch)
    again = drawn("again", str(picture))
    assert (again / "final.png").read_bytes() == (picture / "final.png").read_bytes()
    other = drawn("again", str(picture), "seed=4")
    assert provenance.read_provenance(other).layouts == []


def test_again_draws_a_picture_of_an_earlier_version_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = drawn(SENTENCE, *home.words("seed=3", "layout=off"))
    told = json.loads((old / "run.json").read_text())
    assert "layouts" not in told and "layout" not in told["config"]
    understand_palms(monkeypatch)
    again = provenance.read_provenance(drawn("again", str(old)))
    assert (again.settings["layout"], again.layouts) == ("off", [])
    told = provenance.read_provenance(drawn("again", str(old), "layout=auto")).layouts
    assert told == layouts_to_values({0: PALM})


def test_where_nothing_is_laid_out_nothing_is_noted_of_layouts(home: Home) -> None:
    fox = drawn("a fox", *home.words("seed=3"))
    noted = provenance.read_provenance(fox)
    assert "layout" not in noted.config and noted.layouts == []
    again = drawn("again", str(fox))
    assert (again / "final.png").read_bytes() == (fox / "final.png").read_bytes()


def test_another_prompt_is_planned_though_the_one_before_was_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand_palms(monkeypatch)
    fox = drawn("a fox", *home.words("seed=3"))
    again = provenance.read_provenance(drawn("again", str(fox), f"prompts={SENTENCE}"))
    assert again.layouts == layouts_to_values({0: PALM})


def test_resume_keeps_the_layout(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_nothing(monkeypatch)
    assert main(["resume", str(picture), "steps=5", "--quiet"]) == 0
    assert provenance.read_provenance(picture).layouts == layouts_to_values({0: PALM})
    last = (picture / "log.jsonl").read_text().splitlines()[-1]
    assert {"a palm tree", "a snowman"} <= {*json.loads(last)["losses"]}


def test_show_and_diff_tell_the_layout(picture: Path, capsys: Capture) -> None:
    off = drawn("again", str(picture), "layout=off")
    capsys.readouterr()
    assert main(["show", str(picture)]) == main(["diff", str(picture), str(off)]) == 0
    shown = capsys.readouterr().out
    assert f"layout  {SENTENCE} | {PLACES}\n" in shown
    assert any(line.split("  ")[0] == "layouts" and "none" in line for line in shown.splitlines())
    assert PLACES in shown.partition(str(off))[2]
    assert main(["show", str(off)]) == 0
    assert "snowman in(" not in capsys.readouterr().out
