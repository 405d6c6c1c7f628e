"""The motion of a run: from settings to a frame motion and its feedback options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from vqclip.animation import depth_model, optical_flow
from vqclip.animation.camera_2d import Move
from vqclip.animation.camera_3d import Flight, Terrain
from vqclip.animation.feedback import Voyage
from vqclip.animation.frame_motion import Air, Flown, Habits, Ride, Route, Shots, Trace
from vqclip.animation.surfaces import DepthMap, Flat, Ground, Tunnel
from vqclip.config import scheduled
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.generate import Objective
from vqclip.guidance.scenes import Story
from vqclip.language.assets import HERE, find_asset
from vqclip.language.schedules import Curve
from vqclip.media.footage import Footage, open_footage
from vqclip.run.frames import Itinerary, footage_of, fps_of
from vqclip.tensors import Image

NAMES = ("hold", "source")  # of what is liked about a frame apart from the prompt


def voyage(
    config: RunConfig,
    tour: Itinerary,
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    tale: Story,
    folders: Sequence[Path] = HERE,
) -> Voyage:
    """Put together what takes an animation from frame to frame.

    Args:
        size: width and height of its frames, in pixels.
        seed: of the grain on what comes into view.
        tale: which scene it is.
        folders: where films and pictures are looked for.

    Raises:
        ConfigError: for a camera that cannot move so.
    """
    motion, source = config.motion, config.source

    habits = Habits(
        edges=config.camera.edges,
        through=config.camera.through,
        smooth=motion.smooth,
        moments=motion.moments,
        steady=motion.steady,
        colours=motion.colours,
        between=config.film.between if config.film.between_by == "latent" else 0,
        loop=tour.lead,
        arriving=_arriving(tour, tale, motion.drafts),
        noise=_by_frame(tour, "motion.noise", motion.noise),
        blend=_by_frame(tour, "source.blend", source.blend),
    )
    route = _route(config, tour, size, device, folders)
    ends = (*tour.clock.starts, tour.clock.steps)
    return Voyage(ends, route, habits, seed)


def objectives(config: RunConfig, tour: Itinerary, trip: Voyage) -> Iterator[Objective]:
    """What is liked about a frame apart from the prompt: what it was, and the film beneath."""
    first = config.steps
    hold = scheduled.curve(config, "motion.hold", tour.clock)
    yield Objective("hold", lambda step: hold(step) if step >= first else 0.0, trip.hold)
    if config.source.film:
        weight = scheduled.curve(config, "source.weight", tour.clock)
        yield Objective("source", weight, trip.follow)


def rates(config: RunConfig, tour: Itinerary) -> Curve:
    """The learning rate at each step after the first frame.

    Raises:
        ConfigError: if it is negative.
    """
    return scheduled.curve(config, "motion.rate", tour.clock)


def _arriving(tour: Itinerary, tale: Story, share: float) -> Callable[[int], Mapping[int, float]]:
    """How much of which scene's draft each frame takes up: together, `share` of it."""

    def arriving(frame: int) -> dict[int, float]:
        if share == 0 or frame == 0 or tale.scenes == 1:
            return {}
        before, now = (tale.shares(tour.clock.starts[each]) for each in (frame - 1, frame))
        return {
            scene: share * (new - old) / (1 - share * old)  # of what is left to be taken
            for scene, (old, new) in enumerate(zip(before, now, strict=True))
            if new > old
        }

    return arriving


def _route(
    config: RunConfig,
    tour: Itinerary,
    size: tuple[int, int],
    device: torch.device,
    folders: Sequence[Path],
) -> Route:
    if config.source.film:
        source = config.source

        def open_at(frame: int) -> Footage:
            return footage_of(config, frame, size, folders)

        finder = optical_flow.open_flow(source.flow, device=str(device))
        return Trace(Shots(open_at, device), finder)
    if config.camera.depth:
        return _air(config, tour, size, device, folders)
    return Ride(_moves(config, tour))


def _moves(config: RunConfig, tour: Itinerary) -> Callable[[int], Move]:
    """What the camera does on the way to each frame."""
    camera, names = config.camera, ("zoom", "pan_x", "pan_y", "roll", "tilt", "swing")
    numbers = _numbers(config, tour, names)
    pace = _pace(config)

    def move(frame: int) -> Move:
        now = numbers(frame)
        zoom = now.pop("zoom")
        return Move(
            zoom=zoom**pace if zoom > 0 else zoom,
            **{name: value * pace for name, value in now.items()},
            centre=(camera.x, camera.y),
            field_of_view=camera.view,
        )

    return _tried(move, tour)


def _flights(config: RunConfig, tour: Itinerary) -> Callable[[int], Flight]:
    """Where the camera flies on the way to each frame."""
    camera, names = config.camera, ("forward", "right", "up", "swing", "tilt", "roll")
    numbers = _numbers(config, tour, names)
    pace = _pace(config)

    def flight(frame: int) -> Flight:
        now = {name: value * pace for name, value in numbers(frame).items()}
        return Flight(
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

    return _tried(flight, tour)


def _air(
    config: RunConfig,
    tour: Itinerary,
    size: tuple[int, int],
    device: torch.device,
    folders: Sequence[Path],
) -> Air:
    """A flight, and what it goes through."""
    name, flights = config.camera.depth, _flights(config, tour)
    if name in TERRAINS:
        there = TERRAINS[name]()
        _passed(flights, there, tour)
        return Air(flights, lambda frame, shown: there, stays=True)
    path = find_asset(name, folders)
    if (path / "config.json").is_file():
        model = depth_model.load(path, device)
        return Air(flights, lambda frame, shown: DepthMap(model(shown)), stays=False)
    stands = open_footage(path).count == 1
    fps = tour.timeline.fps

    def open_at(frame: int) -> Footage:
        return open_footage(path, size=size, fps=fps, first=0 if stands else frame)

    film = Shots(open_at, torch.device("cpu"))

    def seen(frame: int, shown: Image) -> Terrain:
        return DepthMap(film.frame(tour.film(frame - 1))[0].mean(0).double())

    return Air(flights, seen, stands, film.close)


def _passed(flights: Callable[[int], Flight], terrain: Terrain, tour: Itinerary) -> None:
    """Refuse a flight that would go through a terrain, before the first step.

    Raises:
        ConfigError: that says at which frame.
    """
    for frame in range(1, tour.timeline.frames + tour.lead):
        way = Flown(flights(frame), terrain)
        try:
            way.course(1, 1)
        except ConfigError as error:
            raise ConfigError(f"at frame {tour.film(frame)}, {error}") from None
        terrain = terrain.after(way.flight, way.course)


def _numbers(
    config: RunConfig, tour: Itinerary, names: Sequence[str]
) -> Callable[[int], dict[str, float]]:
    """The camera's numbers on the way to each frame."""
    curves = {
        name: _by_frame(tour, f"camera.{name}", getattr(config.camera, name)) for name in names
    }
    return lambda frame: {name: curve(frame) for name, curve in curves.items()}


def _by_frame(tour: Itinerary, key: str, number: float | str) -> Curve:
    """A setting as a value at each frame that is drawn."""
    curve = tour.timeline.of(scheduled.read(key, number))
    return lambda frame: curve(tour.film(frame))


def _pace(config: RunConfig) -> float:
    """How much of a movement belongs to a frame."""
    return 1 / fps_of(config) if config.camera.per == "second" else 1.0


T = TypeVar("T")


def _tried(move: Callable[[int], T], tour: Itinerary) -> Callable[[int], T]:
    """The same; what cannot be is refused before the first step."""
    for frame in range(tour.timeline.frames):
        move(frame + tour.lead)
    return move


TERRAINS: dict[str, Callable[[], Terrain]] = {"flat": Flat, "plane": Ground, "tunnel": Tunnel}
