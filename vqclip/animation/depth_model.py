"""Monocular depth models of Hugging Face's transformers.

A model is a folder as it is published: `config.json`, `preprocessor_config.json` and weights as
safetensors. Code in the folder is never run, and the network is never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.errors import ModelError
from vqclip.models.memory import is_out_of_memory
from vqclip.tensors import Image

INSTALL = "pip install 'vqclip[depth]'"
# What each type of model estimates: 1 / distance up to a scale ("inverse"), or distance.
KINDS = {
    "depth_anything": "inverse",
    "depth_pro": "inverse",
    "dpt": "inverse",
    "glpn": "distance",
    "zoedepth": "distance",
}
_FLAT = 1e-6  # range of depths, as a share of the largest, below which a picture is flat
_OUTLIERS = 0.01  # share of the pixels, at either end, that do not set what is near and far


class DepthModel:
    """A monocular depth model: estimates what is near and far in one picture.

    Args:
        model: of `transformers`, for depth estimation.
        processor: prepares its input from a picture; of `transformers`, too.
        distances: whether it estimates distances rather than 1 / distance.
    """

    def __init__(self, model: Any, processor: Any, distances: bool) -> None:
        self._model, self._processor, self._distances = model.eval(), processor, distances

    @torch.no_grad()
    def __call__(self, image: Image) -> Tensor:
        """Estimate the depth of a picture.

        Args:
            image: [1, 3, H, W] in [0, 1].

        Returns:
            [H, W] in [0, 1], values of a `vqclip.animation.surfaces.DepthMap`: 1 is nearest.

        Raises:
            ModelError: if the model's output is not finite.
        """
        pixels = image[0].detach().clamp(0, 1).mul(255).round().byte().cpu()
        shown = self._processor(images=pixels.permute(1, 2, 0).numpy(), return_tensors="pt")
        device = next(self._model.parameters()).device
        given = self._model(pixel_values=shown["pixel_values"].to(device)).predicted_depth
        found = given.float().reshape(1, 1, *given.shape[-2:]).cpu()
        if not bool(found.isfinite().all()):
            raise ModelError("the depth model gives numbers that are not finite; try another one")
        if self._distances:
            found = 1 / found.clamp(min=1e-3)
        size = list(image.shape[-2:])
        found = functional.interpolate(found, size, mode="bilinear", antialias=True)[0, 0]
        # Extreme values of single pixels would make the depths of a film pulse.
        ordered = found.flatten().sort().values
        rank = round(_OUTLIERS * (len(ordered) - 1))
        low, high = float(ordered[rank]), float(ordered[-1 - rank])
        if high - low <= _FLAT * max(abs(high), abs(low)):
            return torch.zeros_like(found)
        return ((found - low) / (high - low)).clamp(0, 1)


def load_depth_model(folder: Path, device: torch.device | str = "cpu") -> DepthModel:
    """Load a depth model from a folder.

    Raises:
        ModelError: if `transformers` is not installed, or if the folder holds no depth model, is
            damaged, or holds code of its own.
    """
    if find_spec("transformers") is None:
        raise ModelError(
            f"the depth model {folder} needs transformers, which is not installed; install it: "
            f"{INSTALL} (or use camera.depth=plane or tunnel, which need no model)"
        )
    settings = _settings(folder / "config.json")
    kind = settings.get("model_type")
    preparation = _settings(folder / "preprocessor_config.json")
    if "auto_map" in settings or "auto_map" in preparation:
        raise ModelError(
            f"{folder} brings code of its own (auto_map in its configuration), which vqclip "
            "never runs; choose a depth model without such code, such as Depth Anything V2"
        )
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelError(
            f"{folder} is a model of type {str(kind)[:60]!r}, which does not estimate depth; "
            f"use one of: {', '.join(sorted(KINDS))}"
        )
    if settings.get("backbone") and not settings.get("backbone_config"):
        raise ModelError(
            f"{folder} needs a part from elsewhere, {str(settings['backbone'])[:60]!r}, which "
            "vqclip never downloads; choose a complete depth model, such as Depth Anything V2"
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no *.safetensors; download the weights in that format: others may "
            "hide code, and are not read"
        )
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _quiet():
            processor = AutoImageProcessor.from_pretrained(str(folder), **options)
            model, report = AutoModelForDepthEstimation.from_pretrained(
                str(folder), use_safetensors=True, output_loading_info=True, **options
            )
    except Exception as error:  # whatever a damaged folder makes of transformers
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"the depth model {folder} cannot be read ({str(error)[:200]}); download it again"
        ) from error
    if report["missing_keys"]:
        absent = sorted(report["missing_keys"])[0]
        raise ModelError(
            f"the depth model {folder} lacks weights, such as {absent}; download it again"
        )
    distances = KINDS[kind] == "distance" or settings.get("depth_estimation_type") == "metric"
    return DepthModel(model.to(device), processor, distances)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress bars and warnings of `transformers` within this context."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _settings(path: Path) -> dict[str, Any]:
    """Read a JSON file of settings, as Hugging Face writes them."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); name the "
            "folder of a depth model, as it is published"
        ) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds no settings; name the folder of a depth model")
    return found
