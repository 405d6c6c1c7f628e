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
    own = itinerary.footage_of(config, 0, None, folders).size
    size = final_size(config)
    shapes = [width / height for width, height in (own, size)]
    if abs(math.log(shapes[0] / shapes[1])) <= SHAPE or config.source.fit == "stretch":
        return
    side = math.sqrt(size[0] * size[1])
    wide, high = (max(16, round(side * share / 16) * 16) for share in _sides(shapes[0]))
    what = "its edges are cut off" if config.source.fit == "cover" else "it gets borders"
    yield (
        f"{config.source.film} is {own[0]}x{own[1]} and the run {size[0]}x{size[1]}: {what} "
        f"(source.fit={config.source.fit}); size={wide}x{high} has about its shape"
    )


def _sides(shape: float) -> tuple[float, float]:
    """Width and height of that ratio, of a rectangle of area 1."""
    return math.sqrt(shape), 1 / math.sqrt(shape)


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
    nearer = sum_of("zoom", lambda zoom: math.log(max(zoom, 1e-9)))
    passed = [sum_of(name) for name in ("pan_x", "pan_y")]
    if camera.edges == "wrap":
        passed = [math.remainder(each, 1) for each in passed]
    far = [f"comes {math.exp(nearer):.3g} times nearer"] * (abs(nearer) > NEAR)
    far += [f"rolls by {turned:.3g} degrees"] * (abs(math.radians(turned)) > NEAR)
    far += [f"goes {each:.3g} of a picture aside" for each in passed if abs(each) > NEAR]
    if far:
        yield (
            f"the loop does not bring the camera back: it {' and '.join(far)}, and the last "
            'frames fade over that; camera.zoom="1.02 ** cos(2 * pi * frame / frames)" comes back'
        )
