"""Runs of every drawer: they end, go on to the byte, are drawn again, and move."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.helpers.killing import kill_run
from tests.run.test_resume import Capture, Patch, go
from vqclip.cli import main
from vqclip.config.draw_settings import DRAWERS
from vqclip.media.files import CHECKPOINT

EACH = pytest.mark.parametrize("name", [*DRAWERS, "vqgan,pyramid", "pixels,strokes"])
ALONE = pytest.mark.parametrize("name", DRAWERS)


def words(home: Home, name: str, *more: str) -> list[str]:
    """A run of six steps by a drawer, with a checkpoint after every second one."""
    few = []
    if {"strokes", "lines"} & {*name.split(",")}:
        few = ["draw.strokes=8", "draw.segments=2"]
    if name == "palette":
        few = ["draw.shades=3", "draw.palettes=2"]
    return home.words(
        *(f"drawer={name}", "init=random", "checkpoint.every=2", "seed=5", "steps=6"),
        *(*few, *more),
    )


def contents(place: Path) -> dict[str, bytes]:
    return {name: (place / name).read_bytes() for name in ("final.png", "log.jsonl", CHECKPOINT)}


@EACH
@pytest.mark.parametrize("count", [3, 5])
def test_a_killed_run_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, capsys: Capture, name: str, count: int
) -> None:
    go("a fox", "--out", "whole", *words(home, name))
    kill_run(monkeypatch, count, "a fox", "--out", "pieces", *words(home, name))
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    assert contents(Path("pieces/0001-a-fox")) == contents(Path("whole/0001-a-fox"))


@EACH
def test_a_run_is_drawn_again(home: Home, name: str) -> None:
    go("a fox", *words(home, name))
    go("again", "outputs/0001-a-fox")
    one, two = (Path(f"outputs/000{n}-a-fox") for n in (1, 2))
    assert (one / "final.png").read_bytes() == (two / "final.png").read_bytes()
    noted = json.loads((one / "run.json").read_text())["config"]
    assert noted.get("drawer", "vqgan") == name


@EACH
def test_a_run_goes_on_with_more_steps(home: Home, name: str) -> None:
    go("a fox", *words(home, name))
    go("resume", "outputs/0001-a-fox", "steps=8")
    assert len(Path("outputs/0001-a-fox/log.jsonl").read_text().splitlines()) >= 8


@EACH
def test_a_picture_grows(home: Home, name: str) -> None:
    growth = 'growth=[{"size": "50%", "steps": "2"}]'
    go("a fox", *words(home, name, growth))
    assert Path("outputs/0001-a-fox/final.png").is_file()


@ALONE
@pytest.mark.parametrize("motion", [(), ("camera.zoom=1.1",), ("loop=true", "film.between=1")])
def test_an_animation_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, name: str, motion: tuple[str, ...]
) -> None:
    moving = ("frames=3", "motion.steps=2", "film.format=frames", "steps=3")
    if "film.between=1" in motion:
        motion = (*motion, "film.between_by=latent")
    asked = words(home, name, *moving, *motion)
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 5, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    one, two = Path("whole/0001-a-fox"), Path("pieces/0001-a-fox")
    frames = sorted(path.name for path in (one / "frames").iterdir())
    assert len(frames) >= 3
    for frame in frames:
        assert (one / "frames" / frame).read_bytes() == (two / "frames" / frame).read_bytes()


@EACH
def test_a_plan_says_what_it_takes(home: Home, capsys: Capture, name: str) -> None:
    assert main.main(["plan", "a fox", *words(home, name), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["memory"] > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["drawer=pixel"], "no drawer is called 'pixel'; did you mean 'pixels'? (one of: vqgan,"),
        (["drawer=vqgan,pixels,pyramid"], "two drawers are the most that a run has"),
        (["drawer=pixels,pixels"], "the same drawer twice is one drawer"),
        (["drawer=pixels", "draw.decay=2"], "draw.decay is a setting of fourier, and drawer is"),
        (["draw.grid=4x4"], "draw.grid is a setting of pixels, mosaic or palette, and drawer is"),
        (["draw.finish=3"], "draw.finish is for two drawers, such as drawer=vqgan,pyramid"),
        (["drawer=vqgan,pyramid", "draw.finish=all"], "draw.finish is 'all'; it must be a"),
        (["drawer=vqgan,pyramid", "draw.finish=9"], "draw.finish is 9, 9 of 3 steps; each"),
        (["drawer=vqgan,pyramid", "frames=3"], "and an animation has one drawer; write"),
    ],
)
def test_what_does_not_fit_is_refused(
    home: Home, capsys: Capture, settings: list[str], message: str
) -> None:
    assert main.main(["a fox", *home.words(*settings)]) == 2
    assert message in capsys.readouterr().err
    assert not Path("outputs").exists()
