"""Aesthetic heads: LAION's aesthetic predictors, read from their files.

A head maps the embedding of a picture to a rating, about 1 to 10. V1 is one linear map
(https://github.com/LAION-AI/aesthetic-predictor: ViT-B/32, B/16 and L/14); V2 is five layers
(https://github.com/christophschuhmann/improved-aesthetic-predictor: ViT-L/14), which are one
linear map, too, where no ReLU stands between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError, ModelError
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.models.zoo.catalogue import HEADS
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.models.zoo.head_files import list_fitting
from vqclip.tensors import Embedding

V2_LAYERS = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")
FITTING = {512: "ViT-B-32::openai", 768: "ViT-L-14::openai"}  # by the width of embeddings


@dataclass(frozen=True, eq=False)
class AestheticHead:
    """An aesthetic head: linear layers, with ReLUs between them or not.

    Args:
        layers: weight [out, in] and bias [out] of each; the last has one output.
        rectified: whether a ReLU follows each layer but the last.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    rectified: bool = False

    @property
    def width(self) -> int:
        """How many numbers an embedding has."""
        return self.layers[0][0].shape[1]

    def rate(self, embeddings: Embedding) -> Tensor:
        """Rate pictures by their embeddings, rows of length 1: [N, D] → [N]."""
        found = embeddings
        for number, (weight, bias) in enumerate(self.layers):
            found = F.linear(found, weight.to(found), bias.to(found))
            if self.rectified and number < len(self.layers) - 1:
                found = F.relu(found)
        return found[:, 0]


def read_aesthetic_head(path: Path, device: torch.device | str = "cpu") -> AestheticHead:
    """Read a head from its file, V1 or V2, running none of its code.

    V2 with ReLUs is told by its file's name, which holds "relu": its tensors are the same.

    Raises:
        ModelError: if the file cannot be read, or holds something else.
    """
    found = read_checkpoint(path)
    found = found.get("state_dict", found)
    names = V2_LAYERS if f"{V2_LAYERS[0]}.weight" in found else ("",)
    layers = []
    for name in names:
        dot = f"{name}." if name else ""
        weight, bias = found.get(f"{dot}weight"), found.get(f"{dot}bias")
        if not (isinstance(weight, Tensor) and isinstance(bias, Tensor)):
            raise ModelError(_describe_other(path))
        layers.append((weight.float().to(device), bias.float().to(device)))
    taken = [weight.shape[-1] for weight, _ in layers[1:]] + [1]
    for (weight, bias), width in zip(layers, taken, strict=True):
        if weight.dim() != 2 or bias.shape != weight.shape[:1] or len(weight) != width:
            raise ModelError(_describe_other(path))
    if "relu" in path.name.lower():
        return AestheticHead(tuple(layers), rectified=True)
    return AestheticHead((_multiply_out(layers),))


def find_rated_perceptor(
    head: AestheticHead, perceptors: Sequence[OpenClipPerceptor], name: str
) -> OpenClipPerceptor:
    """Find the perceptor whose embeddings a head rates.

    It is the last one of its width, and for a head of the catalogue the last it was made for.

    Args:
        name: of the catalogue, or the head's file.

    Raises:
        ConfigError: if there is none, with what would fit.
    """
    names = [each.name for each in perceptors]
    if name in HEADS:
        names = list_fitting(name, names)
    fitting = [
        each for each in perceptors if each.embedding_length == head.width and each.name in names
    ]
    bundled = [each.name for each in fitting if each.name.startswith("starter")]
    if bundled and len(bundled) == len(fitting):
        raise ConfigError(
            f"losses.aesthetic_head={name} rates the embeddings of OpenAI's CLIP, and no head "
            f"has been trained for {bundled[-1]}; add a perceptor that it fits: "
            f"perceptors={FITTING.get(head.width, 'NAME')}"
        )
    if not fitting:
        has = ", ".join(f"{each.name} ({each.embedding_length})" for each in perceptors)
        raise ConfigError(
            f"losses.aesthetic_head={name} rates embeddings of {head.width} numbers, and the "
            f"run's perceptors have others: {has}; it was made for "
            f"{FITTING.get(head.width, 'another CLIP')}"
        )
    return fitting[-1]


def _multiply_out(layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Linear layers without anything between them, as one; computed in float64."""
    weight, bias = (each.double() for each in layers[0])
    for more, other in layers[1:]:
        weight, bias = more.double() @ weight, more.double() @ bias + other.double()
    return weight.float(), bias.float()


def _describe_other(path: Path) -> str:
    return (
        f"{path} is no aesthetic predictor; expected LAION's V1 (weight, bias) or V2 "
        "(layers.0.weight …), such as sa_0_4_vit_b_32_linear.pth"
    )
