"""Batch norms of a frozen network, folded into its convolutions.

A frozen norm multiplies and adds by constants, which a convolution before it can do with its own
weights: a pass less over every feature map, each way.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

TOLERANCE = 1e-2  # share of the greatest number of an output; a GPU may round in TF32


@torch.no_grad()
def fold_batch_norms(network: nn.Module, example: Tensor) -> int:
    """Fold the batch norms of a frozen network into the convolutions before them.

    A norm belongs to the convolution that its block names before it. Whether it really follows it
    there is checked by an example: where outputs differ, the network stays as it was.

    Args:
        network: in eval mode.
        example: an input.

    Returns:
        How many were folded.
    """
    pairs = list(_list_pairs(network))
    if not pairs:
        return 0
    before = network(example)
    if not isinstance(before, Tensor):
        return 0
    kept = []
    for block, name, convolution, norm in pairs:
        kept.append((convolution, convolution.weight, convolution.bias))
        _fold(convolution, norm)
        # timm's norms hold an activation.
        setattr(block, name, getattr(norm, "act", None) or nn.Identity())
    after = network(example)
    if (after - before).abs().max() <= TOLERANCE * before.abs().max():
        return len(pairs)
    for (block, name, _, norm), (convolution, weight, bias) in zip(
        reversed(pairs), reversed(kept), strict=True
    ):
        convolution.weight, convolution.bias = weight, bias
        setattr(block, name, norm)
    return 0


def _list_pairs(
    network: nn.Module,
) -> Iterator[tuple[nn.Module, str, nn.Conv2d, nn.BatchNorm2d]]:
    """List norms, with their block, their name in it, and the convolution named before them."""
    for block in network.modules():
        last: nn.Module | None = None
        for name, layer in block.named_children():
            if (
                isinstance(layer, nn.BatchNorm2d)
                and isinstance(last, nn.Conv2d)
                and layer.track_running_stats
                and last.out_channels == layer.num_features
            ):
                yield block, name, last, layer
            if not isinstance(layer, nn.Identity):
                last = layer


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Let a convolution do what the norm after it does."""
    mean, spread = norm.running_mean, norm.running_var
    assert mean is not None and spread is not None
    factor = (spread + norm.eps).rsqrt()
    if norm.affine:
        factor = factor * norm.weight
    term = -mean * factor
    if norm.affine:
        term = term + norm.bias
    if convolution.bias is not None:
        term = term + convolution.bias * factor
    weight = convolution.weight * factor[:, None, None, None]
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    convolution.bias = nn.Parameter(term, requires_grad=False)
