"""What would surprise an artist of an animation, if it were not said before?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vqclip import changing, itinerary
from vqclip.config import RunConfig
from vqclip.folders import HERE
from vqclip.sizes import final_size

NEAR = 0.02  # of a picture, by which a loop's camera may miss where it began
SHAPE = 0.02  # by which a film's shape may be another than the run's
STEP = 16  # pixels; what most VQGANs draw in


def hints(asked: RunConfig, config: RunConfig, folders: Sequence[Path] = HERE) -> Iterator[str]:
    """Say what is not as somebody may expect it.

    Args:
        asked: the settings as they were given.
        config: the same with what the film that is drawn over says (`itinerary.counted`).
    """
    if config.source.film:
        yield from _of_the_film(asked, config, folders)
    if config.loop and config.frames and not config.camera.depth:
        yield from _of_the_loop(config)
    if config.fps and config.film.between and config.film.format not in ("none", "frames"):
        plays = config.fps * (config.film.between + 1)
        yield (
            f"film.between={config.film.between} puts pictures between those of "
            f"fps={config.fps:g}, so that it plays at {plays:g} a second"
        )
    if config.sound.file and config.film.format in ("gif", "webp", "frames"):
        yield f"{config.film.format} has no sound; what is heard only moves the picture"


def _of_the_film(asked: RunConfig, config: RunConfig, folders: Sequence[Path]) -> Iterator[str]:
    """Where it ends, and what of it is cut off."""
    wanted = asked.frames or round(asked.length * itinerary.fps_of(config))
    if wanted > config.frames:
        yield (
            f"{config.source.film} ends after {config.frames} frames at {config.fps:g} a second, "
            "and so does the animation"
        )
    own, size = itinerary.footage_of(config, 0, None, folders).size, final_size(config)
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
    tour = itinerary.plan(config)
    pace = 1 / itinerary.fps_of(config) if camera.per == "second" else 1.0

    def sum_of(name: str, change: Callable[[float], float] = float) -> float:
        curve = tour.timeline.of(changing.read(f"camera.{name}", getattr(camera, name)))
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
