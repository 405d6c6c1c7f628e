"""The latent drawer: what is optimised, of a VQGAN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.conftest import FACTOR, Home
from vqclip.drawers.latent import LatentDrawer, slerp_latents
from vqclip.models import vqgan
from vqclip.models.vqgan import VQGAN


@pytest.fixture(scope="module")
def model(models: Home) -> VQGAN:
    return vqgan.open_vqgan(models.config, models.checkpoint)


@pytest.fixture
def drawer(model: VQGAN) -> LatentDrawer:
    drawer = LatentDrawer(model, 5 * FACTOR, 3 * FACTOR)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    return drawer


def test_the_picture_is_that_of_the_nearest_codes(model: VQGAN, drawer: LatentDrawer) -> None:
    image = drawer.draw().detach()
    assert image.shape == (1, 3, 3 * FACTOR, 5 * FACTOR)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    codes = drawer.parameters["latent"].detach().clone()
    with torch.no_grad():
        drawer.parameters["latent"] += 1e-4  # still nearest to the same codes
    assert torch.equal(drawer.draw(), model.decode(codes))


def test_the_gradient_passes_the_quantisation(drawer: LatentDrawer) -> None:
    drawer.draw().sum().backward()
    assert drawer.parameters["latent"].grad is not None
    assert float(drawer.parameters["latent"].grad.abs().sum()) > 0


def test_the_drawer_does_not_touch_what_it_was_given(model: VQGAN) -> None:
    latent = torch.zeros(1, model.channels, 2, 2)
    drawer = LatentDrawer(model, 2 * FACTOR, 2 * FACTOR)
    drawer.replace({"latent": latent})
    with torch.no_grad():
        drawer.parameters["latent"] += 1
    assert not latent.any()


def test_clamping_brings_each_channel_back_to_the_codebook(
    model: VQGAN, drawer: LatentDrawer
) -> None:
    with torch.no_grad():
        drawer.parameters["latent"][:, :, 0] = 100
        drawer.parameters["latent"][:, :, 1] = -100
    inside = drawer.parameters["latent"][:, :, 2].clone()
    drawer.clamp()
    assert torch.equal(drawer.parameters["latent"][0, :, 0, 0], model.codebook.amax(0))
    assert torch.equal(drawer.parameters["latent"][0, :, 1, 0], model.codebook.amin(0))
    assert torch.equal(drawer.parameters["latent"][:, :, 2], inside)


def test_encoding_starts_over_from_a_picture(model: VQGAN, drawer: LatentDrawer) -> None:
    image = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(2))
    before = drawer.parameters["latent"]
    drawer.replace(drawer.encode(image))
    assert drawer.parameters["latent"] is before  # an optimiser may hold it
    assert torch.equal(drawer.parameters["latent"], model.encode(image))


def test_encoding_another_size_makes_another_parameter(
    model: VQGAN, drawer: LatentDrawer
) -> None:
    before = drawer.parameters["latent"]
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    drawer.replace(drawer.encode(image))
    assert drawer.parameters["latent"] is not before
    assert drawer.parameters["latent"].requires_grad
    assert drawer.parameters["latent"].shape == (1, model.channels, 2, 2)


def test_enlarging_goes_on_from_the_same_picture(model: VQGAN, drawer: LatentDrawer) -> None:
    small = drawer.draw().detach()
    drawer.enlarge(40, 24)
    assert drawer.draw().shape == (1, 3, 24, 40)
    wanted = functional.interpolate(small, (24, 40), mode="bicubic").clamp(0, 1)
    assert torch.allclose(drawer.parameters["latent"], model.encode(wanted))
    assert drawer.parameters["latent"].requires_grad


def test_another_latent_can_be_drawn(model: VQGAN, drawer: LatentDrawer) -> None:
    other = model.random_latent(2, 2, torch.Generator().manual_seed(3))
    assert torch.equal(drawer.draw_parameters({"latent": other}), model.decode(other))


def test_latents_meet_on_an_arc() -> None:
    one, two = torch.randn(2, 1, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    for share in (0.0, 0.3, 1.0):
        found = slerp_latents(one, two, share)[0].numpy()
        for y, x in np.ndindex(3, 3):
            a, b = one[0, :, y, x].numpy(), two[0, :, y, x].numpy()
            lengths = np.linalg.norm(a), np.linalg.norm(b)
            angle = np.arccos(np.dot(a, b) / np.prod(lengths))
            tip = np.sin((1 - share) * angle) * a / lengths[0]
            tip = (tip + np.sin(share * angle) * b / lengths[1]) / np.sin(angle)
            wanted = tip * ((1 - share) * lengths[0] + share * lengths[1])
            np.testing.assert_allclose(found[:, y, x], wanted, atol=1e-4)


def test_latents_that_are_equal_opposite_or_nothing_stay_numbers() -> None:
    one = torch.randn(1, 4, 2, 2)
    assert torch.allclose(slerp_latents(one, one.clone(), 0.4), one, atol=1e-5)
    for other in (-one, torch.zeros_like(one)):
        assert bool(slerp_latents(one, other, 0.4).isfinite().all())
        assert torch.allclose(slerp_latents(one, other, 0.0), one, atol=1e-5)
