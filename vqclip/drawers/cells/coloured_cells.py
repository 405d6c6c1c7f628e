"""The base of drawers whose parameters are the colours of cells."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vqclip.drawers.base import BaseDrawer, divide_by_alpha
from vqclip.models.vqgan import clamp_with_grad
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters, draw_uniform

COLOURS = "colours"


class ColouredCells(BaseDrawer):
    """A drawer of cells that have a colour each, and perhaps opacity, in [0, 1].

    Args:
        width, height: of the picture, in pixels.
        shape: of the parameter, without its channels, which are the second dimension.
        alpha: whether cells may be transparent; opacity is then the fourth channel.
        repeat: how the picture repeats.
    """

    def __init__(
        self,
        width: int,
        height: int,
        shape: Sequence[int],
        *,
        alpha: bool,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, repeat=repeat)
        self._shape, self.has_alpha = shape, alpha

    @abstractmethod
    def _draw_cells(self, values: Tensor) -> Tensor:
        """Draw opaque cells of any values: [1, C, H, W]."""

    @abstractmethod
    def _draw_transparent(self, colours: Tensor, alpha: Tensor) -> tuple[Image, Tensor]:
        """Draw cells of colours and opacities; see `draw_layers`."""

    @abstractmethod
    def _solve_cells(self, picture: Tensor) -> Tensor:
        """Find the values of opaque cells for a picture [1, C, H, W]."""

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw colours, on the ground where they are transparent: [1, 3, H, W] in [0, 1]."""
        if self.has_alpha:
            return self.lay_on_ground(*self.draw_layers(parameters))
        return self._draw_cells(clamp_with_grad(parameters[COLOURS], 0, 1))

    def draw_layers(self, parameters: Parameters) -> tuple[Image, Tensor]:
        """Draw colours without a ground; see `BaseDrawer`."""
        if not self.has_alpha:
            return super().draw_layers(parameters)
        cells = clamp_with_grad(parameters[COLOURS], 0, 1)
        return self._draw_transparent(cells[:, :3], cells[:, 3:])

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Opaque cells of random colours."""
        first, *rest = self._shape
        return {COLOURS: self._add_alpha(draw_uniform((first, 3, *rest), generator))}

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """The colours, and opacities, that draw a picture as nearly as the cells can."""
        if picture.shape[1] == 3:
            return {COLOURS: self._add_alpha(self._solve_cells(picture).clamp(0, 1))}
        colours, alpha = picture[:, :3], picture[:, 3:]
        solved = self._solve_cells(torch.cat([colours * alpha, alpha], 1)).clamp(0, 1)
        return {COLOURS: divide_by_alpha(solved[:, :3], solved[:, 3:])}

    @torch.no_grad()
    def clamp(self) -> None:
        """Clamp colours and opacity to [0, 1]."""
        self.parameters[COLOURS].clamp_(0, 1)

    @torch.no_grad()
    def filter_colours(
        self, parameters: Parameters, colour_filter: Callable[[Tensor], Tensor]
    ) -> Parameters:
        """Filter the colours of cells, and leave their opacity; see `BaseDrawer`."""
        cells = parameters[COLOURS].clamp(0, 1)
        return {COLOURS: torch.cat([colour_filter(cells[:, :3]), cells[:, 3:]], 1)}

    def enlarge(self, width: int, height: int) -> None:
        """Continue at another size, in pixels, with the same cells."""
        self.width, self.height = width, height

    def _add_alpha(self, colours: Tensor) -> Tensor:
        """Colours and, if the drawer has it, full opacity."""
        if not self.has_alpha:
            return colours
        return torch.cat([colours, torch.ones_like(colours[:, :1])], 1)
