"""Writes a tiny CLIP with random weights as a folder that open_clip, and so `vqclip`, loads."""

from __future__ import annotations

import json
from pathlib import Path

import torch

IMAGE_SIZE = 32
CONTEXT_LENGTH = 77
DIMENSIONS = 32

CONFIG = {
    "model_cfg": {
        "embed_dim": DIMENSIONS,
        "vision_cfg": {
            "image_size": IMAGE_SIZE,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    },
    "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]},
}


def write(folder: Path, seed: int = 0) -> Path:
    """Write the model into `folder`, which is made; return it. Global random state is kept."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = open_clip.model.CLIP(**CONFIG["model_cfg"])
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder
