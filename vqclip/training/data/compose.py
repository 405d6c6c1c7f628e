"""Composition of training pictures from cut-outs, and their restyling.

`compose` lays a cut-out on a background of one colour, a gradient or a photograph, at a random
size and place; `lay_pairs` lays two, and returns the words for their relation: "a red balloon
above a green hill". `draw_calm_grounds` makes calmer backgrounds, for `lay_cutouts` and
`lay_pairs`.

`restyle` imitates further styles. Emoji sets draw each thing in many ways, yet a model that has
seen ten hands may fail at the eleventh. So some cut-outs get outlines where colours meet, fewer
colours, shifted shades, and bent shapes. (Geirhos et al., 2019, https://arxiv.org/abs/1811.12231:
networks that see one texture learn texture; those that see many learn shape.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.training.data.archives import COLOURS

# Shares of two kinds of background under an illustration; the rest are photographs.
PLAIN, GRADIENT = 0.6, 0.2

# Shares of two kinds of calm background; the rest are pale gradients.
CALM_WHITE, CALM_COLOUR = 0.4, 0.4

# A thing whose rim has more than this in its least channel would be lost on white.
PALE, PALE_BLUE = 0.75, (0.72, 0.85, 0.95)

# A relation between two things, and the position of the first: to the right and down from the
# picture's middle, whose border is at 1. None: left or right of the other.
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
    """Draw uniform numbers in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def compose(
    pixels: Tensor,
    photos: Tensor,
    size: int,
    zoom: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, list[str | None]]:
    """Compose pictures: lay cut-outs on backgrounds, at random sizes and places, some mirrored.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        photos: uint8 [P, 3, T, T], for photographic backgrounds; may be empty.
        size: side of the pictures, in pixels.
        zoom: the least and the greatest side of the cut-out, as a fraction of the picture's;
            above 1 the picture shows a detail of it. The logarithm is drawn uniformly.
        generator: of all random numbers.

    Returns:
        [B, 3, size, size] in [0, 1], and for each the name of its background's colour, or None.
    """
    count = len(pixels)
    low, high = (torch.tensor(z).log().item() for z in zoom)
    scale = uniform([count], low, high, generator).exp()
    # A whole cut-out may be anywhere up to the border; of a larger one, any part may be shown.
    room = (1 - scale).abs() + 0.05
    shift = uniform([count, 2], -1, 1, generator) * room[:, None]
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    ground, names = draw_grounds(count, photos, size, generator)
    return lay_cutouts(pixels, ground, scale, shift, flip), names


def lay_cutouts(
    pixels: Tensor, under: Tensor, scale: Tensor, shift: Tensor, flip: Tensor
) -> Tensor:
    """Lay a cut-out on each picture.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        under: [B, 3, size, size] in [0, 1].
        scale: [B], the cut-out's side as a fraction of the picture's.
        shift: [B, 2], how far its middle is from the picture's, to the left and up, in half
            sides of the picture.
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


def draw_grounds(
    count: int, photos: Tensor, size: int, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Draw backgrounds: of one colour, a gradient, or a part of a photograph.

    Returns:
        [count, 3, size, size] in [0, 1], and for each the name of its colour, or None.
    """
    palette = list(COLOURS)
    names: list[str | None] = []
    out = torch.empty(count, 3, size, size)
    ramp = torch.linspace(0, 1, size)
    for index in range(count):
        kind = torch.rand(1, generator=generator).item()
        if kind < PLAIN:
            name = palette[int(torch.randint(len(palette), [1], generator=generator))]
            # Most illustrations are meant for a white background: a third are on white.
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
            out[index] = crop_photo(photo, size, generator)
    return out.clamp(0, 1), names


def draw_calm_grounds(
    count: int, size: int, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Draw calm backgrounds: nearly white, of a paler colour, or a pale gradient.

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


def draw_plain_grounds(pixels: Tensor, size: int) -> tuple[Tensor, list[str | None]]:
    """Draw plain backgrounds: white, and a pale blue under things whose rim is nearly white.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha: the things that are laid on them.

    Returns:
        [B, 3, size, size] in [0, 1], and for each the name of its colour.
    """
    solid = (pixels[:, 3:] > 127).float()
    inside = 1 - functional.max_pool2d(1 - solid, 9, 1, 4)
    rim = solid - inside  # four pixels wide
    light = (pixels[:, :3].float() / 255).amin(1, keepdim=True) * rim
    pale = light.sum([1, 2, 3]) / rim.sum([1, 2, 3]).clamp(min=1) > PALE
    blue = torch.tensor(PALE_BLUE).view(3, 1, 1)
    grounds = torch.where(pale.view(-1, 1, 1, 1), blue, torch.ones(3, size, size))
    return grounds, ["blue" if each else "white" for each in pale.tolist()]


def crop_photo(photo: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Crop a random square of a photograph: [3, size, size] in [0, 1].

    Args:
        photo: uint8 [3, T, T]; the square is a quarter of its side or more.
    """
    whole = photo.shape[-1]
    side = int(uniform([1], whole / 4, whole, generator))
    top, left = torch.randint(whole - side + 1, [2], generator=generator).tolist()
    square = photo[None, :, top : top + side, left : left + side].float() / 255
    return functional.interpolate(square, [size, size], mode="bilinear", antialias=True)[0]


def lay_pairs(
    first: Tensor, second: Tensor, grounds: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str]]:
    """Lay two cut-outs on each background, side by side or one above the other.

    Args:
        first, second: uint8 [B, 4, S, S], with alpha.
        grounds: [B, 3, size, size] in [0, 1].

    Returns:
        The pictures, [B, 3, size, size] in [0, 1], and for each the words between the names of
        first and second, such as "next to".
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
        # Mirroring comes before moving, so a mirrored cut-out is moved the other way.
        move = -where * torch.stack([flip, torch.ones_like(flip)], 1)
        grounds = lay_cutouts(things, grounds, scale, move, flip)
    return grounds, words


def restyle(pixels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Change the style of some cut-outs: their shapes, colours, shades and outlines.

    Args:
        pixels: uint8 [B, 4, S, S], with alpha.
        share: the probability of each change for each cut-out, 0 to 1; some are rarer.
        generator: of all random numbers.

    Returns:
        uint8 [B, 4, S, S], a copy.
    """

    def some(part: float) -> Tensor:
        return torch.rand(len(pixels), generator=generator) < share * part

    rgba = pixels.float() / 255
    for change, chosen in (
        (bend_shapes, some(1)),
        (shift_colours, some(1)),
        (reduce_shades, some(0.4)),
    ):
        if chosen.any():
            rgba[chosen] = change(rgba[chosen], generator)
    lined = some(0.7)
    if lined.any():
        rgba[lined] = draw_outlines(rgba[lined], generator)
    return (rgba.clamp(0, 1) * 255).round().to(torch.uint8)


def bend_shapes(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate, stretch and bend shapes a little: [B, 4, S, S] in [0, 1] → the same."""
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


def shift_colours(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Shift colours a little, so that their names still fit: [B, 4, S, S] → the same."""
    count = len(rgba)
    rgb = rgba[:, :3]
    grey = rgb.mean(1, keepdim=True)
    colour = grey + (rgb - grey) * uniform([count, 1, 1, 1], 0.5, 1.5, generator)
    light = uniform([count, 3, 1, 1], -0.1, 0.1, generator)
    power = uniform([count, 1, 1, 1], -0.5, 0.5, generator).exp()
    return torch.cat([(colour + light).clamp(0, 1) ** power, rgba[:, 3:]], 1)


def reduce_shades(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Reduce each colour channel to a few shades: [B, 4, S, S] → the same."""
    levels = torch.randint(2, 6, [len(rgba), 1, 1, 1], generator=generator)
    soft = functional.avg_pool2d(rgba[:, :3], 3, 1, 1, count_include_pad=False)
    return torch.cat([(soft * levels).round() / levels, rgba[:, 3:]], 1)


def draw_outlines(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Draw dark outlines around shapes, and where colours meet: [B, 4, S, S] → the same.

    A third also become paler, or white, like ink drawings.
    """
    count, side = len(rgba), rgba.shape[-1]
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    within = torch.where(alpha > 0.5, rgb, torch.ones(()))
    step = _most(within) + _most(-within)  # the range among neighbours
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
    """The maximum of each pixel and its neighbours."""
    return functional.max_pool2d(x, 3, 1, 1)
