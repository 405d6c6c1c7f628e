"""Noise that a run may start from: clouds, gradients, snow and flat colours.

Sizes are in pixels. Every function draws from the generator that it is given and from nothing
else; equal states give equal pictures. The picture is made on the generator's device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from vqclip.errors import ConfigError
from vqclip.guidance.losses.pixel_losses import parse_colours
from vqclip.tensors import Image, Noise, draw_uniform, draw_whole


def fractal_noise(
    width: int,
    height: int,
    generator: Noise,
    *,
    octaves: int = 5,
    persistence: float = 0.5,
    contrast: float = 2.0,
) -> Image:
    """Draw clouds of strong colour: large soft blobs, with ever smaller ones on them.

    Each octave is a coarse grid of random colours, enlarged smoothly; the first has two cells
    along the shorter side, each further one twice as many and `persistence` times the strength.
    Every channel is then stretched to [0, 1], and n becomes n**c / (n**c + (1 - n)**c), which
    pushes it away from grey. The start of a pixray run ("pixels").
    Differs: random values at the grid points in place of Perlin's random slopes.

    Args:
        octaves: how many grids; 1 is blobs alone.
        persistence: strength of an octave relative to the one before.
        contrast: the power c; 1 leaves the values as they are.

    Returns:
        In [0, 1].

    Raises:
        ConfigError: if `octaves` is below 1, `persistence` below 0, or `contrast` not above 0.
    """
    if octaves < 1:
        raise ConfigError(f"the noise's octaves {octaves} must be 1 or more, such as 5")
    if not persistence >= 0:
        raise ConfigError(
            f"the noise's persistence {persistence} must be 0 or above, such as 0.5"
        )
    if not contrast > 0:
        raise ConfigError(f"the noise's contrast {contrast} must be above 0, such as 2")
    total = torch.zeros(1, 3, height, width, device=generator.device)
    cell = min(width, height) / 2  # pixels
    for octave in range(octaves):
        points = [math.ceil(side / cell) + 1 for side in (height, width)]
        grid = draw_uniform((1, 3, *points), generator)
        smooth = F.interpolate(grid, (height, width), mode="bicubic", align_corners=True)
        total += smooth * persistence**octave
        cell = max(1.0, cell / 2)
    least, most = total.amin((2, 3), keepdim=True), total.amax((2, 3), keepdim=True)
    # The margin keeps the odds finite, and a picture of a single pixel defined.
    share = (total - least).div((most - least).clamp(min=1e-6)).clamp(1e-4, 1 - 1e-4)
    return torch.sigmoid(contrast * torch.logit(share))


def gradient_image(
    width: int,
    height: int,
    generator: Noise,
    *,
    colours: str | Sequence[str] | None = None,
) -> Image:
    """Draw a smooth passage between colours, in a random direction.

    Args:
        colours: as for `pixel_losses.parse_colours`; None for two, three or four random ones.

    Returns:
        In [0, 1].

    Raises:
        ConfigError: if one of `colours` is not a colour.
    """
    device = generator.device
    # The angle is drawn first, so that it is the same whether or not colours are given.
    angle = 2 * math.pi * float(draw_uniform((), generator))
    if colours is None:
        count = draw_whole(2, 5, generator)
        stops = draw_uniform((count, 3), generator)
    else:
        stops = parse_colours(colours).to(device)
    rows = torch.arange(height, device=device)[:, None] - (height - 1) / 2
    columns = torch.arange(width, device=device)[None] - (width - 1) / 2
    along = math.cos(angle) * columns + math.sin(angle) * rows  # [H, W], pixels
    along = (along - along.min()) / (along.max() - along.min()).clamp(min=1e-6)  # in [0, 1]
    along = along * (len(stops) - 1)
    before = along.floor().clamp(max=max(0, len(stops) - 2)).long()  # [H, W]
    after = (before + 1).clamp(max=len(stops) - 1)
    share = along - before
    share = share * share * (3 - 2 * share)  # smooth at each colour, so that no crease shows
    picture = torch.lerp(stops[before], stops[after], share[..., None])  # [H, W, 3]
    return picture.permute(2, 0, 1)[None].contiguous()


def uniform_noise(width: int, height: int, generator: Noise) -> Image:
    """Draw snow: every value independent and uniform in [0, 1)."""
    return draw_uniform((1, 3, height, width), generator)


def flat_colour(width: int, height: int, generator: Noise, *, name: str = "grey") -> Image:
    """Draw one flat colour. Draws no random numbers.

    Args:
        name: a CSS name or hex digits, such as "#ff0000".

    Raises:
        ConfigError: if `name` is not a colour.
    """
    flat = parse_colours([name]).to(generator.device)  # [1, 3]
    return flat[:, :, None, None].repeat(1, 1, height, width)


NOISE_IMAGES: dict[str, Callable[..., Image]] = {
    "fractal": fractal_noise,
    "gradient": gradient_image,
    "uniform": uniform_noise,
    "colour": flat_colour,
}
