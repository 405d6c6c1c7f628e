"""Starts: the first points of strokes, at random, or along the forms of a picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.drawers.vector.paths import Paths
from vqclip.tensors import Image, Noise, draw_uniform


def wander(
    paths: Paths,
    first: Tensor,
    step: tuple[float, float],
    generator: Noise,
    within: tuple[float, float] | None = None,
) -> Tensor:
    """Strokes whose every point is a random step away from the one before it: [P, 2].

    Args:
        first: [N, 2], each stroke's first point.
        step: the range of a step in x and in y, the half of it either way.
        generator: on the processor.
        within: width and height; a curve that ends outside is followed by one from the border.
    """
    steps = (draw_uniform((paths.points, 2), generator) - 0.5) * torch.tensor(step)
    points = []
    for place, part in zip(first, paths.point_slices(), strict=True):
        points.append(place[None])
        for curve in steps[part][1:].split(3):
            walk = place + curve.cumsum(0)
            points.append(walk)
            place = walk[-1]
            if within is not None:
                place = place.clamp(min=0).minimum(torch.tensor(within))
    return torch.cat(points)


def follow_forms(
    paths: Paths, picture: Image, middles: Tensor, step: Tensor, generator: torch.Generator
) -> Tensor:
    """Strokes that run along the forms of a picture, across its gradient: [P, 2], in pixels.

    Hertzmann, 1998, https://doi.org/10.1145/280814.280951. Where the picture is flat, they go on
    as they went, at first in a random direction.

    Args:
        picture: smooth; on the processor.
        middles: [N, 2], the place that each stroke passes midway, in pixels.
        step: [N], the distance from a point to the next, in pixels.
        generator: on the processor.
    """
    along = _slopes(picture).flip(0) * torch.tensor([-1.0, 1.0])[:, None, None]  # [2, H, W]
    angle = 2 * torch.pi * torch.rand(len(middles), generator=generator)
    begin = torch.stack([angle.cos(), angle.sin()], -1)
    half = 3 * max((part.stop - part.start) // 3 for part in paths.point_slices()) // 2 + 1
    walks = {0: middles}
    for sign in (1, -1):
        place, course = middles, begin * sign
        for index in range(1, half + 1):
            own = sample_pixels(along, place)
            own = own * torch.where((own * course).sum(-1, keepdim=True) < 0, -1, 1)
            length = own.norm(dim=-1, keepdim=True)
            course = torch.where(length > 1e-3, own / length.clamp(min=1e-3), course)
            place = place + course * step[:, None]
            walks[sign * index] = place
            if sign == 1 and index == 1:
                begin = course  # the other way is the opposite one
    whole = torch.stack([walks[index] for index in sorted(walks)], 1)  # [N, 2 half + 1, 2]
    chosen = []
    for row, part in zip(whole, paths.point_slices(), strict=True):
        size = part.stop - part.start
        chosen.append(row[half - size // 2 : half - size // 2 + size])
    return torch.cat(chosen)


def choose_places(weights: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Middles of pixels, chosen at random by their weights: [number, 2], x and y.

    Args:
        weights: [H, W], not negative.
        generator: on the processor.
    """
    flat = weights.flatten()
    several = number > int((flat > 0).sum())
    index = torch.multinomial(flat, number, replacement=several, generator=generator)
    width = weights.shape[1]
    return torch.stack([index % width, index.div(width, rounding_mode="floor")], -1) + 0.5


def spread_evenly(number: int) -> Tensor:
    """Places that lie evenly in a square of side 1, without being a grid: [number, 2].

    The additive sequence of the plastic number (Roberts, 2018).
    """
    index = torch.arange(1, number + 1)[:, None]
    return (index * torch.tensor([0.7548776662, 0.5698402910])) % 1


def slope_strength(picture: Image) -> Tensor:
    """How much a picture's brightness changes around each pixel: [H, W]."""
    return _slopes(picture).norm(dim=0)


def sample_pixels(maps: Tensor, places: Tensor) -> Tensor:
    """The values [N, C] of maps [C, H, W] at the pixels of places [N, 2]."""
    height, width = maps.shape[1:]
    x, y = places.floor().long().unbind(-1)
    return maps[:, y.clamp(0, height - 1), x.clamp(0, width - 1)].T


def _slopes(picture: Image) -> Tensor:
    """The slope of a picture's brightness in x and y: [2, H, W]."""
    grey = functional.pad(picture.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")[0, 0]
    across, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    return torch.stack([across, down]) / 2
