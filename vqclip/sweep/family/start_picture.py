"""Start pictures of offspring: parents' pictures, blended and shaken.

A shaken picture is bent and turned a little, its colours shift, and there is grain in it, so that
the steps that follow find something else there. A blend has parts of both pictures, with soft
borders between them. What a VQGAN draws is blended and shaken in its latents before
(`start_latent`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional

from vqclip.media import images
from vqclip.sweep.family.parents import Parent
from vqclip.sweep.family.smooth_noise import draw_field, draw_number, draw_share

BENT = 0.045  # how far points move, in picture sizes
TURNED, ZOOMED = 7.0, 0.10  # degrees, and a share of the size
TINTED = 0.06  # of large areas
HUE = 22.0  # degrees by which all colours turn
GRAIN = 0.05


def draw_start(
    parents: Sequence[Parent],
    size: tuple[int, int],
    seed: int,
    vqgan: str | None = None,
    *,
    tiles: bool = False,
) -> bytes:
    """Draw the start picture of an offspring, as PNG.

    Args:
        parents: one or two, with their pictures.
        size: width and height, in pixels.
        seed: of all that is chosen at random.
        vqgan: the name of the VQGAN in whose latents they are blended and shaken; None for
            pictures that are drawn without one.
        tiles: whether the picture tiles, and nothing may bend its borders apart.

    Raises:
        PictureError: if a picture cannot be read.
        ModelError: if the VQGAN is not here, or cannot be read.
    """
    generator = Generator().manual_seed(seed)
    if vqgan is None or tiles:
        paths = [each.picture for each in parents if each.picture is not None]
        pictures = [images.read_picture(path, size=size) for path in paths]
        mixed = blend([shake(each, generator, tiles=tiles) for each in pictures], generator)
    else:
        from vqclip.models.vqgan import load_vqgan
        from vqclip.sweep.family.start_latent import draw_from_latents

        drawn = draw_from_latents(parents, load_vqgan(vqgan)[0], size, generator)
        mixed = shake(resize(drawn, size), generator)
    return images.to_png(images.to_bytes(mixed.clamp(0, 1)))


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture, [1, 3, H, W], at another width and height, if it has not got them."""
    shape = [size[1], size[0]]
    if [*picture.shape[-2:]] == shape:
        return picture
    return functional.interpolate(picture, shape, mode="bicubic", antialias=True).clamp(0, 1)


def blend(pictures: Sequence[Tensor], generator: Generator) -> Tensor:
    """Blend pictures, [1, 3, H, W] each, that take their places by a soft pattern."""
    found = pictures[0]
    for other in pictures[1:]:
        share = draw_share(found.shape[-2:], generator)
        found = found * share + other * (1 - share)
    return found


def shake(picture: Tensor, generator: Generator, *, tiles: bool = False) -> Tensor:
    """Shake a picture, [1, 3, H, W] in [0, 1]: bend, turn, tint it and add grain.

    Args:
        tiles: leave out what would move its borders.
    """
    bent = picture if tiles else _bend(picture, generator)
    turned = functional.conv2d(
        bent, _hue_matrix(draw_number(generator, -HUE, HUE))[..., None, None]
    )
    tint = 0.0 if tiles else TINTED * draw_field(3, picture.shape[-2:], generator)
    grain = GRAIN * torch.randn(picture.shape, generator=generator)
    return (turned + tint + grain).clamp(0, 1)


def _bend(picture: Tensor, generator: Generator) -> Tensor:
    """Move the points of a picture smoothly; what comes in at its borders is mirrored."""
    angle = math.radians(draw_number(generator, -TURNED, TURNED))
    zoom = 1 + draw_number(generator, -ZOOMED, ZOOMED)
    high, wide = picture.shape[-2:]
    cos, sin, ratio = zoom * math.cos(angle), zoom * math.sin(angle), high / wide
    matrix = torch.tensor([[[cos, -sin * ratio, 0.0], [sin / ratio, cos, 0.0]]])
    grid = functional.affine_grid(matrix, [1, 1, high, wide], align_corners=False)
    grid = grid + 2 * BENT * draw_field(2, (high, wide), generator).permute(0, 2, 3, 1)
    return functional.grid_sample(
        picture, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _hue_matrix(degrees: float) -> Tensor:
    """The matrix that turns colours around grey: [3, 3]."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle) / math.sqrt(3)
    grey = (1 - cos) / 3
    a, b, c = cos + grey, grey - sin, grey + sin
    return torch.tensor([[a, b, c], [c, a, b], [b, c, a]])
