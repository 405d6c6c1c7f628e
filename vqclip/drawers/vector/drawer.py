"""The base of the drawers of strokes: named parameters, camera moves and export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.vector.copies import copy_curves, find_copies
from vqclip.drawers.vector.paths import Paths
from vqclip.drawers.vector.rasteriser import SOFT, paint_strokes, plan_strokes
from vqclip.drawers.vector.starts import wander
from vqclip.drawers.vector.svg import SvgStroke, render_svg
from vqclip.errors import ConfigError
from vqclip.language.palettes.colour_names import parse_colour
from vqclip.media.files import write_whole
from vqclip.models.vqgan import clamp_with_grad
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters

POINTS, WIDTHS, COLOURS, PAPER = "points", "widths", "colours", "paper"
UNITS = 224  # the canvas is so high: CLIPDraw's, in whose pixels the learning rates are known
STEP = 0.1  # from a random point to the next: the range, as a share of the canvas
VIEW_CELLS = 16  # columns and rows in which it is noted what comes into view
OPTIONS = ("strokes", "segments", "thinnest", "thickest", "paper", "paper_moves")


class VectorDrawer(BaseDrawer):
    """Strokes of Bézier curves, one over the other on paper.

    CLIPDraw: Frans et al., 2021, https://arxiv.org/abs/2106.14843. Lengths are in units of which
    the canvas is 224 high, so that a picture may grow without a change, and a learning rate means
    the same at any size. Widths are half widths.

    Differs: colours are learnt three times as fast as CLIPDraw's, as runs are a fifth as long.

    Args:
        width, height: of the picture, in pixels.
        segments: number of curves of each stroke.
        thinnest, thickest: limits of a stroke's whole width, in % of the height.
        paper: colour of the paper, see `vqclip.language.palettes.colour_names`.
        paper_moves: whether the paper's colour is a parameter, too.
        alpha: whether there is no paper.
        repeat: how the picture repeats.
    """

    rate: ClassVar[float] = 1.0
    rate_factors: ClassVar[Mapping[str, float]] = {WIDTHS: 0.1, COLOURS: 0.03, PAPER: 0.03}
    exports: ClassVar[tuple[str, ...]] = (".svg",)

    def __init__(
        self,
        width: int,
        height: int,
        segments: Sequence[int],
        thinnest: float,
        thickest: float,
        paper: str,
        paper_moves: bool = False,
        alpha: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, repeat=repeat)
        self.has_alpha = alpha
        if thinnest > thickest:
            raise ConfigError(
                f"draw.thinnest is {thinnest:g}, and draw.thickest {thickest:g}; "
                "the thinnest strokes cannot be wider than the thickest"
            )
        self.paths = Paths(segments)
        self.least, self.most = (UNITS * percent / 200 for percent in (thinnest, thickest))
        self.paper = torch.tensor(parse_colour(paper, "draw.paper"))
        self.paper_moves = paper_moves

    @property
    def canvas(self) -> tuple[float, float]:
        """Width and height in units."""
        return UNITS * self.width / self.height, UNITS

    def colours(self, parameters: Parameters) -> Tensor:
        """The strokes' colours: [N, 4], red, green, blue and alpha in [0, 1]."""
        return parameters[COLOURS]

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw strokes on the paper, or on the ground: [1, 3, H, W] in [0, 1]."""
        colours, alpha = self._paint(parameters)
        if self.has_alpha:
            return self.lay_on_ground(colours, alpha)
        paper = parameters.get(PAPER, self.paper).to(colours).view(1, 3, 1, 1)
        return clamp_with_grad(colours + (1 - alpha) * paper, 0, 1)

    def draw_layers(self, parameters: Parameters) -> tuple[Image, Tensor]:
        """Draw strokes without a ground; see `BaseDrawer`."""
        return self._paint(parameters) if self.has_alpha else super().draw_layers(parameters)

    @torch.no_grad()
    def clamp(self) -> None:
        """Clamp the widths to their limits, and colours to [0, 1]; points may lie outside."""
        self.parameters[WIDTHS].clamp_(self.least, self.most)
        for name in {COLOURS, PAPER} & self.parameters.keys():
            self.parameters[name].clamp_(0, 1)

    @torch.no_grad()
    def enlarge(self, width: int, height: int) -> None:
        """Continue at another size, in pixels; exact, for lengths are in units of the height."""
        stretch = width / height / (self.width / self.height)
        self.width, self.height = width, height
        points = self.parameters[POINTS]
        points.mul_(points.new_tensor([stretch, 1]))

    @torch.no_grad()
    def move(
        self,
        parameters: Parameters,
        follow: Callable[[Tensor], Tensor],
        scale: float,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Move strokes with a camera.

        A stroke that leaves the picture comes back at a random place of what comes into view, of
        the same width and colour; if nothing does, as in a zoom into it, anywhere.

        Args:
            follow: where the camera brings points [K, 2], x and y in pixels.
            scale: by which it enlarges what it shows.
            generator: on the processor.
        """
        points, unit = parameters[POINTS], self.height / UNITS
        moved = follow(points * unit) / unit
        widths = (parameters[WIDTHS] * scale).clamp(self.least, self.most)
        lost = self._outside(moved.cpu(), widths.cpu())
        first = self._places_in_view(follow, len(lost), points.device, generator)
        again = wander(self.paths, first, (STEP * self.canvas[0], STEP * UNITS), generator)
        lost = lost[self.paths.owner, None].to(points.device)
        return {
            **{name: value.clone() for name, value in parameters.items()},
            POINTS: torch.where(lost, again.to(points), moved),
            WIDTHS: widths,
        }

    def export(self, path: Path) -> None:
        """Write the picture as SVG.

        Raises:
            ValueError: if `path` has another suffix.
            OutputError: if it cannot be written.
        """
        if path.suffix != ".svg":
            return super().export(path)
        unit = self.height / UNITS
        parameters = {name: value.detach().cpu() for name, value in self.parameters.items()}
        points, radii = parameters[POINTS] * unit, parameters[WIDTHS] * unit
        parts = [points[part] for part in self.paths.point_slices()]
        colours = self.colours(parameters).tolist()
        strokes = [
            SvgStroke((parts[index] + move).tolist(), 2 * float(radii[index]), colours[index])
            for index, move in zip(*self._copies(points, radii), strict=True)
        ]
        red, green, blue = parameters.get(PAPER, self.paper).tolist()
        paper = None if self.has_alpha else (red, green, blue)
        write_whole(path, render_svg(strokes, self.width, self.height, paper), overwrite=True)
        return None

    def paper_start(self, colour: Tensor | None = None) -> dict[str, Tensor]:
        """The paper's colour [3] as a parameter, if it is one; the set one unless given."""
        chosen = self.paper if colour is None else colour
        return {PAPER: chosen.clone()} if self.paper_moves and not self.has_alpha else {}

    def _paint(self, parameters: Parameters) -> tuple[Image, Tensor]:
        """Strokes alone: colours times opacity, and opacity, as `draw_layers` gives them."""
        points, scale = parameters[POINTS], self.height / UNITS
        cubics = points[self.paths.cubics.to(points.device)] * scale
        radii = parameters[WIDTHS] * scale
        owner = self.paths.cubic_owner.to(points.device)
        colours = clamp_with_grad(self.colours(parameters), 0, 1)
        if self.repeat.is_on:
            stroke, moves = self._copies(points * scale, radii)
            curve, copy = copy_curves(stroke, owner, self.paths.strokes)
            cubics, owner = cubics[curve] + moves[copy, None], copy
            radii, colours = radii[stroke], colours[stroke]
        plan = plan_strokes(cubics, owner, radii, self.width, self.height)
        return paint_strokes(plan, cubics, radii, colours)

    def _copies(self, points: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
        """The strokes that are drawn, again where they reach over an edge: see `find_copies`.

        Args:
            points: [P, 2], in pixels.
            radii: [N], half the widths, in pixels.
        """
        if not self.repeat.is_on:
            count = self.paths.strokes
            return torch.arange(count, device=points.device), points.new_zeros(count, 2)
        low, high = self._boxes(points)
        reach = radii[:, None] + SOFT
        return find_copies(low - reach, high + reach, self.width, self.height, self.repeat)

    def _outside(self, points: Tensor, widths: Tensor) -> Tensor:
        """Which strokes lie wholly on the far side of one border: [N]."""
        limits = points.new_tensor(self.canvas)
        low, high = self._boxes(points)
        return ((low - widths[:, None] > limits) | (high + widths[:, None] < 0)).any(1)

    @torch.no_grad()
    def _boxes(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the greatest x and y of each stroke's points: [N, 2] both."""
        owner = self.paths.owner.to(points.device)[:, None].expand(-1, 2)
        blank = points.new_zeros(self.paths.strokes, 2)
        low, high = (
            blank.scatter_reduce(0, owner, points, way, include_self=False)
            for way in ("amin", "amax")
        )
        return low, high

    def _places_in_view(
        self,
        follow: Callable[[Tensor], Tensor],
        number: int,
        device: torch.device,
        generator: torch.Generator,
    ) -> Tensor:
        """Random places of the picture that the camera did not show before: [number, 2]."""
        size = torch.tensor([self.width, self.height])
        fine = (torch.arange(8 * VIEW_CELLS) + 0.5) / (8 * VIEW_CELLS)
        before = torch.cartesian_prod(fine, fine) * size
        after = (follow(before.to(device)).cpu() / size * VIEW_CELLS).floor()
        shown = ((after >= 0) & (after < VIEW_CELLS)).all(1)
        cells = torch.ones(VIEW_CELLS, VIEW_CELLS)
        column, row = after[shown].long().unbind(1)
        cells[column, row] = 0
        weights = cells.flatten() if cells.any() else torch.ones(VIEW_CELLS**2)
        index = torch.multinomial(weights, number, replacement=True, generator=generator)
        cell = torch.stack([index.div(VIEW_CELLS, rounding_mode="floor"), index % VIEW_CELLS], 1)
        place = (cell + torch.rand(number, 2, generator=generator)) / VIEW_CELLS
        return place * torch.tensor(self.canvas)


def chosen_options(settings: DrawSettings) -> dict[str, Any]:
    """Those options of a drawer of strokes that are set; the others are the drawer's own."""
    values = {name: getattr(settings, name) for name in OPTIONS}
    return {name: value for name, value in values.items() if value not in (None, "")}
