"""Early layers of image encoders: what a network sees in small patches, such as texture.

Read from the networks that open_clip has: ResNets and ViTs of its own, and those of timm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

MOST_LAYERS = 4
_BLOCKS = (0, 2, 4)  # of a ViT, after the layer that embeds its patches


class _Read(Exception):
    """Ends a pass through a network once the last layer that is wanted is read."""


@dataclass(frozen=True, eq=False)
class EarlyLayers:
    """The early layers of an image encoder.

    Args:
        layers: from the first on: at most four.
        convolutional: whether they take pictures of any size; ViTs take squares of one size.
    """

    layers: Sequence[nn.Module]
    convolutional: bool


def find_early_layers(visual: Any) -> EarlyLayers:
    """Find the early layers of an image encoder.

    Of ResNets the stem and the first three stages, of ConvNeXts and the like, too; of
    EfficientNets the first four stages; of ViTs the embedding of patches, and the first, third
    and fifth block. A shallow ViT has fewer, and a network built in another way none.

    Args:
        visual: open_clip's, of a perceptor.
    """
    tower = getattr(visual, "trunk", visual)
    convolutional: list[Any] = []
    if hasattr(tower, "layer1"):
        stem = next((n for n in ("maxpool", "avgpool", "act1") if hasattr(tower, n)), "conv1")
        convolutional = [getattr(tower, name) for name in (stem, "layer1", "layer2", "layer3")]
    elif hasattr(tower, "conv_stem") and hasattr(tower, "blocks"):
        convolutional = [*tower.blocks]
    elif hasattr(tower, "stem") and hasattr(tower, "stages"):
        convolutional = [tower.stem, *tower.stages]
    if convolutional:
        return EarlyLayers(convolutional[:MOST_LAYERS], True)
    first = getattr(tower, "patch_embed", getattr(tower, "conv1", None))
    inner = getattr(getattr(tower, "transformer", None), "resblocks", None)
    blocks = inner if inner is not None else getattr(tower, "blocks", None)
    if first is None or blocks is None:
        return EarlyLayers([], False)
    return EarlyLayers([first, *(blocks[n] for n in _BLOCKS if n < len(blocks))], False)


def read_layers(visual: Any, pixels: Tensor, layers: Sequence[nn.Module]) -> list[Tensor]:
    """Read what layers of a network give, differentiably; what follows them is not computed.

    Args:
        visual: open_clip's network.
        pixels: its input, [N, 3, H, W].
        layers: some of `EarlyLayers.layers`, in the order of the network.

    Returns:
        [N, C, P] of each layer: C features at P places. Of ViTs' tokens, those of the whole
        picture are left out.
    """
    found: list[Tensor] = []

    def keep(layer: nn.Module, given: Any, made: Any) -> None:
        found.append(made[0] if isinstance(made, tuple) else made)
        if len(found) == len(layers):
            raise _Read

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        visual(pixels)
    except _Read:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return [_by_place(each, len(pixels)) for each in found]


def _by_place(made: Tensor, count: int) -> Tensor:
    """A layer's output as [N, C, P]."""
    if made.dim() == 4:
        return made.flatten(2)
    rows = made if made.shape[0] == count else made.transpose(0, 1)  # [N, tokens, C]
    places = math.isqrt(rows.shape[1]) ** 2
    return rows[:, rows.shape[1] - places :].transpose(1, 2)
