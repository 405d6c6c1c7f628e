"""Borders: edges, grounds and vignettes of one colour or of a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance.losses.pixel_losses import parse_colours
from vqclip.models.device import upload_tensor
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Image, Scalar

Margins = tuple[float, float, float, float]  # left, right, top, bottom, as shares of the picture
USUAL: Margins = (0.05, 0.05, 0.05, 0.05)


def edge_loss(colour: str = "white", thickness: float = 0.05) -> Loss:
    """The edge loss, a border of one colour: the mean squared difference there, in [0, 1].

    pixray's edge loss.
    Differs: one thickness for all sides; no terms for the rest of the picture.

    Args:
        colour: as one of `parse_colours`.
        thickness: of the border, as a fraction of the height (top and bottom) and of the width
            (left and right); at least one pixel is taken.

    Raises:
        ConfigError: if `colour` is not a colour, or `thickness` not in (0, 0.5].
    """
    if not 0 < thickness <= 0.5:
        raise ConfigError(
            f"the edges' thickness {thickness} must be above 0 and at most 0.5; "
            "0.05 is a twentieth of the picture"
        )
    wanted = parse_colours([colour])[0]

    def loss(view: View) -> Scalar:
        height, width = view.image.shape[-2:]
        rows, columns = (max(1, round(thickness * side)) for side in (height, width))
        border = torch.ones(height, width, dtype=torch.bool, device=view.image.device)
        border[rows : height - rows, columns : width - columns] = False
        there = upload_tensor(wanted.to(view.image.dtype), view.image.device)
        gaps = view.image[0] - there[:, None, None]  # [3, H, W]
        # Weighted rather than indexed: a boolean index would make the device wait for the host.
        return gaps.square().mul(border).sum() / (3 * border.sum())

    return loss


def margin_loss(margins: Margins, colour: str = "white", picture: Image | None = None) -> Loss:
    """The edge loss with a width for each side, as pixray's: a quarter of the sum over sides.

    Each side counts the mean squared difference in it; left and right have the full height, top
    and bottom go without the corners; a side of width 0 is left out. With four equal widths it is
    nearly `edge_loss`.

    Args:
        margins: at least one of them above 0.
        colour: as one of `parse_colours`.
        picture: [1, 3, H, W], in place of the colour; stretched bicubically.
    """
    target = _Target(colour, picture)

    def loss(view: View) -> Scalar:
        squares = (view.image - target.like(view.image)).square()
        height, width = squares.shape[-2:]
        left, right = (int(share * width) for share in margins[:2])
        top, bottom = (int(share * height) for share in margins[2:])
        inner = squares[..., left : width - right]
        sides = (
            *(squares[..., :left], squares[..., width - right :]),
            *(inner[..., :top, :], inner[..., height - bottom :, :]),
        )
        found = [side.mean() for side in sides if side.numel()]
        return torch.stack(found).sum() / 4 if found else squares.sum() * 0

    return loss


def masked_edge_loss(mask: Tensor, colour: str = "white", picture: Image | None = None) -> Loss:
    """The edge loss where a mask is black, its mean taken over all pixels.

    pixray's edge_mask_image.

    Args:
        mask: [1, 1, H, W]; 0 where the loss acts.
        colour: as one of `parse_colours`.
        picture: [1, 3, H, W], in place of the colour.
    """
    target = _Target(colour, picture)

    def loss(view: View) -> Scalar:
        squares = (view.image - target.like(view.image)).square()
        size = squares.shape[-2:]
        here = F.interpolate(mask.to(squares), size, mode="bilinear", antialias=True)
        return (squares * (here <= 0)).mean()

    return loss


def ground_loss(colour: str = "white", picture: Image | None = None) -> Loss:
    """The ground loss: the mean squared difference of the whole picture, in [0, 1].

    pixray's global_color_weight.

    Args:
        colour: as one of `parse_colours`.
        picture: [1, 3, H, W], in place of the colour.
    """
    target = _Target(colour, picture)
    return lambda view: F.mse_loss(view.image, target.like(view.image).expand_as(view.image))


def vignette_loss(colour: str = "white", width: float = 0.3) -> Loss:
    """The vignette loss: the mean difference from one colour, counted more towards the corners.

    A pixel counts 1 - g, where g is a bell of height 1 in the middle: pixray's gaussian loss.

    Args:
        colour: as one of `parse_colours`.
        width: the bell's standard deviation, in picture heights.
    """
    target = _Target(colour, None)

    def loss(view: View) -> Scalar:
        height, wide = view.image.shape[-2:]
        down, across = (_bell(side, width * height, view.image) for side in (height, wide))
        outside = 1 - down[:, None] * across[None, :]
        return ((view.image - target.like(view.image)).abs() * outside).mean()

    return loss


class _Target:
    """A colour or a picture, as large as another picture, and where that is."""

    def __init__(self, colour: str, picture: Image | None) -> None:
        self._colour = parse_colours([colour])[0][None, :, None, None]
        self._picture = None if picture is None else picture.detach()

    def like(self, image: Image) -> Tensor:
        """The target of an image: [1, 3, 1, 1], or [1, 3, H, W] of a picture."""
        if self._picture is None:
            return upload_tensor(self._colour.to(image.dtype), image.device)
        there, size = self._picture.to(image), image.shape[-2:]
        if there.shape[-2:] == size:
            return there
        return F.interpolate(there, size, mode="bicubic", antialias=True).clamp(0, 1)


def _bell(length: int, deviation: float, like: Tensor) -> Tensor:
    """A bell along a side, 1 in its middle: [length]."""
    places = torch.arange(length, dtype=like.dtype, device=like.device) - (length - 1) / 2
    return torch.exp(-places.square() / (2 * deviation**2))
