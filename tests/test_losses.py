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

from vqclip.errors import ConfigError
from vqclip.generate import Loss, View
from vqclip.losses import (
    LOSSES,
    closeness,
    edges,
    image_loss,
    palette,
    parse_colours,
    prompt_loss,
    saturation,
    smoothness,
    spherical_distance,
    symmetry,
)


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

    def again(self, picture: Tensor) -> Tensor:
        return halve(picture).pixels


def halve(image: Tensor) -> Halves:
    left, right = image.chunk(2, dim=-1)
    return Halves(torch.cat([left, right]))


@dataclass(frozen=True)
class Eye:
    """A perceptor that sees mean colours."""

    name: str = "eye"
    size: int = 2
    cut: Callable[[Tensor], Halves] = halve

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


def by_hand_smoothness(x: np.ndarray) -> float:
    total = 0.0
    for channel in x:
        for i in range(channel.shape[0]):
            for j in range(channel.shape[1]):
                if i + 1 < channel.shape[0]:
                    total += (channel[i + 1, j] - channel[i, j]) ** 2
                if j + 1 < channel.shape[1]:
                    total += (channel[i, j + 1] - channel[i, j]) ** 2
    return float(total / x.size)


def by_hand_saturation(x: np.ndarray) -> float:
    rg, yb = x[0] - x[1], 0.5 * (x[0] + x[1]) - x[2]
    spread = math.sqrt(np.var(rg) + np.var(yb))
    return -(spread + 0.3 * math.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2))


def by_hand_palette(x: np.ndarray) -> float:
    colours = np.array([[1, 0, 0], [1, 215 / 255, 0], [0, 128 / 255, 128 / 255]])
    pixels = x.reshape(3, -1).T
    return float(np.mean([min(math.dist(p, c) for c in colours) for p in pixels]))


def by_hand_edges(x: np.ndarray) -> float:
    _, height, width = x.shape
    border = [
        (x[:, i, j] - 1) ** 2
        for i in range(height)
        for j in range(width)
        if i in (0, height - 1) or j in (0, width - 1)
    ]
    return float(np.mean(border))


AESTHETIC: list[tuple[Loss, Callable[[np.ndarray], float]]] = [
    (smoothness(), by_hand_smoothness),
    (saturation(), by_hand_saturation),
    (symmetry(), lambda x: float(np.mean((x - x[:, :, ::-1]) ** 2))),
    (symmetry("vertical"), lambda x: float(np.mean((x - x[:, ::-1]) ** 2))),
    (palette("#ff0000,gold,teal"), by_hand_palette),
    (closeness(noise(seed=1)), lambda x: float(np.mean((x - noise(seed=1)[0].numpy()) ** 2))),
    (edges(), by_hand_edges),
]


@pytest.mark.parametrize(("loss", "by_hand"), AESTHETIC)
def test_aesthetic_losses_equal_their_formulas(
    loss: Loss, by_hand: Callable[[np.ndarray], float]
) -> None:
    image = noise()
    value = loss(look(image))
    assert value.shape == ()
    assert float(value) == pytest.approx(by_hand(image[0].numpy()), rel=1e-6)


@pytest.mark.parametrize("loss", [loss for loss, _ in AESTHETIC])
def test_aesthetic_losses_have_the_gradient_of_finite_differences(loss: Loss) -> None:
    image = noise().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(look(x)), (image,))


@pytest.mark.parametrize("loss", [loss for loss, _ in AESTHETIC])
@pytest.mark.parametrize("size", [(1, 1), (4, 4)])
def test_a_flat_grey_picture_gives_no_nan(loss: Loss, size: tuple[int, int]) -> None:
    image = torch.full((1, 3, *size), 0.5, requires_grad=True)
    value = loss(look(image))
    value.backward()
    assert torch.isfinite(value)
    assert image.grad is not None and torch.isfinite(image.grad).all()


def test_where_the_aesthetic_losses_are_content() -> None:
    teal = parse_colours("teal")[:, :, None, None].expand(1, 3, 4, 4)
    assert float(palette("teal")(look(teal))) == 0
    assert float(smoothness()(look(teal))) == 0
    assert float(symmetry()(look(teal))) == 0
    assert float(edges("teal", 0.5)(look(teal))) == 0
    halves = parse_colours("red, cyan").T[None, :, None]  # [1, 3, 1, 2]
    assert float(saturation()(look(halves))) == pytest.approx(-1.118, abs=1e-3)


def test_edges_leave_the_middle_alone() -> None:
    image = noise(20, 40).requires_grad_()
    edges("#000", 0.1)(look(image)).backward()
    assert image.grad is not None
    assert not image.grad[..., 2:18, 4:36].any()
    assert image.grad[..., :2, :].all() and image.grad[..., :, -4:].all()


def test_closeness_fits_a_picture_of_another_size() -> None:
    flat = torch.full((1, 3, 9, 7), 0.25)
    assert float(closeness(flat)(look(torch.full((1, 3, 4, 4), 0.75)))) == pytest.approx(0.25)


def test_colours() -> None:
    expected = torch.tensor([[255, 0, 0], [255, 215, 0], [0, 128, 128], [255, 255, 255]]) / 255
    assert torch.equal(parse_colours("#ff0000, gold,Teal ,#FFF"), expected)
    assert torch.equal(parse_colours(["#ff0000", "gold", "teal", "white"]), expected)


@pytest.mark.parametrize("name", ["", "#ff00", "#ff000080", "rgb(300", "#gggggg", "goldd"])
def test_what_is_no_colour_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"is not a colour.*; write a CSS name such as gold, or"
    ):
        parse_colours(f"red,{name}")


def test_a_mistyped_colour_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"'goldd' is not a colour; did you mean 'gold'\?"):
        palette("goldd")


def test_no_colours_are_refused() -> None:
    with pytest.raises(ConfigError, match="no colours were given; write some, such as"):
        palette([])


@pytest.mark.parametrize("thickness", [0, -0.1, 0.6, math.nan])
def test_a_thickness_outside_its_range_is_refused(thickness: float) -> None:
    with pytest.raises(ConfigError, match=f"thickness {thickness} must be above 0 and at most"):
        edges(thickness=thickness)


def test_a_mistyped_axis_is_guessed() -> None:
    message = r"no axis of symmetry is called 'vertica'; did you mean 'vertical'\?"
    with pytest.raises(ConfigError, match=message):
        symmetry("vertica")


def test_the_table_makes_losses() -> None:
    options = {"palette": {"colours": "red"}, "init": {"picture": noise()}}
    for name, factory in LOSSES.items():
        assert torch.isfinite(factory(**options.get(name, {}))(look(noise())))
