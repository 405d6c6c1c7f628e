"""Frame independence: whether the frames of an animation depend on each other.

Frames may be drawn side by side, with the same bytes as one after another, if none takes anything
from the one before it: neither its picture nor its latent, nor the optimiser's moments, nor
random numbers. What all of them take from the first frame, such as its cutouts, is there when it
is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vqclip.config import schedule_settings
from vqclip.config.draw_settings import uses_strokes
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.language.clock import Timeline
from vqclip.language.schedules import Curve


@dataclass(frozen=True)
class Dependence:
    """Something that a frame takes from the frame before.

    Args:
        why: which setting lets it, as a clause.
        change: what to write instead, `key=value`; "" where no setting helps.
    """

    why: str
    change: str = ""


def list_dependences(config: RunConfig, timeline: Timeline) -> list[Dependence]:
    """List what frames take from those before them; nothing if they can be drawn side by side.

    Args:
        timeline: of the animation's frames.

    Raises:
        ConfigError: for a schedule that cannot be followed.
    """
    if config.frames == 1:
        return []  # it has none before it
    if not config.source.film:
        return [Dependence("without source.film each frame begins with the one before")]
    if config.retake.of:
        return [Dependence("retake.frames goes on from the frame before")]
    return [*_list_of_pictures(config, timeline), *_list_of_steps(config)]


def _list_of_pictures(config: RunConfig, timeline: Timeline) -> Iterator[Dependence]:
    """What a frame takes of the picture before it."""
    motion, film = config.motion, config.film
    if uses_strokes(config.drawer):
        yield Dependence(f"the strokes of drawer={config.drawer} move on from frame to frame")
    frames = range(1, config.frames)
    blend = _read_curve("source.blend", config.source.blend, timeline)
    # Less than all of the film's frame leaves the rest of the frame before.
    if any(blend(frame) < 1 for frame in frames):
        kept = "keeps a part of the frame before"
        yield Dependence(f"source.blend={_written(config.source.blend)} {kept}", "source.blend=1")
    if motion.smooth:
        told = f"motion.smooth={motion.smooth:g} blends the frame before into each"
        yield Dependence(told, "motion.smooth=0")
    noise = _read_curve("motion.noise", motion.noise, timeline)
    # What is left of the frame before, in the last digit, decides how a pixel is rounded.
    if any(noise(frame) > 0 for frame in frames):
        told = (
            f"motion.noise={_written(motion.noise)} lies on what is moved from the frame before"
        )
        yield Dependence(told, "motion.noise=0")
    if motion.colours != "none":
        told = f"motion.colours={motion.colours} changes what is moved from the frame before"
        yield Dependence(told, "motion.colours=none")
    if film.between and film.between_by == "latent":
        told = "film.between_by=latent draws between each frame and the one before"
        yield Dependence(told, "film.between_by=flow")


def _list_of_steps(config: RunConfig) -> Iterator[Dependence]:
    """What its steps take of those before them."""
    if config.motion.moments:
        told = "motion.moments=true goes on with the optimiser's moments"
        yield Dependence(told, "motion.moments=false")
    if not config.motion.steady:
        told = "motion.steady=false goes on with the random numbers of the cutouts"
        yield Dependence(told, "motion.steady=true")
    if config.losses.change != 0:
        told = f"losses.change={_written(config.losses.change)} looks at the step before"
        yield Dependence(told, "losses.change=0")


def describe_dependences(found: Sequence[Dependence]) -> str:
    """Say what frames take from those before them, and what to write so that they do not."""
    why = [each.why for each in found]
    told = f"{', '.join(why[:-1])} and {why[-1]}" if len(why) > 1 else why[0]
    if not all(each.change for each in found):
        return told
    return f"{told}; write {' '.join(each.change for each in found)}"


def require_independence(config: RunConfig, timeline: Timeline) -> None:
    """Refuse to draw frames side by side that depend on each other.

    Raises:
        ConfigError: with the settings by which they do, and what to write instead.
    """
    found = list_dependences(config, timeline)
    if not found:
        return
    more = ", or" if all(each.change for each in found) else "; write"
    raise ConfigError(
        "motion.parallel=true needs frames that take nothing from each other, but "
        f"{describe_dependences(found)}{more} motion.parallel=false"
    )


def _read_curve(key: str, value: float | str, timeline: Timeline) -> Curve:
    """A setting at each frame."""
    return timeline.curve(schedule_settings.read_scheduled(key, value))


def _written(value: float | str) -> str:
    """A setting's value as it is typed."""
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
