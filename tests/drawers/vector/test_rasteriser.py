"""Strokes as pixels, and the gradients of their points, widths and colours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vqclip.drawers.vector.flattening import bernstein_weights, flatten_cubics, refine_nearest
from vqclip.drawers.vector.paths import Paths
from vqclip.drawers.vector.rasteriser import paint_strokes, plan_strokes

WIDTH, HEIGHT = 30, 21  # no multiples of a tile


class Drawing:
    """Random strokes of double precision, some of which reach beyond the picture."""

    def __init__(self, strokes: int = 7, seed: int = 5) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.paths = Paths([1 + index % 3 for index in range(strokes)])
        first = torch.rand(strokes, 2, generator=generator) * torch.tensor([WIDTH, HEIGHT])
        steps = torch.randn(self.paths.points, 2, generator=generator) * 3
        points = torch.cat([steps[part].cumsum(0) for part in self.paths.point_slices()])
        self.points = (points + first[self.paths.owner]).double()
        self.radii = torch.rand(strokes, generator=generator).double() * 2.5 + 0.2
        self.colours = torch.rand(strokes, 4, generator=generator).double() * 0.9 + 0.05

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.points, self.radii, self.colours

    def paint(
        self, points: Tensor, radii: Tensor, colours: Tensor, tile: int = 8
    ) -> tuple[Tensor, Tensor]:
        """The strokes on black, and how much of what is below is seen."""
        cubics = points[self.paths.cubics]
        plan = plan_strokes(cubics, self.paths.cubic_owner, radii, WIDTH, HEIGHT, tile)
        painted, alpha = paint_strokes(plan, cubics, radii, colours)
        return painted, 1 - alpha


@pytest.fixture
def drawing() -> Drawing:
    return Drawing()


def line(x: float, radius: float = 2.0, alpha: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """A red stroke from top to bottom."""
    points = torch.stack([torch.full((4,), x), torch.linspace(-5, HEIGHT + 5, 4)], -1)
    return points, torch.tensor([float(radius)]), torch.tensor([[1.0, 0, 0, alpha]])


def straight(*lines: tuple[Tensor, Tensor, Tensor], tile: int = 8) -> tuple[Tensor, Tensor]:
    points, radii, colours = (torch.cat(each) for each in zip(*lines, strict=True))
    cubics = points.view(-1, 4, 2)
    plan = plan_strokes(cubics, torch.arange(len(lines)), radii, WIDTH, HEIGHT, tile)
    painted, alpha = paint_strokes(plan, cubics, radii, colours)
    return painted, 1 - alpha


def test_strokes_are_as_far_from_the_curve_as_half_their_width(drawing: Drawing) -> None:
    painted, clear = drawing.paint(*drawing.tensors())
    t = bernstein_weights(torch.linspace(0, 1, 3001, dtype=torch.float64))
    curves = torch.einsum("tk,ckx->ctx", t, drawing.points[drawing.paths.cubics])
    down, across = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    places = torch.stack([across, down], -1).view(-1, 2).double() + 0.5
    expected, seen = torch.zeros(len(places), 3).double(), torch.ones(len(places), 1).double()
    for stroke, (radius, colour) in enumerate(zip(drawing.radii, drawing.colours, strict=True)):
        own = curves[drawing.paths.cubic_owner == stroke].flatten(0, 1)
        distance = torch.cdist(places, own).amin(1)
        edges = (radius - distance + 0.5).clamp(0, 1) - (-radius - distance + 0.5).clamp(0, 1)
        cover = (edges * colour[3])[:, None]
        expected, seen = expected * (1 - cover) + cover * colour[:3], seen * (1 - cover)
    assert torch.allclose(painted[0].flatten(1).T, expected, atol=2e-3)
    assert torch.allclose(clear[0].flatten(1).T, seen, atol=2e-3)


@pytest.mark.parametrize("tile", [3, 5, 16, 64])
def test_the_picture_does_not_depend_on_the_tiles(drawing: Drawing, tile: int) -> None:
    expected = drawing.paint(*drawing.tensors())
    for one, other in zip(expected, drawing.paint(*drawing.tensors(), tile), strict=True):
        assert torch.allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("name", ["points", "radii", "colours"])
def test_gradients_are_those_of_finite_differences(drawing: Drawing, name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(1, 4, HEIGHT, WIDTH, generator=generator).double()
    values = dict(zip(("points", "radii", "colours"), drawing.tensors(), strict=True))

    def loss(changed: Tensor) -> Tensor:
        return (weights * torch.cat(drawing.paint(**{**values, name: changed}), 1)).sum()

    at = values[name].clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(at), at)
    assert float(found.abs().max()) > 0.1
    for index in range(at.numel()):
        offset = torch.zeros(at.numel(), dtype=at.dtype)
        offset[index] = 1e-6
        offset = offset.view_as(at)
        with torch.no_grad():
            slope = (loss(at + offset) - loss(at - offset)) / 2e-6
        assert abs(float(slope - found.flatten()[index])) < 1e-4 * (1 + abs(float(slope)))


def test_later_strokes_lie_above() -> None:
    red, other = line(10), line(10)
    blue = (other[0], other[1], torch.tensor([[0.0, 0, 1, 0.75]]))
    painted, clear = straight(red, blue)
    assert torch.allclose(painted[0, :, 10, 10], torch.tensor([0.25, 0, 0.75]), atol=1e-5)
    painted, _ = straight(blue, red)
    assert torch.allclose(painted[0, :, 10, 10], torch.tensor([1.0, 0, 0]), atol=1e-5)
    assert float(clear[0, 0, 10, 10]) < 1e-5 and float(clear[0, 0, 10, 25]) == 1


def test_what_an_opaque_stroke_hides_does_not_show() -> None:
    hidden = (line(10)[0], torch.tensor([1.0]), torch.tensor([[0.0, 1, 0, 1]]))
    alone, _ = straight(line(10, radius=4))
    both, _ = straight(hidden, line(10, radius=4))
    assert torch.allclose(alone, both, atol=1e-5)


def test_an_opaque_stroke_can_become_translucent() -> None:
    points, radii, colours = line(10)
    colours.requires_grad_()
    _, clear = straight((points, radii, colours))
    clear.sum().backward()
    assert colours.grad is not None and float(colours.grad[0, 3]) < -50


@pytest.mark.parametrize("radius", [0.1, 0.3, 0.5, 1.0, 3.0])
def test_a_stroke_covers_its_width(radius: float) -> None:
    _, clear = straight(line(10.5, radius))
    assert torch.allclose((1 - clear).sum(-1), torch.tensor(2 * radius), atol=1e-4)


def test_strokes_outside_leave_the_paper_clear() -> None:
    points, radii, colours = line(-900)
    points.requires_grad_()
    painted, clear = straight((points, radii, colours))
    assert not painted.any() and torch.equal(clear, torch.ones(1, 1, HEIGHT, WIDTH))
    painted.sum().backward()
    assert points.grad is not None and not points.grad.any()


def test_a_point_is_a_round_dot() -> None:
    points = torch.full((4, 2), 10.5)
    _, clear = straight((points, torch.tensor([3.0]), torch.tensor([[1.0, 0, 0, 1]])))
    assert float((1 - clear).sum()) == pytest.approx(torch.pi * 9, rel=0.02)
    assert torch.allclose(clear[0, 0, 3:18, 3:18], clear[0, 0, 3:18, 3:18].T)


def test_pieces_are_near_the_curves() -> None:
    generator = torch.Generator().manual_seed(3)
    cubics = torch.rand(20, 4, 2, generator=generator).double() * 100
    pieces = flatten_cubics(cubics, 0.2)
    middles = pieces.start + pieces.edge / 2
    own = cubics[pieces.cubic]
    nearest = refine_nearest(own, middles, (pieces.begin + pieces.end) / 2)
    places = (bernstein_weights(nearest)[..., None] * own).sum(1)
    assert float((places - middles).norm(dim=-1).max()) <= 0.2
    assert 20 < len(pieces.cubic) < 20 * 30


def test_equal_strokes_are_drawn_alike_to_the_bit(drawing: Drawing) -> None:
    tensors = tuple(each.float() for each in drawing.tensors())
    first, second = (torch.cat(drawing.paint(*tensors), 1) for _ in range(2))
    assert torch.equal(first, second)
