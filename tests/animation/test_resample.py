"""Pictures at other positions, against a pattern that is known everywhere and numpy's padding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.waves import disc, middles, psnr, waves
from vqclip.animation.resample import EDGES, KERNELS, resample, shrinkage
from vqclip.errors import ConfigError

PADS = {"wrap": "wrap", "mirror": "symmetric", "smear": "edge", "black": "constant"}


def snow(width: int = 20, height: int = 14, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(5))


def turned(positions: Tensor, degrees: float, zoom: float = 1.0) -> Tensor:
    """Positions about their middle, turned and enlarged by plain trigonometry."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = positions.mean((0, 1))
    x, y = (positions - middle).unbind(-1)
    return torch.stack([c * x + s * y, c * y - s * x], -1) / zoom + middle


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(20, 14), (1, 1), (3, 2), (1, 7)])
def test_the_same_positions_give_the_same_bits(
    edges: str, kernel: str, size: tuple[int, int]
) -> None:
    image = snow(*size)
    shown, seen = resample(image, middles(*size), edges, kernel)
    assert torch.equal(shown, image)
    assert torch.equal(seen, torch.ones(1, 1, size[1], size[0]))


@pytest.mark.parametrize("edges", sorted(PADS))
@pytest.mark.parametrize("kernel", KERNELS)
def test_edges_are_numpys_paddings(edges: str, kernel: str) -> None:
    image = snow()
    shown, seen = resample(
        image, middles(20 + 60, 14 + 50) - torch.tensor([30, 25]), edges, kernel
    )
    wanted = np.pad(image[0].numpy(), ((0, 0), (25, 25), (30, 30)), mode=PADS[edges])
    np.testing.assert_array_equal(shown[0].numpy(), wanted)
    np.testing.assert_array_equal(
        seen[0, 0].numpy(), np.pad(np.ones((14, 20), np.float32), ((25, 25), (30, 30)))
    )


@pytest.mark.parametrize("edges", sorted(PADS))
def test_edges_between_pixels_are_those_of_a_larger_picture(edges: str) -> None:
    image = snow(24, 24).double()
    large = np.pad(image.numpy(), ((0, 0), (0, 0), (40, 40), (40, 40)), mode=PADS[edges])
    places = turned(middles(24, 24), 33, 0.995) + torch.tensor([9.3, -4.7])
    shown, seen = resample(image, places, edges)
    wanted, _ = resample(torch.from_numpy(large), places + 40, "smear")
    # A smeared border is exactly its pixel, and a black one softly cut; splines swing there.
    where = (seen > 0.999)[0, 0] if edges in ("smear", "black") else torch.ones(24, 24) > 0
    inside = ((places > 3) & (places < 20)).all(-1) if edges in ("smear", "black") else where
    limit = 2e-2 if edges == "black" else 1e-3 if edges == "smear" else 1e-9
    assert where.any()
    assert float((shown - wanted)[..., inside].abs().max()) < limit


def test_a_smeared_border_stays_what_it_is() -> None:
    image = snow()
    places = middles(20, 14)
    places[..., 0] = -1000.25
    shown, seen = resample(image, places, "smear")
    torch.testing.assert_close(shown, image[..., :1].expand_as(image))
    assert float(seen.max()) == 0


def test_fill_is_softer_the_further_away() -> None:
    image = snow(64, 64)
    shown, seen = resample(image, middles(64, 64) - torch.tensor([40.0, 0.0]), "fill")
    near, far = (shown[..., first : first + 8].diff(dim=2).abs().mean() for first in (32, 0))
    assert float(far) < float(near) / 3
    torch.testing.assert_close(shown[..., 40:], image[..., :24], atol=1e-4, rtol=0)
    assert torch.equal(seen[0, 0, 0], (torch.arange(64) >= 40).float())


def test_a_pixel_that_is_half_outside_is_half_seen() -> None:
    places = middles(20, 14) - torch.tensor([0.5, 0.25])
    _, seen = resample(snow(), places, "mirror")
    assert seen[0, 0, 5, 0] == 0.5 and seen[0, 0, 0, 5] == 0.75
    assert seen[0, 0, 0, 0] == 0.375 and seen[0, 0, 5, 5] == 1


@pytest.mark.parametrize("edges", EDGES)
def test_what_is_nowhere_is_not_seen(edges: str) -> None:
    image, places = snow(), middles(20, 14)
    places[3, 4] = math.nan
    places[3, 5, 0] = math.inf
    shown, seen = resample(image, places, edges)
    nothing = torch.zeros(1, 3) if edges == "black" else image.mean((2, 3))
    for column in (4, 5):
        torch.testing.assert_close(shown[..., 3, column], nothing)
        assert seen[0, 0, 3, column] == 0
    assert torch.isfinite(shown).all() and float(seen.sum()) == 20 * 14 - 2
    unseen, _ = resample(image, torch.full_like(places, math.nan), edges)
    assert torch.isfinite(unseen).all()


@pytest.mark.parametrize("edges", EDGES)
def test_one_roll_is_the_pattern_rolled(edges: str) -> None:
    places = middles(96, 96)
    image, where = waves(places).float(), disc(96, 96)
    for degrees in (10, 37, 45, 90):
        found, _ = resample(image, turned(places, degrees), edges)
        assert psnr(found, waves(turned(places, degrees)), where) > 60


@pytest.mark.parametrize("edges", EDGES)
def test_thirty_six_rolls_come_back(edges: str) -> None:
    places = middles(96, 96)
    image = waves(places).float()
    found, turn = image, turned(places, 10)
    for _ in range(36):
        found, _ = resample(found, turn, edges)
    assert psnr(found, image, disc(96, 96)) > 45


@pytest.mark.parametrize("zoom", [0.95, 0.8, 0.6, 0.5])
def test_what_shrinks_keeps_what_fits(zoom: float) -> None:
    places = middles(128, 128)
    found, _ = resample(waves(places).float(), turned(places, 20, zoom))
    where = disc(128, 128, 128 / 2 * (1 - zoom) + 16)
    assert psnr(found, waves(turned(places, 20, zoom)), where) > 50


@pytest.mark.parametrize("zoom", [0.45, 0.3, 0.11])
def test_what_shrinks_shows_no_moire(zoom: float) -> None:
    x = middles(128, 128)[..., 0]
    image = (0.5 + 0.5 * (x * math.pi * 0.95).cos())[None, None].float()  # 2.1 pixels a wave
    naive, _ = resample(image, turned(middles(128, 128), 0, zoom), "wrap", "linear")
    found, _ = resample(image, turned(middles(128, 128), 0, zoom), "wrap")
    assert float(naive.std()) > 0.1
    assert float(found.std()) < 0.02


def test_what_shrinks_very_much_is_the_mean() -> None:
    image = snow(64, 64)
    found, _ = resample(image, turned(middles(64, 64), 5, 1 / 30), "wrap")
    assert float((found - image.mean((2, 3), keepdim=True)).abs().max()) < 0.05


def test_linear_is_bilinear_and_never_negative() -> None:
    image = snow().where(snow() > 0.7, torch.zeros(()))
    places = turned(middles(20, 14), 25, 0.7)
    found, _ = resample(image, places, "smear", "linear")
    x, y = places.clamp(min=0).unbind(-1)
    x, y = x.clamp(max=19), y.clamp(max=13)
    left, top = x.floor().long().clamp(max=18), y.floor().long().clamp(max=12)
    right, down = x - left, y - top
    wanted = sum(
        image[..., top + j, left + i] * (right if i else 1 - right) * (down if j else 1 - down)
        for i in (0, 1)
        for j in (0, 1)
    )
    torch.testing.assert_close(found, wanted.float(), atol=1e-5, rtol=0)  # type: ignore[union-attr]
    assert float(found.min()) >= 0
    spline, _ = resample(image, places, "smear")
    assert float(spline.min()) < 0


def test_shrinkage_is_the_larger_singular_value() -> None:
    matrix = np.array([[1.7, 0.4], [-0.3, 0.8]])
    places = middles(9, 7) @ torch.from_numpy(matrix)
    wanted = np.linalg.svd(matrix, compute_uv=False)[0]
    torch.testing.assert_close(shrinkage(places), torch.full((7, 9), wanted, dtype=torch.float64))
    assert torch.equal(shrinkage(middles(9, 7) / 2), torch.ones(7, 9, dtype=torch.float64))
    torn = middles(9, 7)
    torn[:, 5:] += 100
    assert torch.equal(shrinkage(torn), torch.ones(7, 9, dtype=torch.float64))


def test_a_batch_and_channels_of_any_number_are_kept_apart() -> None:
    image = torch.cat([snow(channels=5), 1 - snow(channels=5)])
    places = turned(middles(20, 14), 12, 0.9)[2:9]
    found, seen = resample(image, places)
    assert found.shape == (2, 5, 7, 20) and seen.shape == (1, 1, 7, 20)
    torch.testing.assert_close(found[0], 1 - found[1], atol=1e-5, rtol=0)
    alone, _ = resample(image[:1, 3:4], places)
    torch.testing.assert_close(found[:1, 3:4], alone)


def test_half_numbers_stay_half() -> None:
    found, seen = resample(snow().bfloat16(), turned(middles(20, 14), 12))
    assert found.dtype == seen.dtype == torch.bfloat16


def test_a_gradient_reaches_the_picture() -> None:
    image = snow().requires_grad_()
    resample(image, turned(middles(20, 14), 12))[0].sum().backward()
    assert image.grad is not None and float(image.grad.abs().max()) > 0.5


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no edge is called 'miror'; did you mean 'mirror'\?"):
        resample(snow(), middles(20, 14), "miror")
    with pytest.raises(ConfigError, match="no kernel is called 'cubic'"):
        resample(snow(), middles(20, 14), "wrap", "cubic")
