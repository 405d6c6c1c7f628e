"""The number format that a pretend accelerator computes in."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.guidance.perceptor import load_perceptor
from vqclip.models import device

pytestmark = pytest.mark.pretend


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "fp16"), ((8, 0), "bf16")])
def test_auto_is_what_the_device_computes_itself(
    capability: tuple[int, int], precision: str
) -> None:
    with pretending(capability=capability) as accelerator:
        assert device.pick_precision("auto", accelerator.place) == precision


@pytest.mark.parametrize("precision", ["auto", "bf16"])
def test_the_starter_sees_on_a_device_without_bfloat16(home: Home, precision: str) -> None:
    with pretending(capability=(7, 5)):
        perceptor = load_perceptor("starter", device="cuda", precision=precision)
        cutouts = torch.rand(2, 3, perceptor.size, perceptor.size, device="cuda")
        cutouts.requires_grad_()
        perceptor.embed_image(cutouts).sum().backward()
        assert cutouts.grad is not None and bool(cutouts.grad.isfinite().all())
