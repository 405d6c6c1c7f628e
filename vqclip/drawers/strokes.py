"""The drawer of strokes: coloured brush strokes of Bézier curves, as in CLIPDraw.

Frans et al., 2021, https://arxiv.org/abs/2106.14843.
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.vector import starts
from vqclip.drawers.vector.drawer import (
    COLOURS,
    POINTS,
    STEP,
    UNITS,
    WIDTHS,
    VectorDrawer,
    chosen_options,
)
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, draw_uniform

STROKES, SEGMENTS = 256, 3
ALPHA = 0.8  # of strokes that paint a picture
SEED = 6843  # of the places where they begin; any will do
LAYERS = ((0.35, 1.0), (0.3, 0.45), (0.35, 0.2))
# (share of the strokes, their width as a share of the thickest), the lowest first


class StrokesDrawer(VectorDrawer):
    """Coloured, translucent strokes of one to `segments` curves, by turns.

    Args:
        strokes: their number.
        segments: the most curves of a stroke.
        For the others, see the base.
    """

    name: ClassVar[str] = "strokes"

    def __init__(
        self,
        width: int,
        height: int,
        strokes: int = STROKES,
        segments: int = SEGMENTS,
        thinnest: float = 0.4,
        thickest: float = 10.0,
        paper: str = "white",
        paper_moves: bool = False,
        alpha: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        numbers = [1 + index % segments for index in range(strokes)]
        super().__init__(
            width, height, numbers, thinnest, thickest, paper, paper_moves, alpha, repeat
        )

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """A drawer by the settings `draw.…`."""
        return cls(width, height, **chosen_options(settings), alpha=settings.alpha, repeat=repeat)

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Strokes of any place and colour, half opaque at least, a quarter of the widest.

        Differs: CLIPDraw's may begin unseen, and so learn slowly.
        """
        number, canvas = self.paths.strokes, torch.tensor(self.canvas)
        first = draw_uniform((number, 2), generator) * canvas
        step = (STEP * self.canvas[0], STEP * UNITS)
        colours = draw_uniform((number, 4), generator)
        colours[:, 3] = (1 + colours[:, 3]) / 2
        return {
            POINTS: starts.wander(self.paths, first, step, generator),
            WIDTHS: torch.full((number,), (self.least + self.most) / 4).clamp(min=self.least),
            COLOURS: colours,
            **self.paper_start(),
        }

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """Strokes along the forms of a picture, in its colours: broad ones, fine ones above."""
        generator = torch.Generator().manual_seed(SEED)
        small = functional.interpolate(
            picture.float().cpu(), [UNITS, round(self.canvas[0])], mode="area"
        )
        small, opacity = small[:, :3], small[:, 3:]
        middles, widths, colours = [], [], []
        left = self.paths.strokes
        for layer, (share, breadth) in enumerate(LAYERS):
            last = layer == len(LAYERS) - 1
            number = left if last else round(share * self.paths.strokes)
            left -= number
            radius = max(self.least, breadth * self.most)
            smooth = blur(small, radius / 2)
            slope = starts.slope_strength(smooth) + 1e-6
            if layer == 0:  # the ground: all over the canvas
                places = starts.spread_evenly(number) * torch.tensor(self.canvas)
            else:
                places = starts.choose_places(slope + 0.1 * slope.mean(), number, generator)
            middles.append(places)
            widths.append(torch.full((number,), radius))
            colours.append(starts.sample_pixels(smooth[0], places))
        middle, width = torch.cat(middles), torch.cat(widths)
        points = starts.follow_forms(self.paths, blur(small, 3), middle, 1.2 * width, generator)
        alpha = torch.full((len(width), 1), ALPHA)
        if opacity.shape[1]:
            alpha = alpha * starts.sample_pixels(opacity[0], middle)
        colour = torch.cat([torch.cat(colours), alpha], 1)
        mean = small.mean((0, 2, 3))
        found = {POINTS: points, WIDTHS: width, COLOURS: colour, **self.paper_start(mean)}
        return {name: value.to(picture.device) for name, value in found.items()}


def blur(picture: Image, deviation: float) -> Image:
    """A picture blurred by a Gaussian of a deviation in pixels."""
    size = 2 * round(2 * deviation) + 1
    return gaussian_blur2d(picture, (size, size), (deviation, deviation), border_type="replicate")
