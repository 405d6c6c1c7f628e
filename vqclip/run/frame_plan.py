"""The frame plan of an animation: how many frames, in-betweens, and sound."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.config import schedule_settings
from vqclip.config.auto_settings import resolve_auto
from vqclip.config.checking import animation_checks
from vqclip.config.schema import MOST_FRAMES, RunConfig
from vqclip.config.sizes import final_size
from vqclip.config.steps.source_film import open_source_film
from vqclip.errors import ConfigError, PictureError
from vqclip.language import expressions, functions
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock, Timeline
from vqclip.media.audio import bands
from vqclip.media.audio import features as audio_features
from vqclip.media.audio.features import AudioFeatures
from vqclip.media.paths import FPS, MOST_FPS, describe_unread

if TYPE_CHECKING:
    from vqclip.media.frames.frame_source import Footage

NEAR = 0.02  # of a picture, by which a loop's camera may miss where it began
SHAPE = 0.02  # by which a film's shape may be another than the run's
STEP = 16  # pixels; what most VQGANs draw in


def list_hints(asked: RunConfig, config: RunConfig, search_path: SearchPath) -> Iterator[str]:
    """Say what is not as somebody may expect it.

    Args:
        asked: the settings as they were given.
        config: the same with what the film that is drawn over says (`with_source_length`).
    """
    if config.source.film:
        yield from _of_the_film(asked, config, search_path)
    if config.loop and config.frames and not config.camera.depth:
        yield from _of_the_loop(config)
    if config.fps and config.film.between and config.film.format not in ("none", "frames"):
        plays = config.fps * (config.film.between + 1)
        most = MOST_FPS.get(config.film.format, plays)
        yield (
            f"film.between={config.film.between} adds frames between those of "
            f"fps={config.fps:g}, so the film {'plays' if plays <= most else 'would play'} at "
            f"{plays:g} a second"
        )
    if config.sound.file and config.film.format in ("gif", "webp", "frames"):
        yield f"{config.film.format} has no sound; {config.sound.file} is used by schedules only"


def describe_film_rate(config: RunConfig) -> Iterator[str]:
    """Say that the film of a still or an animation cannot have as many frames a second."""
    film = config.film
    if film.format not in MOST_FPS:
        return
    from vqclip.media import film_encoder

    rate = film_encoder.round_rate(fps_of(config) if config.frames else film.fps)
    look = film_encoder.EncodeOptions(rate, between=film.between)
    if (said := film_encoder.describe_rate(film.format, look)) is not None:
        yield said


def _of_the_film(asked: RunConfig, config: RunConfig, search_path: SearchPath) -> Iterator[str]:
    """What is passed over in its folder, where it ends, and what of it is cut off."""
    yield from describe_unread([str(search_path.find(config.source.film))])
    wanted = asked.frames or round(asked.length * fps_of(config))
    if wanted > config.frames:
        yield (
            f"{config.source.film} ends after {config.frames} frames at {config.fps:g} a second, "
            "and so does the animation"
        )
    own, size = open_source(config, 0, None, search_path).size, final_size(config)
    best = _like(own, size[0] * size[1])
    if config.source.fit == "stretch" or _apart(own, size) <= max(SHAPE, _apart(own, best)):
        return
    what = "its edges are cut off" if config.source.fit == "cover" else "it gets borders"
    yield (
        f"{config.source.film} is {own[0]}x{own[1]} and the run {size[0]}x{size[1]}: {what} "
        f"(source.fit={config.source.fit}); size={best[0]}x{best[1]} has about its shape"
    )


def _apart(a: tuple[int, int], b: tuple[int, int]) -> float:
    """How different the shapes of two sizes are: the logarithm of their ratio."""
    return abs(math.log(a[0] * b[1] / (a[1] * b[0])))


def _like(own: tuple[int, int], area: int) -> tuple[int, int]:
    """The size of about that area, in steps of 16, that is most like a film's."""
    found = []
    for wide in range(STEP, 4 * math.isqrt(area) + STEP, STEP):
        high = max(STEP, round(wide * own[1] / own[0] / STEP) * STEP)
        if 0.6 <= wide * high / area <= 1.6:
            found.append((wide, high))
    return min(
        found, key=lambda size: (_apart(own, size), abs(math.log(size[0] * size[1] / area)))
    )


def _of_the_loop(config: RunConfig) -> Iterator[str]:
    """Whether the camera comes back to where it began; what follows a sound is not known yet."""
    camera = config.camera
    if config.sound.file:
        return
    frame_plan = plan_frames(config)
    pace = 1 / fps_of(config) if camera.per == "second" else 1.0

    def sum_of(name: str, change: Callable[[float], float] = float) -> float:
        curve = frame_plan.timeline.curve(
            schedule_settings.read_scheduled(f"camera.{name}", getattr(camera, name))
        )
        return pace * sum(change(curve(frame)) for frame in range(config.frames))

    turned = math.remainder(sum_of("roll"), 360)
    nearer = sum_of("zoom", math.log)
    far = {}
    if abs(nearer) > NEAR:
        far["zoom"] = f"comes {math.exp(nearer):.3g} times nearer"
    if abs(math.radians(turned)) > NEAR:
        far["roll"] = f"rolls by {turned:.3g} degrees"
    for name in ("pan_x", "pan_y"):
        passed = math.remainder(sum_of(name), 1) if camera.edges == "wrap" else sum_of(name)
        if abs(passed) > NEAR:
            far[name] = f"goes {passed:.3g} of a picture aside"
    for name, what in (("tilt", "leans"), ("swing", "swings")):
        if abs(sum_of(name)) > 1:
            far[name] = f"{what} by {sum_of(name):.3g} degrees"
    if far:
        first = next(iter(far))
        wave = "1.02 ** cos" if first == "zoom" else "0.01 * cos" if "pan" in first else "2 * cos"
        yield (
            f"the loop does not bring the camera back: it {' and '.join(far.values())}, and the "
            f'last frames fade over that; camera.{first}="{wave}(2 * pi * frame / frames)" would'
        )


LEAST_ZOOM = 0.001
LEAD = 4  # a film that closes draws one frame more for so many,


MOST_LEAD = 24  # and no more than these: two seconds are a slow enough change


@dataclass(frozen=True)
class FramePlan:
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


def plan_frames(
    config: RunConfig, variables: Mapping[str, Sequence[float]] | None = None
) -> FramePlan:
    """Work out which frames are drawn, and in how many steps each.

    Args:
        variables: what schedules may name; see `Timeline`.

    Raises:
        ConfigError: if a frame would have no step, or a zoom that leaves nothing.
    """
    timeline = Timeline(config.frames, fps_of(config), dict(variables or {}), moves=True)
    lead = lead_frames(config)
    timeline.checked_curve(
        schedule_settings.read_scheduled("camera.zoom", config.camera.zoom),
        "camera.zoom",
        LEAST_ZOOM,
    )
    steps = timeline.checked_curve(
        schedule_settings.read_scheduled("motion.steps", config.motion.steps), "motion.steps", 1
    )
    drawn = config.frames + lead
    film = [(frame - lead) % config.frames for frame in range(drawn)]
    counts = [config.steps, *(round(steps(frame)) for frame in film[1:])]
    return FramePlan(timeline.clock(counts, lead), timeline, lead)


def fps_of(config: RunConfig) -> float:
    """Frames a second of an animation."""
    return FPS if config.fps is None else config.fps


def lead_frames(config: RunConfig) -> int:
    """How many frames are drawn before the first, in a film that closes."""
    return min(max(1, config.frames // LEAD), MOST_LEAD) if config.loop else 0


def with_source_length(config: RunConfig, search_path: SearchPath) -> RunConfig:
    """The settings, with the rate and the number of frames of the film that is drawn over.

    Where they were named, they stay; after the film's end, its last frame stays.

    Raises:
        ConfigError: if it has too many.
        PictureError: if there is no such film, it ends before it begins here, or it breaks off.
    """
    source = config.source
    if not source.film or (config.frames and config.fps):
        return config
    found = open_source(config, 0, None, search_path)
    config = resolve_auto(replace(config, fps=config.fps or found.fps or FPS))
    return config if config.frames else replace(config, frames=_count(config, found))


def clipped_to_source(config: RunConfig, search_path: SearchPath) -> RunConfig:
    """The same for a run that is to begin: no longer than its film, whose pictures are there.

    Raises:
        ConfigError, PictureError: as for `with_source_length`; also for a picture in a row that
        is none.
    """
    if not config.source.film:
        return config
    # Here and elsewhere in functions: only films need PyAV.
    from vqclip.media.frames import frame_source

    frame_source.check_heads(search_path.find(config.source.film))
    named = bool(config.frames or config.length)
    config = with_source_length(config, search_path)
    if not named:
        return config
    with closing(iter(open_source(config, config.frames - 1, None, search_path))) as last:
        if next(last, None) is not None:
            return config
    return replace(config, frames=_count(config, open_source(config, 0, None, search_path)))


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


def find_sound(config: RunConfig, search_path: SearchPath) -> tuple[Path | None, float]:
    """What is to be heard in the film, and from which second on: music, or the source's sound."""
    if config.sound.file:
        return search_path.find(config.sound.file), config.sound.start
    if config.source.film and config.source.sound:
        source = config.source
        from vqclip.media.frames.frame_source import open_footage

        found = open_footage(search_path.find(source.film))
        if found.sound is not None:
            return found.sound, source.start
    return None, 0.0


def analyse_sound(config: RunConfig, search_path: SearchPath) -> AudioFeatures | None:
    """Listen to the music that schedules follow, if there is some.

    Raises:
        ConfigError: for bands that cannot be read.
        SoundError: if it cannot be listened to.
    """
    if not config.sound.file:
        return None
    return audio_features.analyse_audio(
        search_path.find(config.sound.file),
        fps=fps_of(config),
        frames=config.frames,
        start=config.sound.start,
        bands=bands.parse_bands(
            config.sound.bands,
            taken=(*functions.TIME, *functions.FUNCTIONS, *expressions.CONSTANTS),
        ),
    )


def list_source_files(config: RunConfig, search_path: SearchPath) -> dict[str, list[Path]]:
    """The files of the film, sound and depths that an animation reads, by what they are.

    Raises:
        PictureError: if a film or depths are not there.
    """
    from vqclip.media.frames import frame_source

    found = {}
    source, name = config.source, config.camera.depth
    if source.film:
        found[f"film {source.film}"] = frame_source.list_files(search_path.find(source.film))
        if source.flow not in animation_checks.FLOWS:
            found[f"flow {source.flow}"] = [Path(os.path.expanduser(source.flow))]
    if config.sound.file:
        found[f"sound {config.sound.file}"] = [search_path.find(config.sound.file)]
    if name and name not in animation_checks.TERRAINS:
        path = search_path.find(name)
        model = (path / "config.json").is_file()
        weights = sorted(path.glob("*.safetensors"))
        found[f"depth {name}"] = weights if model else frame_source.list_files(path)
    return found


def open_source(
    config: RunConfig, frame: int, size: tuple[int, int] | None, search_path: SearchPath
) -> Footage:
    """The film that is drawn over, from one of the animation's frames on."""
    source = config.source
    return open_source_film(
        search_path.find(source.film),
        fps=config.fps,
        stride=source.stride,
        start=source.start,
        frame=frame,
        size=size,
        fit=source.fit,
    )
