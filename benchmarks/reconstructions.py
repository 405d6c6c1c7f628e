"""Reconstructions: how much of a picture the starter VQGAN's codes keep.

    python benchmarks/reconstructions.py data=DIR

Scenes of concepts that no training saw, of 64, 128 and 256 pixels a side, before and after.
Prints the mean signal-to-noise ratio of each size, and writes
docs/pages/images/reconstructions.png: twelve scenes of 128 pixels, and below them what becomes of
them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from vqclip.errors import VqclipError
from vqclip.media import images
from vqclip.models import vqgan as models_vqgan
from vqclip.models.zoo import model_files
from vqclip.training import recipes, settings
from vqclip.training.data.batches import open_batches

SIZES, SHOWN, COUNT = (64, 128, 256), 128, 12
WHOLE = ["photo_share=0", "zoom=[0.6, 1.05]", "batch=32"]  # scenes, each with its thing in sight


def scenes(folder: str, size: int) -> Tensor:
    """Compose 128 scenes of held-out concepts: [128, 3, size, size] in [0, 1]."""
    recipe = recipes.read_recipe("starter_vqgan", [f"data={folder}", f"size={size}", *WHOLE])
    return open_batches(recipe, settings.ignore_event)[1] / 2 + 0.5


@torch.no_grad()
def rebuilt(vqgan: models_vqgan.VQGAN, pictures: Tensor) -> Tensor:
    """Encode, quantise and decode pictures [N, 3, H, W], one by one."""
    return torch.cat([vqgan.decode(vqgan.quantise(vqgan.encode(p[None]))) for p in pictures])


def decibels(made: Tensor, real: Tensor) -> float:
    """Mean over pictures of the peak signal-to-noise ratio, in decibels."""
    errors = (made - real).square().flatten(1).mean(1)
    return float((-10 * errors.clamp(min=1e-9).log10()).mean())


def main(arguments: list[str]) -> None:
    """Measure all sizes, and write the sheet."""
    folder = dict(word.split("=", 1) for word in arguments).get("data", "data")
    found = model_files.find_vqgan("starter")
    vqgan = models_vqgan.open_vqgan(found.config, found.weights)
    for size in SIZES:
        real = scenes(folder, size)
        made = rebuilt(vqgan, real)
        print(f"{size}x{size}: {decibels(made, real):.1f} dB", flush=True)
        if size == SHOWN:
            rows = torch.cat([real[:COUNT], made[:COUNT]])
            sheet = make_grid(rows, nrow=COUNT, padding=4, pad_value=1.0)
            images_of_the_docs = Path(__file__).parents[1] / "docs" / "pages" / "images"
            path = images_of_the_docs / "reconstructions.png"
            Image.fromarray(images.to_bytes(sheet[None])).save(path, optimize=True)
            print(path)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqclipError as error:
        raise SystemExit(f"error: {error}") from error
