"""On what is computed, and in which numbers?"""

from __future__ import annotations

import torch

from vqclip.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """Choose where to compute: what is named, or CUDA, then Apple's GPU, then the processor.

    Raises:
        ConfigError: if the machine does not have the device that is named.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, is_there in there.items() if is_there))
    if not there[name]:
        usable = ", ".join(kind for kind in there if there[kind])
        raise ConfigError(f"device={name}: torch finds none here (it can use: {usable})")
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> str:
    """Choose the perceptors' number format: what is named; else half on CUDA, full elsewhere."""
    if name != "auto":
        return name
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
