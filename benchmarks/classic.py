"""The loop that everybody copies: one step of it, for benchmarks.

It follows VQGAN-CLIP of nerdyrodent (https://github.com/nerdyrodent/VQGAN-CLIP), after Crowson's
notebook: codes by one-hot rows, taming's decoder, the whole picture pooled to squares by the mean
of average and maximum, kornia's affine, perspective, jitter and erasing one after the other,
noise, the angle between embeddings, Adam at .1.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import kornia.augmentation as augment
import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.models.layers import decoder_layers
from vqclip.models.vqgan import VQGAN, clamp_with_grad, straight_through

RATE, NOISE, CHANCE = 0.1, 0.1, 0.7


def published_vqgan(vqgan: VQGAN) -> VQGAN:
    """A copy of a VQGAN that computes by taming's own layers, in float32."""
    plain = {own: published for published, own in decoder_layers.KINDS.items()}
    copied = deepcopy(vqgan)
    copied.gradient_dtype = torch.float32
    for module in copied.modules():
        if type(module) in plain:
            module.__class__ = plain[type(module)]
    return copied


def quantise(vqgan: VQGAN, latent: Tensor) -> Tensor:
    """Every cell's nearest code, by distances to all of them and a product with one-hot rows."""
    book = vqgan.codebook
    cells = latent.movedim(1, 3)
    lengths = cells.square().sum(-1, keepdim=True) + book.square().sum(1)
    nearest = (lengths - 2 * cells @ book.T).argmin(-1)
    codes = functional.one_hot(nearest, len(book)).to(book.dtype) @ book
    return straight_through(codes, cells).movedim(3, 1)


class Cutouts(nn.Module):
    """Augmented squares of the whole picture: [1, 3, H, W] → [count, 3, size, size]."""

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.size, self.count = size, count
        self.augmentations = nn.Sequential(
            augment.RandomAffine(15, translate=(0.1, 0.1), shear=5, p=CHANCE),
            augment.RandomPerspective(0.7, p=CHANCE),
            augment.ColorJitter(0.1, 0.1, 0.1, 0.1, p=CHANCE),
            augment.RandomErasing((0.1, 0.4), (0.3, 1 / 0.3), same_on_batch=True, p=CHANCE),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Pool, as often as there are squares, augment, and add noise."""
        pooled = [
            functional.adaptive_avg_pool2d(picture, self.size)
            + functional.adaptive_max_pool2d(picture, self.size)
            for _ in range(self.count)
        ]
        squares = self.augmentations(torch.cat(pooled) / 2)
        strength = squares.new_empty(self.count, 1, 1, 1).uniform_(0, NOISE)
        noisy: Tensor = squares + strength * torch.randn_like(squares)
        return noisy


def classic_step(
    vqgan: VQGAN,
    perceptors: list[OpenClipPerceptor],
    prompt: str,
    size: tuple[int, int],
    cuts: int,
) -> Callable[[], Tensor]:
    """Give what takes one step of the loop, and returns the picture before it: [1, 3, H, W].

    Args:
        vqgan: by taming's own layers; its margin is not drawn.
        size: width and height of the picture, in pixels.
        cuts: squares for each perceptor.
    """
    width, height = (side // vqgan.factor for side in size)
    latent = vqgan.random_latent(height, width, torch.Generator().manual_seed(0))
    latent = latent.requires_grad_()
    low, high = vqgan.codebook_range()
    optimiser = torch.optim.Adam([latent], lr=RATE)
    cutters = [Cutouts(each.size, cuts).to(latent.device) for each in perceptors]
    wanted = [each.embed_text([prompt]) for each in perceptors]

    def step() -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        codes = vqgan.post_quant_conv(quantise(vqgan, latent))
        picture = clamp_with_grad((vqgan.decoder(codes) + 1) / 2, 0, 1)
        total = torch.zeros((), device=latent.device)
        for perceptor, cutter, row in zip(perceptors, cutters, wanted, strict=True):
            pixels = (cutter(picture) - perceptor.mean) / perceptor.std
            seen = perceptor.model.encode_image(pixels.to(perceptor.dtype)).float()
            seen = functional.normalize(seen, dim=-1)
            angle = (seen - row).norm(dim=-1).div(2).arcsin().square().mul(2)
            total = total + angle.mean()
        total.backward()
        optimiser.step()
        with torch.no_grad():
            latent.copy_(latent.maximum(low).minimum(high))
        return picture.detach()

    return step
