"""The set-up of animations from settings, and that each kind continues where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home
from tests.helpers import moving
from tests.helpers.melody import melody, save
from tests.helpers.moving import clip, halves, ready, shown
from vqclip.animation.motion_sources import CameraMotion2D, CameraMotion3D, DepthWarp, FlowMotion
from vqclip.animation.surfaces import DepthMap
from vqclip.config.checking import animation_checks
from vqclip.config.schema import Stage
from vqclip.errors import ConfigError
from vqclip.guidance.scenes import SceneTimeline
from vqclip.run import animation_setup, runner
from vqclip.run import frame_plan as run_frames

KINDS: dict[str, dict[str, Any]] = {
    "camera": {"camera": {"zoom": "1 + 0.05 * sin(t)", "roll": 2.0}, "motion": {"smooth": 0.2}},
    "latent": {"camera": {"pan_x": 0.05, "through": "latent"}, "motion": {"steady": False}},
    "loop": {
        "loop": True,
        "camera": {"roll": 3.0},
        "film": {"format": "none", "between": 1, "between_by": "latent"},
    },
    "source": {"source": {"film": "clip", "flow": "dis"}, "init": "auto", "frames": 5},
    "depths that end": {"camera": {"depth": "short", "forward": 0.1}, "frames": 5},
    "tunnel": {"camera": {"depth": "tunnel", "swing": 2.0}, "motion": {"moments": False}},
    "plane": {"camera": {"depth": "plane", "forward": 0.05, "roll": 5.0}, "loop": True},
    "depths": {"camera": {"depth": "clip", "right": "0.1", "roll": 1.0}},
    "depth": {"camera": {"depth": "clip/000.png", "up": 0.1}, "motion": {"colours": "lab"}},
    "depth in a loop": {
        "camera": {"depth": "clip/000.png", "forward": 0.1},
        "loop": True,
        "film": {"format": "none", "between": 1, "between_by": "latent"},
    },
    "sound": {
        "camera": {"zoom": "1 + 0.1 * low"},
        "motion": {"steps": "1 + 2 * (pulse > 0.5)", "noise": "0.1 * loud"},
        "sound": {"file": "song.wav"},
        "prompts": "a fox:{1 + high} | a moon in(top)",
    },
}


@pytest.fixture
def material(home: Home) -> Home:
    """The tiny models, and films, depths and music in the folder where one stands."""
    clip(Path("clip"), 6)
    clip(Path("short"), 3)
    save(Path("song.wav"), melody(1.0))
    return home


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_goes_on_where_it_was_left(material: Home, kind: str) -> None:
    def built() -> runner.Runner:
        return ready(material, **KINDS[kind])

    halves(built(), built(), built(), {"source": 6, "loop": 6, "sound": 5}.get(kind, 8))
    if kind == "depths that end":
        halves(built(), built(), built(), 9)  # between two frames, behind the film's end


@pytest.mark.parametrize(
    ("kind", "route"),
    [
        ("camera", CameraMotion2D),
        ("source", FlowMotion),
        ("tunnel", CameraMotion3D),
        ("depth", CameraMotion3D),
    ],
)
def test_settings_find_their_route(material: Home, kind: str, route: type) -> None:
    run = ready(material, **KINDS[kind])
    assert run.feedback is not None and isinstance(run.feedback.motion, route)


def test_all_that_is_read_is_noted(material: Home) -> None:
    def noted(kind: str) -> dict[str, str]:
        models = ready(material, **KINDS[kind]).models
        return {k: v for k, v in models.items() if k.startswith(("film", "sound", "depth"))}

    (before,) = noted("source").values()
    assert list(noted("sound")) == ["sound song.wav"] and list(noted("depths")) == ["depth clip"]
    pillow.new("RGB", (32, 32)).save("clip/003.png")
    assert noted("source") != {"film clip": before}
    assert "film clip" in noted("source")


def test_a_film_is_left_when_a_run_is(material: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.helpers.films import film, held

    film(Path("long.mkv"), seconds="60")
    run = ready(material, source={"film": "long.mkv", "flow": "none"}, init="auto", frames=3)
    playing = run.play()
    for step in playing:
        if step.frame == 1:
            break
    assert held(Path("long.mkv"))
    playing.close()  # type: ignore[attr-defined]
    assert not held(Path("long.mkv"))


def test_a_picture_of_depths_comes_along_and_a_film_shows_its_own(material: Home) -> None:
    def map_at(name: str, frame: int) -> torch.Tensor:
        run = ready(material, camera={"depth": name, "forward": 0.1, "near": 0.5})
        assert run.feedback is not None
        way = run.feedback.motion.frame_warp(frame, torch.zeros(1, 3, 32, 32))
        assert isinstance(way, DepthWarp) and isinstance(way.surface, DepthMap)
        return way.surface.values.double()

    drawn = [
        torch.from_numpy(moving.pattern(shift=1.5 * n)).double().mean(-1) / 255 for n in (0, 2)
    ]
    assert torch.allclose(map_at("clip/000.png", 1), drawn[0], atol=1e-6)
    assert torch.allclose(map_at("clip", 3), drawn[1], atol=1e-6)
    # Nearer than it was, all in all, but for what the flight has passed.
    assert float(map_at("clip/000.png", 3).mean()) > float(drawn[0].mean()) + 0.02


def test_a_film_is_drawn_over(material: Home) -> None:
    run = ready(material, **KINDS["source"] | {"source": {"film": "clip", "blend": 1.0}})
    steps = list(run.play())
    assert len(shown(steps)) == 5
    assert run.feedback is not None
    ground = run.feedback.source_frame(4)
    assert ground is not None
    wanted = torch.from_numpy(moving.pattern(shift=6.0)).permute(2, 0, 1)[None] / 255
    assert torch.allclose(ground.image, wanted, atol=1e-6)
    # With all of it, each frame begins with the film's own.
    assert torch.allclose(run.feedback.target, wanted, atol=0.6 / 255)  # type: ignore[arg-type]
    gap = (steps[-1].image - wanted).square().mean()
    assert torch.allclose(steps[-1].losses["source"], 2 * gap)
    assert torch.equal(run.start, ground_of(run, 0))  # type: ignore[arg-type]


def test_a_film_is_followed_in_small_stages_too(material: Home) -> None:
    """The starter's random start grows; its first stage is smaller than the film's frames."""
    over = KINDS["source"] | {"init": "random", "growth": [Stage("50%", "1")]}
    steps = list(ready(material, **over).play())
    assert [tuple(step.image.shape[-2:]) for step in steps[:2]] == [(16, 16), (32, 32)]
    frame = moving.pattern().astype("float64")
    small = torch.from_numpy(frame.reshape(16, 2, 16, 2, 3).mean((1, 3)) / 255)
    gap = (steps[0].image[0].permute(1, 2, 0).double() - small).square().mean()
    assert float(steps[0].losses["source"]) == pytest.approx(2 * float(gap), rel=1e-4)


def ground_of(run: runner.Runner, frame: int) -> torch.Tensor:
    assert run.feedback is not None
    ground = run.feedback.motion.source_frame(frame)
    assert ground is not None
    return ground.image.mul(255).round().div(255)


def test_a_film_of_depths_goes_by_its_own_time(home: Home) -> None:
    """Its second is the run's, however many frames each has of it."""
    from tests.helpers.films import film

    grey = "nullsrc=size=32x32:rate=24:duration=0.5,format=gray,geq=lum='N*20'"
    film(Path("depths.mov"), "-c:v", "png", source=grey)
    run = ready(home, camera={"depth": "depths.mov", "forward": 0.1}, fps=12.0, frames=10)
    assert run.feedback is not None and isinstance(run.feedback.motion, CameraMotion3D)
    for frame in (1, 2, 5, 3, 9):
        way = run.feedback.motion.frame_warp(frame, torch.zeros(1, 3, 32, 32))
        assert isinstance(way, DepthWarp)
        terrain = way.surface
        assert isinstance(terrain, DepthMap)
        wanted = min(2 * (frame - 1), 10) * 20 / 255  # two of its frames are one of the run's
        assert terrain.values.mean().item() == pytest.approx(wanted, abs=1e-3)


def test_the_camera_may_move_by_the_second(home: Home) -> None:
    run = ready(home, camera={"zoom": 4.0, "roll": 30.0, "per": "second"}, fps=10.0)
    assert run.feedback is not None and isinstance(run.feedback.motion, CameraMotion2D)
    move = run.feedback.motion.moves(1)
    assert move.zoom**10 == pytest.approx(4.0) and move.roll == pytest.approx(3.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("frames", [6, 8, 40])
def test_a_scene_takes_its_share_of_a_draft_in_all(share: float, frames: int) -> None:
    config = vqclip.load(
        "a fox ^ a bear ^ an owl", frames=frames, fade=0.8, motion={"drafts": share}
    )
    frame_plan = run_frames.plan_frames(config)
    arriving = animation_setup._arriving(
        frame_plan, SceneTimeline(3, frame_plan.clock, 0.8), share
    )
    left = [1.0, 1.0, 1.0]
    for frame in range(frames):
        for scene, taken in arriving(frame).items():
            assert 0 < taken <= 1
            left[scene] *= 1 - taken
    assert left == pytest.approx([1.0, 1 - share, 1 - share])
    assert len(arriving(frames // 3)) == 1


def test_flights_may_go_by_the_second(home: Home) -> None:
    camera = {"depth": "plane", "forward": 2.0, "roll": 30.0, "up": 1.0}
    run = ready(home, camera=camera | {"per": "second"}, fps=10.0)
    other = ready(home, camera={"depth": "plane", "forward": 0.2, "roll": 3.0, "up": 0.1})
    for frame in (1, 2):
        found, wanted = (
            each.feedback.motion.frame_warp(frame, torch.zeros(1, 3, 32, 32))(32, 32)  # type: ignore
            for each in (run, other)
        )
        assert torch.allclose(found.positions, wanted.positions)


def test_schedules_hold_for_whole_frames(home: Home) -> None:
    run = ready(
        home,
        motion={"hold": "frame", "rate": "frame / 100", "steps": 2},
        losses={"smoothness": "0: 1, 3: 4"},
    )
    weights = {each.name: each.weight for each in run.objectives}
    assert [weights["smoothness"](s) for s in range(9)] == [1, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [weights["hold"](step) for step in range(9)] == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert [run.rates(step) for step in (3, 4, 7)] == [0.01, 0.01, 0.03]
    list(run.play())
    assert run._optimiser is not None
    assert run._optimiser.optimiser.param_groups[0]["lr"] == pytest.approx(0.03)


@pytest.mark.parametrize(("drawer", "rate"), [("vqgan", 0.1), ("pixels", 0.03), ("lines", 0.5)])
def test_later_frames_are_learnt_at_half_the_drawers_rate(
    home: Home, drawer: str, rate: float
) -> None:
    assert ready(home, drawer=drawer).rates(4) == pytest.approx(rate)
    assert ready(home, drawer=drawer, motion={"rate": 0.2}).rates(4) == 0.2


def test_closeness_to_the_start_ends_with_the_first_frame(home: Home) -> None:
    run = ready(home, init="fractal", losses={"init": 2.0})
    losses = [float(step.losses["init"]) for step in run.play()]
    assert all(losses[:3]) and not any(losses[3:])


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ({"zoom": "1 - frame / 2"}, r"camera.zoom is 0 at frame 2 of"),
        ({"tilt": "45 * frame"}, r"the camera's tilt is 90 degrees"),
        ({"depth": "plane", "forward": "frame * 10"}, r"the flight's z is 20"),
        (
            {"depth": "flat", "forward": "0.1 if frame < 3 else 1.5"},
            "at frame 3, the flight goes 1.5 forward, and the wall is only 1 away",
        ),
        ({"depth": "plane", "up": -1.5}, "at frame 1, the flight goes 1.5 down, and the ground"),
        (
            {"depth": "plane", "up": -0.4},
            "at frame 3, the flight goes 0.4 down, and the ground is only 0.2 below; fly less",
        ),
        (
            {"depth": "plane", "tilt": -30.0, "forward": 1.0},
            "at frame 3, the flight goes 0.866 down, and the ground is only 0.5 below",
        ),
        (
            {"depth": "tunnel", "right": 0.4},
            "at frame 3, the flight goes 1.2 away from the tunnel's middle, and its wall is 1 aw",
        ),
    ],
)
def test_a_camera_that_cannot_be_is_refused_before_the_first_step(
    home: Home, camera: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ready(home, camera=camera)


def test_a_closing_flight_is_followed_from_its_beginning(home: Home) -> None:
    camera = {"depth": "plane", "up": "-0.3 if frame < 1 else 0.1"}
    ready(home, camera=camera, loop=True)
    # Its last frame is drawn twice, once before the first.
    with pytest.raises(ConfigError, match=r"at frame 1, the flight goes 0\.6 down, and the"):
        ready(home, camera=camera | {"up": "-0.6 if frame < 2 else 0"}, loop=True)


def test_terrains_are_those_that_are_known() -> None:
    assert tuple(animation_setup.SURFACES) == animation_checks.TERRAINS


def test_a_prompt_may_be_called_hold(home: Home) -> None:
    run = ready(home, prompts="hold | source")
    assert [each.name for each in run.objectives] == ["hold 2", "source 2", "hold"]
    next(run.play())
