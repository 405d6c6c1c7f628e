"""Regions: masks for prompts that see only a part of the picture.

The perceptor is shown the region's surroundings, cut out of the picture as they are, and what it
wants changed reaches the pixels of the region only, less towards its border, so that no seam
appears. (pixray's spot prompts and pytti's masks blank what lies outside; then the perceptor
judges a hole, too.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.generate import Loss, View
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.language.prompt import Region
from vqclip.tensors import Image, Scalar

FINE = 256  # side of masks, in pixels; they are stretched to the picture
SOFT = 0.12  # of a region's shorter side: the border over which the wish fades
FAINT = 0.05  # what is masked less than this is not looked at

Mask = Tensor  # [1, 1, FINE, FINE] in [0, 1]


def count(squares: int) -> int:
    """How many squares a region gets, where the picture has so many: half, or what there is."""
    return min(squares, max(4, squares // 2))


def mask(region: Region, picture: Tensor | None = None) -> Mask:
    """Draw a region's mask.

    Args:
        picture: [1, 1, H, W] in [0, 1], for a region that is a mask's file: 1 where it is.
    """
    if picture is not None:
        found = functional.interpolate(picture, [FINE, FINE], mode="bilinear", antialias=True)
    else:
        assert region.box is not None
        left, top, wide, high = (round(each * FINE) for each in region.box)
        soft = max(1.0, SOFT * min(wide, high))
        across, down = (_ramp(*each, soft) for each in ((left, wide), (top, high)))
        found = (down[:, None] * across[None, :])[None, None]
    return 1 - found if region.outside else found


def _ramp(start: int, length: int, soft: float) -> Tensor:
    """1 within a stretch of `FINE` pixels, 0 outside, less towards an end within the picture."""
    place = torch.arange(FINE) + 0.5
    low = (place - start) / soft if start > 0 else torch.full_like(place, 1.0)
    end = start + length
    high = (end - place) / soft if end < FINE else torch.full_like(place, 1.0)
    return torch.minimum(low, high).clamp(0, 1)


def bounds(where: Mask) -> tuple[float, float, float, float]:
    """The box around a mask: left, top, right, bottom, as shares of the picture.

    An empty mask has the whole picture around it.
    """
    there = where[0, 0] > FAINT
    columns, rows = there.any(0).nonzero(), there.any(1).nonzero()
    if len(columns) == 0:
        return 0.0, 0.0, 1.0, 1.0
    edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    left, top, right, bottom = (int(edge) / FINE for edge in edges)
    return left, top, right, bottom


def part(picture: Image, where: Mask) -> Image:
    """Cut the box around a mask out of a picture; a gradient reaches what is masked only."""
    height, width = picture.shape[-2:]
    left, top, right, bottom = bounds(where)
    first, last = int(left * width), max(int(left * width) + 1, round(right * width))
    above, below = int(top * height), max(int(top * height) + 1, round(bottom * height))
    there = functional.interpolate(
        where.to(picture), [height, width], mode="bilinear", antialias=True
    )
    still = picture.detach()
    reached = still + (picture - still) * there  # the picture itself, with less of a gradient
    return reached[..., above:below, first:last]


class RegionView:
    """A perceptor's look at a part of the picture: one a step, however many wishes want it.

    Args:
        where: the part.
        cut: makes the part's squares.
    """

    def __init__(self, where: Mask, perceptor: OpenClipPerceptor, cut: Cutter) -> None:
        self._where, self._perceptor, self._cut = where, perceptor, cut
        self._last: tuple[View, View] | None = None

    def __call__(self, view: View) -> View:
        """Turn a view of the picture into one of the part."""
        if self._last is None or self._last[0] is not view:
            shown = part(view.image, self._where)
            squares = self._cut(shown, view.step)
            seen = {self._perceptor.name: self._perceptor.embed_image(squares.pixels)}
            own = View(shown, {self._perceptor.cut: squares}, seen, view.step)
            self._last = view, own
        return self._last[1]


def restrict_to_region(loss: Loss, glance: RegionView) -> Loss:
    """Let a loss of `losses` look at, and move, a part of the picture only."""

    def looked(view: View) -> Scalar:
        return loss(glance(view))

    return looked


def paste(draft: Image, picture: Image, where: Mask) -> Image:
    """Lay a square draft into a region of a picture: as large as fits, in the region's middle."""
    height, width = picture.shape[-2:]
    left, top, right, bottom = bounds(where)
    wide, high = max(1, round((right - left) * width)), max(1, round((bottom - top) * height))
    side = min(wide, high)
    small = functional.interpolate(draft, [side, side], mode="bilinear", antialias=True)
    x = round(left * width) + (wide - side) // 2
    y = round(top * height) + (high - side) // 2
    margins = [x, width - side - x, y, height - side - y]
    laid = functional.pad(small.clamp(0, 1), margins, mode="replicate")
    # Its own border fades, too: the grounds of two drafts are seldom alike.
    own = torch.zeros(1, 1, height, width).to(picture)
    soft = max(1, round(SOFT * side))
    inner = functional.pad(torch.ones(1, 1, side, side).to(picture), margins)
    own = functional.avg_pool2d(
        functional.pad(inner, [soft] * 4, mode="replicate"), 2 * soft + 1, stride=1
    )
    there = functional.interpolate(
        where.to(picture), [height, width], mode="bilinear", antialias=True
    )
    share = (there * (2 * own - 1).clamp(0, 1)).clamp(0, 1)
    return picture * (1 - share) + laid * share
