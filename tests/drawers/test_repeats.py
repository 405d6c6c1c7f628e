"""Drawers of pictures that tile: there is no seam, wherever the picture is cut."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.helpers.tiling import DIRECTIONS, roll_picture, shifts_of
from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.cell_grid import plan_grid
from vqclip.drawers.cells.shapes import SHAPES, CellLayout
from vqclip.drawers.fourier import FourierDrawer
from vqclip.drawers.mosaic import MosaicDrawer
from vqclip.drawers.palette import PaletteDrawer
from vqclip.drawers.pixels import PixelsDrawer
from vqclip.drawers.pyramid import PyramidDrawer
from vqclip.drawers.registry import DRAWERS, DrawerInputs
from vqclip.drawers.strokes import StrokesDrawer
from vqclip.repeats import REPEATS, Repeat

EACH = pytest.mark.parametrize("tile", DIRECTIONS)
CLOSE = 1e-5


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def begun(drawer: BaseDrawer, seed: int = 1) -> BaseDrawer:
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(seed)))
    return drawer


@EACH
@pytest.mark.parametrize("kind", ["pixels", "palette"])
def test_rolled_cells_draw_the_rolled_picture(kind: str, tile: str) -> None:
    repeat = REPEATS[tile]
    drawer = begun(
        PixelsDrawer(48, 32, 12, 8, repeat=repeat)
        if kind == "pixels"
        else PaletteDrawer(48, 32, 12, 8, shades=3, palettes=2, random=True, repeat=repeat)
    )
    for down, across in shifts_of(repeat, 3, 5):
        rolled = {
            name: roll_picture(x, repeat, down, across) if x.dim() == 4 else x
            for name, x in drawer.parameters.items()
        }
        wanted = roll_picture(drawer.draw(), repeat, 4 * down, 4 * across)
        assert (drawer.draw_parameters(rolled) - wanted).abs().max() < CLOSE


@EACH
def test_a_rolled_pyramid_draws_the_rolled_picture(tile: str) -> None:
    repeat = REPEATS[tile]
    drawer = PyramidDrawer(64, 32, repeat=repeat)
    blank = drawer.encode(torch.full((1, 3, 32, 64), 0.5))
    parameters = {name: noise(*x.shape, seed=n) for n, (name, x) in enumerate(blank.items())}
    coarsest = max(64 // x.shape[-1] for x in parameters.values())
    assert coarsest == 8
    for down, across in shifts_of(repeat, 1, 3):
        rolled = {
            name: roll_picture(
                x, repeat, down * x.shape[-2] * coarsest // 32, across * x.shape[-1] // 8
            )
            for name, x in parameters.items()
        }
        wanted = roll_picture(drawer.draw_parameters(parameters), repeat, 8 * down, 8 * across)
        assert (drawer.draw_parameters(rolled) - wanted).abs().max() < CLOSE
    if repeat.across:  # and else it does not
        plain = PyramidDrawer(64, 32)
        rolled = {name: x.roll(x.shape[-1] // 8, -1) for name, x in parameters.items()}
        wanted = plain.draw_parameters(parameters).roll(8, -1)
        assert (plain.draw_parameters(rolled) - wanted).abs().max() > 0.01


def test_octaves_of_bricks_have_two_halves() -> None:
    drawer = PyramidDrawer(50, 40, repeat=REPEATS["brick"])
    found = drawer.encode(torch.full((1, 3, 40, 50), 0.5))
    assert all(x.shape[-1] % 2 == 0 for x in found.values())
    assert drawer.draw_parameters(found).shape == (1, 3, 40, 50)


def phases_of(repeat: Repeat, height: int, width: int, down: int, across: int) -> Tensor:
    """The factors of waves with which the picture is rolled: complex, [H, W // 2 + 1]."""
    rows = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64)[:, None] / height
    columns = torch.arange(width // 2 + 1, dtype=torch.float64)
    if repeat.shifted:
        rows = rows - columns / 2 / height
    turns = rows * down + columns / width * across
    return torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)


@EACH
def test_turned_waves_draw_the_rolled_picture(tile: str) -> None:
    repeat = REPEATS[tile]
    drawer = begun(FourierDrawer(32, 24, repeat=repeat))
    spectrum = torch.view_as_complex(drawer.parameters["spectrum"].detach()).clone()
    spectrum[..., -1] = 0  # waves of two pixels have no phase
    spectrum[..., 12, :] = 0
    spectrum[..., 0] = 0  # twins that are not each other's mirror image are halved
    for down, across in shifts_of(repeat, 5, 7):
        turned = spectrum * phases_of(repeat, 24, 32, down, across)
        pictures = [
            drawer.draw_parameters(
                {**drawer.parameters, "spectrum": torch.view_as_real(each).float()}
            )
            for each in (spectrum, turned)
        ]
        wanted = roll_picture(pictures[0], repeat, down, across)
        assert (pictures[1] - wanted).abs().max() < CLOSE


@EACH
def test_waves_draw_the_picture_that_they_are_found_in(tile: str) -> None:
    picture = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    drawer = FourierDrawer(32, 24, repeat=REPEATS[tile])
    found = drawer.draw_parameters(drawer.encode(picture))
    assert (found - picture).abs().max() < 1e-4


def middles_of(layout: CellLayout) -> Tensor:
    """The middle of the corners of each polygon, in cells: [polygons, 2]."""
    middles = [torch.tensor(polygon, dtype=torch.float64).mean(0) for polygon in layout.polygons]
    return torch.stack(middles)


def owners_in_plane(plane: CellLayout, tile: CellLayout) -> list[int]:
    """The cell of a tile that each cell of a larger layout is a copy of."""
    columns, rows, repeat = tile.columns, tile.rows, tile.repeat
    moves = [
        (i * columns + (columns // 2 if repeat.shifted and j % 2 else 0), j * rows)
        for i in (range(-2, 5) if repeat.across else range(1))
        for j in (range(-1, 6) if repeat.down else range(1))
    ]
    copies = (middles_of(tile) + torch.tensor(moves, dtype=torch.float64)[:, None]).flatten(0, 1)
    gap, nearest = torch.cdist(middles_of(plane), copies).min(1)
    assert gap.max() < 1e-6
    return [tile.owners[index % len(tile.owners)] for index in nearest.tolist()]


@EACH
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cells_of_a_mosaic_go_on_over_the_edges(shape: str, tile: str) -> None:
    repeat, side = REPEATS[tile], 4
    if (shape, tile) == ("triangle", "brick"):
        return  # which is refused
    columns, rows = plan_grid(64, 48, "6x4", shape=shape, repeat=repeat)
    wide, high = columns * side, rows * side
    drawer = MosaicDrawer(wide, high, columns, rows, shape, repeat=repeat)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    # A plane of tiles, drawn as one picture that does not repeat.
    across, down = 3 if repeat.across else 1, 5 if repeat.down else 1
    size = (wide * across, high * down, columns * across, rows * down)
    plane = MosaicDrawer(*size, shape)
    owners = owners_in_plane(plane.layout, drawer.layout)
    drawn = plane.draw_parameters({"colours": drawer.parameters["colours"][owners]})
    left, top = wide if repeat.across else 0, 2 * high if repeat.down else 0
    for moved_down, moved_across in ((0, 0), *shifts_of(repeat, 7, 5)):
        row, column = top - moved_down, left - moved_across
        found = drawn[..., row : row + high, column : column + wide]
        wanted = roll_picture(drawer.draw(), repeat, moved_down, moved_across)
        assert (found - wanted).abs().max() < CLOSE


@EACH
@pytest.mark.parametrize("name", ["strokes", "lines"])
def test_moved_strokes_draw_the_rolled_picture(name: str, tile: str) -> None:
    repeat = REPEATS[tile]
    settings = DrawSettings(strokes=12, segments=3)
    drawer = begun(DRAWERS[name](DrawerInputs(56, 28, settings, repeat=repeat)))
    unit = 224 / 28
    whole = drawer.draw().detach()
    points = drawer.parameters["points"].detach()
    for down, across in [*shifts_of(repeat, 5, 9), *shifts_of(repeat, 65, 130)]:
        moved = points + points.new_tensor([across * unit, down * unit])
        found = drawer.draw_parameters({**drawer.parameters, "points": moved}).detach()
        wanted = roll_picture(whole, repeat, down, across)
        # A pixel whose stroke is nearest in two places may take the other one.
        assert ((found - wanted).abs() > CLOSE).float().mean() < 2e-3
        assert (found - wanted).abs().max() < 1e-3


def test_strokes_over_the_edge_have_a_gradient() -> None:
    drawer = StrokesDrawer(32, 32, 1, 1, repeat=REPEATS["both"])
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    with torch.no_grad():
        line = torch.tensor([[230.0, 50], [240, 60], [250, 70], [260, 80]])
        drawer.parameters["points"].copy_(line)
        drawer.parameters["widths"].fill_(5)
    picture = drawer.draw()
    assert picture[..., :, :8].min() < 0.9  # it is seen at the left
    picture[..., :, :8].sum().backward()
    assert drawer.parameters["points"].grad.abs().sum() > 0  # type: ignore[union-attr]


def test_where_all_strokes_have_left_there_is_paper() -> None:
    drawer = begun(StrokesDrawer(32, 32, 3, repeat=REPEATS["horizontal"]))
    with torch.no_grad():
        drawer.parameters["points"][:, 1] += 5000
    assert torch.equal(drawer.draw(), torch.ones(1, 3, 32, 32))


@EACH
def test_strokes_that_leave_come_back_at_the_opposite_side(tile: str) -> None:
    repeat = REPEATS[tile]
    drawer = begun(StrokesDrawer(56, 28, strokes=12, repeat=repeat))
    points = drawer.parameters["points"].detach()
    for down, across in shifts_of(repeat, 65, 1300):  # farther than copies are looked for
        fresh = torch.zeros(1, 1, 28, 56)  # as a camera tells that does not know of the repeat
        fresh[..., -min(down, 20) :, :] = 1 if down else 0
        fresh[..., -min(across, 20) :] = 1 if across else 0
        shift = points.new_tensor([across, down])
        generator = torch.Generator().manual_seed(1)
        moved = drawer.move(
            drawer.parameters, lambda places, by=shift: places + by, 1, fresh, generator
        )
        found = drawer.draw_parameters(moved).detach()
        wanted = roll_picture(drawer.draw().detach(), repeat, down, across)
        assert ((found - wanted).abs() > 1e-4).float().mean() < 5e-3
        assert torch.equal(moved["widths"], drawer.parameters["widths"])


def test_strokes_that_leave_a_growing_picture_come_back_anywhere() -> None:
    drawer = begun(StrokesDrawer(32, 32, strokes=40, repeat=REPEATS["both"]))
    fresh, generator = torch.zeros(1, 1, 32, 32), torch.Generator().manual_seed(1)
    moved = drawer.move(
        drawer.parameters, lambda places: (places - 16) * 2 + 16, 2, fresh, generator
    )
    widths = (drawer.parameters["widths"] * 2).clamp(drawer.least, drawer.most)  # type: ignore
    assert bool((moved["widths"] < widths).any())


@EACH
def test_a_mosaic_of_bricks_closes_up(tile: str) -> None:
    repeat = REPEATS[tile]
    columns, rows = plan_grid(64, 64, "7x7", shape="hexagon", repeat=repeat)
    assert (columns % 2 == 0 or not repeat.shifted) and (rows % 2 == 0 or not repeat.down)
    plain = MosaicDrawer(64, 64, columns, rows, "hexagon")
    tiled = MosaicDrawer(64, 64, columns, rows, "hexagon", repeat=repeat)
    assert tiled.layout.cells < plain.layout.cells
    if repeat.across and repeat.down:
        assert tiled.layout.cells == columns * rows
