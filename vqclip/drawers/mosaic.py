"""The mosaic drawer: coloured cells of a shape that cover the picture.

As pixray's pixel, with edges as smooth as its own and no gaps at the sides.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.cell_grid import plan_grid
from vqclip.drawers.cells.coloured_cells import COLOURS, ColouredCells
from vqclip.drawers.cells.coverage import CoverageTable, measure_coverage
from vqclip.drawers.cells.shapes import SHAPES, CellLayout
from vqclip.drawers.svg.polygons import polygons_to_svg
from vqclip.errors import pick
from vqclip.media.files import write_whole
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters


class MosaicDrawer(ColouredCells):
    """A drawer whose parameters are the colours of cells, [cells, 3 or 4].

    Args:
        width, height: of the picture, in pixels.
        columns, rows: of the grid.
        shape: of the cells, one of `SHAPES`.
        alpha: whether cells may be transparent.
        repeat: how the picture repeats; see `CellLayout`.

    Raises:
        ConfigError: if there is no such shape.
    """

    name: ClassVar[str] = "mosaic"
    rate: ClassVar[float] = 0.06
    exports: ClassVar[tuple[str, ...]] = (".svg",)

    def __init__(
        self,
        width: int,
        height: int,
        columns: int,
        rows: int,
        shape: str = "square",
        *,
        alpha: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        self.layout = CellLayout(pick(SHAPES, shape, "shape of cells"), columns, rows, repeat)
        super().__init__(width, height, [self.layout.cells], alpha=alpha, repeat=repeat)
        self._table: CoverageTable | None = None

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """Build the drawer that the settings `draw.…` describe.

        Raises:
            ConfigError: if the grid cannot be read.
        """
        shape = settings.shape
        chosen = (settings.grid, settings.coarse, shape, repeat)
        columns, rows = plan_grid(width, height, *chosen)
        return cls(width, height, columns, rows, shape, alpha=settings.alpha, repeat=repeat)

    def export(self, path: Path, parameters: Parameters) -> None:
        """Write an SVG file: a polygon for each cell, and one more for each part beyond an edge.

        See `BaseDrawer`.
        """
        if path.suffix not in self.exports:
            super().export(path, parameters)
        of_cells = parameters[COLOURS].detach().tolist()
        colours = [of_cells[cell] for cell in self.layout.owners]
        scale = (self.width / self.layout.columns, self.height / self.layout.rows)
        polygons = self.layout.polygons
        svg = polygons_to_svg(self.width, self.height, polygons, colours, scale)
        write_whole(path, svg, overwrite=True)

    def _draw_cells(self, values: Tensor) -> Tensor:
        return self._measure(values.device).draw(values)

    def _draw_transparent(self, colours: Tensor, alpha: Tensor) -> tuple[Image, Tensor]:
        return self._measure(colours.device).draw_layers(colours, alpha)

    def _solve_cells(self, picture: Tensor) -> Tensor:
        return self._measure(picture.device).solve(picture)

    def _measure(self, device: torch.device) -> CoverageTable:
        """The coverage table on a device; measured on the processor when it is first needed."""
        table = self._table
        if table is None or (table.width, table.height) != (self.width, self.height):
            table = measure_coverage(self.layout, self.width, self.height)
        if table.below.device != device:
            table = table.to(device)
        self._table = table
        return table
