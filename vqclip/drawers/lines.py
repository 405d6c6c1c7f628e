"""The drawer of lines: a few long black lines on paper, as a pen draws them."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.strokes import SEED, blur
from vqclip.drawers.vector import starts
from vqclip.drawers.vector.drawer import POINTS, UNITS, WIDTHS, VectorDrawer, chosen_options
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters, draw_uniform

LINES, SEGMENTS = 24, 8


class LinesDrawer(VectorDrawer):
    """Opaque black lines of `segments` curves each; what is learnt is where they run.

    Args:
        strokes: number of lines.
        segments: number of curves of a line.
        For the others, see the base.
    """

    name: ClassVar[str] = "lines"

    def __init__(
        self,
        width: int,
        height: int,
        strokes: int = LINES,
        segments: int = SEGMENTS,
        thinnest: float = 0.9,
        thickest: float = 4.0,
        paper: str = "#f2eecb",
        paper_moves: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        numbers = [segments] * strokes
        super().__init__(
            width, height, numbers, thinnest, thickest, paper, paper_moves, repeat=repeat
        )

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """A drawer by the settings `draw.…`."""
        return cls(width, height, **chosen_options(settings), repeat=repeat)

    def colours(self, parameters: Parameters) -> Tensor:
        """Black, opaque: [N, 4]."""
        black = parameters[WIDTHS].new_tensor([0, 0, 0, 1])
        return black.expand(self.paths.strokes, 4)

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Lines that wander from places about the middle, of a tenth of the greatest width."""
        number, canvas = self.paths.strokes, torch.tensor(self.canvas)
        first = (0.25 + 0.5 * draw_uniform((number, 2), generator)) * canvas
        segments = len(self.paths.cubics) // number
        step = UNITS / (segments + 2)
        return {
            POINTS: starts.wander(self.paths, first, (step, step), generator, self.canvas),
            **self._other_starts(self.most / 10),
        }

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """Lines along the forms of a picture, where it is dark."""
        generator = torch.Generator().manual_seed(SEED)
        small = functional.interpolate(
            picture.float().cpu(), [UNITS, round(self.canvas[0])], mode="area"
        )
        smooth = blur(small, 2)
        dark = (self.paper.mean() - smooth.mean((0, 1))).clamp(min=0)
        weights = dark.square() * (1e-3 + starts.slope_strength(smooth)) + 1e-9
        middles = starts.choose_places(weights, self.paths.strokes, generator)
        step = torch.full((len(middles),), UNITS / (4 * SEGMENTS))
        points = starts.follow_forms(self.paths, smooth, middles, step, generator)
        found = {POINTS: points, **self._other_starts(self.most / 10)}
        return {name: value.to(picture.device) for name, value in found.items()}

    def _other_starts(self, width: float) -> dict[str, Tensor]:
        """What does not depend on the picture: half widths, and the paper's colour."""
        widths = torch.full((self.paths.strokes,), width).clamp(self.least, self.most)
        return {WIDTHS: widths, **self.paper_start()}
