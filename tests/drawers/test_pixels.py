"""The pixel drawer: a grid of square cells."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from torch import Tensor

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.cells.coloured_cells import COLOURS
from vqclip.drawers.pixels import PixelsDrawer


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_cells(drawer: PixelsDrawer) -> dict[str, Tensor]:
    """Random colours and, where there is alpha, opacities."""
    channels = 4 if drawer.has_alpha else 3
    return {COLOURS: torch.rand(1, channels, drawer.rows, drawer.columns, generator=generator())}


def test_the_settings_say_the_grid() -> None:
    drawer = PixelsDrawer.from_settings(64, 48, DrawSettings(grid="16x12", coarse=2, alpha=True))
    assert (drawer.columns, drawer.rows, drawer.has_alpha) == (8, 6, True)
    assert drawer.random_parameters(generator())[COLOURS].shape == (1, 4, 6, 8)


def test_every_cell_is_a_block_of_one_colour() -> None:
    drawer = PixelsDrawer(12, 8, 3, 2)
    cells = random_cells(drawer)
    picture = drawer.draw_parameters(cells)
    assert torch.equal(picture, cells[COLOURS].repeat_interleave(4, 2).repeat_interleave(4, 3))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(("columns", "rows"), [(4, 2), (5, 3), (13, 7), (1, 1)])
def test_a_picture_made_of_cells_gives_them_again(columns: int, rows: int, alpha: bool) -> None:
    drawer = PixelsDrawer(13, 7, columns, rows, alpha=alpha)
    cells = random_cells(drawer)
    picture = drawer.draw_rgba(cells) if alpha else drawer.draw_parameters(cells)
    assert torch.allclose(drawer.encode(picture)[COLOURS], cells[COLOURS], atol=1e-6)


def test_a_cell_takes_the_mean_of_what_it_covers() -> None:
    picture = torch.rand(1, 3, 8, 12, generator=generator())
    encoded = PixelsDrawer(12, 8, 3, 2).encode(picture)[COLOURS]
    wanted = torch.nn.functional.avg_pool2d(picture, 4)
    assert torch.allclose(encoded, wanted, atol=1e-6)
    with_alpha = PixelsDrawer(12, 8, 3, 2, alpha=True).encode(picture)[COLOURS]
    assert torch.allclose(with_alpha[:, :3], wanted, atol=1e-6) and (with_alpha[:, 3] == 1).all()


def test_what_is_transparent_has_no_part_in_the_mean() -> None:
    picture = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]], [[1.0, 0.0]]]])
    encoded = PixelsDrawer(2, 1, 1, 1, alpha=True).encode(picture)[COLOURS]
    assert encoded.flatten().tolist() == [1, 0, 0, 0.5]


def test_the_gradient_of_a_cell_is_the_sum_over_its_pixels() -> None:
    drawer = PixelsDrawer(12, 8, 3, 2)
    drawer.replace(drawer.random_parameters(generator()))
    weights = torch.rand(1, 3, 8, 12, generator=generator(2))
    (drawer.draw() * weights).sum().backward()
    grad = drawer.parameters[COLOURS].grad
    assert grad is not None
    assert torch.allclose(grad, torch.nn.functional.avg_pool2d(weights, 4) * 16, atol=1e-5)


def test_colours_out_of_range_are_drawn_within_and_come_back() -> None:
    drawer = PixelsDrawer(2, 2, 1, 1)
    drawer.replace({COLOURS: torch.tensor([1.5, -0.5, 0.5]).reshape(1, 3, 1, 1)})
    picture = drawer.draw()
    assert picture[0, :, 0, 0].tolist() == [1, 0, 0.5]
    (picture[:, 0] - picture[:, 1]).sum().backward()
    grad = drawer.parameters[COLOURS].grad
    assert grad is not None and grad.flatten().tolist() == [4, -4, 0]
    drawer.clamp()
    assert drawer.parameters[COLOURS].flatten().tolist() == [1, 0, 0.5]


def test_a_transparent_cell_shows_the_ground() -> None:
    drawer = PixelsDrawer(4, 2, 2, 1, alpha=True)
    cells = {COLOURS: torch.tensor([0.2, 0.4, 0.6, 0.25]).reshape(1, 4, 1, 1).repeat(1, 1, 1, 2)}
    on_white = drawer.draw_parameters(cells)[0, :, 0, 0]
    assert torch.allclose(on_white, torch.tensor([0.8, 0.85, 0.9]))
    drawer.ground = 0.5
    on_grey = drawer.draw_parameters(cells)[0, :, 0, 0]
    assert torch.allclose(on_grey, torch.tensor([0.425, 0.475, 0.525]))
    rgba = drawer.draw_rgba(cells)
    assert torch.allclose(rgba[0, :, 0, 0], torch.tensor([0.2, 0.4, 0.6, 0.25]))


def test_an_opaque_drawer_has_an_opaque_picture_in_files() -> None:
    drawer = PixelsDrawer(4, 2, 2, 1)
    drawer.ground = 0.0  # not seen
    cells = random_cells(drawer)
    rgba = drawer.draw_rgba(cells)
    assert torch.equal(rgba[:, :3], drawer.draw_parameters(cells)) and (rgba[:, 3] == 1).all()


def test_a_larger_picture_has_the_same_cells() -> None:
    drawer = PixelsDrawer(4, 2, 2, 1)
    drawer.replace(drawer.random_parameters(generator()))
    before = drawer.parameters[COLOURS]
    drawer.enlarge(8, 4)
    assert drawer.parameters[COLOURS] is before and drawer.draw().shape == (1, 3, 4, 8)


@pytest.mark.parametrize("alpha", [False, True])
def test_a_small_png_has_a_pixel_for_each_cell(tmp_path: Path, alpha: bool) -> None:
    drawer = PixelsDrawer(40, 24, 5, 3, alpha=alpha)
    cells = random_cells(drawer)
    for _ in range(2):  # a run that goes on writes it anew
        drawer.export(tmp_path / "small.png", cells)
    with pillow.open(tmp_path / "small.png") as small:
        assert (small.size, small.mode) == ((5, 3), "RGBA" if alpha else "RGB")
        pixels = np.asarray(small)
    assert np.abs(pixels / 255 - cells[COLOURS][0].permute(1, 2, 0).numpy()).max() <= 0.5001 / 255


def test_an_svg_has_a_square_for_each_cell(tmp_path: Path) -> None:
    drawer = PixelsDrawer(40, 24, 5, 3)
    drawer.replace(random_cells(drawer))
    drawer.export(tmp_path / "picture.svg", drawer.parameters)
    svg = ElementTree.parse(tmp_path / "picture.svg").getroot()
    assert (
        len(svg) == 15 and svg[6].get("points") == "8.00,8.00 16.00,8.00 16.00,16.00 8.00,16.00"
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the drawer pixels writes no \.pdf files"):
        PixelsDrawer(4, 2, 2, 1).export(tmp_path / "picture.pdf", {})
