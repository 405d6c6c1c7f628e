"""Composition of training pictures from cut-outs, and their restyling.

`compose` lays each on a ground of one colour, a gradient or a photograph, at a random size and
place; `pairs` lays two, and says where: "a red balloon above a green hill". `calm` makes quieter
grounds, for `lay` and for `pairs`.

Emoji sets draw one thing in many ways, yet a model that has seen ten hands still stumbles over
the eleventh. These cheap changes to cut-outs stand in for it: lines where colours meet, few
colours, shifted shades, and a gently bent shape. (Geirhos et al., 2019,
https://arxiv.org/abs/1811.12231: networks that see one texture learn texture; those that see many
learn shape.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.training.data.archives import COLOURS

# Shares of the three kinds of ground under an illustration.
PLAIN, GRADIENT = 0.6, 0.2


# Shares of two of the three kinds of calm ground; the rest are pale gradients.
CALM_WHITE, CALM_COLOUR = 0.4, 0.4


# Words between two things, and where the first then is: right and down, where the picture's
# middle is 0 and its borders are 1. None: wherever.
RELATIONS: tuple[tuple[str, tuple[float, float] | None], ...] = (
    ("above", (0.0, -0.5)),
    ("over", (0.0, -0.5)),
    ("below", (0.0, 0.5)),
    ("under", (0.0, 0.5)),
    ("next to", None),
    ("beside", None),
    ("and", None),
    ("with", None),
)


def uniform(shape: Sequence[int], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Numbers in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def compose(
    pixels: Tensor,
    photos: Tensor,
    size: int,
    zoom: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, list[str | None]]:
    """Lay cut-outs on grounds, each at a random size, place and side.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        photos: uint8 [P, 3, T, T], from which the photographic grounds are taken; may be empty.
        zoom: the least and the greatest side of the cut-out, as a fraction of the picture's;
            above 1 the picture is a detail of it. Drawn evenly in the logarithm.
        generator: where every random number comes from.

    Returns:
        [B, 3, size, size] in [0, 1], and for each the name of its plain ground's colour, if any.
    """
    count = len(pixels)
    low, high = (torch.tensor(z).log().item() for z in zoom)
    scale = uniform([count], low, high, generator).exp()
    # A whole cut-out may slide as far as the border; of a detail, any part may be seen.
    room = (1 - scale).abs() + 0.05
    shift = uniform([count, 2], -1, 1, generator) * room[:, None]
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    ground, names = grounds(count, photos, size, generator)
    return lay(pixels, ground, scale, shift, flip), names


def lay(pixels: Tensor, under: Tensor, scale: Tensor, shift: Tensor, flip: Tensor) -> Tensor:
    """Lay a cut-out on each picture.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        under: [B, 3, size, size] in [0, 1].
        scale: [B], the cut-out's side as a fraction of the picture's.
        shift: [B, 2], how far its middle is from the picture's, to the left and up, where the
            picture is 2 wide and high.
        flip: [B], -1 to mirror, 1 to leave as it is.
    """
    size = under.shape[-1]
    rgba = pixels.float() / 255
    alpha = rgba[:, 3:]
    premultiplied = torch.cat([rgba[:, :3] * alpha, alpha], 1)
    theta = torch.zeros(len(pixels), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = flip / scale, 1 / scale
    theta[:, :, 2] = shift / scale[:, None]
    grid = functional.affine_grid(theta, [len(pixels), 4, size, size], align_corners=False)
    if scale.mean() * size < pixels.shape[-1] * 0.75:  # a rough low-pass, against aliasing
        premultiplied = functional.avg_pool2d(premultiplied, 2)
    laid = functional.grid_sample(premultiplied, grid, align_corners=False)
    return (laid[:, :3] + under * (1 - laid[:, 3:])).clamp(0, 1)


def grounds(
    count: int, photos: Tensor, size: int, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Make `count` grounds: of one colour, of a gradient, or from a photograph."""
    palette = list(COLOURS)
    names: list[str | None] = []
    out = torch.empty(count, 3, size, size)
    ramp = torch.linspace(0, 1, size)
    for index in range(count):
        kind = torch.rand(1, generator=generator).item()
        if kind < PLAIN:
            name = palette[int(torch.randint(len(palette), [1], generator=generator))]
            # White is the ground that illustrations are drawn for; a third are on it.
            name = "white" if torch.rand(1, generator=generator).item() < 0.33 else name
            colour = torch.tensor(COLOURS[name]) + uniform([3], -0.06, 0.06, generator)
            out[index] = colour[:, None, None]
            names.append(name)
            continue
        names.append(None)
        if kind < PLAIN + GRADIENT or len(photos) == 0:
            ends = torch.rand(2, 3, generator=generator)[:, :, None, None]
            across = ramp.expand(size, size)
            along = across if torch.rand(1, generator=generator) < 0.3 else across.T
            out[index] = ends[0] + (ends[1] - ends[0]) * along
        else:
            photo = photos[int(torch.randint(len(photos), [1], generator=generator))]
            out[index] = crop(photo, size, generator)
    return out.clamp(0, 1), names


def calm(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, list[str | None]]:
    """Make `count` quiet grounds: about white, of a colour made paler, or of a pale gradient.

    Returns:
        [count, 3, size, size] in [0, 1], and for each the name of its colour; None for gradients,
        which run from top to bottom.
    """
    palette = list(COLOURS)
    names: list[str | None] = []
    out = torch.empty(count, 3, size, size)
    ramp = torch.linspace(0, 1, size)[:, None]
    for index in range(count):
        kind = torch.rand(1, generator=generator).item()
        name: str | None = None
        if kind < CALM_WHITE:
            name = "white"
            out[index] = 1 - uniform([3, 1, 1], 0, 0.06, generator)
        elif kind < CALM_WHITE + CALM_COLOUR:
            name = palette[int(torch.randint(len(palette), [1], generator=generator))]
            colour = torch.tensor(COLOURS[name])[:, None, None]
            out[index] = colour + (1 - colour) * uniform([1], 0, 0.6, generator)
        else:
            top, foot = uniform([2, 3, 1, 1], 0.5, 1, generator)
            out[index] = top + (foot - top) * ramp
        names.append(name)
    return out, names


def crop(photo: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Take a random square of uint8 [3, T, T], a quarter of its side or more, at `size`."""
    whole = photo.shape[-1]
    side = int(uniform([1], whole / 4, whole, generator))
    top, left = torch.randint(whole - side + 1, [2], generator=generator).tolist()
    square = photo[None, :, top : top + side, left : left + side].float() / 255
    return functional.interpolate(square, [size, size], mode="bilinear", antialias=True)[0]


def pairs(
    first: Tensor, second: Tensor, grounds: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str]]:
    """Lay two cut-outs on each ground, apart from each other.

    Args:
        first, second: uint8 [B, 4, S, S], with alpha.
        grounds: [B, 3, size, size] in [0, 1].

    Returns:
        The pictures, and for each the words that belong between first and second.
    """
    count = len(first)
    words, places = [], torch.empty(count, 2)
    for index in range(count):
        pick = int(torch.randint(len(RELATIONS), [1], generator=generator))
        word, place = RELATIONS[pick]
        if place is None:  # side by side
            side = 0.5 if torch.rand(1, generator=generator).item() < 0.5 else -0.5
            place = (side, 0.0)
        words.append(word)
        places[index] = torch.tensor(place)
    for things, towards in ((second, -places), (first, places)):
        scale = uniform([count], 0.4, 0.62, generator)
        flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
        where = towards + uniform([count, 2], -0.12, 0.12, generator)
        # `lay` mirrors the cut-out before it moves it, so a mirrored one is moved the other way.
        move = -where * torch.stack([flip, torch.ones_like(flip)], 1)
        grounds = lay(things, grounds, scale, move, flip)
    return grounds, words


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
