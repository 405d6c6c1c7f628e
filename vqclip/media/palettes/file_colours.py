"""The colours of a file: all of a palette or a picture, or a few that stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqclip.errors import PictureError
from vqclip.language.palettes.colour_names import LUMA, RGB
from vqclip.media import images
from vqclip.media.palettes.k_means import find_centres
from vqclip.media.palettes.swatches import is_swatches, read_swatches
from vqclip.media.paths import shorten_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 192  # pixels of a picture from which a few colours are taken, at most
OPAQUE = 128  # levels of opacity from which on a pixel counts


def read_colours(path: Path, count: int) -> list[RGB]:
    """Read the colours of a file: all, if there are `count` or fewer; else `count` by k-means.

    Those of a palette keep their order if all are taken; others are sorted from dark to light.

    Raises:
        PictureError: if it cannot be read.
    """
    if is_swatches(path):
        colours = read_swatches(path)
        if len(colours) <= count:
            return colours
        return _sorted(find_centres(np.array(colours), count))
    points = _all_colours(path)
    if len(points) <= count:
        return _sorted(points)
    seen = images.open_rgb(path, alpha=True).convert("RGBA")
    seen.thumbnail((SIDE, SIDE))
    pixels = _opaque(np.asarray(seen))
    points, weights = np.unique(pixels, axis=0, return_counts=True)
    return _sorted(find_centres(points / 255, count, weights.astype(float)))


def _all_colours(path: Path) -> NDArray[np.float64]:
    """All colours of a picture but for what is transparent: [N, 3] in [0, 1]."""
    pixels = _opaque(np.asarray(images.open_rgb(path, alpha=True).convert("RGBA")))
    if not len(pixels):
        raise PictureError(
            f"{shorten_name(str(path))} is transparent all over; colours are taken from what is "
            "opaque"
        )
    there = np.zeros(256**3, bool)
    red, green, blue = pixels.astype(np.int64).T
    there[(red * 256 + green) * 256 + blue] = True
    found = np.flatnonzero(there)
    return np.stack([found >> 16, found >> 8 & 255, found & 255], 1) / 255


def _opaque(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The opaque pixels of a picture [H, W, 4]: [N, 3]."""
    return pixels[pixels[..., 3] >= OPAQUE, :3]


def _sorted(points: NDArray[np.float64]) -> list[RGB]:
    """Sort colours [N, 3] from dark to light."""
    order = np.argsort(points @ np.array(LUMA), kind="stable")
    return [(red, green, blue) for red, green, blue in points[order].tolist()]
