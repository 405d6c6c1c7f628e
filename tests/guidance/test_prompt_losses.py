"""Losses, against formulas written out a second time in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vqclip.guidance.losses.pixel_losses import parse_colours
from vqclip.guidance.prompt_losses import image_loss, prompt_loss, spherical_distance
from vqclip.optimisation_loop import View


def unit(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return torch.nn.functional.normalize(rows, dim=-1)


def noise(height: int = 6, width: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)


def look(image: Tensor) -> View:
    return View(image, {}, {}, 0)


def see(embedding: Tensor) -> View:
    return View(torch.zeros(1, 3, 1, 1), {}, {"eye": embedding}, 0)


def at_angle(*degrees: float) -> Tensor:
    radians = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], 1)


@given(st.integers(0, 10_000), st.integers(2, 64))
def test_spherical_distance_is_half_the_squared_angle(seed: int, columns: int) -> None:
    a, b = unit(3, columns, seed=seed), unit(2, columns, seed=seed + 1)
    angle = np.arccos(np.clip(a.numpy() @ b.numpy().T, -1, 1))
    np.testing.assert_allclose(spherical_distance(a, b).numpy(), angle**2 / 2, atol=1e-7)


def test_spherical_distance_prints_what_the_peers_print() -> None:
    cosines = torch.tensor([0.15, 0.20, 0.25, 0.30, 0.35, 0.40], dtype=torch.float64)
    rows = torch.stack([cosines, (1 - cosines**2).sqrt()], 1)
    expected = torch.tensor([1.009, 0.938, 0.869, 0.802, 0.736, 0.672], dtype=torch.float64)
    got = spherical_distance(rows, at_angle(0))[:, 0]
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_spherical_distance_of_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    x = at_angle(0, 90, 180).to(dtype)
    distance = spherical_distance(x, x[:1])
    assert distance.dtype == torch.float32
    expected = torch.tensor([0, math.pi**2 / 8, math.pi**2 / 2])
    torch.testing.assert_close(distance[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_spherical_distance_has_the_gradient_of_finite_differences() -> None:
    target = unit(2, 5, seed=3)

    def through(rows: Tensor) -> Tensor:
        return spherical_distance(torch.nn.functional.normalize(rows, dim=1), target)

    rows = (3 * unit(4, 5, seed=4)).requires_grad_()
    assert torch.autograd.gradcheck(through, (rows,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_spherical_distance_has_no_nan_where_rows_agree_or_are_opposite(
    sign: int, dtype: torch.dtype
) -> None:
    x = unit(8, 16, dtype=dtype).requires_grad_()
    y = sign * x.detach()
    distance = spherical_distance(x, y).diagonal()
    expected = torch.full_like(distance, 0 if sign == 1 else math.pi**2 / 2)
    torch.testing.assert_close(distance, expected, atol=1e-4, rtol=1e-5)
    distance.sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    exact = torch.tensor([[1.0, 0.0]], dtype=dtype, requires_grad=True)
    spherical_distance(exact, sign * exact.detach()).sum().backward()
    assert exact.grad is not None and torch.equal(exact.grad, torch.zeros_like(exact))


def test_embeddings_of_different_lengths_are_refused() -> None:
    message = r"embeddings have 4 and 5 columns; do they come from the same perceptor\?"
    with pytest.raises(ValueError, match=message):
        spherical_distance(unit(1, 4), unit(1, 5))


@pytest.mark.parametrize(("weight", "stop"), [(1, -math.inf), (-0.5, -0.9), (2, 0.75), (0, 0.75)])
def test_prompt_loss_reports_the_weighted_mean_whatever_the_stop(
    weight: float, stop: float
) -> None:
    seen, target = unit(7, 4), unit(1, 4, seed=9)
    angle = np.arccos(seen.numpy() @ target.numpy().T)
    value = prompt_loss("eye", target, weight, stop)(see(seen))
    assert value.shape == ()
    assert float(value) == pytest.approx(weight * float((angle**2 / 2).mean()), abs=1e-9)


@pytest.mark.parametrize(
    ("weight", "stop", "resting"),
    [
        # The cutouts stand at 30, 60 and 90 degrees: distances 0.137, 0.548 and 1.234.
        (1.0, -math.inf, [False, False, False]),
        (1.0, 0.3, [True, False, False]),
        (2.0, 0.6, [True, True, False]),
        (-1.0, -math.inf, [False, False, False]),
        (-1.0, -0.3, [False, True, True]),
        (-3.0, -0.6, [False, False, True]),
        (-1.0, 0.5, [True, True, True]),
        (0.0, -math.inf, [True, True, True]),
    ],
)
def test_stop_silences_the_cutouts_beyond_it(
    weight: float, stop: float, resting: list[bool]
) -> None:
    seen = at_angle(30, 60, 90).requires_grad_()
    target = at_angle(0)
    prompt_loss("eye", target, weight, stop)(see(seen)).backward()
    assert seen.grad is not None
    assert (seen.grad == 0).all(1).tolist() == resting
    # Where it pulls, the gradient along the circle is weight * angle, shared among the cutouts.
    tangent = torch.stack([-seen[:, 1], seen[:, 0]], 1).detach()
    along = (seen.grad * tangent).sum(1)
    angles = torch.tensor([30.0, 60, 90], dtype=torch.float64).deg2rad()
    pulling = torch.tensor(resting).logical_not()
    torch.testing.assert_close(along[pulling], (weight * angles / 3)[pulling])


def test_a_step_against_the_gradient_goes_to_a_wish_and_away_from_its_opposite() -> None:
    target = unit(1, 6, seed=5)
    for weight in (1.0, -1.0):
        seen = unit(3, 6).requires_grad_()
        prompt_loss("eye", target, weight)(see(seen)).backward()
        assert seen.grad is not None
        moved = torch.nn.functional.normalize(seen.detach() - 0.1 * seen.grad, dim=1)
        change = (
            spherical_distance(moved, target).mean()
            - spherical_distance(seen.detach(), target).mean()
        )
        assert change.sign() == -weight


@dataclass(frozen=True, eq=False)
class Halves:
    """A cut that shows the left and the right half as two squares."""

    pixels: Tensor

    def cut_again(self, picture: Tensor) -> Tensor:
        return halve(picture).pixels


def halve(image: Tensor) -> Halves:
    left, right = image.chunk(2, dim=-1)
    return Halves(torch.cat([left, right]))


@dataclass(frozen=True)
class Eye:
    """A perceptor that sees mean colours."""

    name: str = "eye"
    size: int = 2
    cutter: Callable[[Tensor], Halves] = halve

    def embed_image(self, cutouts: Tensor) -> Tensor:
        return torch.nn.functional.normalize(cutouts.mean((2, 3)), dim=1)


def view_of(image: Tensor) -> View:
    eye, cut = Eye(), halve(image)
    return View(image, {halve: cut}, {"eye": eye.embed_image(cut.pixels)}, 0)


def test_image_loss_compares_cutout_with_its_own_cutout() -> None:
    red, blue = parse_colours("red,blue").double()
    image = torch.stack([red, blue], 1)[None, :, None].repeat_interleave(2, 3)  # [1, 3, 1, 4]
    same, swapped = image_loss(Eye(), image), image_loss(Eye(), image.flip(-1))
    assert float(same(view_of(image))) == pytest.approx(0, abs=1e-12)
    assert float(swapped(view_of(image))) == pytest.approx(math.pi**2 / 8)
    assert float(image_loss(Eye(), image, -2)(view_of(image.flip(-1)))) == pytest.approx(
        -2 * math.pi**2 / 8
    )


def test_image_loss_fits_a_picture_of_another_size_and_keeps_gradients_off_it() -> None:
    image = noise(4, 8).requires_grad_()
    picture = noise(9, 7, seed=1).float().requires_grad_()
    image_loss(Eye(), picture)(view_of(image)).backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert picture.grad is None


def test_image_loss_stops() -> None:
    image = noise(4, 8).requires_grad_()
    image_loss(Eye(), noise(4, 8, seed=1), 1, stop=5)(view_of(image)).backward()
    assert image.grad is not None and not image.grad.any()
