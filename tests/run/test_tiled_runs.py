"""Runs of pictures that tile: they have no seam, go on to the byte, and are drawn again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Home
from tests.helpers.killing import kill_run
from tests.run.test_resume import Capture, Patch, go
from tests.run.test_runs_of_drawers import contents, words
from vqclip.cli import main
from vqclip.config.loading import load_config
from vqclip.run import animation_setup
from vqclip.run.record import provenance

DRAWN = ("vqgan", "pixels", "mosaic", "palette", "pyramid", "fourier", "strokes", "lines")
EACH = pytest.mark.parametrize(
    ("name", "tile"),
    [
        *((name, tile) for name in ("vqgan", "strokes") for tile in ("both", "brick")),
        *((name, "brick") for name in DRAWN if name not in ("vqgan", "strokes")),
        ("vqgan,pyramid", "horizontal"),
    ],
)


def pixels(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(pillow.open(path))


@EACH
def test_a_killed_run_goes_on_to_the_byte(
    home: Home, monkeypatch: Patch, name: str, tile: str
) -> None:
    asked = words(home, name, f"tile={tile}")
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 3, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    whole, pieces = Path("whole/0001-a-fox"), Path("pieces/0001-a-fox")
    assert contents(pieces) == contents(whole)
    assert (pieces / "tiles.png").read_bytes() == (whole / "tiles.png").read_bytes()


@pytest.mark.parametrize(
    ("tile", "size"),
    [
        *(("both", (64, 64)), ("horizontal", (64, 32)), ("vertical", (32, 64))),
        ("brick", (64, 64)),
    ],
)
def test_tiles_lie_beside_the_picture(home: Home, tile: str, size: tuple[int, int]) -> None:
    go("a fox", *words(home, "vqgan", f"tile={tile}"))
    place = Path("outputs/0001-a-fox")
    laid, final = pixels(place / "tiles.png"), pixels(place / "final.png")
    assert (laid.shape[1], laid.shape[0]) == size
    assert np.array_equal(laid[:32, :32], final)
    if tile == "brick":
        assert np.array_equal(laid[32:, 16:48], final)
    assert provenance.read_provenance(place / "tiles.png").config["tile"] == tile


def test_it_is_drawn_again(home: Home) -> None:
    go("a fox", *words(home, "vqgan", "tile=both"))
    go("again", "outputs/0001-a-fox")
    one, two = (Path(f"outputs/000{n}-a-fox/final.png") for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    go("again", "outputs/0001-a-fox", "tile=none")
    other = Path("outputs/0003-a-fox")
    assert (other / "final.png").read_bytes() != one.read_bytes()
    assert not (other / "tiles.png").exists()


def test_the_notes_of_other_pictures_are_as_they_were(home: Home) -> None:
    go("a fox", *words(home, "vqgan"))
    noted = provenance.read_provenance(Path("outputs/0001-a-fox"))
    assert "tile" not in noted.config and noted.settings["tile"] == "none"


def test_it_cannot_change_on_the_way(home: Home, capsys: Capture) -> None:
    go("a fox", *words(home, "vqgan", "tile=both"))
    assert main.main(["resume", "outputs/0001-a-fox", "steps=8", "tile=brick"]) == 2
    assert "tile cannot change in the middle of a run" in capsys.readouterr().err


@pytest.mark.parametrize("drawer", ["vqgan", "pyramid"])
def test_its_defaults_have_no_border_and_no_draft(drawer: str) -> None:
    plain = load_config("a fox", overrides=[f"drawer={drawer}"])
    tiled = load_config("a fox", overrides=[f"drawer={drawer}", "tile=both"])
    assert (plain.init, tiled.init) == ("dream", "random")
    assert tiled.losses.edges == 0
    border = load_config("a fox", overrides=[f"drawer={drawer}", "init=random"])
    assert border.losses.edges > 0


def test_its_defaults_go_with_those_of_a_drawer() -> None:
    drawn = load_config("a fox", overrides=["drawer=palette", "tile=both"])
    assert (drawn.losses.edges, drawn.losses.shades) == (0, 0.01)
    lines = load_config("a fox", overrides=["drawer=lines", "tile=both"])
    assert (lines.losses.edges, lines.losses.smoothness) == (0, 0)
    clear = load_config("a fox", overrides=["drawer=pixels", "tile=both", "draw.alpha=true"])
    assert (clear.losses.edges, clear.steps) == (0, 100)


def test_a_border_of_old_defaults_is_not_carried_over() -> None:
    from vqclip.config.setting_descriptions import to_dict

    notes = to_dict(load_config("a fox", overrides=["init=random"]))
    again = load_config(base=notes, overrides=["tile=both"])
    assert (again.losses.edges, again.tile) == (0, "both")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["drawer=wavelets"],
            "the pictures of drawer=wavelets do not tile; write drawer=fourier",
        ),
        (["losses.edges=1"], "losses.edges draws a border, which is a seam; leave one out"),
        (["source.film=clip.mp4"], "the frames of source.film do not tile; leave one of them"),
        (
            ["tile=brick", "drawer=mosaic", "draw.shape=triangle"],
            "draw.shape=triangle does not close up in bricks; write tile=both, or another shape",
        ),
        (["tile=bricks"], "tile is 'bricks'; did you mean 'brick'"),
    ],
)
def test_what_has_a_seam_is_refused(
    home: Home, capsys: Capture, settings: list[str], message: str
) -> None:
    words = [] if any(each.startswith("tile=") for each in settings) else ["tile=both"]
    assert main.main(["a fox", *home.words("init=random", *words, *settings)]) != 0
    assert message in capsys.readouterr().err
    assert not list(Path("outputs").glob("*/final.png"))


def test_widths_of_bricks_have_two_halves(home: Home, capsys: Capture) -> None:
    asked = words(home, "vqgan", "tile=brick", "size=38x38")
    assert main.main(["a fox", *asked]) == 0
    assert pixels(Path("outputs/0001-a-fox/final.png")).shape[:2] == (36, 32)
    assert "with tile=brick, the width must be a multiple of 8" in capsys.readouterr().err


def test_a_plan_says_what_it_takes(home: Home, capsys: Capture) -> None:
    assert main.main(["plan", "a fox", *words(home, "vqgan", "tile=brick"), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["memory"] > 0


@pytest.mark.parametrize(
    ("settings", "edges"),
    [
        (["tile=both"], "wrap"),
        (["tile=horizontal"], "wrap"),
        (["tile=brick"], "fill"),
        (["tile=both", "camera.edges=mirror"], "mirror"),
        ([], "fill"),
    ],
)
def test_a_camera_sees_the_opposite_side(settings: list[str], edges: str) -> None:
    config = load_config("a fox", overrides=["frames=3", *settings])
    assert animation_setup.choose_edges(config) == edges


@pytest.mark.parametrize("name", ["vqgan", "strokes"])
def test_an_animation_goes_on_to_the_byte(home: Home, monkeypatch: Patch, name: str) -> None:
    moving = ("frames=3", "motion.steps=2", "film.format=frames", "camera.pan_x=0.1", "steps=3")
    asked = words(home, name, "tile=both", *moving)
    go("a fox", "--out", "whole", *asked)
    kill_run(monkeypatch, 5, "a fox", "--out", "pieces", *asked)
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    one, two = Path("whole/0001-a-fox"), Path("pieces/0001-a-fox")
    for frame in sorted(path.name for path in (one / "frames").iterdir()):
        assert (one / "frames" / frame).read_bytes() == (two / "frames" / frame).read_bytes()


@pytest.mark.parametrize("name", ["pixels", "mosaic", "strokes", "vqgan,pixels"])
def test_tiles_may_be_transparent(home: Home, name: str) -> None:
    go("a fox", *words(home, name, "tile=both", "draw.alpha=true", "losses.opacity=1"))
    place = Path("outputs/0001-a-fox")
    laid, final = pixels(place / "tiles.png"), pixels(place / "final.png")
    assert laid.shape == (64, 64, 4)
    assert np.array_equal(laid[32:, :32], final)
    assert (place / "final.svg").is_file()


def test_regions_and_memory_saving_go_with_it(home: Home) -> None:
    go("a fox | an owl in(left)", *words(home, "vqgan", "tile=both", "memory.tiles=true"))
    assert Path("outputs/0001-a-fox/tiles.png").is_file()
