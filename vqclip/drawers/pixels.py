"""The pixel drawer: a picture as a grid of square cells, each of one colour.

As pixray's fast_pixel, and the unlimited palette of pytti.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.cell_grid import plan_grid
from vqclip.drawers.cells.coloured_cells import COLOURS, ColouredCells
from vqclip.drawers.cells.shapes import SHAPES, CellLayout
from vqclip.drawers.svg.polygons import polygons_to_svg
from vqclip.media.files import write_whole
from vqclip.media.images import to_bytes, to_png
from vqclip.models.device import upload_tensor
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters


class PixelsDrawer(ColouredCells):
    """A drawer whose parameters are the colours of a grid of cells, [1, 3 or 4, rows, columns].

    A cell is a rectangle of whole pixels. Where the grid does not divide the picture, some cells
    have a pixel more than others.

    Args:
        width, height: of the picture, in pixels.
        columns, rows: of the grid.
        alpha: whether cells may be transparent.
        repeat: how the picture repeats; no cell reaches over an edge.
    """

    name: ClassVar[str] = "pixels"
    rate: ClassVar[float] = 0.06
    is_grid: ClassVar[bool] = True
    exports: ClassVar[tuple[str, ...]] = (".png", ".svg")

    def __init__(
        self,
        width: int,
        height: int,
        columns: int,
        rows: int,
        *,
        alpha: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, [1, rows, columns], alpha=alpha, repeat=repeat)
        self.columns, self.rows = columns, rows

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """Build the drawer that the settings `draw.…` describe.

        Raises:
            ConfigError: if the grid cannot be read.
        """
        columns, rows = plan_grid(width, height, settings.grid, settings.coarse, repeat=repeat)
        return cls(width, height, columns, rows, alpha=settings.alpha, repeat=repeat)

    def export(self, path: Path, parameters: Parameters) -> None:
        """Write a PNG with a pixel for each cell, such as a sprite, or an SVG file.

        In the SVG file, all cells are of one size. See `BaseDrawer`.
        """
        if path.suffix == ".png":
            data = to_png(to_bytes(parameters[COLOURS]))
        elif path.suffix == ".svg":
            data = self._to_svg(parameters[COLOURS])
        else:
            return super().export(path, parameters)
        write_whole(path, data, overwrite=True)
        return None

    def _draw_cells(self, values: Tensor) -> Tensor:
        return functional.interpolate(values, [self.height, self.width], mode="nearest")

    def _draw_transparent(self, colours: Tensor, alpha: Tensor) -> tuple[Image, Tensor]:
        return self._draw_cells(colours * alpha), self._draw_cells(alpha)

    def _solve_cells(self, picture: Tensor) -> Tensor:
        """The mean over the pixels of each cell, exactly those that `draw` gives it."""
        down, across = (
            upload_tensor(self._shares(cells, pixels).to(picture.dtype), picture.device)
            for cells, pixels in ((self.rows, self.height), (self.columns, self.width))
        )
        return down @ picture @ across.T

    @staticmethod
    def _shares(cells: int, pixels: int) -> Tensor:
        """The share of each pixel in the mean of each cell along a side: [cells, pixels]."""
        numbers = torch.arange(cells, dtype=torch.float32)
        owners = functional.interpolate(numbers[None, None], pixels, mode="nearest")[0]
        belongs = (owners == numbers[:, None]).float()
        return belongs / belongs.sum(1, keepdim=True).clamp(min=1)

    def _to_svg(self, cells: Tensor) -> bytes:
        polygons = CellLayout(SHAPES["square"], self.columns, self.rows).polygons
        colours = cells.detach()[0].flatten(1).T.tolist()
        scale = (self.width / self.columns, self.height / self.rows)
        return polygons_to_svg(self.width, self.height, polygons, colours, scale)
