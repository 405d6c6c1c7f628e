"""What is done to a picture on its way into a film? Alpha, even sides, dissolves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"  # [H, W, 3], or [H, W, 4] with alpha


def ready(pixels: Pixels, keeps: bool, even: bool) -> Pixels:
    """Lay what is transparent on white, unless it is kept; repeat an odd last row and column."""
    if pixels.shape[2] == 4 and not keeps:
        share = pixels[..., 3:].astype(np.uint16)
        over = pixels[..., :3] * share + 255 * (255 - share)
        pixels = ((over + 127) // 255).astype(np.uint8)
    if keeps and pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    odd = (pixels.shape[0] % 2, pixels.shape[1] % 2)
    if even and any(odd):
        pixels = np.pad(pixels, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
    return pixels


def blended(pictures: Iterable[Pixels], between: int) -> Iterator[Pixels]:
    """Lay pictures over each other on the way from one to the next; the last one lasts as long.

    What is transparent has no share in the colours.
    """
    last: Pixels | None = None
    for pixels in pictures:
        for part in range(1, between + 1) if last is not None else ():
            assert last is not None
            yield _mix(last, pixels, part / (between + 1))
        yield pixels
        last = pixels
    if last is not None:
        yield from [last] * between


def _mix(first: Pixels, second: Pixels, share: float) -> Pixels:
    pair = [first.astype(np.float32), second.astype(np.float32)]
    weights = [np.float32(1 - share), np.float32(share)]
    if first.shape[2] == 3:
        mixed = weights[0] * pair[0] + weights[1] * pair[1]
    else:
        heavy = [w * each[..., 3:] for w, each in zip(weights, pair, strict=True)]
        alpha = heavy[0] + heavy[1]
        colour = heavy[0] * pair[0][..., :3] + heavy[1] * pair[1][..., :3]
        mixed = np.dstack([colour / np.maximum(alpha, 1e-6), alpha])
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
