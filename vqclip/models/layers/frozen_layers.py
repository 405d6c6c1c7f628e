"""Layers with frozen weights that keep less for the backward pass, and give the same bytes.

- A convolution: torch keeps its input, which only the gradient of its weights needs. Here it is
  not kept.
- A group norm and SiLU: torch keeps what goes into the norm and what goes into SiLU. Here the
  second is computed again from the first (as in gradient checkpointing, Chen et al., 2016,
  https://arxiv.org/abs/1604.06174, for the two layers that take the least time).

A decoder of taming-transformers keeps a third of what it would, in as much time; where a picture
repeats, so that its norms are held, four to six tenths. Hooks of these layers are not called, and
there is no second derivative.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input

Sides = tuple[int, ...]  # down and across


def convolve(
    given: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sides = (1, 1),
    padding: Sides = (0, 0),
) -> Tensor:
    """Convolve as `torch.nn.functional.conv2d` does; with frozen weights, the input is not kept.

    Args:
        given: [N, C, h, w].
        weight: [D, C, height, width].
        bias: [D], or None.
        stride: down and across, as is `padding`, which is zeros.

    Returns:
        [N, D, h', w'].
    """
    learning = weight.requires_grad or (bias is not None and bias.requires_grad)
    # Of an input in another layout, torch computes the gradient by another kernel.
    if learning or not _is_recorded(given) or not _is_plain_batch(given):
        return functional.conv2d(given, weight, bias, stride, padding)
    dtype = _find_autocast(given)
    if dtype is not None:
        # Within the function below, autocast would convert what its backward pass does not see.
        given, weight = given.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    convolved: Tensor = _Convolution.apply(given, weight, bias, stride, padding)
    return convolved


def apply_convolution(layer: nn.Module, given: Tensor) -> Tensor:
    """Apply a layer by `convolve` if it is a plain convolution: [N, C, h, w] → [N, D, h', w']."""
    if isinstance(layer, nn.Conv2d) and _is_plain(layer, nn.Conv2d):
        plain = layer.padding_mode == "zeros" and layer.groups == 1 and layer.dilation == (1, 1)
        if plain and not isinstance(layer.padding, str):
            return convolve(given, layer.weight, layer.bias, layer.stride, layer.padding)
    applied: Tensor = layer(given)
    return applied


def apply_norm_and_silu(norm: nn.Module, given: Tensor) -> Tensor:
    """Apply a group norm, then SiLU: [N, C, h, w] → the same shape.

    A norm that is another layer, or whose forward method is replaced, is applied as it is.
    """
    if not _is_plain(norm, nn.GroupNorm) or not _is_recorded(given) or not given.is_contiguous():
        return functional.silu(norm(given))
    assert isinstance(norm, nn.GroupNorm)
    if any(weight.requires_grad for weight in norm.parameters()):
        return functional.silu(norm(given))
    activated: Tensor = _NormAndSilu.apply(given, norm)
    return activated


def _is_recorded(given: Tensor) -> bool:
    """Whether a gradient is recorded."""
    return torch.is_grad_enabled() and given.requires_grad


def _is_plain_batch(given: Tensor) -> bool:
    """Whether a tensor is a batch of pictures, whose channels are not stored last."""
    if given.dim() != 4:
        return False
    last = given.is_contiguous(memory_format=torch.channels_last)
    return not last or given.is_contiguous()


def _is_plain(layer: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer is of that very kind, and computes as its kind does."""
    return type(layer) is kind and "forward" not in vars(layer)


def _find_autocast(given: Tensor) -> torch.dtype | None:
    """The number format that autocast converts to; None where it is off."""
    device = given.device.type
    known = torch.amp.is_autocast_available(device) and given.dtype != torch.float64
    if not known or not torch.is_autocast_enabled(device):
        return None  # autocast leaves float64 alone
    return torch.get_autocast_dtype(device)


def _without_autocast(given: Tensor) -> AbstractContextManager[Any]:
    """Compute in the number formats of the tensors."""
    device = given.device.type
    if not torch.amp.is_autocast_available(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


class OutputLayers(nn.Module):
    """The last layers of a decoder of taming-transformers: a norm, SiLU, a convolution."""

    def __init__(self, norm: nn.Module, convolution: nn.Module) -> None:
        super().__init__()
        self.norm, self.convolution = norm, convolution

    def forward(self, given: Tensor) -> Tensor:
        """[N, C, H, W] → [N, 3, H, W]."""
        return apply_convolution(self.convolution, apply_norm_and_silu(self.norm, given))


class _Convolution(torch.autograd.Function):
    """A convolution whose weights get no gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        given: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: Sides,
        padding: Sides,
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.stride, ctx.padding = given.shape, stride, padding
        return functional.conv2d(given, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        (weight,), (grad,) = ctx.saved_tensors, grads
        found = conv2d_input(ctx.shape, weight, grad, ctx.stride, ctx.padding)
        return found, None, None, None, None


class _NormAndSilu(torch.autograd.Function):
    """A group norm and SiLU, of which the input alone is kept."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, norm: nn.GroupNorm) -> Tensor:
        ctx.save_for_backward(given, norm.weight, norm.bias)
        ctx.groups, ctx.epsilon = norm.num_groups, norm.eps
        normed = functional.group_norm(given, norm.num_groups, norm.weight, norm.bias, norm.eps)
        ctx.dtype = normed.dtype  # autocast may have chosen another than that of `given`
        return functional.silu(normed)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        # By torch's own parts, since `autograd.grad` would import its compiler.
        given, weight, bias = ctx.saved_tensors
        count, channels = given.shape[:2]
        sizes = count, channels, given.numel() // (count * channels), ctx.groups
        with _without_autocast(given):
            whole = given.to(ctx.dtype)
            normed, mean, factor = torch.native_group_norm(
                whole, weight, bias, *sizes, ctx.epsilon
            )
            grad = torch.ops.aten.silu_backward(grads[0], normed).contiguous()
            found = torch.ops.aten.native_group_norm_backward(
                grad, whole, mean, factor, weight, *sizes, [True, False, False]
            )
        return found[0].to(given.dtype), None
