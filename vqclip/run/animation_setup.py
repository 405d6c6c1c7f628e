"""The motion of a run: from settings to a frame motion and its feedback options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from vqclip.animation import depth_model, optical_flow
from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.camera_3d import CameraMove3D, Surface
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.animation.motion_sources import (
    CameraMotion2D,
    CameraMotion3D,
    DepthWarp,
    FeedbackOptions,
    FilmFrames,
    FlowMotion,
    FrameMotion,
)
from vqclip.animation.surfaces import DepthMap, Plane, Tunnel, Wall
from vqclip.config import schedule_settings
from vqclip.config.draw_settings import uses_vqgan
from vqclip.config.schema import RunConfig
from vqclip.drawers.base import BaseDrawer
from vqclip.errors import ConfigError
from vqclip.guidance.scenes import SceneTimeline
from vqclip.language.assets import SearchPath
from vqclip.language.schedules import Curve
from vqclip.media.frames.frame_source import Footage, open_footage
from vqclip.optimisation_loop import Objective
from vqclip.run.frame_plan import FramePlan, fps_of, open_source
from vqclip.tensors import Image

LATENT_RATE = 0.1  # of the frames that a VQGAN draws after the first
NAMES = ("hold", "source")  # of what is liked about a frame apart from the prompt


def build_feedback(
    config: RunConfig,
    frame_plan: FramePlan,
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    timeline: SceneTimeline,
    search_path: SearchPath,
) -> FrameFeedback:
    """Put together what takes an animation from frame to frame.

    Args:
        size: width and height of its frames, in pixels.
        seed: of the grain on what comes into view.
        timeline: which scene it is.
        search_path: where films and pictures are looked for.

    Raises:
        ConfigError: for a camera that cannot move so.
    """
    motion, source = config.motion, config.source

    habits = FeedbackOptions(
        edges=choose_edges(config),
        through=config.camera.through,
        smooth=motion.smooth,
        moments=motion.moments,
        steady=motion.steady,
        colours=motion.colours,
        between=config.film.between if config.film.between_by == "latent" else 0,
        loop=frame_plan.lead,
        arriving=_arriving(frame_plan, timeline, motion.drafts),
        noise=_by_frame(frame_plan, "motion.noise", motion.noise),
        blend=_by_frame(frame_plan, "source.blend", source.blend),
    )
    route = _make_motion(config, frame_plan, size, device, search_path)
    ends = (*frame_plan.clock.starts, frame_plan.clock.steps)
    return FrameFeedback(ends, route, habits, seed)


def frame_objectives(
    config: RunConfig, frame_plan: FramePlan, feedback: FrameFeedback
) -> Iterator[Objective]:
    """What is liked about a frame apart from the prompt: what it was, and the film beneath."""
    first = config.steps
    hold = schedule_settings.setting_curve(config, "motion.hold", frame_plan.clock)
    yield Objective("hold", lambda step: hold(step) if step >= first else 0.0, feedback.hold_loss)
    if config.source.film:
        weight = schedule_settings.setting_curve(config, "source.weight", frame_plan.clock)
        yield Objective("source", weight, feedback.source_loss)


def step_rates(config: RunConfig, frame_plan: FramePlan, drawer: BaseDrawer) -> Curve:
    """The learning rate at each step after the first frame.

    Raises:
        ConfigError: if it is negative.
    """
    if config.motion.rate is None:
        own = drawer.default_rate(config.optimiser.name)
        usual = LATENT_RATE if uses_vqgan(config.drawer) else own / 2
        return lambda step: usual
    return schedule_settings.setting_curve(config, "motion.rate", frame_plan.clock)


def choose_edges(config: RunConfig) -> str:
    """What the camera finds beyond the edges; nothing new in a picture that tiles."""
    # The rows of bricks do not lie under each other, so that they cannot be looked up like this.
    tiles = config.tile not in ("none", "brick")
    return "wrap" if tiles and config.camera.edges == "fill" else config.camera.edges


def _arriving(
    frame_plan: FramePlan, timeline: SceneTimeline, share: float
) -> Callable[[int], Mapping[int, float]]:
    """How much of which scene's draft each frame takes up: together, `share` of it."""

    def arriving(frame: int) -> dict[int, float]:
        if share == 0 or frame == 0 or timeline.scenes == 1:
            return {}
        before, now = (
            timeline.scene_shares(frame_plan.clock.starts[each]) for each in (frame - 1, frame)
        )
        return {
            scene: share * (new - old) / (1 - share * old)  # of what is left to be taken
            for scene, (old, new) in enumerate(zip(before, now, strict=True))
            if new > old
        }

    return arriving


def _make_motion(
    config: RunConfig,
    frame_plan: FramePlan,
    size: tuple[int, int],
    device: torch.device,
    search_path: SearchPath,
) -> FrameMotion:
    if config.source.film:
        source = config.source

        def open_at(frame: int) -> Footage:
            return open_source(config, frame, size, search_path)

        finder = optical_flow.open_flow(source.flow, device=str(device))
        return FlowMotion(FilmFrames(open_at, device), finder)
    if config.camera.depth:
        return _surface(config, frame_plan, size, device, search_path)
    return CameraMotion2D(_moves(config, frame_plan))


def _moves(config: RunConfig, frame_plan: FramePlan) -> Callable[[int], CameraMove2D]:
    """What the camera does on the way to each frame."""
    camera, names = config.camera, ("zoom", "pan_x", "pan_y", "roll", "tilt", "swing")
    numbers = _numbers(config, frame_plan, names)
    share = _frame_share(config)

    def move(frame: int) -> CameraMove2D:
        now = numbers(frame)
        zoom = now.pop("zoom")
        return CameraMove2D(
            zoom=zoom**share if zoom > 0 else zoom,
            **{name: value * share for name, value in now.items()},
            centre=(camera.x, camera.y),
            field_of_view=camera.view,
        )

    return _checked_moves(move, frame_plan)


def _camera_moves(config: RunConfig, frame_plan: FramePlan) -> Callable[[int], CameraMove3D]:
    """Where the camera flies on the way to each frame."""
    camera, names = config.camera, ("forward", "right", "up", "swing", "tilt", "roll")
    numbers = _numbers(config, frame_plan, names)
    share = _frame_share(config)

    def flight(frame: int) -> CameraMove3D:
        now = {name: value * share for name, value in numbers(frame).items()}
        return CameraMove3D(
            x=now["right"],
            y=-now["up"],
            z=now["forward"],
            pan=now["swing"],
            tilt=now["tilt"],
            roll=now["roll"],
            field_of_view=camera.view,
            near=camera.near,
            far=camera.far,
            centre=(camera.x, camera.y),
        )

    return _checked_moves(flight, frame_plan)


def _surface(
    config: RunConfig,
    frame_plan: FramePlan,
    size: tuple[int, int],
    device: torch.device,
    search_path: SearchPath,
) -> CameraMotion3D:
    """A flight, and what it goes through."""
    name, moves = config.camera.depth, _camera_moves(config, frame_plan)
    if name in SURFACES:
        there = SURFACES[name]()
        _check_path(moves, there, frame_plan)
        return CameraMotion3D(moves, lambda frame, shown: there, fixed=True)
    path = search_path.find(name)
    if (path / "config.json").is_file():
        model = depth_model.load_depth_model(path, device)
        return CameraMotion3D(moves, lambda frame, shown: DepthMap(model(shown)), fixed=False)
    stands = open_footage(path).count == 1
    fps = frame_plan.timeline.fps

    def open_at(frame: int) -> Footage:
        return open_footage(path, size=size, fps=fps, first=0 if stands else frame)

    film = FilmFrames(open_at, torch.device("cpu"))

    def seen(frame: int, shown: Image) -> Surface:
        return DepthMap(film.frame(frame_plan.film(frame - 1))[0].mean(0).double())

    return CameraMotion3D(moves, seen, stands, film.close)


def _check_path(
    moves: Callable[[int], CameraMove3D], surface: Surface, frame_plan: FramePlan
) -> None:
    """Refuse a flight that would go through a terrain, before the first step.

    Raises:
        ConfigError: that says at which frame.
    """
    for frame in range(1, frame_plan.timeline.frames + frame_plan.lead):
        way = DepthWarp(moves(frame), surface)
        try:
            way.reprojection(1, 1)
        except ConfigError as error:
            raise ConfigError(f"at frame {frame_plan.film(frame)}, {error}") from None
        surface = surface.next_frame(way.move, way.reprojection)


def _numbers(
    config: RunConfig, frame_plan: FramePlan, names: Sequence[str]
) -> Callable[[int], dict[str, float]]:
    """The camera's numbers on the way to each frame."""
    curves = {
        name: _by_frame(frame_plan, f"camera.{name}", getattr(config.camera, name))
        for name in names
    }
    return lambda frame: {name: curve(frame) for name, curve in curves.items()}


def _by_frame(frame_plan: FramePlan, key: str, number: float | str) -> Curve:
    """A setting as a value at each frame that is drawn."""
    curve = frame_plan.timeline.curve(schedule_settings.read_scheduled(key, number))
    return lambda frame: curve(frame_plan.film(frame))


def _frame_share(config: RunConfig) -> float:
    """How much of a movement belongs to a frame."""
    return 1 / fps_of(config) if config.camera.per == "second" else 1.0


T = TypeVar("T")


def _checked_moves(move: Callable[[int], T], frame_plan: FramePlan) -> Callable[[int], T]:
    """The same; what cannot be is refused before the first step."""
    for frame in range(frame_plan.timeline.frames):
        move(frame + frame_plan.lead)
    return move


SURFACES: dict[str, Callable[[], Surface]] = {"flat": Wall, "plane": Plane, "tunnel": Tunnel}
