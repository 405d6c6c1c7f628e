"""The base of the drawers of strokes: named parameters, camera moves and export."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.svg.strokes import SvgStroke, strokes_to_svg
from vqclip.drawers.vector import starts
from vqclip.drawers.vector.copies import copy_curves, find_copies, find_way_home
from vqclip.drawers.vector.paths import Paths
from vqclip.drawers.vector.rasteriser import SOFT, paint_strokes, plan_strokes
from vqclip.errors import ConfigError
from vqclip.language.palettes.colour_names import parse_colour
from vqclip.media.files import write_whole
from vqclip.models.vqgan import clamp_with_grad
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters

POINTS, WIDTHS, COLOURS, PAPER = "points", "widths", "colours", "paper"
UNITS = 224  # the canvas is so high: CLIPDraw's, in whose pixels the learning rates are known
STEP = 0.1  # from a random point to the next: the range, as a share of the canvas
VIEW = 256  # columns and rows in which a place is chosen in what comes into view
CROWD = 2  # times as dense as elsewhere may the strokes be in what comes into view
GROWING = 1.001  # the scale from which on a camera enlarges what it shows
APART = 0.25  # of the height; strokes that are farther from each other are not blended
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
    rate_factors: Mapping[str, float] = MappingProxyType(
        {WIDTHS: 0.1, COLOURS: 0.03, PAPER: 0.03}
    )
    is_lossy: ClassVar[bool] = True
    moves: ClassVar[bool] = True
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
        fresh: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Move strokes with a camera; see `BaseDrawer`.

        Strokes that leave the picture come back at random places of what comes into view, of the
        same width and colour; if they are too few for it, the smallest strokes go there, too. If
        they are too many, as in a zoom, the others come back anywhere: thin, in the colour that
        the picture has there. Where the picture tiles, they come back at the opposite side,
        unless it grows: what leaves it in a zoom would be laid over what stays.
        """
        points, unit = parameters[POINTS], self.height / UNITS
        widths = (parameters[WIDTHS] * scale).clamp(self.least, self.most)
        moved = {name: value.detach().clone() for name, value in parameters.items()}
        moved |= {POINTS: follow(points * unit) / unit, WIDTHS: widths}
        repeat = self.repeat if scale < GROWING else ONCE
        if repeat.is_on:
            boxes = self._boxes(moved[POINTS] * unit)
            home = find_way_home(*boxes, self.width, self.height, repeat)
            moved[POINTS] = moved[POINTS] + home[self.paths.owner.to(home.device)] / unit
        if fresh is None or generator is None:
            return moved
        for axis, repeats in ((-1, repeat.across), (-2, repeat.down)):
            if repeats:  # what is new there is the opposite side
                fresh = fresh.amin(axis, keepdim=True).expand_as(fresh)
        share = float(fresh.mean())
        again = self._choose_returning(moved, share, repeat)
        room = math.ceil(CROWD * share * len(again))
        spare = again & (again.cumsum(0) > room)
        small = functional.interpolate(fresh.float().cpu(), [VIEW, VIEW], mode="area")[0, 0]
        anywhere = torch.ones_like(small)
        places = [
            starts.choose_places(weights, len(again), generator)
            for weights in (small if room else anywhere, anywhere)
        ]
        place = torch.where(spare[:, None], places[1], places[0])
        place = (place - 0.5 + torch.rand(place.shape, generator=generator)) / VIEW
        first = place * torch.tensor(self.canvas)
        step = (STEP * self.canvas[0], STEP * UNITS)
        others = starts.wander(self.paths, first, step, generator).to(points)
        if bool(spare.any()):
            self._match_picture(moved, spare.to(points.device), first * unit)
        owner = again[self.paths.owner, None].to(points.device)
        return {**moved, POINTS: torch.where(owner, others, moved[POINTS])}

    def blend(self, first: Parameters, second: Parameters, share: float) -> dict[str, Tensor]:
        """Blend strokes: those that are near go over, those that are far apart change places.

        A stroke that left the picture and came back elsewhere would else fly across it. They do
        not all change at the same share.
        """
        owner, points = self.paths.owner, (first[POINTS], second[POINTS])
        gaps = (points[0] - points[1]).detach().norm(dim=-1).cpu()
        mean = torch.zeros(self.paths.strokes).scatter_reduce(
            0, owner, gaps, "mean", include_self=False
        )
        far = mean > APART * UNITS
        later = starts.spread_evenly(self.paths.strokes)[:, 0] < share
        shares = torch.where(far, later.float(), torch.full_like(mean, share))
        shares = shares.to(points[0].device)

        def mix(name: str, one: Tensor) -> Tensor:
            if name == PAPER:
                return one.lerp(second[name], share)
            own = shares[owner.to(shares.device)] if name == POINTS else shares
            return one.lerp(second[name], own.view(-1, *[1] * (one.dim() - 1)))

        return {name: mix(name, one) for name, one in first.items()}

    @torch.no_grad()
    def filter_colours(
        self, parameters: Parameters, colour_filter: Callable[[Tensor], Tensor]
    ) -> Parameters:
        """Filter the colours of strokes, and the paper's if it is a parameter."""
        found = dict(parameters)
        if COLOURS in found:
            colours = found[COLOURS].clamp(0, 1)
            found[COLOURS] = torch.cat([colour_filter(colours[:, :3]), colours[:, 3:]], 1)
        if PAPER in found:
            found[PAPER] = colour_filter(found[PAPER].clamp(0, 1)[None])[0]
        return found

    def export(self, path: Path, parameters: Parameters) -> None:
        """Write the picture of given parameters as SVG. See `BaseDrawer`."""
        if path.suffix != ".svg":
            return super().export(path, parameters)
        unit = self.height / UNITS
        parameters = {name: value.detach().cpu() for name, value in parameters.items()}
        points, radii = parameters[POINTS] * unit, parameters[WIDTHS] * unit
        parts = [points[part] for part in self.paths.point_slices()]
        colours = self.colours(parameters).tolist()
        strokes = [
            SvgStroke((parts[index] + move).tolist(), 2 * float(radii[index]), colours[index])
            for index, move in zip(*self._copies(points, radii), strict=True)
        ]
        red, green, blue = parameters.get(PAPER, self.paper).tolist()
        paper = None if self.has_alpha else (red, green, blue)
        write_whole(path, strokes_to_svg(strokes, self.width, self.height, paper), overwrite=True)
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

    def _match_picture(self, moved: dict[str, Tensor], which: Tensor, places: Tensor) -> None:
        """Make some strokes [N] thin, and as the picture is at places [N, 2], in pixels."""
        thin = moved[WIDTHS].clamp(max=max(self.least, self.most / 10))
        if COLOURS in moved:
            picture = self.draw_parameters(moved)[0]
            pixels = starts.sample_pixels(picture, places.to(picture.device))
            colours = torch.cat([pixels, moved[COLOURS][:, 3:]], 1)
            moved[COLOURS] = torch.where(which[:, None], colours, moved[COLOURS])
        moved[WIDTHS] = torch.where(which, thin, moved[WIDTHS])

    def _choose_returning(self, moved: Parameters, share: float, repeat: Repeat) -> Tensor:
        """Which strokes come back: those out of view, and the smallest for a share: [N]."""
        points, widths = moved[POINTS].cpu(), moved[WIDTHS].cpu()
        low, high = self._boxes(points)
        beyond = (low - widths[:, None] > points.new_tensor(self.canvas)) | (
            high + widths[:, None] < 0
        )
        lost = (beyond & ~torch.tensor([repeat.across, repeat.down])).any(1)
        missing = round(share * len(lost)) - int(lost.sum())
        if missing > 0:
            sizes = (high - low).norm(dim=-1) * widths
            sizes = sizes.masked_fill(lost, torch.inf)
            lost[sizes.argsort(stable=True)[:missing]] = True
        return lost


def chosen_options(settings: DrawSettings) -> dict[str, Any]:
    """Those options of a drawer of strokes that are set; the others are the drawer's own."""
    values = {name: getattr(settings, name) for name in OPTIONS}
    return {name: value for name, value in values.items() if value not in (None, "")}
