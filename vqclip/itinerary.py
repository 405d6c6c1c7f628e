"""Which frames does an animation have, when, and what is heard meanwhile?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from vqclip import bands, changing, footage, sound, staging, sums, waves
from vqclip.beginnings import FPS, settled
from vqclip.clock import Clock, Timeline
from vqclip.config import RunConfig
from vqclip.errors import ConfigError, PictureError
from vqclip.folders import HERE, find
from vqclip.footage import Footage, open_footage
from vqclip.motion import MOST_FRAMES
from vqclip.sound import Heard

LEAST_ZOOM = 0.001
LEAD = 4  # a film that closes draws one frame more for so many,
MOST_LEAD = 24  # and no more than these: two seconds are a slow enough change


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
        ConfigError: if a frame would have no step, or a zoom that leaves nothing.
    """
    timeline = Timeline(config.frames, fps_of(config), dict(variables or {}))
    lead = lead_of(config)
    timeline.within(changing.read("camera.zoom", config.camera.zoom), "camera.zoom", LEAST_ZOOM)
    steps = timeline.within(changing.read("motion.steps", config.motion.steps), "motion.steps", 1)
    drawn = config.frames + lead
    film = [(frame - lead) % config.frames for frame in range(drawn)]
    counts = [config.steps, *(round(steps(frame)) for frame in film[1:])]
    return Itinerary(timeline.clock(counts, lead), timeline, lead)


def fps_of(config: RunConfig) -> float:
    """Frames a second of an animation."""
    return FPS if config.fps is None else config.fps


def lead_of(config: RunConfig) -> int:
    """How many frames are drawn before the first, in a film that closes."""
    return min(max(1, config.frames // LEAD), MOST_LEAD) if config.loop else 0


def counted(config: RunConfig, folders: Sequence[Path] = HERE) -> RunConfig:
    """The settings, with the rate and the number of frames of the film that is drawn over.

    Where they were named, they stay; after the film's end, its last frame stays.

    Raises:
        ConfigError: if it has too many.
        PictureError: if there is no such film, it ends before it begins here, or it breaks off.
    """
    source = config.source
    if not source.film or (config.frames and config.fps):
        return config
    found = footage_of(config, 0, None, folders)
    config = settled(replace(config, fps=config.fps or found.fps or FPS))
    return config if config.frames else replace(config, frames=_count(config, found))


def bounded(config: RunConfig, folders: Sequence[Path] = HERE) -> RunConfig:
    """The same for a run that is to begin: no longer than its film, whose pictures are there.

    Raises:
        ConfigError, PictureError: as for `counted`; also for a picture in a row that is none.
    """
    if not config.source.film:
        return config
    footage.glance(find(config.source.film, folders))
    named = bool(config.frames or config.length)
    config = counted(config, folders)
    if not named:
        return config
    with closing(iter(footage_of(config, config.frames - 1, None, folders))) as last:
        if next(last, None) is not None:
            return config
    return replace(config, frames=_count(config, footage_of(config, 0, None, folders)))


def _count(config: RunConfig, found: Footage) -> int:
    """How many frames a film has from where it begins here."""
    source = config.source
    if found.count == 0:
        raise PictureError(
            f"{source.film} is no longer than the {source.start:g} seconds that are left out of "
            "it; write a smaller source.start"
        )
    if found.count > MOST_FRAMES:
        raise ConfigError(
            f"{source.film} has {found.count} frames from here on, and an animation at most "
            f"{MOST_FRAMES}; write length=SECONDS, or a larger source.stride"
        )
    return found.count


def sound_of(config: RunConfig, folders: Sequence[Path] = HERE) -> tuple[Path | None, float]:
    """What is to be heard in the film, and from which second on: music, or the source's sound."""
    if config.sound.file:
        return find(config.sound.file, folders), config.sound.start
    if config.source.film and config.source.sound:
        source = config.source
        found = open_footage(find(source.film, folders))
        if found.sound is not None:
            return found.sound, source.start
    return None, 0.0


def hear(config: RunConfig, folders: Sequence[Path] = HERE) -> Heard | None:
    """Listen to the music that schedules follow, if there is some.

    Raises:
        ConfigError: for bands that cannot be read.
        SoundError: if it cannot be listened to.
    """
    if not config.sound.file:
        return None
    return sound.listen(
        find(config.sound.file, folders),
        fps=fps_of(config),
        frames=config.frames,
        start=config.sound.start,
        bands=bands.parse(
            config.sound.bands, taken=(*waves.TIME, *waves.FUNCTIONS, *sums.CONSTANTS)
        ),
    )


def files(config: RunConfig, folders: Sequence[Path] = HERE) -> dict[str, list[Path]]:
    """The files of the film, sound and depths that an animation reads, by what they are.

    Raises:
        PictureError: if a film or depths are not there.
    """
    found = {}
    source, name = config.source, config.camera.depth
    if source.film:
        found[f"film {source.film}"] = footage.files(find(source.film, folders))
        if source.flow not in staging.FLOWS:
            found[f"flow {source.flow}"] = [Path(os.path.expanduser(source.flow))]
    if config.sound.file:
        found[f"sound {config.sound.file}"] = [find(config.sound.file, folders)]
    if name and name not in staging.TERRAINS:
        path = find(name, folders)
        model = (path / "config.json").is_file()
        weights = sorted(path.glob("*.safetensors"))
        found[f"depth {name}"] = weights if model else footage.files(path)
    return found


def footage_of(
    config: RunConfig, frame: int, size: tuple[int, int] | None, folders: Sequence[Path]
) -> Footage:
    """The film that is drawn over, from one of the animation's frames on."""
    source = config.source
    path = find(source.film, folders)
    rate = None if config.fps is None else config.fps * source.stride
    start = 0
    if source.start:
        pace = config.fps or open_footage(path, stride=source.stride).fps or FPS
        start = round(source.start * pace)
    return open_footage(
        path, size=size, fps=rate, stride=source.stride, first=start + frame, fit=source.fit
    )
