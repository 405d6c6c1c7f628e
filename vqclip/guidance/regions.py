"""Regions: masks for prompts that see only a part of the picture.

The perceptor is shown the box around the region, as it is in the picture, but the gradient
reaches the region's pixels only, and fades towards its border, so that no seam appears. (pixray's
spot prompts and pytti's masks blank what lies outside; then the perceptor judges the blank, too.)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.language.prompt_types import Region
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Image, Scalar

FINE = 256  # side of masks, in pixels; they are stretched to the picture
SOFT = 0.12  # width of the border over which the mask fades, as a share of the shorter side
AT_ONCE = 3  # things of layouts that are judged in one step
FAINT = 0.05  # mask values up to this do not count for the box

Mask = Tensor  # [1, 1, FINE, FINE] in [0, 1]


def count_cutouts(cutouts: int) -> int:
    """The number of a region's cutouts: half the picture's, but at least 4, or all if fewer."""
    return min(cutouts, max(4, cutouts // 2))


def draw_mask(region: Region, picture: Tensor | None = None) -> Mask:
    """Draw a region's mask.

    Args:
        picture: [1, 1, H, W] in [0, 1], for a region given by a mask file: 1 inside.

    Returns:
        [1, 1, FINE, FINE] in [0, 1], 1 inside the region.
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
    """`FINE` numbers: 1 inside a stretch, 0 outside, fading at ends inside the picture."""
    place = torch.arange(FINE) + 0.5
    low = (place - start) / soft if start > 0 else torch.full_like(place, 1.0)
    end = start + length
    high = (end - place) / soft if end < FINE else torch.full_like(place, 1.0)
    return torch.minimum(low, high).clamp(0, 1)


def mask_bounds(where: Mask) -> tuple[float, float, float, float]:
    """The bounding box of a mask: left, top, right, bottom, as shares of the picture.

    That of an empty mask is the whole picture.
    """
    there = where[0, 0] > FAINT
    columns, rows = there.any(0).nonzero(), there.any(1).nonzero()
    if len(columns) == 0:
        return 0.0, 0.0, 1.0, 1.0
    edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    left, top, right, bottom = (int(edge) / FINE for edge in edges)
    return left, top, right, bottom


def crop_region(picture: Image, where: Mask) -> Image:
    """Crop a picture [1, 3, H, W] to a mask's bounding box; the mask scales the gradient."""
    height, width = picture.shape[-2:]
    left, top, right, bottom = mask_bounds(where)
    first, last = int(left * width), max(int(left * width) + 1, round(right * width))
    above, below = int(top * height), max(int(top * height) + 1, round(bottom * height))
    there = functional.interpolate(
        where.to(picture), [height, width], mode="bilinear", antialias=True
    )
    still = picture.detach()
    reached = still + (picture - still) * there  # the same pixels, with a smaller gradient
    return reached[..., above:below, first:last]


class RegionView:
    """A perceptor's view of a region, computed once a step, however many prompts share it.

    Args:
        where: the region's mask.
        cut: makes the region's squares.
    """

    def __init__(self, where: Mask, perceptor: OpenClipPerceptor, cut: Cutter) -> None:
        self._where, self._perceptor, self._cut = where, perceptor, cut
        self._last: tuple[View, View] | None = None

    def __call__(self, view: View) -> View:
        """Turn a view of the whole picture into one of the region."""
        if self._last is None or self._last[0] is not view:
            shown = crop_region(view.image, self._where)
            cutouts = self._cut(shown, view.step)
            seen = {self._perceptor.name: self._perceptor.embed_image(cutouts.pixels)}
            own = View(shown, {self._perceptor.cutter: cutouts}, seen, view.step)
            self._last = view, own
        return self._last[1]


def restrict_to_region(loss: Loss, region_view: RegionView) -> Loss:
    """Restrict a loss to a region: it sees, and moves, that part of the picture only."""

    def looked(view: View) -> Scalar:
        return loss(region_view(view))

    return looked


def take_turns(loss: Loss, number: int, things: int) -> Loss:
    """Let many things take turns: each is judged at some steps only, and counts more at those.

    So a step takes as long for nine balloons as for three. The order is fixed.

    Args:
        number: of the thing, from 0.
        things: how many there are.
    """
    rounds = math.ceil(things / AT_ONCE)
    if rounds == 1:
        return loss

    def judged(view: View) -> Scalar:
        if view.step % rounds != number % rounds:
            return view.image.new_zeros(())
        return rounds * loss(view)

    return judged


def paste_draft(draft: Image, picture: Image, where: Mask) -> Image:
    """Paste a square draft into the middle of a region, as large as fits, with soft borders.

    Args:
        draft: [1, 3, S, S] in [0, 1].
        picture: [1, 3, H, W] in [0, 1].
        where: the region's mask.

    Returns:
        [1, 3, H, W] in [0, 1].
    """
    height, width = picture.shape[-2:]
    left, top, right, bottom = mask_bounds(where)
    wide, high = max(1, round((right - left) * width)), max(1, round((bottom - top) * height))
    side = min(wide, high)
    small = functional.interpolate(draft, [side, side], mode="bilinear", antialias=True)
    x = round(left * width) + (wide - side) // 2
    y = round(top * height) + (high - side) // 2
    margins = [x, width - side - x, y, height - side - y]
    laid = functional.pad(small.clamp(0, 1), margins, mode="replicate")
    # The draft's own border fades, too, since the backgrounds of two drafts are seldom alike.
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
