"""Checks of depth models: folders as Hugging Face publishes them, before any of it is loaded."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vqclip.errors import ModelError

INSTALL = "pip install 'vqclip[depth]'"
# What each type of model estimates: 1 / distance up to a scale ("inverse"), or distance.
KINDS = {
    "depth_anything": "inverse",
    "depth_pro": "inverse",
    "dpt": "inverse",
    "glpn": "distance",
    "zoedepth": "distance",
}


def check_depth_model(folder: Path, instead: str = "") -> bool:
    """Refuse a folder that is no depth model, or that cannot be read whole.

    Args:
        instead: what does without one, for the message.

    Returns:
        Whether it estimates distances rather than 1 / distance.

    Raises:
        ModelError: if `transformers` is not installed, or if the folder holds no depth model, is
            damaged, or holds code of its own.
    """
    if find_spec("transformers") is None:
        raise ModelError(
            f"the depth model {folder} needs transformers, which is not installed; install it: "
            f"{INSTALL}{instead}"
        )
    settings = _read_settings(folder / "config.json")
    kind = settings.get("model_type")
    preparation = _read_settings(folder / "preprocessor_config.json")
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
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"{folder} holds no *.safetensors; download the weights in that format: others may "
            "hide code, and are not read"
        )
    for path in weights:
        _check_weights(path, folder)
    return KINDS[kind] == "distance" or settings.get("depth_estimation_type") == "metric"


def _check_weights(path: Path, folder: Path) -> None:
    """Refuse a file of weights that is cut short or damaged at its head."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"the depth model {folder} cannot be read ({str(error)[:200]}); download it again"
        ) from error


def _read_settings(path: Path) -> dict[str, Any]:
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
