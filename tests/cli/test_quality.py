"""pixray's words for size and effort: --quality, --aspect and --scale."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Home
from vqclip.cli import main
from vqclip.config.loading import load_config
from vqclip.config.sizes import final_size, ladder_size

Capture = pytest.CaptureFixture[str]


def planned(capsys: Capture, *words: str) -> dict[str, object]:
    """The settings of a plan."""
    main.main(["plan", "a fox", *words, "--json"])
    line = next(x for x in capsys.readouterr().out.splitlines() if '"event": "plan"' in x)
    found: dict[str, object] = json.loads(line)["config"]
    return found


@pytest.mark.parametrize(
    ("words", "size"),
    [  # the sizes of pixray.py:1824-1931
        (("draft", "widescreen", None), "192x108"),
        (("normal", None, None), "384x216"),
        (("better", "widescreen", None), "576x324"),
        (("best", "square", None), "576x576"),
        (("supreme", "portrait", None), "640x800"),
        (("better", "widescreen", "2.5"), "480x270"),
        ((None, "square", "2.5"), "360x360"),
        ((None, "portrait", "2.5"), "320x400"),
        (("better", None, "3.5"), "672x378"),
        ((None, "portrait", None), None),
    ],
)
def test_sizes_are_those_of_pixray(words: tuple[str, str, str], size: str | None) -> None:
    assert ladder_size(*words) == size


def test_a_quality_is_a_preset_of_that_size(home: Home, capsys: Capture) -> None:
    wanted = load_config("a fox", preset="better", overrides=["size=576x324"])
    found = planned(capsys, "--quality", "better")
    assert (found["size"], found["steps"]) == ("576x324", 300)
    assert found["perceptors"] == wanted.perceptors


def test_a_size_wins_over_a_scale_and_a_scale_over_a_quality(home: Home, capsys: Capture) -> None:
    words = ["--quality", "best", "--scale", "2", "--aspect", "square"]
    assert planned(capsys, *words)["size"] == "288x288"
    assert planned(capsys, *words, "--size", "64x48")["size"] == "64x48"


def test_an_aspect_alone_keeps_the_number_of_pixels(home: Home, capsys: Capture) -> None:
    found = planned(capsys, "--aspect", "widescreen")
    assert (found["size"], found["aspect"]) == ("256x256", "192:108")
    assert final_size(load_config("a fox", overrides=["aspect=192:108"])) == (341, 192)
    assert planned(capsys, "--aspect", "4:5")["aspect"] == "4:5"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quality", "bettr"], "no quality is called 'bettr'; did you mean 'better'"),
        (["--scale", "big"], "--scale is big; write a number"),
        (["--scale", "0"], "--scale is 0; write a number"),
        (["--scale", "nan"], "--scale is nan; write a number"),
        (
            ["--quality", "best", "--aspect", "wide"],
            "no aspect of pixray's sizes is called 'wide'",
        ),
        (["--aspect", "wide"], "aspect"),
    ],
)
def test_refusals(words: list[str], said: str, capsys: Capture) -> None:
    assert main.main(["a fox", *words]) == 2
    assert said in capsys.readouterr().err
