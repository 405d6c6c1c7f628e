"""Frozen layers that keep less for the backward pass: the same bytes as torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from vqclip.models import vqgan
from vqclip.models.layers import decoder_layers, frozen_layers
from vqclip.models.zoo import model_files


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def frozen(layer: nn.Module) -> Any:
    for number, weight in enumerate(layer.parameters()):
        weight.data = noise(*weight.shape, seed=10 + number)
    return layer.requires_grad_(False)


def run(apply: Callable[[Tensor], Tensor], given: Tensor) -> tuple[Tensor, Tensor]:
    """What is computed, and the gradient of a loss that weighs all of it differently."""
    leaf = given.detach().requires_grad_()
    made = apply(leaf)
    made.backward(noise(*made.shape, seed=1, dtype=made.dtype))
    assert leaf.grad is not None
    return made.detach(), leaf.grad


def kept_bytes(apply: Callable[[], Tensor], weights: nn.Module) -> int:
    """Bytes that autograd keeps, without the weights."""
    held = {}

    def keep(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    own = {weight.untyped_storage()._cdata for weight in weights.parameters()}
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        made = apply()
    assert made.requires_grad
    return sum(each.nbytes() for key, each in held.items() if key not in own)


def published(apply: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same layers as torch applies them."""
    if apply is frozen_layers.apply_norm_and_silu:
        return lambda norm, given: functional.silu(norm(given))
    return lambda layer, given: layer(given)


LAYERS = [
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, 3, padding=1)),
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, 1, bias=False)),
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, (3, 5), (2, 1), (0, 2))),
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, 3, padding="same")),
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, 3, groups=2, dilation=2)),
    (frozen_layers.apply_convolution, lambda: nn.Conv2d(8, 6, 3, 1, 1, padding_mode="circular")),
    (frozen_layers.apply_norm_and_silu, lambda: nn.GroupNorm(4, 8, eps=1e-6)),
    (frozen_layers.apply_norm_and_silu, lambda: nn.GroupNorm(4, 8, affine=False)),
]


@pytest.mark.parametrize(("apply", "make"), LAYERS)
@pytest.mark.parametrize("half", [False, True])
def test_layers_give_the_bytes_of_torch_s_own(apply: Any, make: Any, half: bool) -> None:
    layer, given = frozen(make()), noise(2, 8, 9, 11)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found = run(lambda x: apply(layer, x), given)
        right = run(lambda x: published(apply)(layer, x), given)
    assert found[0].dtype == right[0].dtype
    assert all(torch.equal(*pair) for pair in zip(found, right, strict=True))
    assert found[1].abs().max() > 0


@pytest.mark.parametrize("make", [LAYERS[0][1], LAYERS[1][1]])
def test_channels_that_are_stored_last_give_the_bytes_of_torch_s_own(make: Any) -> None:
    layer = frozen(make())
    given = noise(3, 8, 32, 32).to(memory_format=torch.channels_last)
    found = run(lambda x: frozen_layers.apply_convolution(layer, x), given)
    right = run(lambda x: published(frozen_layers.apply_convolution)(layer, x), given)
    assert all(torch.equal(*pair) for pair in zip(found, right, strict=True))


def test_a_picture_without_a_batch_is_convolved() -> None:
    layer, given = frozen(nn.Conv2d(8, 6, 3)), noise(8, 9, 11)
    found = run(lambda x: frozen_layers.apply_convolution(layer, x), given)
    assert torch.equal(found[1], run(lambda x: layer(x), given)[1])


def test_autocast_leaves_float64_alone() -> None:
    layer = frozen(nn.Conv2d(8, 6, 3)).double()
    given = noise(1, 8, 9, 11, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        found = run(lambda x: frozen_layers.apply_convolution(layer, x), given)
    assert found[0].dtype == found[1].dtype == torch.float64


def test_a_norm_that_changes_before_its_backward_pass_is_an_error() -> None:
    norm, given = frozen(nn.GroupNorm(4, 8)), noise(1, 8, 5, 5).requires_grad_()
    made = frozen_layers.apply_norm_and_silu(norm, given)
    norm.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        made.sum().backward()


def test_a_convolution_keeps_nothing_and_a_norm_its_input() -> None:
    convolution, norm = frozen(nn.Conv2d(8, 8, 3, padding=1)), frozen(nn.GroupNorm(4, 8))
    given = noise(1, 8, 16, 16).requires_grad_()
    convolved = kept_bytes(
        lambda: frozen_layers.apply_convolution(convolution, given), convolution
    )
    assert convolved == 0
    activated = kept_bytes(lambda: frozen_layers.apply_norm_and_silu(norm, given), norm)
    assert activated == given.nbytes


def test_weights_that_learn_get_their_gradient() -> None:
    convolution, norm = nn.Conv2d(8, 8, 3), nn.GroupNorm(4, 8)
    given = noise(1, 8, 9, 9).requires_grad_()
    frozen_layers.apply_convolution(
        convolution, frozen_layers.apply_norm_and_silu(norm, given)
    ).square().sum().backward()
    for weight in (*convolution.parameters(), *norm.parameters()):
        assert weight.grad is not None and weight.grad.abs().max() > 0


def test_a_norm_whose_forward_method_is_replaced_is_applied_so() -> None:
    norm, given = frozen(nn.GroupNorm(4, 8)), noise(1, 8, 5, 5)
    norm.forward = lambda x: x * 2
    found = run(lambda x: frozen_layers.apply_norm_and_silu(norm, x), given)
    right = run(lambda x: functional.silu(x * 2), given)
    assert all(torch.equal(*pair) for pair in zip(found, right, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_decoder_keeps_half_at_most_and_gives_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, batch: int
) -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    model.gradient_dtype = dtype
    # Small pictures keep as much of the weights, converted to bfloat16, as of the rest.
    latent = model.random_latent(16, 16, torch.Generator().manual_seed(1))
    latent = latent.repeat(batch, 1, 1, 1).requires_grad_()
    kept = kept_bytes(lambda: model.decode(latent), model)
    own = run(model.decode, latent)
    for module in (decoder_layers, frozen_layers):
        for name in ("apply_convolution", "apply_norm_and_silu"):
            monkeypatch.setattr(module, name, published(getattr(frozen_layers, name)))
    monkeypatch.setattr(decoder_layers, "convolve", functional.conv2d)
    plain = run(model.decode, latent)
    assert all(torch.equal(*pair) for pair in zip(own, plain, strict=True))
    assert kept < 0.5 * kept_bytes(lambda: model.decode(latent), model)
