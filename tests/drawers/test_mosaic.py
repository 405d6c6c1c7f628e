"""The mosaic drawer: coloured cells of a shape that cover the picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from PIL import ImageDraw
from torch import Tensor

from vqclip.config.draw_settings import CELLS, DrawSettings
from vqclip.drawers.cells.coloured_cells import COLOURS
from vqclip.drawers.cells.coverage import CoverageTable, measure_coverage
from vqclip.drawers.cells.shapes import SHAPES, CellLayout
from vqclip.drawers.mosaic import MosaicDrawer
from vqclip.errors import ConfigError

WIDTH, HEIGHT, COLUMNS, ROWS = 45, 34, 7, 5
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build_drawer(shape: str, *, alpha: bool = False) -> MosaicDrawer:
    """A drawer of random colours and, where there is alpha, opacities."""
    drawer = MosaicDrawer(WIDTH, HEIGHT, COLUMNS, ROWS, shape, alpha=alpha)
    cells = len(drawer.layout.polygons)
    drawer.replace({COLOURS: torch.rand(cells, 4 if alpha else 3, generator=generator())})
    return drawer


def measure(shape: str) -> CoverageTable:
    return measure_coverage(CellLayout(SHAPES[shape], COLUMNS, ROWS), WIDTH, HEIGHT)


def rasterise(svg: ElementTree.Element, finer: int = 16) -> np.ndarray:
    """Draw the polygons of an SVG file with Pillow, as [H, W, 4] of premultiplied RGBA."""
    width, height = (int(svg.get(side, "")) for side in ("width", "height"))
    drawn = np.zeros((height * finer, width * finer, 4))
    for each in svg:
        mask = pillow.new("L", (width * finer, height * finer))
        pairs = (pair.split(",") for pair in each.get("points", "").split())
        # Pillow counts from the middles of pixels.
        corners = [(float(x) * finer - 0.5, float(y) * finer - 0.5) for x, y in pairs]
        ImageDraw.Draw(mask).polygon(corners, fill=1)
        inside = np.asarray(mask).astype(bool)
        hexadecimal = each.get("fill", "")[1:]
        colour = np.array([*bytes.fromhex(hexadecimal), 255]) / 255
        alpha = float(each.get("fill-opacity", 1))
        drawn[inside] = alpha * colour + (1 - alpha) * drawn[inside]
    return drawn.reshape(height, finer, width, finer, 4).mean((1, 3))


def test_the_settings_know_the_shapes() -> None:
    assert tuple(SHAPES) == CELLS
    with pytest.raises(ConfigError, match="no shape of cells is called 'round'"):
        MosaicDrawer(8, 8, 2, 2, "round")


def test_the_settings_say_the_grid_and_the_shape() -> None:
    settings = DrawSettings(shape="hexagon", coarse=4, alpha=True)
    drawer = MosaicDrawer.from_settings(64, 64, settings)
    assert (drawer.layout.columns, drawer.layout.rows, drawer.has_alpha) == (11, 15, True)
    assert drawer.layout.shape == SHAPES["hexagon"]
    assert drawer.random_parameters(generator())[COLOURS].shape[1] == 4


@EVERY_SHAPE
def test_the_cells_cover_every_pixel_exactly(shape: str) -> None:
    table = measure(shape)
    covered = table.draw(torch.ones(table.cells, 1))
    assert float((covered - 1).abs().max()) < 1e-6


@EVERY_SHAPE
@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 2), (3, 4), (40, 31)])
def test_no_grid_leaves_a_gap(shape: str, columns: int, rows: int) -> None:
    """Even where a row of half cells ends the picture, or cells are as small as pixels."""
    table = measure_coverage(CellLayout(SHAPES[shape], columns, rows), 41, 31)
    covered = table.draw(torch.ones(table.cells, 1))
    assert float((covered - 1).abs().max()) < 1e-6


@pytest.mark.parametrize("shape", [name for name, each in SHAPES.items() if not each.overlaps])
def test_a_cell_covers_the_area_of_its_polygon(shape: str) -> None:
    table = measure(shape)
    areas = table.by_cell.sum(torch.ones(WIDTH * HEIGHT, 1))[:, 0]
    scale = WIDTH / COLUMNS * HEIGHT / ROWS
    layout = CellLayout(SHAPES[shape], COLUMNS, ROWS)
    for polygon, area in zip(layout.polygons, areas.tolist(), strict=True):
        whole = all(0 <= x <= COLUMNS and 0 <= y <= ROWS for x, y in polygon)
        ends = zip(polygon, polygon[1:] + polygon[:1], strict=True)
        wanted = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ends)) / 2 * scale
        if whole:
            assert area == pytest.approx(wanted, abs=1.2)
        assert 0 < area <= wanted + 1.2


def test_bricks_are_staggered_by_half_a_cell() -> None:
    layout = CellLayout(SHAPES["brick"], 3, 2)
    starts = [polygon[0] for polygon in layout.polygons]
    assert starts == [(-0.5, 0), (0.5, 0), (1.5, 0), (2.5, 0), (0, 1), (1, 1), (2, 1)]


@EVERY_SHAPE
@pytest.mark.parametrize("alpha", [False, True])
def test_the_picture_is_that_of_the_svg_file(shape: str, alpha: bool, tmp_path: Path) -> None:
    drawer = build_drawer(shape, alpha=alpha)
    drawer.export(tmp_path / "mosaic.svg", drawer.parameters)
    svg = ElementTree.parse(tmp_path / "mosaic.svg").getroot()
    assert svg.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    assert len(svg) == len(drawer.layout.polygons)
    with torch.no_grad():
        layers = torch.cat(drawer.draw_layers(drawer.parameters), 1)[0].permute(1, 2, 0).numpy()
    differences = np.abs(rasterise(svg) - layers)
    assert differences.mean() < 0.01 and differences.max() < 0.15


def test_only_opaque_polygons_have_a_stroke(tmp_path: Path) -> None:
    drawer = MosaicDrawer(8, 4, 2, 1, alpha=True)
    drawer.replace({COLOURS: torch.tensor([[1.0, 0.5, 0.0, 1.0], [0.0, 0.0, 1.0, 0.25]])})
    drawer.export(tmp_path / "mosaic.svg", drawer.parameters)
    first, second = ElementTree.parse(tmp_path / "mosaic.svg").getroot()
    points = "0.00,0.00 4.00,0.00 4.00,4.00 0.00,4.00"
    stroke = {"stroke": "#ff8000", "stroke-width": "0.5"}
    assert first.attrib == {"points": points, "fill": "#ff8000", **stroke}
    assert second.get("fill-opacity") == "0.25" and second.get("stroke") is None


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the drawer mosaic writes no \.png files"):
        MosaicDrawer(8, 4, 2, 1).export(tmp_path / "mosaic.png", {})


@EVERY_SHAPE
@pytest.mark.parametrize("alpha", [False, True])
def test_the_gradient_is_that_of_finite_differences(shape: str, alpha: bool) -> None:
    table = measure_coverage(CellLayout(SHAPES[shape], 3, 2), 9, 7)
    values = torch.rand(table.cells, 4, dtype=torch.float64, generator=generator())

    def draw(values: Tensor) -> Tensor:
        if not alpha:
            return table.draw(values)
        return torch.cat(table.draw_layers(values[:, :3], values[:, 3:]), 1)

    assert torch.autograd.gradcheck(draw, values.requires_grad_())


@EVERY_SHAPE
def test_a_picture_made_of_cells_gives_them_again(shape: str) -> None:
    drawer = build_drawer(shape)
    picture = drawer.draw().detach()
    encoded = drawer.encode(picture)
    assert float((drawer.draw_parameters(encoded) - picture).abs().max()) < 1 / 255
    assert torch.equal(drawer.encode(picture)[COLOURS], encoded[COLOURS])


@pytest.mark.parametrize("shape", [name for name, each in SHAPES.items() if not each.overlaps])
def test_a_transparent_picture_made_of_cells_gives_itself_again(shape: str) -> None:
    drawer = build_drawer(shape, alpha=True)
    rgba = drawer.draw_rgba(drawer.parameters)
    again = drawer.draw_rgba(drawer.encode(rgba))
    assert float((again - rgba).abs().max()) < 1 / 255


def test_an_opaque_picture_is_encoded_as_opaque() -> None:
    drawer = MosaicDrawer(WIDTH, HEIGHT, COLUMNS, ROWS, "knit", alpha=True)
    picture = torch.full([1, 3, HEIGHT, WIDTH], 0.25)
    encoded = drawer.encode(picture)
    assert (encoded[COLOURS][:, 3] == 1).all()
    assert torch.allclose(drawer.draw_parameters(encoded), picture, atol=1e-5)


def test_encoding_beats_the_mean_of_what_a_cell_covers() -> None:
    """Against the least squares that numpy finds."""
    drawer = MosaicDrawer(16, 12, 6, 5, "hexagon")
    picture = torch.rand(1, 1, 12, 16, generator=generator())
    table = measure_coverage(drawer.layout, 16, 12)
    matrix = torch.stack(
        [table.draw(each[:, None])[0, 0].flatten() for each in torch.eye(table.cells)], 1
    )
    target = picture.flatten().numpy()
    best = np.linalg.lstsq(matrix.numpy(), target, rcond=None)[0]
    least = np.square(matrix.numpy() @ best - target).mean()
    found = float((table.draw(table.solve(picture)) - picture).square().mean())
    assert least <= found + 1e-6 and found < 1.05 * least


def test_a_stitch_hides_those_above_it_unless_it_is_transparent() -> None:
    drawer = build_drawer("knit", alpha=True)
    cells = {COLOURS: drawer.parameters[COLOURS].detach().clone()}
    cells[COLOURS][:, 3] = 1
    opaque = MosaicDrawer(WIDTH, HEIGHT, COLUMNS, ROWS, "knit")
    wanted = opaque.draw_parameters({COLOURS: cells[COLOURS][:, :3]})
    assert torch.allclose(drawer.draw_parameters(cells), wanted, atol=1e-6)
    cells[COLOURS][:, 3] = 0
    assert (drawer.draw_parameters(cells) == 1).all()
    drawer.ground = 0.0
    assert not drawer.draw_parameters(cells).any()


@EVERY_SHAPE
def test_pictures_are_in_range_and_have_the_same_bytes_again(shape: str) -> None:
    drawer = build_drawer(shape, alpha=True)
    drawer.replace({COLOURS: drawer.parameters[COLOURS].detach() * 4 - 2})
    drawer.ground = 0.7
    picture = drawer.draw().detach()
    assert picture.shape == (1, 3, HEIGHT, WIDTH)
    assert 0 <= float(picture.min()) < 0.2 and 0.8 < float(picture.max()) <= 1
    drawer.clamp()
    assert torch.equal(drawer.draw(), picture)


def test_a_larger_picture_has_the_same_cells() -> None:
    drawer = build_drawer("triangle")
    before = drawer.parameters[COLOURS]
    small = drawer.draw().detach()
    drawer.enlarge(2 * WIDTH, 2 * HEIGHT)
    assert drawer.parameters[COLOURS] is before
    large = torch.nn.functional.avg_pool2d(drawer.draw().detach(), 2)
    assert float((large - small).abs().max()) < 0.1
