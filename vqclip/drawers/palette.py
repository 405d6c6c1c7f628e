"""The palette drawer: a grid of cells, each with a shade of one of several palettes.

pytti's Limited Palette, by David Marx and others, https://github.com/pytti-tools/pytti-core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.cell_grid import plan_grid
from vqclip.language.palettes.colour_names import LUMA, RGB
from vqclip.language.palettes.palette_parser import parse_sections
from vqclip.media.palettes.k_means import find_centres, label_points, move_centres
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters, Scalar, draw_uniform

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from vqclip.config.draw_settings import DrawSettings

VALUE, CHOICE, COLOURS = "value", "choice", "colours"
SURE = 3.0  # the choice of the nearest palette in an encoded picture
DOUBT = 10.0  # how fast it falls with the distance of a palette's nearest shade
LIGHTNESS = 0.25  # share of lightness in telling hues apart
REFINEMENTS = 10  # steps of k-means for the colours of an encoded picture
GREY = 0.04  # chroma below which a colour has no hue


class PaletteDrawer(BaseDrawer):
    """A drawer of cells in indexed colour, differentiable in the indices and in the colours.

    Its parameters:

        value    [1, 1, rows, columns] in [0, 1]: which shade of its palette a cell has
        choice   [1, P, rows, columns], 0 or more: a cell is of the palette of greatest choice
        colours  [P, S, 3], sRGB in [0, 1]: S shades in each of P palettes

    The shades of a palette count from dark to light, in whatever order they are. A cell shows one
    of the colours. The gradient is half that of this picture, and half that of a continuous one,
    in which palettes are mixed by the softmax of their choices, and neighbouring shades linearly.

    Differs from pytti: the colours of an encoded picture come from k-means, and not from 201
    steps of Adam, which are known to end in grey. pytti keeps colours twice as large as they are
    drawn; here they move at half the rate instead. The rate is three times pytti's, which is for
    thousands of steps: within 200, palettes that begin grey would hardly get colours.

    Args:
        width, height: of the picture, in pixels.
        columns, rows: of the grid.
        shades: S, 2 or more.
        palettes: P.
        gamma: how grey shades are spread, and those that `shades_loss` wants; above 1: more
            dark ones.
        random: start from random colours instead of greys, where there is no picture.
        colours: [P, S, 3], sRGB in [0, 1]: the first colours, whatever the picture is.
        lock: keep the first colours: those given, else those of the first picture.
        repeat: how the picture repeats; no cell reaches over an edge.
    """

    name: ClassVar[str] = "palette"
    rate: ClassVar[float] = 0.06

    def __init__(
        self,
        width: int,
        height: int,
        columns: int,
        rows: int,
        *,
        shades: int = 5,
        palettes: int = 20,
        gamma: float = 1.0,
        random: bool = False,
        colours: Tensor | None = None,
        lock: bool = False,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, repeat=repeat)
        self.columns, self.rows, self.palettes = columns, rows, palettes
        self.levels = torch.linspace(0, 1, shades).pow(gamma)  # [S]
        self.random, self.given, self.lock = random, colours, lock
        # Of each drawer, not of the class: locked colours do not move.
        self.rate_factors = {COLOURS: 0.0 if lock else 0.5}

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> Self:
        """Make the drawer of `draw.*`; the files of draw.colours have been replaced by colours.

        Raises:
            ConfigError: if draw.grid or draw.colours cannot be read.
        """
        colours = None
        if settings.start == "colours":
            sections = parse_sections(settings.colours, "draw.colours")
            colours = arrange_palettes(sections, settings.palettes, settings.shades)
        columns, rows = plan_grid(width, height, settings.grid, settings.coarse, repeat=repeat)
        return cls(
            *(width, height, columns, rows),
            shades=settings.shades,
            palettes=settings.palettes,
            gamma=settings.gamma,
            random=settings.start == "random",
            colours=colours,
            lock=settings.lock,
            repeat=repeat,
        )

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw values, choices and colours."""
        shades = sort_shades(parameters[COLOURS].clamp(0, 1))
        choice = parameters[CHOICE][0].flatten(1).T  # [N, P]
        value = parameters[VALUE].flatten().clamp(0, 1) * (shades.shape[1] - 1)  # [N]
        nearest = functional.one_hot(value.round().long(), shades.shape[1])
        chosen = functional.one_hot(choice.argmax(1), len(shades))
        shown = _mix(chosen.to(value), nearest.to(value), shades)
        smooth = _mix(choice.softmax(1), _weigh_shades(value, shades.shape[1]), shades)
        mean = (smooth + shown) / 2
        cells = shown.detach() + (mean - mean.detach())
        grid = cells.T.reshape(1, 3, *parameters[VALUE].shape[-2:])
        return functional.interpolate(grid, (self.height, self.width), mode="nearest-exact")

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Random values and choices; grey palettes, all alike, unless others are wanted."""
        shades = len(self.levels)
        value = draw_uniform((1, 1, self.rows, self.columns), generator)
        choice = draw_uniform((1, self.palettes, self.rows, self.columns), generator)
        colours = self.levels[None, :, None].repeat(self.palettes, 1, 3)
        if self.random:
            colours = draw_uniform((self.palettes, shades, 3), generator)
        return {
            VALUE: value,
            CHOICE: choice,
            COLOURS: (colours if self.given is None else self.given).clone(),
        }

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """The nearest colours of a picture's cells, each the mean of what it covers.

        Given colours, and locked ones that the drawer has, are kept; else they are those of the
        picture: palettes by hue, with shades from dark to light.
        """
        # On the CPU, since MPS refuses sides that are no multiples.
        grid = functional.adaptive_avg_pool2d(picture.cpu(), (self.rows, self.columns))
        grid = grid.to(picture.device)
        cells = grid[0].flatten(1).T  # [N, 3]
        kept = self.parameters.get(COLOURS, self.given) if self.lock else self.given
        if kept is None:
            points = cells.cpu().double().numpy()
            colours = find_palettes(points, self.palettes, len(self.levels))
            kept = torch.from_numpy(colours).float()
        shades = sort_shades(kept.to(cells))
        pairs = [torch.cdist(cells, each).min(1) for each in shades]
        distance = torch.stack([each.values for each in pairs])  # [P, N], to the nearest shade
        shade = torch.stack([each.indices for each in pairs])
        best, chosen = distance.min(0, keepdim=True)
        value = shade.gather(0, chosen) / (shades.shape[1] - 1)
        choice = (SURE - DOUBT * (distance - best)).clamp(min=0)
        size = (self.rows, self.columns)
        return {
            VALUE: value.reshape(1, 1, *size),
            CHOICE: choice.reshape(1, -1, *size),
            COLOURS: kept.detach().to(cells).clone(),
        }

    @torch.no_grad()
    def clamp(self) -> None:
        """Clamp values and colours to [0, 1], choices to 0 or more."""
        self.parameters[VALUE].clamp_(0, 1)
        self.parameters[CHOICE].clamp_(min=0)
        self.parameters[COLOURS].clamp_(0, 1)

    @property
    def losses(self) -> Mapping[str, Callable[[Parameters], Scalar]]:
        """The losses of palettes, by name."""
        return {"shades": self.shades_loss, "unlike": self.unlike_loss}

    def shades_loss(self, parameters: Parameters) -> Scalar:
        """The shades loss: palettes whose shades go from black to white; in [0, 1].

        The mean squared difference of the shades' brightness, √(.299 R² + .587 G² + .114 B²),
        from equal steps to the power gamma. pytti's hdr loss; its weight there is 0.01.
        """
        shades = sort_shades(parameters[COLOURS].clamp(0, 1))
        weighted = shades * shades.new_tensor(LUMA).sqrt()
        # vector_norm has gradient 0 at black, where sqrt would make NaN.
        brightness = torch.linalg.vector_norm(weighted, dim=2)  # [P, S]
        return (brightness - self.levels.to(brightness)).square().mean()

    def unlike_loss(self, parameters: Parameters) -> Scalar:
        """The unlike loss: palettes that are used in different places, and each somewhere.

        With p the softmax of the choices of N cells, and σ a palette's standard deviation of it:
        the mean over all pairs of palettes of their correlation, which is taken as 0 for a
        palette and itself, plus the mean of 1 / (σ N). pytti's palette normalisation, of weight
        0.2.
        """
        share = parameters[CHOICE][0].flatten(1).softmax(0)  # [P, N]
        count, cells = share.shape
        if count == 1:
            return share.sum() * 0
        centred = share - share.mean(1, keepdim=True)
        spread = torch.linalg.vector_norm(centred, dim=1).clamp(min=1e-6) / cells**0.5  # σ
        alike = centred @ centred.T / (spread[:, None] * spread * cells)
        apart = 1 - torch.eye(count, device=share.device, dtype=share.dtype)
        return (alike * apart).mean() + (1 / (spread * cells)).mean()


def sort_shades(colours: Tensor) -> Tensor:
    """Sort the shades of palettes [P, S, 3] from dark to light, differentiably."""
    order = (colours * colours.new_tensor(LUMA)).sum(2).argsort(dim=1, stable=True)
    return colours.gather(1, order[..., None].expand(-1, -1, 3))


def _weigh_shades(value: Tensor, shades: int) -> Tensor:
    """The weights of a linear interpolation between shades.

    Args:
        value: [N] in [0, shades - 1].

    Returns:
        [N, shades], of which two at most are not 0.
    """
    below = value.detach().floor().clamp(max=shades - 2)
    share = (value - below)[:, None]
    first = functional.one_hot(below.long(), shades).to(value)
    return first * (1 - share) + first.roll(1, 1) * share


def _mix(palettes: Tensor, weights: Tensor, colours: Tensor) -> Tensor:
    """Mix colours.

    Args:
        palettes: the weights of palettes, [N, P].
        weights: the weights of shades, [N, S].
        colours: [P, S, 3].

    Returns:
        [N, 3].
    """
    shades = (palettes @ colours.flatten(1)).unflatten(1, colours.shape[1:])  # [N, S, 3]
    return (shades * weights[..., None]).sum(1)


def find_palettes(points: NDArray[np.float64], palettes: int, shades: int) -> NDArray[np.float64]:
    """Find the palettes of a picture: groups of alike hue, each with shades of equal frequency.

    Then all colours are moved by k-means. Deterministic.

    Args:
        points: colours [N, 3] in [0, 1].

    Returns:
        [palettes, shades, 3].
    """
    light = points @ np.array(LUMA)
    features = np.column_stack([points - light[:, None], LIGHTNESS * light])
    labels = label_points(features, find_centres(features, palettes))
    found: list[NDArray[np.float64]] = []
    for index in range(palettes):
        group = np.flatnonzero(labels == index)
        group = group if len(group) else np.arange(len(points))
        group = group[np.argsort(light[group], kind="stable")]
        found.append(points[group[(np.arange(shades) * 2 + 1) * len(group) // (2 * shades)]])
    moved = move_centres(points, np.concatenate(found), steps=REFINEMENTS)
    return moved.reshape(palettes, shades, 3)


def arrange_palettes(sections: Sequence[Sequence[RGB]], palettes: int, shades: int) -> Tensor:
    """Arrange colours in palettes; there are none but these, and all, if there is room.

    Sections of as many colours as a palette has are palettes. Otherwise the colours are sorted by
    hue, greys first, and divided. If they are fewer than there is room for, palettes are
    repeated; if they are more, they are reduced by k-means.

    Args:
        sections: of a palette as it is written.

    Returns:
        [palettes, shades, 3].
    """
    if all(len(section) == shades for section in sections) and len(sections) <= palettes:
        ramps = torch.tensor(sections)
    else:
        colours = np.array([colour for section in sections for colour in section])
        if len(colours) > palettes * shades:
            colours = find_centres(colours, palettes * shades)
        colours = colours[np.argsort(_measure_hue(colours), kind="stable")]
        count = -(-len(colours) // shades) * shades
        places = np.arange(count) * len(colours) // count
        ramps = torch.from_numpy(colours[places]).float().reshape(-1, shades, 3)
    return ramps[torch.arange(palettes) % len(ramps)]


def _measure_hue(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hue of colours [K, 3]: radians, from -π over blue, red and green to π; greys: -4."""
    red, green, blue = colours.T
    opponents = (red - (green + blue) / 2, 3**0.5 / 2 * (green - blue))
    return np.where(np.hypot(*opponents) < GREY, -4.0, np.arctan2(opponents[1], opponents[0]))
