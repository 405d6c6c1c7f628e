"""From settings to an animation: which frames there are, when, and how one leads to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vqclip import changing, flow, pictures
from vqclip.camera import Move
from vqclip.clock import Clock, Timeline
from vqclip.config import RunConfig
from vqclip.errors import ConfigError
from vqclip.footage import Footage, open_footage
from vqclip.generate import Objective
from vqclip.presets import FPS, settled
from vqclip.route import Ride, Trace
from vqclip.schedules import Curve
from vqclip.voyage import Habits, Route, Voyage

LEAD = 4  # a film that closes draws one frame more for so many


@dataclass(frozen=True)
class Itinerary:
    """The frames of an animation, and the clock that says which it is at a step.

    Args:
        lead: how many frames are drawn before the first, for its last ones to become.
    """

    clock: Clock
    timeline: Timeline
    lead: int

    def film(self, frame: int) -> int:
        """The frame of the film that a drawn one is meant for."""
        return (frame - self.lead) % self.timeline.frames


def plan(config: RunConfig, variables: Mapping[str, Sequence[float]] | None = None) -> Itinerary:
    """Work out which frames are drawn, and in how many steps each.

    Args:
        variables: what schedules may name; see `Timeline`.

    Raises:
        ConfigError: if a frame would have no step.
    """
    timeline = Timeline(config.frames, fps_of(config), dict(variables or {}))
    lead = lead_of(config)
    steps = timeline.within(changing.read("motion.steps", config.motion.steps), "motion.steps", 1)
    drawn = config.frames + lead
    film = [(frame - lead) % config.frames for frame in range(drawn)]
    counts = [config.steps, *(round(steps(frame)) for frame in film[1:])]
    starts = tuple(sum(counts[:frame]) for frame in range(drawn))
    clock = Clock(sum(counts), starts, timeline.fps, timeline.variables, lead)
    return Itinerary(clock, timeline, lead)


def fps_of(config: RunConfig) -> float:
    """Frames a second of an animation."""
    return FPS if config.fps is None else config.fps


def lead_of(config: RunConfig) -> int:
    """How many frames are drawn before the first, in a film that closes."""
    return max(1, config.frames // LEAD) if config.loop else 0


def voyage(
    config: RunConfig,
    tour: Itinerary,
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    beside: Path | None = None,
) -> Voyage:
    """Put together what takes an animation from frame to frame.

    Args:
        size: width and height of its frames, in pixels.
        seed: of the grain on what comes into view.
        beside: a folder in which to look for a film that is not where its path says.

    Raises:
        ConfigError: for a camera that cannot move so.
    """
    motion, source = config.motion, config.source

    def by_frame(number: float | str, key: str, least: float, most: float) -> Curve:
        curve = tour.timeline.within(changing.read(key, number), key, least, most)
        return lambda frame: curve(tour.film(frame))

    habits = Habits(
        edges=config.camera.edges,
        through=config.camera.through,
        smooth=motion.smooth,
        moments=motion.moments,
        steady=motion.steady,
        colours=motion.colours,
        between=config.film.between if config.film.between_by == "latent" else 0,
        loop=tour.lead,
        noise=by_frame(motion.noise, "motion.noise", 0, 1),
        blend=by_frame(source.blend, "source.blend", 0, 1),
    )
    route = _route(config, tour, size, device, beside)
    ends = (*tour.clock.starts, tour.clock.steps)
    return Voyage(ends, route, habits, seed)


def counted(config: RunConfig, beside: Path | None = None) -> RunConfig:
    """The settings, with the rate and the number of frames of the film that is drawn over.

    Where they were named, they stay.

    Raises:
        ConfigError: if nobody knows how many frames that are.
        PictureError: if there is no such film.
    """
    if not config.source.film or (config.frames and config.fps):
        return config
    found = footage_of(config, 0, None, beside)
    config = settled(replace(config, fps=config.fps or found.fps or FPS))
    if config.frames:
        return config
    if not found.count:
        raise ConfigError(
            f"{config.source.film} does not say how many frames it has; write frames=N, or "
            "length=SECONDS"
        )
    return replace(config, frames=found.count)


def sound_of(config: RunConfig, beside: Path | None = None) -> tuple[Path | None, float]:
    """What is to be heard in the film, and from which second on: music, or the source's sound."""
    if config.sound.file:
        return pictures.locate(config.sound.file, beside), config.sound.start
    if config.source.film and config.source.sound:
        source = config.source
        found = open_footage(pictures.locate(source.film, beside))
        if found.sound is not None:
            return found.sound, source.start
    return None, 0.0


def objectives(config: RunConfig, tour: Itinerary, trip: Voyage) -> Iterator[Objective]:
    """What is liked about a frame apart from the prompt: what it was, and the film beneath."""
    first = config.steps
    hold = tour.clock.of(changing.read("motion.hold", config.motion.hold))
    yield Objective("hold", lambda step: hold(step) if step >= first else 0.0, trip.hold)
    if config.source.film:
        yield Objective("source", tour.clock.of(changing.read("source.weight", config.source.weight)), trip.follow)


def rates(config: RunConfig, tour: Itinerary) -> Curve:
    """The learning rate at each step after the first frame.

    Raises:
        ConfigError: if it is negative.
    """
    number = changing.read("motion.rate", config.motion.rate)
    return tour.clock.by_step(tour.timeline.within(number, "motion.rate", 0))


def _route(
    config: RunConfig,
    tour: Itinerary,
    size: tuple[int, int],
    device: torch.device,
    beside: Path | None,
) -> Route:
    if config.source.film:
        from vqclip import flow
        source = config.source

        def open_at(frame: int) -> Footage:
            return footage_of(config, frame, size, beside)

        finder = flow.open_flow(source.flow, weights=source.weights or None, device=str(device))
        return Trace(open_at, finder, device)
    return Ride(_moves(config, tour))


def footage_of(
    config: RunConfig, frame: int, size: tuple[int, int] | None, beside: Path | None
) -> Footage:
    """The film that is drawn over, from one of the animation's frames on."""
    source = config.source
    path = pictures.locate(source.film, beside)
    rate = None if config.fps is None else config.fps * source.stride
    start = round(source.start * (config.fps or open_footage(path, stride=source.stride).fps or FPS))
    return open_footage(
        path, size=size, fps=rate, stride=source.stride, first=start + frame, fit=source.fit
    )


def _moves(config: RunConfig, tour: Itinerary) -> Callable[[int], Move]:
    """What the camera does on the way to each frame."""
    camera = config.camera
    names = ("zoom", "pan_x", "pan_y", "roll", "tilt", "swing")
    curves = {name: tour.timeline.of(changing.read(f"camera.{name}", getattr(camera, name))) for name in names}
    pace = 1 / fps_of(config) if camera.per == "second" else 1.0

    def move(frame: int) -> Move:
        now = {name: curve(tour.film(frame)) for name, curve in curves.items()}
        zoom = now.pop("zoom")
        return Move(
            zoom=zoom**pace if zoom > 0 else zoom,
            **{name: value * pace for name, value in now.items()},
            centre=(camera.x, camera.y),
            field_of_view=camera.view,
        )

    for frame in range(tour.timeline.frames):
        move(frame + tour.lead)  # what cannot be is refused before the first step
    return move
