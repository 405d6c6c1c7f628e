"""Runs whose numbers of steps have units: the same as with plain numbers, and made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers.killing import kill_run
from vqclip.cli import main

WORDS = ("film.format=gif", "seed=5", "growth=[{size: 50%, steps: 2i}]")
UNITS = ("steps=8i", "previews=50%", "checkpoint.every=.2s", "film.every=25%")
PLAIN = ("steps=8", "previews=4", "checkpoint.every=3", "film.every=2")


def go(*words: str) -> None:
    assert main.main([*words, "--quiet"]) == 0


def contents(place: Path) -> dict[str, bytes]:
    """What must be equal, with the notes in the picture."""
    found = {name: (place / name).read_bytes() for name in ("final.png", "film.gif", "log.jsonl")}
    return found | {each.name: each.read_bytes() for each in (place / "steps").iterdir()}


def notes(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "run.json").read_text())
    return found


def test_a_killed_run_goes_on_and_is_made_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = home.words(*WORDS)
    go("a fox", "--out", "plain", *words, *PLAIN)
    plain, place = Path("plain/0001-a-fox"), Path("units/0001-a-fox")
    kill_run(monkeypatch, 5, "a fox", "--out", "units", *words, *UNITS)
    go("resume", str(place))
    found = contents(place)
    assert {name for name in found if name[0] == "0"} == {"00000.png", "00004.png"}
    for name in ("film.gif", "log.jsonl"):  # the pictures hold the units in their notes
        assert found[name] == contents(plain)[name]
    config = notes(place)["config"]
    assert (config["steps"], config["previews"], config["film"]["every"]) == (8, "50%", "25%")
    assert notes(plain)["config"]["previews"] == 4
    go("again", str(place), "--out", "more")
    assert contents(Path("more/0001-a-fox")) == found


def test_a_share_follows_another_number_of_steps_but_for_the_films(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_run(monkeypatch, 7, "a fox", *home.words(*WORDS, *UNITS))
    place = Path("outputs/0001-a-fox")
    kill_run(monkeypatch, 11, "resume", str(place), "steps=16")  # after the checkpoint of step 6
    go("resume", str(place))  # after that of step 9
    shown = {each.name for each in (place / "steps").iterdir()}
    assert shown == {"00000.png", "00004.png", "00008.png"}  # of 8 steps every 4, of 16 every 8
    longer = contents(place)
    with pillow.open(place / "film.gif") as film:
        assert getattr(film, "n_frames", 1) == 8  # every 2nd step, as when it began
    go("again", str(place))  # with its change of steps
    assert contents(Path("outputs/0002-a-fox")) == longer
    go("again", str(place), "steps=4")  # another run: every share is of its own steps
    config = notes(Path("outputs/0003-a-fox"))["config"]
    assert (config["steps"], config["previews"], config["film"]["every"]) == (4, "50%", "25%")


def test_seconds_of_a_retake_are_frames(home: Home) -> None:
    words = home.words("frames=.5s", "fps=8", "motion.steps=1i", "seed=5", "steps=2")
    go("animate", "a fox", *words, "checkpoint.every=50%")
    assert len([*Path("outputs/0001-a-fox/frames").iterdir()]) == 4
    go("again", "outputs/0001-a-fox", "--frames", ".25s:100%")
    assert notes(Path("outputs/0002-a-fox"))["config"]["retake"]["frames"] == "2:4"


def test_steps_are_no_places_of_an_animation(home: Home, refused: Refusal) -> None:
    words = home.words("frames=4", "steps=2", "motion.steps=1")
    for setting in ("camera.zoom=0i: 1, 2i: 1.1", "losses.edges=0i: 1, 2i: 2"):
        said = refused("animate", "a fox", *words, setting)
        assert "0i in '0i: 1, 2i: " in said
        assert "counts steps, and the frames of an animation take several steps each" in said
    said = refused("animate", "a fox lasting(2i) ^ a bee", *words)
    assert "a length of 2i counts steps" in said
