"""Monocular depth models of Hugging Face's transformers.

A model is a folder as it is published: `config.json`, `preprocessor_config.json` and weights as
safetensors. Code in the folder is never run, and the network is never used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.checking.depth_checks import check_depth_model
from vqclip.errors import ModelError
from vqclip.models.memory import is_out_of_memory
from vqclip.tensors import Image

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
        self._sizes: dict[tuple[int, ...], list[int]] = {}

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
        device = next(self._model.parameters()).device
        found = self._predict(self._prepare(image).to(device)).cpu()
        if not bool(found.isfinite().all()):
            raise ModelError("the depth model gives numbers that are not finite; try another one")
        found = self._turn_round(found)
        size = list(image.shape[-2:])
        found = functional.interpolate(found, size, mode="bilinear", antialias=True)[0, 0]
        # Extreme values of single pixels would make the depths of a film pulse.
        ordered = found.flatten().sort().values
        rank = round(_OUTLIERS * (len(ordered) - 1))
        low, high = float(ordered[rank]), float(ordered[-1 - rank])
        if high - low <= _FLAT * max(abs(high), abs(low)):
            return torch.zeros_like(found)
        return ((found - low) / (high - low)).clamp(0, 1)

    def estimate(self, image: Image) -> Tensor:
        """Estimate how near the parts of a picture are, differentiably in its pixels.

        The picture is resized by torch to what the model's own preparation makes of its size, and
        normalised as there.

        Args:
            image: [1, 3, H, W] in [0, 1].

        Returns:
            [1, 1, h, w], 1 / distance up to a scale and a shift.
        """
        device = next(self._model.parameters()).device
        size = tuple(image.shape[-2:])
        if size not in self._sizes:
            self._sizes[size] = list(self._prepare(torch.zeros(1, 3, *size)).shape[-2:])
        pixels = image.to(device, torch.float32)
        pixels = functional.interpolate(
            pixels, self._sizes[size], mode="bicubic", antialias=True
        ).clamp(0, 1)
        if getattr(self._processor, "do_normalize", False):
            mean, std = (
                torch.tensor(each, device=device).view(1, -1, 1, 1)
                for each in (self._processor.image_mean, self._processor.image_std)
            )
            pixels = (pixels - mean) / std
        return self._turn_round(self._predict(pixels)).to(image.device)

    def _prepare(self, image: Image) -> Tensor:
        """What the model's own preparation makes of a picture."""
        pixels = image[0].detach().clamp(0, 1).mul(255).round().byte().cpu()
        shown = self._processor(images=pixels.permute(1, 2, 0).numpy(), return_tensors="pt")
        made: Tensor = shown["pixel_values"]
        return made

    def _predict(self, pixels: Tensor) -> Tensor:
        """What the model gives, [1, 1, h, w]."""
        given = self._model(pixel_values=pixels).predicted_depth
        found: Tensor = given.float().reshape(1, 1, *given.shape[-2:])
        return found

    def _turn_round(self, found: Tensor) -> Tensor:
        """Distances as 1 / distance, which the other models give."""
        return 1 / found.clamp(min=1e-3) if self._distances else found


def load_depth_model(folder: Path, device: torch.device | str = "cpu") -> DepthModel:
    """Load a depth model from a folder; its weights are frozen.

    Raises:
        ModelError: if `transformers` is not installed, or if the folder holds no depth model, is
            damaged, or holds code of its own.
    """
    distances = check_depth_model(
        folder, " (or use camera.depth=plane or tunnel, which need no model)"
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
    return DepthModel(model.to(device).requires_grad_(False), processor, distances)


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
