"""Does an animation fit together? Every refusal, in its words."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home, Refusal
from tests.helpers.films import film
from tests.helpers.moving import clip
from vqclip.animation import optical_flow
from vqclip.config import loading, presets
from vqclip.config.checking import animation_checks
from vqclip.errors import ConfigError, VqclipError
from vqclip.language.assets import SearchPath

HERE = SearchPath.current()

STILLS = [
    (
        {"camera": {"zoom": 1.02}},
        "camera.zoom is for animations, but this is a still picture; write ",
    ),
    ({"motion": {"steps": 3}}, "motion.steps is for animations"),
    ({"source": {"weight": 1.0}}, "source.weight is for animations"),
    ({"sound": {"file": "a.wav"}}, "sound.file is for animations"),
    ({"loop": True}, "loop is for animations"),
    ({"fps": 24.0}, "fps is for .*animate; the film of a picture's making has film.fps"),
    ({"film": {"between": 1, "between_by": "latent"}}, "film.between_by is for animations"),
    ({"init": "source"}, "init=source needs a film to draw over; write source.film="),
]
FILMS = [
    ({"film": {"fps": 24}}, "film.fps is 24, which is .*; for an animation, write fps=24"),
    ({"film": {"every": 2}}, "film.every is 2, which is for the film of a picture's making"),
    (
        {"film": {"between": 1, "between_by": "latent"}, "motion": {"smooth": 0.5}},
        "motion.smooth and film.between_by=latent do not go together",
    ),
    ({"sound": {"start": 2.0}}, "sound.start is set, but there is no sound; write sound.file="),
    ({"source": {"weight": 1.0}}, "source.weight is set, but there is no film to draw over"),
    ({"source": {"film": "a.mp4"}, "loop": True}, "loop=true does not go with source.film, wh"),
    (
        {"source": {"film": "a.mp4", "flow": "dos"}},
        r"source.flow is 'dos'; did you mean 'dis'\?; write one of dis, farneback, raft, none",
    ),
    ({"init": "source"}, "init=source needs a film to draw over; write source.film="),
    (
        {"source": {"film": "a.mp4"}, "camera": {"zoom": "1 + t"}},
        "camera.zoom is set, but with source.film, things move as in that film",
    ),
    *(
        (
            {"source": {"film": "a.mp4"}, "camera": {name: value}},
            f"camera.{name} is set, but with source.film, things move as in that film",
        )
        for name, value in (
            *(("view", 40.0), ("x", 0.2), ("y", 0.2), ("near", 0.5), ("far", 9.0)),
            *(("per", "second"), ("depth", "plane"), ("up", 0.1)),
        )
    ),
    (
        {"source": {"film": "a.mp4"}, "camera": {"through": "latent"}},
        "camera.through=latent does not go with source.film",
    ),
    (
        {"camera": {"depth": "plane", "near": 3.0, "far": 2.0}},
        "camera.near is 3 and camera.far 2; the far must be farther away",
    ),
    (
        {"camera": {"depth": "plane", "pan_y": 0.1}},
        "camera.pan_y works on a flat picture only; with camera.depth=plane the camera flies",
    ),
    (
        {"camera": {"forward": 0.1}},
        "camera.forward is for flights .*something to fly through: camera.depth=",
    ),
]


def load(**settings: Any) -> Any:
    return loading.load_config("a fox", **{"init": "random"} | settings)


@pytest.mark.parametrize(("settings", "message"), STILLS)
def test_a_still_has_nothing_of_an_animation(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        animation_checks.check_animation(load(**settings))


@pytest.mark.parametrize(("settings", "message"), FILMS)
def test_what_does_not_go_together(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        animation_checks.check_animation(load(frames=9, **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loop": True, "length": 2.0, "camera": {"zoom": 1.1, "x": 0.2, "per": "second"}},
        {"length": 2.0, "camera": {"depth": "tunnel", "forward": 0.1, "roll": 3.0}},
        {"length": 2.0, "camera": {"depth": "d.png", "near": 2.0, "far": 9.0, "view": 40.0}},
        {"length": 2.0, "camera": {"swing": "t", "view": 40.0, "edges": "wrap"}},
        {"source": {"film": "a.mp4"}, "camera": {"edges": "wrap"}},
        {"source": {"film": "a.mp4", "weight": "1 + t"}, "init": "source", "fps": 240.0},
        {
            "frames": 9,
            "sound": {"file": "a.wav", "bands": "kick=40-90"},
            "camera": {"roll": "kick"},
        },
    ],
)
def test_what_does(settings: dict[str, Any]) -> None:
    animation_checks.check_animation(load(**settings))


IDLE: list[tuple[dict[str, Any], str]] = [
    (
        {"view": 40.0, "roll": 1.0},
        "camera.view has no effect here; it needs camera.tilt or",
    ),
    (
        {"x": 0.2, "pan_x": 0.1},
        "camera.x has no effect here; it needs camera.zoom or camera",
    ),
    ({"y": 0.2}, "camera.y has no effect here"),
    (
        {"per": "second"},
        "camera.per has no effect here; it needs camera.zoom or camera.pan",
    ),
    ({"far": 9.0, "zoom": 1.1}, "camera.far has no effect on a flat picture"),
    ({"near": 2.0}, "camera.near has no effect here; it needs a depth map"),
    ({"near": 2.0, "depth": "plane", "forward": 0.1}, "camera.near has no effect here"),
    ({"depth": "plane"}, "camera.depth=plane, but the camera stands still"),
    ({"depth": "plane", "roll": 1.0}, ""),
    ({"zoom": 1.1, "x": 0.2, "per": "second"}, ""),
    ({"depth": "d.png", "near": 2.0, "far": 9.0, "view": 40.0, "up": 0.1}, ""),
]


@pytest.mark.parametrize(("camera", "said"), IDLE)
def test_what_changes_nothing_is_said(camera: dict[str, Any], said: str) -> None:
    config = load(frames=9, camera=camera)
    animation_checks.check_animation(config)
    found = list(animation_checks.idle_settings(config, 1))
    assert [each.startswith(said) for each in found] == [True] * bool(said)


def test_it_is_refused_before_anything_is_made(home: Home, refused: Refusal) -> None:
    assert refused("a fox", *home.words("camera.zoom=1.02")) == (
        "camera.zoom is for animations, but this is a still picture; write frames=60, or begin "
        "with: vqclip animate"
    )
    assert "camera.zoom is for animations" in refused("plan", "a fox", "camera.zoom=1.02")
    words = home.words("frames=3", "camera.zoom=1 + low")
    assert refused("animate", "a fox", *words).endswith(
        "uses 'low', which needs a sound, but this run has none (write sound.file=music.mp3, in "
        "an animation)"
    )
    assert "uses 'kick', which is not a known name" in refused(
        "animate", "a fox", *home.words("frames=3", "camera.zoom=1 + kick")
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": {"film": "nil.mp4"}}, "source.film is nil.mp4, but no such film"),
        (
            {"source": {"film": "clip", "flow": "raft.pth"}},
            "source.flow is raft.pth, but there is no such file",
        ),
        ({"source": {"film": "nil/*.png"}}, r"source.film is nil/\*.png, but no such"),
        ({"sound": {"file": "clip"}}, "sound.file is clip, but no such file"),
        (
            {"camera": {"depth": "tunel"}},
            "camera.depth is tunel, which is neither flat, plane, tunnel nor .*'tunnel'",
        ),
    ],
)
def test_what_is_named_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    clip(Path("clip"), 1)
    with pytest.raises(VqclipError, match=message):
        animation_checks.require_animation_files(load(frames=2, **settings), HERE)
    for there in ("clip", "clip/*.png", "clip/000.png"):
        animation_checks.require_animation_files(load(source={"film": there}), HERE)
        animation_checks.require_animation_files(load(frames=2, camera={"depth": there}), HERE)


@pytest.mark.parametrize(
    ("settings", "module", "extra"),
    [
        ({"source": {"film": "clip"}}, "cv2", "video"),
        ({"sound": {"file": "clip/000.png"}}, "librosa", "sound"),
        ({"camera": {"depth": "model"}}, "transformers", "depth"),
    ],
)
def test_what_is_not_installed_is_said_before_models_load(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    module: str,
    extra: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    clip(Path("clip"), 1)
    Path("model").mkdir()
    Path("model/config.json").write_text(json.dumps({}))
    monkeypatch.setattr(animation_checks, "find_spec", importlib.util.find_spec)
    animation_checks.require_animation_files(load(frames=2, **settings), HERE)
    monkeypatch.setattr(animation_checks, "find_spec", lambda name: None)
    said = rf"needs {module}, which is not installed: pip install 'vqclip\[{extra}\]'"
    with pytest.raises(ConfigError, match=said):
        animation_checks.require_animation_files(load(frames=2, **settings), HERE)


def test_films_in_the_folder_of_a_run_file_are_found(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    from vqclip.cli.main import main

    film(Path("art.mkv"), seconds="0.2")
    Path("art").mkdir()
    Path("art.mkv").rename("art/a.mkv")
    words = home.words("source.film=a.mkv", "source.flow=none", "assets=art", "motion.steps=1")
    assert main(["animate", "a fox", *words]) == 0
    notes = json.loads((Path("outputs/0001-a-fox") / "run.json").read_text())
    assert notes["config"]["assets"] == "art" and notes["config"]["frames"] == 2


def test_flows_that_are_known_are_those_that_there_are() -> None:
    assert sorted(animation_checks.FLOWS) == sorted(optical_flow.FLOWS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("40:60", (40, 60)), (" 00 : 5 ", (0, 5)), ("5", None), ("-1:5", None), ("a:b", None)],
)
def test_a_stretch_is_read(text: str, wanted: tuple[int, int] | None) -> None:
    assert animation_checks.parse_retake(text) == wanted


@pytest.mark.parametrize("text", ["0:5", "00:5", "0 :5", " 0:5"])
def test_only_the_first_frame_comes_from_none(text: str) -> None:
    def begins(frames: str, **settings: Any) -> bool:
        retake = {"of": "run", "frames": frames}
        return animation_checks.continues_another_run(load(frames=9, retake=retake, **settings))

    assert not begins(text) and begins("1:5")
    assert begins(text, loop=True), "in what closes, the last frame comes before the first"
    assert not animation_checks.continues_another_run(load(frames=9))


@pytest.mark.parametrize(
    ("settings", "scenes", "told"),
    [
        (
            {"motion": {"drafts": 1.0}, "init": "dream"},
            1,
            "drafts=1 is .* there is only one scene; ",
        ),
        ({"motion": {"drafts": 0.2}}, 2, "drafts=0.2 is .* with init=random there are no drafts"),
        ({"motion": {"drafts": 1.0}, "init": "dream"}, 2, ""),
        ({"motion": {"drafts": 0.0}}, 1, ""),
        (
            {"motion": {"drafts": 0.2, "colours": "lab"}, "drawer": "strokes"},
            2,
            "colours, motion.drafts have no effect with drawer=strokes, whose strokes move",
        ),
        ({"motion": {"noise": 0.1}, "drawer": "lines"}, 1, "noise has no effect with drawer=li"),
        ({"motion": {"noise": 0.1}, "drawer": "pixels"}, 1, ""),
        ({"camera": {"edges": "black", "zoom": 1.1}, "drawer": "lines"}, 1, ""),
        ({}, 1, ""),
    ],
)
def test_what_a_preset_may_have_set_in_vain_is_said(
    settings: dict[str, Any], scenes: int, told: str
) -> None:
    found = list(animation_checks.idle_settings(load(frames=9, **settings), scenes))
    assert len(found) == bool(told)
    assert not told or re.search(f"motion.{told}", found[0])


def test_no_preset_is_refused_for_what_it_sets() -> None:
    for name in presets.list_presets():
        over = {"film": "a.mp4"} if name == "stylise" else {}
        animation_checks.check_animation(loading.load_config("a fox", preset=name, source=over))
    story = loading.load_config("a fox", preset="story")
    assert "there is only one scene" in "".join(animation_checks.idle_settings(story, 1))
