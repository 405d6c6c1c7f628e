"""Painting: gradients, ridges, discs and strokes with soft edges, on a canvas of any size.

Positions are in units of the canvas's height, from its upper left corner: x from 0 to its aspect,
y from 0 to 1. Everything random comes from the canvas's generator, and does not depend on the
size in pixels: a larger canvas shows the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vqclip.guidance.losses.pixel_losses import parse_colours
from vqclip.tensors import Image, Noise, draw_uniform

SOFT = 0.004  # width of an edge, in heights; never less than a pixel

Colour = str | Tensor  # "#rrggbb", or [3] in [0, 1]


def read_colour(colour: Colour) -> Tensor:
    """Read a colour as [3] in [0, 1]."""
    return parse_colours([colour])[0] if isinstance(colour, str) else colour


def mix_colours(first: Colour, second: Colour, share: float) -> Tensor:
    """Mix two colours; a share of 1 is the second one."""
    return torch.lerp(read_colour(first), read_colour(second), share)


@dataclass
class Canvas:
    """A picture in the making.

    Args:
        picture: [3, H, W] in [0, 1].
        generator: of all that is random in it, on the processor.
    """

    picture: Tensor
    generator: Noise

    @staticmethod
    def blank(width: int, height: int, generator: Noise) -> Canvas:
        """Make a white canvas of so many pixels."""
        return Canvas(torch.ones(3, height, width), generator)

    def __post_init__(self) -> None:
        height, width = self.picture.shape[-2:]
        self.aspect = width / height
        self.soft = max(SOFT, 1 / height)
        self.y = ((torch.arange(height) + 0.5) / height)[:, None]  # [H, 1]
        self.x = ((torch.arange(width) + 0.5) / height)[None]  # [1, W]

    def image(self) -> Image:
        """The picture, [1, 3, H, W] in [0, 1]."""
        return self.picture[None].clamp(0, 1)

    def random(self, least: float = 0.0, most: float = 1.0) -> float:
        """Draw a number, uniform between two."""
        return least + (most - least) * float(draw_uniform((), self.generator))

    def edge(self, inside: Tensor, soft: float = 0.0) -> Tensor:
        """A mask of where a distance (in heights, positive inside) is above 0; soft edges."""
        return (inside / max(soft, self.soft) + 0.5).clamp(0, 1)

    def paint(self, mask: Tensor, colour: Colour | Tensor, opacity: float = 1.0) -> None:
        """Paint a colour, or a whole picture [3, H, W], where a mask [H, W] is."""
        paint = read_colour(colour)
        paint = paint[:, None, None] if paint.dim() == 1 else paint
        self.picture = torch.lerp(self.picture, paint.expand_as(self.picture), mask * opacity)

    def gradient(
        self, colours: Sequence[Colour], top: float = 0.0, bottom: float = 1.0
    ) -> Tensor:
        """A picture [3, H, W] whose colours change evenly from `top` to `bottom`."""
        stops = torch.stack([read_colour(each) for each in colours])
        along = ((self.y - top) / (bottom - top)).clamp(0, 1) * (len(stops) - 1)
        first = along.floor().clamp(max=max(0, len(stops) - 2)).long()[:, 0]
        share = (along[:, 0] - first)[:, None]
        rows = torch.lerp(stops[first], stops[(first + 1).clamp(max=len(stops) - 1)], share)
        return rows.T[:, :, None].expand_as(self.picture)

    def below(self, line: Tensor | float) -> Tensor:
        """A mask of what lies below a line, y for each x."""
        return self.edge(self.y - line) * torch.ones_like(self.x)

    def band(self, top: float, bottom: float) -> Tensor:
        """A mask of a horizontal band."""
        return self.below(top) * (1 - self.below(bottom))

    def wave(self, base: float, height: float, waves: float) -> Tensor:
        """A line [1, W] of soft hills: so many to a height's width, of random phases."""
        line = torch.full_like(self.x, base)
        for octave, strength in ((1.0, 0.6), (2.1, 0.28), (3.7, 0.12)):
            phase = self.random(0, 2 * math.pi)
            line = line - height * strength * torch.sin(
                2 * math.pi * waves * octave * self.x + phase
            )
        return line

    def disc(self, x: float, y: float, radius: float, soft: float = 0.0) -> Tensor:
        """A mask of a disc."""
        return self.ellipse(x, y, radius, radius, soft)

    def ellipse(
        self, x: float, y: float, across: float, down: float, soft: float = 0.0
    ) -> Tensor:
        """A mask of an ellipse, by its half axes."""
        distance = (((self.x - x) / across) ** 2 + ((self.y - y) / down) ** 2).sqrt()
        return self.edge((1 - distance) * min(across, down), soft)

    def box(self, left: float, top: float, right: float, bottom: float) -> Tensor:
        """A mask of a rectangle."""
        across = self.edge(self.x - left) * (1 - self.edge(self.x - right))
        return across * self.edge(self.y - top) * (1 - self.edge(self.y - bottom))

    def polygon(self, corners: Sequence[tuple[float, float]]) -> Tensor:
        """A mask of a convex polygon, whose corners are given clockwise."""
        inside = torch.full_like(self.x * self.y, math.inf)
        for (x, y), (u, v) in zip(corners, [*corners[1:], corners[0]], strict=True):
            length = math.hypot(u - x, v - y)
            away = ((u - x) * (self.y - y) - (v - y) * (self.x - x)) / length
            inside = torch.minimum(inside, away)
        return self.edge(inside)

    def stroke(self, x: float, y: float, u: float, v: float, width: float) -> Tensor:
        """A mask of a straight stroke with round ends."""
        length = max((u - x) ** 2 + (v - y) ** 2, 1e-9)
        along = (((self.x - x) * (u - x) + (self.y - y) * (v - y)) / length).clamp(0, 1)
        away = torch.hypot(self.x - x - along * (u - x), self.y - y - along * (v - y))
        return self.edge(width / 2 - away)

    def peak(self, x: float, top: float, width: float, bottom: float = 1.0) -> Tensor:
        """A mask of a mountain with a sharp top and somewhat bent slopes."""
        slope = (self.x - x).abs() / (width / 2)
        return self.edge((self.y - top) - slope**1.15 * (bottom - top)) * torch.ones_like(self.x)

    def cloud(self, x: float, y: float, size: float) -> Tensor:
        """A mask of a cloud, `size` wide, with a flat bottom."""
        mask = torch.zeros_like(self.x * self.y)
        for across, down, radius in ((-0.3, 0.0, 0.17), (-0.08, -0.09, 0.24), (0.18, -0.03, 0.2)):
            puff = self.disc(x + across * size, y + down * size, radius * size)
            mask = torch.maximum(mask, puff)
        mask = torch.maximum(mask, self.ellipse(x, y + 0.07 * size, 0.5 * size, 0.11 * size))
        return mask * (1 - self.below(y + 0.13 * size))

    def scatter(
        self, cells: int, share: float, least: float, most: float, bottom: float = 1.0
    ) -> Tensor:
        """A mask of small discs at random places, one at most to a cell of a grid.

        Args:
            cells: to a height.
            share: of the cells that have a disc.
            least, most: radii, as shares of a cell, up to 0.5.
            bottom: how far down they go.
        """
        across = math.ceil(self.aspect * cells)
        drawn = draw_uniform((4, cells, across), self.generator)
        row = (self.y * cells).floor().long().clamp(max=cells - 1)
        column = (self.x * cells).floor().long().clamp(max=across - 1)
        radius = least + (most - least) * drawn[2] ** 2
        middle = radius + (1 - 2 * radius) * drawn[:2]
        place = row, column
        away = torch.hypot(
            self.x * cells - column - middle[0][place], self.y * cells - row - middle[1][place]
        )
        discs = self.edge((radius[place] - away) / cells) * (drawn[3][place] < share)
        return discs * (1 - self.below(bottom))

    def streaks(self, across: int, slant: float, length: float, share: float) -> Tensor:
        """A mask of thin slanted streaks all over, as of rain.

        Args:
            across: columns of streaks to a height's width.
            slant: how far they move to the left on the way down.
            length: of a streak with the gap after it.
            share: of the length that is streak.
        """
        along = (self.x + slant * self.y) * across
        column = along.floor().long()
        phases = draw_uniform((math.ceil((self.aspect + slant) * across) + 1,), self.generator)
        place = (self.y / length + phases[column]).frac()
        thin = self.edge((0.13 - (along.frac() - 0.5).abs()) / across)
        return thin * self.edge((share / 2 - (place - share / 2).abs()) * length)
