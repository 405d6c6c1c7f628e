"""The perceptual loss: how alike two pictures look."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.training import perceptual
from vqclip.training.perceptual import LAYERS, TRUNK, Perceptual


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """What stands in for ImageNet's weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found: dict[str, Tensor] = timm.create_model(TRUNK, pretrained=False).state_dict()
    return found


@pytest.fixture
def alike(state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Perceptual:
    monkeypatch.setattr(perceptual, "efficientnet_weights", {TRUNK: state}.__getitem__)
    return Perceptual()


def test_it_is_the_formula(alike: Perceptual, state: dict[str, Tensor]) -> None:
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    network = timm.create_model(TRUNK, pretrained=False).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        features = network.forward_intermediates(
            pictures, indices=list(LAYERS), intermediates_only=True
        )
    wanted = 0.0
    for layer in features:
        a, b = functional.normalize(layer, dim=1).chunk(2)
        wanted += float((a - b).square().sum(1).mean())
    made, real = pictures.chunk(2)
    assert len(features) == 4
    assert float(alike(made, real)) == pytest.approx(wanted, rel=1e-4)


def test_equal_pictures_are_no_distance_apart(alike: Perceptual) -> None:
    made = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    real = made.detach().clone()
    assert alike(made, real).item() == pytest.approx(0, abs=1e-6)
    far = alike(made, real.flip(3))
    assert far.item() > 0.01
    assert torch.autograd.grad(far, made)[0].abs().sum() > 0
    assert not any(weight.requires_grad for weight in alike.parameters())
    assert not any(part.training for part in alike.train().modules())
