"""Hints about an animation before it is drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.helpers.films import film
from vqclip.config.loading import load_config
from vqclip.language.assets import SearchPath
from vqclip.run import frame_plan
from vqclip.run.frame_plan import list_hints
from vqclip.run.preflight import make_request

HERE = SearchPath.current()

BACK = "1.05 ** cos(2 * pi * frame / frames)"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(**settings: Any) -> list[str]:
    asked = load_config("a fox", **settings)
    return list(list_hints(asked, frame_plan.clipped_to_source(asked, HERE), HERE))


def test_a_film_of_another_shape_or_length_is_told() -> None:
    film(Path("clip.mkv"), rate="10", seconds="1", source="testsrc=size=64x32:rate=10:duration=1")
    source = {"film": "clip.mkv"}
    (cut,) = told(source=source)
    assert "64x32 and the run 256x256: its edges are cut off (source.fit=cover)" in cut
    assert "size=352x176 has about its shape" in cut
    assert told(source=source, size="352x176") == []
    assert told(source=source, size="128x64") == []
    assert told(source=source | {"fit": "stretch"}) == []
    (framed,) = told(source=source | {"fit": "contain"})
    assert "it gets borders" in framed
    (ends,) = told(source=source, size="128x64", length=3)
    assert ends == "clip.mkv ends after 10 frames at 10 a second, and so does the animation"


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4, 5), (16, 9), (21, 9), (185, 100), (9, 16)])
@pytest.mark.parametrize("side", [128, 192, 256, 384])
def test_who_takes_the_advice_hears_no_more_of_it(shape: tuple[int, int], side: int) -> None:
    Path("row").mkdir()
    pillow.new("RGB", (shape[0] * 4, shape[1] * 4)).save("row/1.png")
    (said,) = told(source={"film": "row"}, size=f"{side}x{side}", frames=1)
    found = re.search(r"size=(\d+)x(\d+) has", said)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    assert width / height == pytest.approx(shape[0] / shape[1], rel=0.04)
    assert width * height == pytest.approx(side**2, rel=0.65)
    assert told(source={"film": "row"}, size=f"{width}x{height}", frames=1) == []


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ({"zoom": BACK}, ""),
        ({"roll": "3 * sin(2 * pi * frame / frames)"}, ""),
        ({"roll": 360 / 12}, ""),
        ({"pan_x": 1 / 12, "edges": "wrap"}, ""),
        ({"zoom": 1.02}, "comes 1.27 times nearer"),
        ({"zoom": 1.02, "roll": 5, "per": "second"}, "rolls by 5 degrees"),
        ({"roll": 5}, "rolls by 60 degrees"),
        (
            {"pan_y": -0.05},
            "goes -0.6 of a picture aside, and the last frames fade over that; came",
        ),
        ({"tilt": 1.0}, "leans by 12 degrees"),
    ],
)
def test_a_loop_wants_a_camera_that_comes_back(camera: dict[str, Any], said: str) -> None:
    found = told(loop=True, frames=12, camera=camera)
    assert (said in found[0] and "fade over that" in found[0]) if said else found == []
    assert told(frames=12, camera=camera) == []


def test_pictures_that_are_silent_are_told() -> None:
    Path("song.wav").touch()
    (silent,) = told(frames=12, sound={"file": "song.wav"}, film={"format": "gif"})
    assert silent.startswith("gif has no sound")
    assert told(frames=12, sound={"file": "song.wav"}) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frames": 4, "fps": 120, "film": {"format": "gif"}}, "a gif shows 50, not 120, frames"),
        ({"frames": 4, "fps": 60, "film": {"format": "gif"}}, "a gif shows 50, not 60, frames"),
        ({"frames": 4, "fps": 100, "film": {"format": "webp"}}, "a webp shows 90, not 100, "),
        ({"frames": 4, "fps": 12, "film": {"format": "gif", "between": 9}}, "50, not 120, "),
        ({"film": {"format": "gif", "fps": 120, "every": 1}}, "a gif shows 50, not 120, frames"),
        ({"frames": 4, "fps": 50, "film": {"format": "gif"}}, None),
        ({"frames": 4, "fps": 120, "film": {"format": "mp4"}}, None),
    ],
)
def test_a_rate_that_a_film_cannot_have_is_told_before_the_run(
    settings: dict[str, Any], said: str | None
) -> None:
    found = [
        note
        for note in make_request(load_config("a fox", **settings), complete=False).notes
        if "some are left out" in note
    ]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]
