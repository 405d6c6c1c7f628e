"""How is a GIF or a WebP read that moves? By Pillow; not every ffmpeg knows such WebPs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as pillow

from vqclip.record import images

JITTER = 10  # milliseconds; a gif counts in tens of them, so that 30 fps are 30, 30, 40 …
HURRIED = 10  # no longer than so many milliseconds is no time: browsers show it for 100


@dataclass(frozen=True)
class Flipbook:
    """What a GIF or a WebP is.

    Attributes:
        size: (width, height).
        times: how long each of its pictures stays, in seconds.
        rate: pictures a second with which none is left out.
        alpha: whether some are transparent.
    """

    size: tuple[int, int]
    times: tuple[Fraction, ...]
    rate: Fraction
    alpha: bool


def look(path: Path) -> Flipbook:
    """Look through all of its pictures.

    Raises:
        PictureError: if one cannot be read.
    """
    times, alpha, size = [], False, (0, 0)
    for picture in pages(path):
        time = round(picture.info.get("duration", 0))
        times.append(time if time > HURRIED else 100)
        if picture.has_transparency_data and not alpha:
            alpha = bool(np.asarray(picture.convert("RGBA"))[..., 3].min() < 255)
        size = picture.size
    if max(times) - min(times) <= JITTER:
        even = Fraction(sum(times), 1000 * len(times))
        return Flipbook(size, (even,) * len(times), 1 / even, alpha)
    exact = tuple(Fraction(time, 1000) for time in times)
    return Flipbook(size, exact, Fraction(1000, min(times)), alpha)


def pages(path: Path) -> Iterator[pillow.Image]:
    """Its pictures, one after another.

    Raises:
        PictureError: at one that cannot be read.
    """
    with images.opened(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            film.load()
            yield film


def slots(book: Flipbook, rate: Fraction) -> list[int]:
    """In which of the frames of a rate each picture comes, and the number of frames.

    >>> book = Flipbook((1, 1), (Fraction(1, 2), Fraction(1)), Fraction(2), False)
    >>> slots(book, Fraction(4))
    [0, 2, 6]
    """
    passed, found = Fraction(0), [0]
    for time in book.times:
        passed += time
        found.append(int(passed * rate + Fraction(1, 2)))
    return [*found[:-1], max(1, found[-1])]
