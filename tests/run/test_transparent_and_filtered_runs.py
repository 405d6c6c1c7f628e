"""Runs with transparency, filters, drawers' own losses, and files of other kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers.killing import kill_run
from tests.run.test_resume import Patch, go
from tests.run.test_runs_of_drawers import words
from vqclip.cli import main
from vqclip.media.files import CHECKPOINT
from vqclip.run.record.provenance import read_provenance

RUN = Path("outputs/0001-a-fox")
RAMP = 'filters.lookup="black; [red, gold]"'.replace('"', "")
COLOURS = {(0, 0, 0), (255, 0, 0), (255, 215, 0)}
CLEAR = ("draw.alpha=true", "losses.opacity=0: 1, 100%: 5", "previews=1")
TRANSPARENT = pytest.mark.parametrize(
    ("name", "more"),
    [
        ("pixels", ()),
        ("mosaic", ()),
        ("pixels", (RAMP,)),
        ("vqgan,pixels", ()),
        ("strokes", ()),
        ("pixels,mosaic", ("losses.saturation=1",)),
    ],
)
LOOKED_UP = pytest.mark.parametrize("name", ["vqgan", "pixels", "palette", "strokes", "lines"])


def pixels(path: Path) -> Any:
    with pillow.open(path) as picture:
        return np.asarray(picture)


def colours_of(path: Path) -> set[tuple[int, ...]]:
    return set(map(tuple, pixels(path)[..., :3].reshape(-1, 3).tolist()))


def contents(place: Path) -> dict[str, bytes]:
    files = [path for path in place.rglob("*.*") if path.name != "run.json" and path.is_file()]
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def losses(place: Path) -> list[dict[str, float]]:
    return [json.loads(line)["losses"] for line in (place / "log.jsonl").open()]


def noted(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "run.json").read_text())["config"]
    return found


def half_clear(path: str) -> Any:
    """A picture of which one half is blue and a quarter a faint red, on nothing."""
    picture = pillow.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((0, 128, 255, 255), (0, 0, 16, 32))
    picture.paste((255, 0, 0, 100), (16, 16, 32, 32))
    picture.save(path)
    return np.asarray(picture).astype(int)


@TRANSPARENT
@pytest.mark.parametrize("start", ["init=random", "init=start.png"])
def test_a_transparent_picture_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, name: str, more: tuple[str, ...], start: str
) -> None:
    half_clear("start.png")
    more = (*more, start, f"losses.init={int(start != 'init=random')}")
    asked = words(home, name, *CLEAR, *more)
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 5, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    whole, pieces = (contents(Path(each, "0001-a-fox")) for each in ("whole", "pieces"))
    assert {"final.png", "final.svg", CHECKPOINT, "steps/00005.png"} <= whole.keys()
    assert whole == pieces


@TRANSPARENT
def test_a_transparent_picture_has_opacity_in_its_file(
    home: Home, name: str, more: tuple[str, ...]
) -> None:
    go("a fox", *words(home, name, *CLEAR, *more))
    final = pixels(RUN / "final.png")
    assert final.shape == (32, 32, 4) and final[..., 3].min() < 255 and final[..., 3].max() > 0
    assert read_provenance(RUN / "final.png").settings["draw"]["alpha"] is True
    assert pixels(RUN / "steps/00005.png").shape == (32, 32, 3)
    opacity = [each["opacity"] for each in losses(RUN)]
    last = opacity[-1] / (1 + 4 * 5 / 6)  # the weight at the last of six steps
    assert 0 < last < 1.01
    if RAMP in more:
        assert colours_of(RUN / "final.png") <= COLOURS
    go("again", str(RUN))
    again = Path("outputs/0002-a-fox/final.png")
    assert again.read_bytes() == (RUN / "final.png").read_bytes()


def test_grounds_show_in_what_is_looked_at_and_not_in_previews(home: Home) -> None:
    pillow.new("RGBA", (32, 32), (0, 0, 0, 0)).save("clear.png")
    still = ("optimiser.rate=0", "losses.smoothness=0", "losses.edges=1", "edge_colour=black")
    asked = words(home, "pixels", "draw.alpha=true", "previews=1", *still[:3])
    go("a fox", *asked, "init=clear.png", "losses.edge_colour=black")
    levels = {each["edges"] ** 0.5 for each in losses(RUN)}
    assert len(levels) == 6 and all(0 < level < 1 for level in levels)
    for preview in (RUN / "steps").iterdir():
        assert colours_of(preview) == {(255, 255, 255)}
    assert not pixels(RUN / "final.png").any()


@pytest.mark.parametrize("name", ["pixels", "mosaic"])
@pytest.mark.parametrize("growth", ["growth=[]", 'growth=[{"size": "50%", "steps": "1"}]'])
def test_the_start_keeps_its_opacity(home: Home, name: str, growth: str) -> None:
    start = half_clear("start.png")
    asked = words(home, name, growth, "draw.alpha=true", "draw.grid=8x8", "losses.init=1")
    go("a fox", *asked, "init=start.png", "optimiser.rate=0")
    final = pixels(RUN / "final.png").astype(int)
    away = [0, 5, 10, 21, 26, 31]  # from the borders, where the smaller size blurs
    assert np.abs(final - start)[away][:, away].max() <= 2
    assert all(each["init"] < 0.05 for each in losses(RUN))


def test_the_start_of_an_opaque_drawer_lies_on_white(home: Home) -> None:
    pillow.new("RGBA", (32, 32), (0, 0, 0, 0)).save("clear.png")
    go("a fox", *words(home, "pixels"), "init=clear.png", "optimiser.rate=0")
    assert colours_of(RUN / "final.png") == {(255, 255, 255)}
    assert pixels(RUN / "final.png").shape == (32, 32, 3)


@pytest.mark.parametrize("average", ["0", "0.9"])
def test_files_of_other_kinds_are_of_the_finished_picture(home: Home, average: str) -> None:
    asked = words(home, "pixels", "draw.grid=8x8", f"optimiser.average={average}")
    go("a fox", *asked)
    final, cells = pixels(RUN / "final.png"), pixels(RUN / "cells.png")
    assert cells.shape == (8, 8, 3) and (final[::4, ::4] == cells).all()
    svg = ElementTree.parse(RUN / "final.svg").getroot()
    fill = "#{:02x}{:02x}{:02x}".format(*cells[0, 0])
    assert len(svg) == 64 and svg[0].get("fill") == fill
    go("resume", str(RUN), "steps=8")
    final, more = pixels(RUN / "final.png"), pixels(RUN / "cells.png")
    assert (final[::4, ::4] == more).all() and (more != cells).any()


def test_files_of_other_kinds_are_filtered_too(home: Home) -> None:
    go("a fox", *words(home, "pixels", "draw.grid=8x8", RAMP))
    assert colours_of(RUN / "cells.png") == colours_of(RUN / "final.png") <= COLOURS
    svg = ElementTree.parse(RUN / "final.svg").getroot()
    assert {each.get("fill") for each in svg} <= {"#000000", "#ff0000", "#ffd700"}


@pytest.mark.parametrize(
    ("name", "more", "files"),
    [
        ("vqgan", (), set()),
        ("mosaic", (), {"final.svg"}),
        ("mosaic,pixels", (), {"final.svg", "cells.png"}),
        ("lines", (), {"final.svg"}),
        ("pixels", ("frames=2", "motion.steps=1"), set()),
    ],
)
def test_which_files_lie_beside_the_picture(
    home: Home, name: str, more: tuple[str, ...], files: set[str]
) -> None:
    go("a fox", *words(home, name, "steps=2", *more))
    here = {path.name for path in RUN.iterdir() if path.is_file()}
    assert here - {"run.json", "log.jsonl", "final.png", CHECKPOINT} == files


@LOOKED_UP
def test_a_filter_leaves_the_colours_of_a_palette(home: Home, name: str) -> None:
    go("a fox", *words(home, name, RAMP, "previews=1"))
    assert colours_of(RUN / "final.png") <= COLOURS
    assert colours_of(RUN / "steps/00003.png") <= COLOURS
    first, *_, last = (each["commit"] for each in losses(RUN))
    assert 0 < first <= 10 and last < first


@LOOKED_UP
def test_a_filtered_picture_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, name: str
) -> None:
    asked = words(home, name, RAMP, "filters.commit=0: 1, 100%: 20")
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 3, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    assert contents(Path("pieces/0001-a-fox")) == contents(Path("whole/0001-a-fox"))


@LOOKED_UP
@pytest.mark.parametrize("motion", [("camera.zoom=1.1",), ("loop=true", "motion.smooth=0.5")])
def test_a_filtered_animation_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, name: str, motion: tuple[str, ...]
) -> None:
    moving = ("frames=3", "motion.steps=2", "film.format=frames", "steps=3")
    asked = words(home, name, *moving, *motion, RAMP)
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 5, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    one, two = (contents(Path(each, "0001-a-fox")) for each in ("whole", "pieces"))
    assert one == two
    frames = sorted(Path("whole/0001-a-fox/frames").iterdir())
    assert len(frames) == 3 and all(colours_of(frame) <= COLOURS for frame in frames)
    assert (pixels(frames[-1]) == pixels(Path("whole/0001-a-fox/final.png"))).all()


def test_the_colours_of_a_file_are_noted(home: Home) -> None:
    picture = pillow.new("RGB", (8, 8), (255, 0, 0))
    picture.paste((0, 0, 0), (0, 0, 8, 4))
    picture.save("colours.png")
    go("a fox", *words(home, "pixels", "filters.lookup=@colours.png\\2"))
    assert colours_of(RUN / "final.png") <= {(0, 0, 0), (255, 0, 0)}
    assert "#ff0000" in noted(RUN)["filters"]["lookup"]
    Path("colours.png").unlink()
    go("again", str(RUN))
    again = Path("outputs/0002-a-fox/final.png")
    assert again.read_bytes() == (RUN / "final.png").read_bytes()


def test_a_filter_may_begin_on_the_way(home: Home) -> None:
    go("a fox", *words(home, "pixels"))
    assert "filters" not in noted(RUN)
    go("resume", str(RUN), "steps=8", RAMP)
    assert colours_of(RUN / "final.png") <= COLOURS
    (change,) = json.loads((RUN / "run.json").read_text())["changes"]
    assert change == {"step": 6, "settings": {"steps": 6, "filters.lookup": ""}}


def test_the_palette_drawer_has_losses_of_its_own(home: Home) -> None:
    go("a fox", *words(home, "palette"))
    assert {"shades", "unlike"} <= losses(RUN)[0].keys()
    config = noted(RUN)
    assert (config["losses"]["shades"], config["losses"]["unlike"]) == (0.01, 0.2)
    go("a fox", *words(home, "palette", "losses.shades=0", "losses.unlike=0: 1, 100%: 2"))
    second = Path("outputs/0002-a-fox")
    assert "shades" not in losses(second)[0] and losses(second)[0]["unlike"] != 0
    assert losses(RUN)[0]["unlike"] == pytest.approx(0.2 * losses(second)[0]["unlike"])
    go("again", str(second))
    assert "shades" not in losses(Path("outputs/0003-a-fox"))[0]
    plain = ("drawer=pixels", "draw.shades=5", "draw.palettes=20")
    go("again", str(RUN), *plain)  # without losses that were only defaults
    assert "shades" not in losses(Path("outputs/0004-a-fox"))[0]


def test_a_loss_of_one_of_two_drawers_counts_while_it_draws(home: Home) -> None:
    go("a fox", *words(home, "palette,pixels", "draw.finish=3", "optimiser.average=0"))
    found = [each["unlike"] for each in losses(RUN)]
    assert all(each != 0 for each in found[:3]) and found[3:] == [0, 0, 0]


def test_notes_of_a_run_without_all_this_are_as_they_were(home: Home) -> None:
    go("a fox", *words(home, "vqgan"))
    found = noted(RUN)
    assert not {"drawer", "draw", "filters"} & found.keys()
    assert not {"opacity", "shades", "unlike"} & found["losses"].keys()
    go("again", str(RUN))
    again = Path("outputs/0002-a-fox/final.png")
    assert again.read_bytes() == (RUN / "final.png").read_bytes()


def test_transparent_pictures_have_no_border_unless_one_is_asked_for(home: Home) -> None:
    go("a fox", *words(home, "pixels", "steps=1"))
    go("a fox", *words(home, "pixels", "steps=1", "draw.alpha=true"))
    go("a fox", *words(home, "pixels", "steps=1", "draw.alpha=true", "losses.edges=2"))
    edges = [noted(Path(f"outputs/000{n}-a-fox"))["losses"]["edges"] for n in (1, 2, 3)]
    assert edges == [3, 0, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["draw.alpha=true"], "draw.alpha is a setting of pixels, mosaic or strokes, and drawer"),
        (
            ["drawer=pixels,pyramid", "draw.alpha=true"],
            "with drawer=pixels,pyramid the picture is finished by pyramid; let one of them be",
        ),
        (
            ["drawer=pixels", "draw.alpha=true", "frames=3"],
            "draw.alpha is for still pictures, and this is an animation, whose frames are opaque",
        ),
        (
            ["drawer=pixels", "losses.opacity=1"],
            "losses.opacity is for pictures that may be transparent; write draw.alpha=true, or",
        ),
        (
            ["drawer=pixels", "losses.shades=1"],
            "losses.shades is a setting of palette, and drawer is pixels; write drawer=palette",
        ),
        (["losses.unlike=0: 1, 100%: 2"], "losses.unlike is a setting of palette, and drawer is"),
        (["filters.commit=3"], "filters.commit needs colours, such as filters.lookup="),
        (["filters.lookup=grue"], "filters.lookup: "),
        (["filters.lookup=red, teal", "filters.commit=-1"], "filters.commit is -1"),
        (["filters.lookup=@none.png"], "filters.lookup: none.png cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused(
    home: Home, refused: Refusal, settings: list[str], message: str
) -> None:
    assert message in refused("a fox", *home.words("init=random", *settings))
