"""The filtered drawer: grounds, filters, and the losses of what it draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vqclip.drawers.cells.coloured_cells import COLOURS
from vqclip.drawers.filtered import FilteredDrawer, lay_on_white, resize_picture
from vqclip.drawers.mosaic import MosaicDrawer
from vqclip.drawers.palette import PaletteDrawer
from vqclip.drawers.pixels import PixelsDrawer
from vqclip.optimisation_loop import View
from vqclip.tensors import find_nearest_rows

RAMP = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
CLEAR = [0.2, 0.4, 0.6, 0.25]  # a colour, and its opacity


def snap(colours: Tensor) -> Tensor:
    """The nearest of `RAMP`, with the gradient of what was there."""
    rows = colours.detach().movedim(1, -1)
    near = RAMP[find_nearest_rows(rows.reshape(-1, 3), RAMP)].reshape(rows.shape).movedim(-1, 1)
    return near + (colours - colours.detach())


def clear_pixels(*, filtered: bool = False, seed: int = 0) -> FilteredDrawer:
    """A picture of 4x2 pixels in two cells, the first opaque."""
    drawer = PixelsDrawer(4, 2, 2, 1, alpha=True)
    cells = torch.tensor([[*CLEAR[:3], 1.0], CLEAR]).T.reshape(1, 4, 1, 2)
    drawer.replace({COLOURS: cells})
    return FilteredDrawer(drawer, seed, snap if filtered else None)


def view(image: Tensor) -> View:
    return View(image, {}, {}, 0)


def grounds(drawer: FilteredDrawer, steps: range) -> list[float]:
    return [drawer.read_ground() for _ in drawer.set_grounds(steps)]


def test_grounds_hang_on_the_seed_and_the_step_alone() -> None:
    levels = grounds(clear_pixels(seed=3), range(200))
    assert levels[120:] == grounds(clear_pixels(seed=3), range(120, 200))
    assert levels != grounds(clear_pixels(seed=4), range(200))
    assert len(set(levels)) == 200 and min(levels) >= 0 and max(levels) <= 1
    assert abs(sum(levels) / 200 - 0.5) < 0.06 and min(levels) < 0.05 and max(levels) > 0.95


def test_the_picture_of_a_step_lies_on_its_ground() -> None:
    drawer = clear_pixels()
    for _ in drawer.set_grounds(range(7, 8)):
        picture = drawer.draw()
        wanted = torch.tensor(CLEAR[:3]) * 0.25 + 0.75 * drawer.read_ground()
        assert torch.allclose(picture[0, :, 0, 3], wanted) and 0 < drawer.read_ground() < 1
        assert torch.allclose(picture[0, :, 0, 0], torch.tensor(CLEAR[:3]))
        on_white = drawer.drawer.draw_parameters(drawer.drawer.parameters)
        assert torch.allclose(drawer.lay_on_white(picture.detach()), on_white)
        assert drawer.drawer.ground is None and not torch.allclose(picture, on_white)


def test_an_opaque_drawer_draws_as_it_does_alone() -> None:
    drawer = MosaicDrawer(6, 4, 3, 2, "hexagon")
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(0)))
    filtered = FilteredDrawer(drawer, 3)
    assert grounds(filtered, range(3)) == [1, 1, 1]
    picture = filtered.draw()
    assert torch.equal(picture, drawer.draw()) and filtered.lay_on_white(picture) is picture
    assert torch.equal(filtered.draw_plain(drawer.parameters), picture)
    assert filtered.filter_picture(picture) is picture
    assert filtered.opacity_loss(view(picture)) == 0


def test_a_filter_leaves_its_colours_and_passes_the_gradient() -> None:
    drawer = PixelsDrawer(4, 2, 2, 1)
    start = torch.tensor([[0.9, 0.2, 0.1], [0.6, 0.7, 0.8]]).T.reshape(1, 3, 1, 2)
    drawer.replace({COLOURS: start})
    filtered = FilteredDrawer(drawer, 0, snap)
    picture = filtered.draw()
    assert picture[0, :, 0, 0].tolist() == [1, 0, 0] and picture[0, :, 1, 3].tolist() == [1, 1, 1]
    picture.sum().backward()
    gradient = drawer.parameters[COLOURS].grad
    assert gradient is not None and (gradient == 4).all()  # pixels of a cell
    assert torch.equal(filtered.draw_plain(drawer.parameters)[0, :, 0, 0], start[0, :, 0, 0])


def test_a_filter_changes_colours_and_leaves_opacity() -> None:
    drawer = clear_pixels(filtered=True)
    for _ in drawer.set_grounds(range(1)):
        picture = drawer.draw()
    assert torch.allclose(picture[0, :, 0, 0], torch.zeros(3), atol=1e-6)  # black is nearest
    assert torch.allclose(
        picture[0, :, 0, 3], torch.tensor(0.75 * drawer.read_ground()).expand(3)
    )
    final = drawer.filter_picture(drawer.draw_plain(drawer.drawer.parameters))
    assert torch.allclose(final[0, :, 0, 3], torch.tensor([0, 0, 0, 64 / 255]))


def test_what_cannot_be_seen_has_a_finite_gradient() -> None:
    drawer = clear_pixels(filtered=True)
    drawer.drawer.replace({COLOURS: torch.zeros(1, 4, 1, 2)})
    drawer.draw().sum().backward()
    gradient = drawer.drawer.parameters[COLOURS].grad
    assert gradient is not None and torch.isfinite(gradient).all()


def test_the_loss_of_opacity_is_its_mean() -> None:
    drawer = clear_pixels()
    loss = drawer.opacity_loss(view(drawer.draw()))
    assert loss.item() == 0.625
    loss.backward()
    gradient = drawer.drawer.parameters[COLOURS].grad
    assert gradient is not None and gradient[0, 3].tolist() == [[0.5, 0.5]]


def test_the_loss_of_a_filter_compares_what_was_with_what_is_shown() -> None:
    drawer = clear_pixels(filtered=True)
    loss = drawer.filter_loss(lambda before, after: (before - after).abs().mean())
    picture = drawer.draw()
    opaque = sum(CLEAR[:3]) / 3  # from black
    assert abs(loss(view(picture)).item() - (opaque + 0.25 * opaque) / 2) < 1e-6


def test_a_loss_of_one_drawer_is_nothing_while_another_draws() -> None:
    palette = PaletteDrawer(8, 8, 4, 4, shades=3, palettes=2)
    palette.replace(palette.random_parameters(torch.Generator().manual_seed(0)))
    drawer = FilteredDrawer(PixelsDrawer(8, 8, 4, 4))
    loss = drawer.own_loss("shades")
    picture = view(torch.zeros(1, 3, 8, 8))
    assert loss(picture) == 0
    drawer.drawer = palette
    palette.parameters["colours"] = nn.Parameter(torch.full((2, 3, 3), 0.2))
    assert loss(picture) == palette.shades_loss(palette.parameters) > 0


def test_transparent_pixels_lend_no_colour_to_their_neighbours() -> None:
    green, clear_red = [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]
    picture = torch.tensor([green, clear_red] * 4).T.reshape(1, 4, 1, 8)
    small = resize_picture(picture, 1, 4)
    assert torch.allclose(small[0, :3, 0, 1], torch.tensor([0.0, 1.0, 0.0]), atol=1e-5)
    assert 0.3 < small[0, 3, 0, 1] < 0.7
    assert lay_on_white(picture)[0, :, 0, 1].tolist() == [1, 1, 1]
    assert lay_on_white(picture[:, :3]) is not None
    assert resize_picture(picture[:, :3], 2, 3).shape == (1, 3, 2, 3)
