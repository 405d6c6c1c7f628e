"""Pixel losses, against formulas written out a second time in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance.losses.borders import edge_loss
from vqclip.guidance.losses.pixel_losses import (
    closeness_loss,
    commitment_loss,
    palette_loss,
    parse_colours,
    saturation_loss,
    snap_to_palette,
    symmetry_loss,
)
from vqclip.guidance.losses.smoothness import smoothness_loss
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import find_nearest_rows


def noise(height: int = 6, width: int = 5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)


def look(image: Tensor) -> View:
    return View(image, {}, {}, 0)


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
    (smoothness_loss(), by_hand_smoothness),
    (saturation_loss(), by_hand_saturation),
    (symmetry_loss(), lambda x: float(np.mean((x - x[:, :, ::-1]) ** 2))),
    (symmetry_loss("vertical"), lambda x: float(np.mean((x - x[:, ::-1]) ** 2))),
    (palette_loss("#ff0000,gold,teal"), by_hand_palette),
    (
        closeness_loss(noise(seed=1)),
        lambda x: float(np.mean((x - noise(seed=1)[0].numpy()) ** 2)),
    ),
    (edge_loss(), by_hand_edges),
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
    assert float(palette_loss("teal")(look(teal))) == 0
    assert float(smoothness_loss()(look(teal))) == 0
    assert float(symmetry_loss()(look(teal))) == 0
    assert float(edge_loss("teal", 0.5)(look(teal))) == 0
    halves = parse_colours("red, cyan").T[None, :, None]  # [1, 3, 1, 2]
    assert float(saturation_loss()(look(halves))) == pytest.approx(-1.118, abs=1e-3)


def test_edges_leave_the_middle_alone() -> None:
    image = noise(20, 40).requires_grad_()
    edge_loss("#000", 0.1)(look(image)).backward()
    assert image.grad is not None
    assert not image.grad[..., 2:18, 4:36].any()
    assert image.grad[..., :2, :].all() and image.grad[..., :, -4:].all()


def test_closeness_fits_a_picture_of_another_size() -> None:
    flat = torch.full((1, 3, 9, 7), 0.25)
    assert float(closeness_loss(flat)(look(torch.full((1, 3, 4, 4), 0.75)))) == pytest.approx(
        0.25
    )


def test_closeness_lays_what_is_transparent_on_the_ground_of_the_step() -> None:
    clear = torch.tensor([1.0, 0.0, 0.0, 0.5]).reshape(1, 4, 1, 1).expand(1, 4, 6, 6)
    shown = torch.tensor([0.6, 0.1, 0.1]).reshape(1, 3, 1, 1).expand(1, 3, 6, 6)
    levels = [0.2, 1.0]
    loss = closeness_loss(clear, ground=lambda: levels[0])
    assert float(loss(look(shown))) == pytest.approx(0, abs=1e-12)
    del levels[0]
    assert float(loss(look(shown))) == pytest.approx(0.4**2)


@pytest.mark.parametrize("thickness", [0, -0.1, 0.6, math.nan])
def test_a_thickness_outside_its_range_is_refused(thickness: float) -> None:
    with pytest.raises(ConfigError, match=f"thickness {thickness} must be above 0 and at most"):
        edge_loss(thickness=thickness)


def test_a_mistyped_axis_is_guessed() -> None:
    message = r"no axis of symmetry is called 'vertica'; did you mean 'vertical'\?"
    with pytest.raises(ConfigError, match=message):
        symmetry_loss("vertica")


def test_a_snapped_picture_has_only_the_colours_of_the_palette() -> None:
    x, colours = noise(7, 9), parse_colours("navy->gold->white\\6").double()
    snapped = snap_to_palette(x, colours)
    by_hand = np.square(x[0].permute(1, 2, 0).numpy()[:, :, None] - colours.numpy()).sum(3)
    assert torch.equal(snapped[0].permute(1, 2, 0), colours[by_hand.argmin(2)])
    assert torch.equal(snap_to_palette(snapped, colours), snapped)
    several = torch.cat([x, x.flip(3)])
    assert torch.equal(snap_to_palette(several, colours)[1:], snapped.flip(3))


def test_the_gradient_passes_through_snapping() -> None:
    x, weights = noise().requires_grad_(), noise(seed=1)
    (snap_to_palette(x, parse_colours("red, blue")) * weights).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, weights)


def test_commitment_pulls_the_picture_to_the_palette() -> None:
    x = noise().requires_grad_()
    snapped = snap_to_palette(x, parse_colours("red, gold, teal"))
    loss = commitment_loss(x, snapped)
    loss.backward()
    gap = x.detach() - snapped.detach()
    assert float(loss.detach()) == pytest.approx(float(gap.square().mean()))
    assert x.grad is not None and torch.allclose(x.grad, 2 * gap / gap.numel())


def test_nearest_rows_are_exact_and_the_same_in_chunks() -> None:
    wanted = parse_colours("black->white\\256")
    rows = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    assert torch.equal(find_nearest_rows(wanted[rows], wanted), rows)
    assert torch.equal(find_nearest_rows(wanted[rows], wanted, chunk=7), rows)
