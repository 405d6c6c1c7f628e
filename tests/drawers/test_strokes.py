"""The drawer of strokes, and what it shares with that of lines."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.strokes import StrokesDrawer
from vqclip.drawers.vector.drawer import UNITS
from vqclip.errors import ConfigError


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def drawer() -> StrokesDrawer:
    drawer = StrokesDrawer(40, 28, strokes=30)
    drawer.replace(drawer.random_parameters(generator()))
    return drawer


@pytest.fixture
def picture() -> Tensor:
    """A red disc above a green field."""
    down, across = torch.meshgrid(torch.arange(28.0), torch.arange(40.0), indexing="ij")
    image = torch.tensor([0.3, 0.6, 1.0])[:, None, None].repeat(1, 28, 40)
    image[:, 18:] = torch.tensor([0.1, 0.5, 0.1])[:, None, None]
    disc = (across - 14) ** 2 + (down - 11) ** 2 < 64
    return torch.where(disc, torch.tensor([0.9, 0.1, 0.1])[:, None, None], image)[None]


def test_the_picture_has_the_size_and_range(drawer: StrokesDrawer) -> None:
    image = drawer.draw()
    values = image.detach()
    assert image.shape == (1, 3, 28, 40)
    assert 0 <= float(values.min()) < float(values.max()) <= 1
    image.square().mean().backward()
    for name in ("points", "widths", "colours"):
        gradient = drawer.parameters[name].grad
        assert gradient is not None and gradient.isfinite().all() and gradient.any()


def test_drawing_is_the_same_with_and_without_gradients(drawer: StrokesDrawer) -> None:
    with torch.no_grad():
        still = drawer.draw()
    assert torch.equal(still, drawer.draw().detach())


def test_random_strokes_depend_on_the_generator_alone(drawer: StrokesDrawer) -> None:
    first, second, other = (drawer.random_parameters(generator(seed)) for seed in (1, 1, 2))
    assert first.keys() == {"points", "widths", "colours"}
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(value.dtype == torch.float32 for value in first.values())
    assert not torch.equal(first["points"], other["points"])
    assert 0.5 <= float(first["colours"][:, 3].min()) < 0.6  # opacity
    assert float(first["colours"][:, :3].min()) < 0.1


def test_random_strokes_have_one_to_three_curves_of_small_steps(drawer: StrokesDrawer) -> None:
    points = drawer.random_parameters(generator())["points"]
    sizes = [part.stop - part.start for part in drawer.paths.point_slices()]
    assert sorted(set(sizes)) == [4, 7, 10]
    across, down = drawer.canvas
    assert (across, down) == (320, 224)
    for part in drawer.paths.point_slices():
        steps = points[part].diff(dim=0).abs().amax(0)
        assert float(steps[0]) <= 16.01 and float(steps[1]) <= 11.21


def test_steps_stay_within_their_limits(drawer: StrokesDrawer) -> None:
    with torch.no_grad():
        drawer.parameters["widths"][0], drawer.parameters["widths"][1] = 100, -1
        drawer.parameters["colours"][0] = torch.tensor([2, -1, 0.5, 1.5])
    drawer.clamp()
    assert drawer.parameters["widths"][:2].tolist() == pytest.approx([11.2, 0.448])
    assert drawer.parameters["colours"][0].tolist() == [1, 0, 0.5, 1]


def test_growth_keeps_the_drawing(drawer: StrokesDrawer) -> None:
    small, before = drawer.draw().detach(), drawer.parameters["points"]
    drawer.enlarge(80, 56)
    assert drawer.parameters["points"] is before  # an optimiser holds it
    large = drawer.draw().detach()
    assert large.shape == (1, 3, 56, 80)
    assert float((functional.avg_pool2d(large, 2) - small).abs().mean()) < 0.01


def test_growth_to_another_shape_stretches(drawer: StrokesDrawer) -> None:
    before = drawer.parameters["points"].detach().clone()
    drawer.enlarge(80, 28)
    assert torch.allclose(drawer.parameters["points"], before * torch.tensor([2.0, 1.0]))
    assert drawer.canvas == (640, 224)


def test_the_first_strokes_show_the_picture(picture: Tensor) -> None:
    drawer = StrokesDrawer(40, 28, strokes=150)
    drawer.replace(drawer.random_parameters(generator()))
    found = drawer.encode(picture)
    assert all(torch.equal(found[name], value) for name, value in drawer.encode(picture).items())
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in drawer.parameters.items()
    }
    assert bool((found["widths"].diff() <= 0).all())  # the broad ones lie below

    def error(image: Tensor) -> float:
        return float((image - picture).square().mean())

    assert error(drawer.draw_parameters(found)) < 0.3 * error(drawer.draw().detach())


def test_starting_from_a_picture_draws_no_random_numbers(
    drawer: StrokesDrawer, picture: Tensor
) -> None:
    state = torch.get_rng_state()
    drawer.encode(picture)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_paper_can_move(picture: Tensor) -> None:
    drawer = StrokesDrawer(40, 28, strokes=3, paper="#336699", paper_moves=True)
    drawer.replace(drawer.random_parameters(generator()))
    assert torch.allclose(drawer.parameters["paper"], torch.tensor([0.2, 0.4, 0.6]))
    drawer.draw().sum().backward()
    gradient = drawer.parameters["paper"].grad
    assert gradient is not None and float(gradient.min()) > 100
    mean = picture.mean((0, 2, 3))
    assert torch.allclose(drawer.encode(picture)["paper"], mean, atol=0.02)


def test_the_paper_stays_unless_it_may_move(drawer: StrokesDrawer) -> None:
    assert "paper" not in drawer.parameters
    none = {**drawer.parameters, "colours": torch.zeros(30, 4)}
    assert torch.equal(drawer.draw_parameters(none), torch.ones(1, 3, 28, 40))


def test_without_paper_the_strokes_lie_on_any_ground(picture: Tensor, tmp_path: Path) -> None:
    drawer = StrokesDrawer(40, 28, strokes=150, alpha=True, paper_moves=True)
    drawer.replace(drawer.random_parameters(generator()))
    assert "paper" not in drawer.parameters
    colours, alpha = drawer.draw_layers(drawer.parameters)
    assert float(alpha.detach().min()) == 0 and float(alpha.detach().max()) > 0.7
    drawer.ground = 0.25
    torch.testing.assert_close(drawer.draw(), colours + (1 - alpha) * 0.25)
    opacity = torch.ones(1, 1, 28, 40)
    opacity[..., 20:] = 0
    found = drawer.encode(torch.cat([picture, opacity], 1))
    shown = drawer.draw_layers(found)[1]
    assert float(shown[..., :16].mean()) > 0.5 > 0.1 > float(shown[..., 30:].mean())
    drawer.export(tmp_path / "strokes.svg", drawer.parameters)
    assert "paper" not in (tmp_path / "strokes.svg").read_text()


def in_view(height: int, width: int, left: int = 0, right: int = 0, bottom: int = 0) -> Tensor:
    """What comes into view at the borders of a picture: [1, 1, H, W]."""
    fresh = torch.zeros(1, 1, height, width)
    fresh[..., :left] = fresh[..., width - right :] = 1
    fresh[..., height - bottom :, :] = 1
    return fresh


def test_a_camera_moves_the_strokes(drawer: StrokesDrawer) -> None:
    shift = torch.tensor([4.0, -2.0])
    before = drawer.parameters["points"].detach()
    moved = drawer.move(drawer.parameters, lambda places: places + shift, 1)
    assert torch.allclose(moved["points"], before + shift * UNITS / 28)
    fresh = in_view(28, 40, left=4, bottom=2)
    moved = drawer.move(drawer.parameters, lambda places: places + shift, 1, fresh, generator())
    stayed = ((moved["points"] - before - shift * UNITS / 28).abs() < 1e-3).all(1)
    owner = drawer.paths.owner
    whole = [bool(stayed[owner == stroke].all()) for stroke in range(30)]
    assert 15 < sum(whole) < 30
    assert torch.equal(moved["colours"], drawer.parameters["colours"])
    old, new = drawer.draw().detach(), drawer.draw_parameters(moved)
    assert float((new[..., 2:-6, 12:-4] - old[..., 4:-4, 8:-8]).abs().mean()) < 0.05
    assert torch.equal(drawer.parameters["points"], before)


def test_strokes_that_leave_come_back_in_what_comes_into_view() -> None:
    drawer = StrokesDrawer(64, 64, strokes=200, segments=1)
    start = drawer.random_parameters(generator())
    fresh = in_view(64, 64, left=32)
    moved = drawer.move(
        start, lambda places: places + torch.tensor([32.0, 0]), 1, fresh, generator()
    )
    gone = (start["points"][:, 0] + UNITS / 2 - moved["points"][:, 0]).abs() > 1e-3
    first = moved["points"][drawer.paths.first]
    again = gone[drawer.paths.first]
    assert 60 < int(again.sum()) < 120
    assert float(first[again, 0].max()) <= UNITS / 2 and float(first[again].min()) >= 0
    assert float(first[again, 0].max()) > 0.4 * UNITS


def test_a_zoom_widens_the_strokes(drawer: StrokesDrawer) -> None:
    middle = torch.tensor([20.0, 14.0])
    moved = drawer.move(drawer.parameters, lambda places: (places - middle) * 1.5 + middle, 1.5)
    assert torch.allclose(moved["widths"], drawer.parameters["widths"] * 1.5)
    unlimited = drawer.move(drawer.parameters, lambda places: places, 100)
    assert float(unlimited["widths"].max()) == pytest.approx(11.2)
    assert torch.equal(unlimited["points"], drawer.parameters["points"])


def test_strokes_that_a_zoom_loses_come_back_unseen() -> None:
    drawer = StrokesDrawer(64, 64, strokes=200, segments=1)
    start = drawer.random_parameters(generator())
    start["colours"][:, :3] = torch.tensor([0.2, 0.4, 0.6])
    start["colours"][:, 3] = 1
    fresh = torch.zeros(1, 1, 64, 64)

    def follow(places: Tensor) -> Tensor:
        return (places - 32) * 2 + 32

    moved = drawer.move(start, follow, 2, fresh, generator())
    left = drawer.move(start, follow, 2)
    again = (moved["points"] != left["points"]).any(1)[drawer.paths.first]
    assert 80 < int(again.sum()) < 180
    first = moved["points"][drawer.paths.first][again]
    assert 0 <= float(first.min()) < 20 and UNITS - 20 < float(first.max()) <= UNITS
    assert float(moved["widths"][again].max()) < float(left["widths"].max())
    # Those on others have their colour, those on the paper its.
    whole = (drawer.draw_parameters(moved) - drawer.draw_parameters(left)).abs()
    assert float(whole.mean()) < 0.02
    assert torch.equal(left["colours"], start["colours"])


def test_the_smallest_strokes_go_to_what_a_camera_uncovers() -> None:
    drawer = StrokesDrawer(64, 64, strokes=200, segments=1)
    start = drawer.random_parameters(generator())
    start["widths"][50:] = drawer.most
    fresh = in_view(64, 64, left=16, right=16)
    moved = drawer.move(start, lambda places: (places - 32) / 2 + 32, 0.5, fresh, generator())
    left = drawer.move(start, lambda places: (places - 32) / 2 + 32, 0.5)
    gone = (moved["points"] != left["points"]).any(1)[drawer.paths.first]
    assert int(gone.sum()) == 100 and bool(gone[:50].all())
    first = moved["points"][drawer.paths.first][gone][:, 0]
    assert bool(((first <= UNITS / 4) | (first >= UNITS * 3 / 4)).all())


def test_strokes_that_are_far_apart_change_places() -> None:
    drawer = StrokesDrawer(64, 64, strokes=40, segments=1, paper_moves=True)
    one = drawer.random_parameters(generator())
    two = {name: value.clone() for name, value in one.items()}
    two["points"] += 8
    two["points"][:80] += UNITS  # twenty strokes
    two["colours"][:20] = 0
    two["paper"] = torch.zeros(3)
    half = drawer.blend(one, two, 0.5)
    assert torch.allclose(half["points"][80:], one["points"][80:] + 4, atol=1e-4)
    taken = (half["points"][:80] == two["points"][:80]).all(1).view(20, 4)
    stayed = (half["points"][:80] == one["points"][:80]).all(1).view(20, 4)
    assert bool((taken.all(1) ^ stayed.all(1)).all()) and 6 < int(taken.all(1).sum()) < 14
    assert torch.equal(half["colours"][:20].sum(1) == 0, taken.all(1))
    assert torch.allclose(half["paper"], torch.full((3,), 0.5))
    for share, end in ((0.0, one), (1.0, two)):
        whole = drawer.blend(one, two, share)
        assert all(torch.allclose(whole[name], end[name]) for name in end)


def test_settings_choose_the_strokes() -> None:
    usual = StrokesDrawer.from_settings(40, 28, DrawSettings())
    assert usual.paths.strokes == 256 and usual.paper.tolist() == [1, 1, 1]
    settings = DrawSettings(
        strokes=5, segments=2, thinnest=1.0, thickest=2.0, paper="black", paper_moves=True
    )
    chosen = StrokesDrawer.from_settings(40, 28, settings)
    assert (chosen.paths.strokes, chosen.paths.points) == (5, 4 + 7 + 4 + 7 + 4)
    assert math.isclose(chosen.least, 1.12) and math.isclose(chosen.most, 2.24)
    assert chosen.paper.tolist() == [0, 0, 0] and chosen.paper_moves


def test_the_thinnest_cannot_be_wider_than_the_thickest() -> None:
    with pytest.raises(ConfigError, match=r"draw\.thinnest is 5, and draw\.thickest 2"):
        StrokesDrawer(8, 8, thinnest=5, thickest=2)
