"""The latent drawer: what is optimised, of a VQGAN."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tests.conftest import FACTOR, Home
from vqclip.drawers.latent import LatentDrawer
from vqclip.models import vqgan
from vqclip.models.vqgan import VQGAN


@pytest.fixture(scope="module")
def model(models: Home) -> VQGAN:
    return vqgan.open_vqgan(models.config, models.checkpoint)


@pytest.fixture
def drawer(model: VQGAN) -> LatentDrawer:
    return LatentDrawer(model, model.random_latent(3, 5, torch.Generator().manual_seed(1)))


def test_the_picture_is_that_of_the_nearest_codes(model: VQGAN, drawer: LatentDrawer) -> None:
    image = drawer.draw().detach()
    assert image.shape == (1, 3, 3 * FACTOR, 5 * FACTOR)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    codes = drawer.latent.detach().clone()
    with torch.no_grad():
        drawer.latent += 1e-4  # still nearest to the same codes
    assert torch.equal(drawer.draw(), model.decode(codes))


def test_the_gradient_passes_the_quantisation(drawer: LatentDrawer) -> None:
    drawer.draw().sum().backward()
    assert drawer.latent.grad is not None
    assert float(drawer.latent.grad.abs().sum()) > 0


def test_the_drawer_does_not_touch_what_it_was_given(model: VQGAN) -> None:
    latent = torch.zeros(1, model.channels, 2, 2)
    drawer = LatentDrawer(model, latent)
    with torch.no_grad():
        drawer.latent += 1
    assert not latent.any()


def test_clamping_brings_each_channel_back_to_the_codebook(
    model: VQGAN, drawer: LatentDrawer
) -> None:
    with torch.no_grad():
        drawer.latent[:, :, 0] = 100
        drawer.latent[:, :, 1] = -100
    inside = drawer.latent[:, :, 2].clone()
    drawer.clamp()
    assert torch.equal(drawer.latent[0, :, 0, 0], model.codebook.amax(0))
    assert torch.equal(drawer.latent[0, :, 1, 0], model.codebook.amin(0))
    assert torch.equal(drawer.latent[:, :, 2], inside)


def test_encoding_starts_over_from_a_picture(model: VQGAN, drawer: LatentDrawer) -> None:
    image = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(2))
    before = drawer.latent
    drawer.encode(image)
    assert drawer.latent is before  # an optimiser may hold it
    assert torch.equal(drawer.latent, model.encode(image))


def test_encoding_another_size_makes_another_parameter(
    model: VQGAN, drawer: LatentDrawer
) -> None:
    before = drawer.latent
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    drawer.encode(image)
    assert drawer.latent is not before
    assert drawer.latent.requires_grad
    assert drawer.latent.shape == (1, model.channels, 2, 2)


def test_enlarging_goes_on_from_the_same_picture(model: VQGAN, drawer: LatentDrawer) -> None:
    small = drawer.draw().detach()
    drawer.enlarge(40, 24)
    assert drawer.draw().shape == (1, 3, 24, 40)
    wanted = functional.interpolate(small, (24, 40), mode="bicubic").clamp(0, 1)
    assert torch.allclose(drawer.latent, model.encode(wanted))
    assert drawer.latent.requires_grad


def test_another_latent_can_be_drawn(model: VQGAN, drawer: LatentDrawer) -> None:
    other = model.random_latent(2, 2, torch.Generator().manual_seed(3))
    assert torch.equal(drawer.draw_latent(other), model.decode(other))
