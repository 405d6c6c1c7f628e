"""Coverage tables: how much of each pixel belongs to which cell.

Cells do not move, so they are looked up once for a size: a picture is then a weighted sum of a
few cells' values in each pixel, and its gradient the same sum the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.drawers.cells.shapes import CellLayout
from vqclip.tensors import Image

SAMPLES = 8  # along each side of a pixel
CHUNK = 1 << 14  # pixels that are sampled at a time
ROUNDS = 20  # of `solve`; the error of a round trip is then below a level of 255


@dataclass(frozen=True)
class CoverageTable:
    """A coverage table of N cells over a picture of H x W pixels, with E entries.

    A cell that lies under another is seen through it if that one is transparent. Such pairs have
    numbers from N on.

    Args:
        width, height: of the picture, in pixels.
        cells: how many there are, N.
        by_pixel: the entries of each pixel: numbers of cells and pairs, and shares of the pixel;
            those of the cells have the sum 1.
        by_cell: the same entries for each cell and pair: numbers of pixels, in rows.
        below, above: [pairs], the numbers of the cells in each pair.
    """

    width: int
    height: int
    cells: int
    by_pixel: Entries
    by_cell: Entries
    below: Tensor
    above: Tensor

    def to(self, device: torch.device) -> CoverageTable:
        """The same table on a device."""
        fields = ("by_pixel", "by_cell", "below", "above")
        return replace(self, **{name: getattr(self, name).to(device) for name in fields})

    def draw(self, values: Tensor) -> Image:
        """Draw opaque cells: the mean of the values that are seen in each pixel.

        Args:
            values: [N, C].

        Returns:
            [1, C, H, W].
        """
        return self._draw(values, values.new_zeros(len(self.below), values.shape[1]))

    def draw_layers(self, colours: Tensor, alpha: Tensor) -> tuple[Image, Tensor]:
        """Draw cells that are transparent.

        Args:
            colours: [N, 3].
            alpha: [N, 1], opacity in [0, 1].

        Returns:
            Colours times opacity, [1, 3, H, W], and opacity, [1, 1, H, W].
        """
        values = torch.cat([colours * alpha, alpha], 1)
        # `embedding` and not an index: its gradient has equal bytes on any number of threads.
        below = functional.embedding(self.below, values)
        above = functional.embedding(self.above, alpha)
        drawn = self._draw(values, (1 - above) * below)
        return drawn[:, :3], drawn[:, 3:]

    @torch.no_grad()
    def solve(self, picture: Image) -> Tensor:
        """Find values with which opaque cells draw a picture as nearly as they can.

        At first the mean over what each cell covers; then what is missing is added by the same
        means, which leads to the least squares (SIRT; Gilbert, 1972).

        Args:
            picture: [1, C, H, W].

        Returns:
            [N, C]; not clamped.
        """
        area = self._gather(torch.ones_like(picture)).clamp(min=1e-6)
        values = self._gather(picture) / area
        for _ in range(ROUNDS):
            values += self._gather(picture - self.draw(values)) / area
        return values

    def _draw(self, values: Tensor, pairs: Tensor) -> Image:
        drawn = _Sum.apply(torch.cat([values, pairs]), self.by_pixel, self.by_cell)
        return drawn.T.reshape(1, -1, self.height, self.width)

    def _gather(self, picture: Image) -> Tensor:
        """The sum of a picture over what each cell covers: [N, C]; the adjoint of `draw`."""
        return self.by_cell.sum(picture[0].flatten(1).T)[: self.cells]


@dataclass(frozen=True)
class Entries:
    """Weighted entries of a table, E in all, in groups.

    Args:
        numbers: [E], of the rows that are added.
        weights: [E].
        starts: [groups], the first entry of each group.
    """

    numbers: Tensor
    weights: Tensor
    starts: Tensor

    @classmethod
    def collect(cls, groups: Tensor, numbers: Tensor, weights: Tensor, count: int) -> Entries:
        """Collect entries by their groups.

        Args:
            groups: [E], of each entry.
            count: of groups.
        """
        groups, order = groups.sort(stable=True)
        starts = torch.searchsorted(groups, torch.arange(count))
        return cls(numbers[order], weights[order], starts)

    def to(self, device: torch.device) -> Entries:
        """The same entries on a device."""
        return Entries(*(each.to(device) for each in (self.numbers, self.weights, self.starts)))

    def sum(self, rows: Tensor) -> Tensor:
        """Add weighted rows in each group: [rows, C] to [groups, C]; always the same bytes."""
        return functional.embedding_bag(
            self.numbers,
            rows.contiguous(),
            self.starts,
            per_sample_weights=self.weights.to(rows.dtype),
            mode="sum",
        )


class _Sum(torch.autograd.Function):
    """`Entries.sum`, whose gradient is that of the entries collected the other way round.

    The gradient of `embedding_bag` itself sorts the entries at every step, and takes ten times
    as long.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, entries: Entries, transposed: Entries) -> Tensor:
        ctx.transposed = transposed
        return entries.sum(rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed.sum(grads[0]), None, None


def measure_coverage(layout: CellLayout, width: int, height: int) -> CoverageTable:
    """Measure how much of each pixel belongs to which cell, by 8x8 samples in each.

    Args:
        layout: whose grid lies over the whole picture.
        width, height: of the picture, in pixels.
    """
    counted = [
        _count_samples(layout, pixels, width, height)
        for pixels in torch.arange(width * height).split(CHUNK)
    ]
    pixels, numbers, counts = (torch.cat(each) for each in zip(*counted, strict=True))
    cells = layout.cells
    pairs = numbers[numbers >= cells].unique()
    numbers = torch.where(numbers < cells, numbers, cells + torch.searchsorted(pairs, numbers))
    weights = counts.float() / SAMPLES**2
    return CoverageTable(
        width,
        height,
        cells,
        Entries.collect(pixels, numbers, weights, width * height),
        Entries.collect(numbers, pixels, weights, cells + len(pairs)),
        below=pairs // cells - 1,
        above=pairs % cells,
    )


def _count_samples(
    layout: CellLayout, pixels: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Count the samples of pixels by the cell, or the pair of cells, that they lie in.

    Returns:
        Pixels, the numbers found in them, and how often each was found: [entries] all. The number
        of a pair is (lower + 1) · cells + upper.
    """
    offsets = (torch.arange(SAMPLES, dtype=torch.float64) + 0.5) / SAMPLES
    rows = (pixels // width)[:, None] + offsets
    columns = (pixels % width)[:, None] + offsets
    x = (columns * (layout.columns / width))[:, None, :].expand(-1, SAMPLES, -1)
    y = (rows * (layout.rows / height))[:, :, None].expand(-1, -1, SAMPLES)
    shown, hidden = layout.locate(x, y)
    found = shown.flatten(1)
    if layout.shape.overlaps:
        pairs = torch.where(hidden < 0, -1, (hidden + 1) * layout.cells + shown)
        found = torch.cat([found, pairs.flatten(1)], 1)
    found = found.sort(1).values
    begins = functional.pad(found[:, 1:] != found[:, :-1], (1, 0), value=True)
    firsts = begins.flatten().nonzero()[:, 0]
    counts = firsts.diff(append=torch.tensor([found.numel()]))
    numbers, owners = found.flatten()[firsts], pixels[firsts // found.shape[1]]
    there = numbers >= 0
    return owners[there], numbers[there], counts[there]
