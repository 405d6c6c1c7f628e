"""Runs that begin between two seeds: noted, made again, and continued to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]


def draw(home: Home, seed: str, out: str, *more: str, init: str = "random") -> Path:
    words = home.words(f"init={init}", "layout=off", "drawer=vqgan", *more)
    found = main.main(["generate", "a fox", *words, "--quiet", "--seed", seed, "--out", out])
    assert found == 0
    return next(Path(out.split("/")[0]).glob("**/final.png"))


def pixels(path: Path) -> bytes:
    with pillow.open(path) as picture:
        return np.asarray(picture).tobytes()


@pytest.mark.parametrize("init", ["random", "fractal"])
def test_ends_are_those_of_both_seeds_and_between_them_is_something_else(
    home: Home, init: str
) -> None:
    first, at_first = (draw(home, s, o, init=init) for s, o in (("3", "a"), ("3:8:0", "b")))
    assert first.read_bytes() == at_first.read_bytes()  # notes, too
    # After one step the starts can be seen: all else comes from the first seed.
    single = ("steps=1", "optimiser.rate=0", "cutouts.count=1", "losses.edges=0")
    starts = [
        draw(home, s, f"s{s[-1]}{len(s)}", *single, init=init)
        for s in ("8", "3:8:1", "3", "3:8:0.4")
    ]
    eight, at_eight, three, between = map(pixels, starts)
    assert eight == at_eight and len({eight, three, between}) == 3


def test_a_walk_is_noted_made_again_and_resumed_to_the_byte(home: Home) -> None:
    whole = draw(home, "3:8:.40", "out/%SEED%")
    assert whole.parts[:2] == ("out", "3-8-0.4")
    assert provenance.read_provenance(whole).seed == "3:8:0.4"
    assert main.main(["again", str(whole), "--quiet", "--out", "again"]) == 0
    assert next(Path("again").glob("*/final.png")).read_bytes() == whole.read_bytes()
    short = draw(home, "3:8:0.4", "part", "steps=2", "optimiser.schedule=constant")
    longer = draw(home, "3:8:0.4", "long", "steps=3", "optimiser.schedule=constant")
    assert main.main(["resume", str(short.parent), "steps=3", "--quiet"]) == 0
    assert pixels(short) == pixels(longer)
    assert main.main(["resume", str(short.parent), "seed=3:8:0.5", "steps=4"]) == 2


def test_a_walk_is_an_axis_of_a_sweep(home: Home) -> None:
    path = sweeps.write(
        home, {"seed": ["3:8:0", "3:8:0.5", "3:8:1"]}, base={"prompts": "a fox", "steps": 1}
    )
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    assert len({*sweeps.pictures(Path("outputs/foxes")).values()}) == 3
    table = Path("outputs/foxes/table.csv").read_text()
    assert "3:8:0.5" in table
    assert main.main(["sheet", "outputs/foxes", "--columns", "seed", "--quiet"]) == 0


def test_where_nothing_is_drawn_at_random_it_is_said(
    home: Home, capsys: Capture, refused: Refusal
) -> None:
    pillow.new("RGB", (32, 32), "teal").save("teal.png")
    words = home.words("init=teal.png", "layout=off", "drawer=vqgan", "--seed", "3:8:0.4")
    assert main.main(["plan", "a fox", *words]) == 0
    told = capsys.readouterr()
    assert "seed=3:8:0.4 is here the same as seed=3" in told.out + told.err
    assert "a share from 0 to 1, such as 3:8:0.4" in refused(
        "generate", "a fox", "--seed", "3:8:2"
    )
