"""What else than clean pictures does a CLIP have to see, if it is to be optimised against?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def perturb(images: Tensor, generator: torch.Generator) -> Tensor:
    """What cutouts do to a picture: noise, blur, changed brightness and colour, holes."""
    count, _, size, _ = images.shape
    u = torch.rand(count, 6, generator=generator)[..., None, None]
    blurred = functional.interpolate(
        functional.avg_pool2d(images, 2), [size, size], mode="bilinear"
    )
    images = torch.where(u[:, :1] < 0.25, blurred, images)
    gains = 1 + 0.15 * torch.randn(count, 3, 1, 1, generator=generator) * (u[:, 1:2] < 0.4)
    images = (images - 0.5) * gains * (0.8 + 0.4 * u[:, 2:3]) + 0.5
    strength = 0.12 * u[:, 3:4] * (u[:, 4:5] < 0.6)
    images = images + strength * torch.randn(images.shape, generator=generator)
    for index in (u[:, 5, 0, 0] < 0.15).nonzero()[:, 0].tolist():
        top, left = torch.randint(size // 2, [2], generator=generator).tolist()
        side = int(torch.randint(size // 8, size // 3, [1], generator=generator))
        images[index, :, top : top + side, left : left + side] = torch.rand(
            3, 1, 1, generator=generator
        )
    return images.clamp(0, 1)


def nonsense(images: Tensor, decodes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Pictures of nothing: a third tiles of a picture in disorder, a sixth double exposures,
    the rest noise or, when there are any, random codes of a VQGAN."""
    size = images.shape[-1]
    chosen = images[torch.randint(len(images), [count], generator=generator)].clone()
    for index in range(count):
        kind = index % 6
        if kind < 2:
            tiles = 2 if kind == 0 else 4
            side = size // tiles
            blocks = chosen[index].unfold(1, side, side).unfold(2, side, side)
            blocks = blocks.reshape(3, tiles * tiles, side, side)
            blocks = blocks[:, torch.randperm(tiles * tiles, generator=generator)]
            blocks = blocks.view(3, tiles, tiles, side, side).permute(0, 1, 3, 2, 4)
            chosen[index] = blocks.reshape(3, size, size)
        elif kind == 2:
            chosen[index] = (chosen[index] + chosen[(index + 3) % count]) / 2
        elif len(decodes) > 0 and kind < 5:
            chosen[index] = decodes[int(torch.randint(len(decodes), [1], generator=generator))]
        else:
            grain = 2 ** int(torch.randint(2, 7, [1], generator=generator))
            noise = torch.rand(1, 3, grain, grain, generator=generator)
            chosen[index] = functional.interpolate(noise, [size, size], mode="bicubic")[0]
    return chosen.clamp(0, 1)
