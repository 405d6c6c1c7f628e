"""Where does a film's material come from? Pictures of files, or another film, one at a time.

Whatever the material, it is given out in one size, and nothing but the picture at hand is held:
ten thousand take no more memory than ten.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as pillow
from PIL import ImageOps

from vqclip import projector
from vqclip.errors import PictureError
from vqclip.record import images

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = 0.01  # proportions that differ by no more are stretched


@dataclass(frozen=True)
class Strip:
    """Material of a film.

    Attributes:
        count: how many pictures.
        size: their (width, height).
        alpha: whether some may be transparent.
        pictures: gives them, [H, W, 3] uint8, or [H, W, 4] if `alpha`; may be called again.
        fps: of a film, pictures a second.
        others: how many are of another size, and are fitted to it.
        sound: whether it has sound.
    """

    count: int
    size: tuple[int, int]
    alpha: bool
    pictures: Callable[[], Generator[NDArray[np.uint8], None, None]]
    fps: Fraction | None = None
    others: int = 0
    sound: bool = False


def of_pictures(paths: Sequence[Path], size: tuple[int, int] | None = None) -> Strip:
    """Take pictures of files, in order.

    Args:
        size: (width, height); None: that of the first.

    Raises:
        PictureError: if there are none, or one cannot be read; damage behind its head is only
            noticed when it is asked for.
    """
    if not paths:
        raise PictureError("there are no pictures to make a film of")
    heads = [images.glance(path) for path in paths]
    alpha = any(transparent for _, transparent in heads)
    wanted = size or heads[0][0]

    def pictures() -> Generator[NDArray[np.uint8], None, None]:
        for path in paths:
            yield _fitted(images.open_rgb(path, alpha=alpha), wanted, alpha)

    others = sum(own != wanted for own, _ in heads)
    return Strip(len(paths), wanted, alpha, pictures, others=others)


def of_film(path: Path, size: tuple[int, int] | None = None) -> Strip:
    """Take the pictures of a film, at an even pace: one that stays longer comes more often.

    Raises:
        PictureError: if it is no film that can be read.
    """
    if not path.is_file():
        raise PictureError(f"there is no film at {path}; check the name")
    told = projector.probe(path)
    wanted, count = size or told.size, projector.count(path, told, told.rate)

    def pictures() -> Generator[NDArray[np.uint8], None, None]:
        with closing(projector.project(path, told, told.rate, ground=None)) as frames:
            for frame in frames:
                yield _fitted(frame, wanted, told.alpha)

    others = count if wanted != told.size else 0
    return Strip(count, wanted, told.alpha, pictures, told.rate, others, told.sound)


def _fitted(picture: pillow.Image, size: tuple[int, int], alpha: bool) -> NDArray[np.uint8]:
    """Bring a picture to a size: stretched, if the shape is the same; else with bars."""
    picture = picture.convert("RGBA" if alpha else "RGB")
    if picture.size != size:
        shape, wanted = picture.width / picture.height, size[0] / size[1]
        if abs(shape / wanted - 1) <= SHAPES:
            picture = picture.resize(size, pillow.Resampling.BICUBIC)
        else:
            ground = (0, 0, 0, 0) if alpha else (0, 0, 0)
            picture = ImageOps.pad(picture, size, pillow.Resampling.BICUBIC, color=ground)
    return np.asarray(picture)
