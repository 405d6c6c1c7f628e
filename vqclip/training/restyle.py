"""What would the same thing look like from another hand? Outlined, flat, in other shades, bent.

Emoji sets draw one thing in many ways, yet a model that has seen ten hands still stumbles over
the eleventh. These cheap changes to cut-outs stand in for it: lines where colours meet, few
colours, shifted shades, and a gently bent shape. (Geirhos et al., 2019,
https://arxiv.org/abs/1811.12231: networks that see one texture learn texture; those that see many
learn shape.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.training.scenes import uniform


def restyle(pixels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Draw some cut-outs again in another manner.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        share: how likely each of the changes is for each cut-out, 0 to 1.
        generator: where every random number comes from.

    Returns:
        uint8 [B, 4, S, S], a copy.
    """

    def some(part: float) -> Tensor:
        return torch.rand(len(pixels), generator=generator) < share * part

    rgba = pixels.float() / 255
    for change, chosen in ((bend, some(1)), (shade, some(1)), (flatten, some(0.4))):
        if chosen.any():
            rgba[chosen] = change(rgba[chosen], generator)
    lined = some(0.7)
    if lined.any():
        rgba[lined] = outline(rgba[lined], generator)
    return (rgba.clamp(0, 1) * 255).round().to(torch.uint8)


def bend(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, stretch and bend a little: [B, 4, S, S] → the same."""
    count = len(rgba)
    angle = uniform([count], -0.25, 0.25, generator)
    wide, high = uniform([2, count], 0.0, 0.35, generator)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = angle.cos() * (1 + wide), -angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin(), angle.cos() * (1 + high)
    grid = functional.affine_grid(theta, list(rgba.shape), align_corners=False)
    waves = uniform([count, 2, 4, 4], -0.09, 0.09, generator)
    waves = functional.interpolate(waves, rgba.shape[2:], mode="bicubic", align_corners=True)
    alpha = rgba[:, 3:]
    premultiplied = torch.cat([rgba[:, :3] * alpha, alpha], 1)
    moved = functional.grid_sample(
        premultiplied, grid + waves.permute(0, 2, 3, 1), align_corners=False
    )
    return torch.cat([moved[:, :3] / moved[:, 3:].clamp(min=1e-3), moved[:, 3:]], 1).clamp(0, 1)


def shade(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Shift colours so far that they keep their names: [B, 4, S, S] → the same."""
    count = len(rgba)
    rgb = rgba[:, :3]
    grey = rgb.mean(1, keepdim=True)
    colour = grey + (rgb - grey) * uniform([count, 1, 1, 1], 0.5, 1.5, generator)
    light = uniform([count, 3, 1, 1], -0.1, 0.1, generator)
    power = uniform([count, 1, 1, 1], -0.5, 0.5, generator).exp()
    return torch.cat([(colour + light).clamp(0, 1) ** power, rgba[:, 3:]], 1)


def flatten(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Leave few shades: [B, 4, S, S] → the same."""
    levels = torch.randint(2, 6, [len(rgba), 1, 1, 1], generator=generator)
    soft = functional.avg_pool2d(rgba[:, :3], 3, 1, 1, count_include_pad=False)
    return torch.cat([(soft * levels).round() / levels, rgba[:, 3:]], 1)


def outline(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a dark line round the shape and where its colours meet: [B, 4, S, S] → the same.

    A third lose their colours to white or to a paler shade, as drawings in ink do.
    """
    count, side = len(rgba), rgba.shape[-1]
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    within = torch.where(alpha > 0.5, rgb, torch.ones(()))
    step = _most(within) + _most(-within)  # greatest less least among neighbours
    threshold = uniform([count, 1, 1, 1], 0.25, 0.5, generator)
    line = (step.amax(1, keepdim=True) > threshold).float()
    border = _most(alpha) * (1 + _most(-alpha))
    bold = torch.rand(count, 1, 1, 1, generator=generator) < (0.5 if side >= 64 else 0.0)
    line = torch.maximum(line * alpha, torch.where(bold, _most(border), border))
    paler = torch.rand(count, 1, 1, 1, generator=generator) < 0.33
    rest = torch.rand(count, 1, 1, 1, generator=generator) * 0.6
    rgb = torch.where(paler, 1 - (1 - rgb) * rest, rgb)
    ink = uniform([count, 1, 1, 1], 0.0, 0.15, generator)
    return torch.cat([rgb * (1 - line) + ink * line, torch.maximum(alpha, line)], 1)


def _most(x: Tensor) -> Tensor:
    """The greatest among a pixel and its neighbours."""
    return functional.max_pool2d(x, 3, 1, 1)
