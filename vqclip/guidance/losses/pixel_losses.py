"""Losses on the colours of pixels, and colours by name.

How strong they are is the weight of their `Objective`, which may be negative: saturation with a
negative weight takes colour away. No function here draws random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import pick
from vqclip.language.palettes import colour_names, palette_parser
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Image, Scalar, find_nearest_rows


def parse_colours(colours: str | Sequence[str]) -> Tensor:
    """Read colours into a tensor [K, 3], sRGB in [0, 1].

    Args:
        colours: a palette without files, such as "#ff0000, gold, teal"
            (`vqclip.language.palettes`), or a sequence of single colours.

    Raises:
        ConfigError: if there is none, or one is not a colour.

    >>> parse_colours("#ff0000, blue").tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if isinstance(colours, str) or not colours:
        return torch.tensor(palette_parser.parse_colours(str(colours or "")))
    return torch.tensor([colour_names.parse_colour(each) for each in colours])


def resize_like(picture: Image, like: Image) -> Image:
    """Stretch a picture to the size, device and precision of another one."""
    picture = picture.to(like)
    if picture.shape[-2:] == like.shape[-2:]:
        return picture
    return F.interpolate(picture, like.shape[-2:], mode="bilinear", antialias=True)


AXES = {"horizontal": -1, "vertical": -2}  # the dimension of an Image that a mirror reverses


def saturation_loss() -> Loss:
    """The saturation loss: more colour.

    Minus the colourfulness of Hasler and Süsstrunk, 2003 ("Measuring colourfulness in natural
    images"): with rg = R - G and yb = (R + G) / 2 - B, the length of their standard deviations
    plus 0.3 times the length of their means. 0 for a grey picture; -1.118 for one that is half
    red and half cyan.
    Differs: on the [0, 1] range, where the paper's numbers are 255 times as large.
    """

    def loss(view: View) -> Scalar:
        red, green, blue = view.image.unbind(1)
        opponents = torch.stack([red - green, (red + green) / 2 - blue]).flatten(1)  # [2, H * W]
        # std and vector_norm have gradient 0 at 0, where sqrt would make NaN of a grey picture.
        spread = torch.linalg.vector_norm(opponents.std(1, correction=0))
        return torch.neg(spread + 0.3 * torch.linalg.vector_norm(opponents.mean(1)))

    return loss


def symmetry_loss(axis: str = "horizontal") -> Loss:
    """The symmetry loss: the mean squared difference from the mirror image, in [0, 1].

    "horizontal" mirrors left and right, like a face: pixray's symmetry loss. "vertical" mirrors
    top and bottom, like a lake.

    Raises:
        ConfigError: if `axis` is neither.
    """
    dimension = pick(AXES, axis, "axis of symmetry")

    def loss(view: View) -> Scalar:
        return F.mse_loss(view.image, view.image.flip(dimension))

    return loss


def palette_loss(colours: str | Sequence[str]) -> Loss:
    """The palette loss: pulls every pixel towards the nearest of a few colours.

    The mean Euclidean distance in sRGB to it, in [0, 3**0.5]. pixray's palette loss.
    Differs: on the picture rather than on the cutouts, and not multiplied by their number.

    Raises:
        ConfigError: if one of `colours`, read by `parse_colours`, is not a colour.
    """
    choices = parse_colours(colours)

    def loss(view: View) -> Scalar:
        pixels = view.image[0].flatten(1).T  # [H * W, 3]
        wanted = choices.to(pixels)
        with torch.no_grad():  # which colour is nearest has no gradient
            nearest = wanted[find_nearest_rows(pixels, wanted)]  # [H * W, 3]
        return torch.mean(torch.linalg.vector_norm(pixels - nearest, dim=1))

    return loss


def snap_to_palette(picture: Image, colours: Tensor) -> Image:
    """Replace every pixel by the nearest of a few colours; the gradient passes straight through.

    pixray's lookup filter.

    Args:
        picture: [B, 3, H, W].
        colours: [K, 3], sRGB in [0, 1].
    """
    wanted = colours.to(picture)
    pixels = picture.detach().movedim(1, -1)  # [B, H, W, 3]
    nearest = wanted[find_nearest_rows(pixels.reshape(-1, 3), wanted)]
    snapped = nearest.reshape(pixels.shape).movedim(-1, 1)
    return snapped + (picture - picture.detach())


def commitment_loss(picture: Image, snapped: Image) -> Scalar:
    """The commitment loss: the mean squared difference from the snapped picture, in [0, 1].

    It keeps the picture near to what `snap_to_palette` shows of it; the colours do not move. The
    name is that of van den Oord et al., 2017, https://arxiv.org/abs/1711.00937. pixray logs it
    times 1 + 1 / β, with the same gradient.

    Args:
        picture: before it was snapped, [B, 3, H, W].
        snapped: [B, 3, H, W]; has no gradient here.
    """
    return F.mse_loss(picture, snapped.detach())


def closeness_loss(
    picture: Tensor,
    weights: Tensor | None = None,
    ground: Callable[[], float] = lambda: 1.0,
) -> Loss:
    """The init loss: the mean squared difference from a picture, in [0, 1].

    Usually the picture that the run starts from: rkhamilton's and pytti's direct image loss.

    Args:
        picture: [1, 3, H, W] in [0, 1], of any size; it is stretched to that of the run's. With
            opacity, [1, 4, H, W], it lies on the ground of the step, as the run's does.
        weights: how much each place counts, [1, 1, H, W]; 1 everywhere unless given.
        ground: tells the grey level of the ground, in [0, 1].
    """
    picture = picture.detach()
    colours, alpha = picture[:, :3], picture[:, 3:]
    layers = torch.cat([colours * alpha, alpha], 1) if picture.shape[1] == 4 else colours

    def loss(view: View) -> Scalar:
        wanted = resize_like(layers, view.image)
        if wanted.shape[1] == 4:
            wanted = wanted[:, :3] + (1 - wanted[:, 3:]) * ground()
        if weights is None:
            return F.mse_loss(view.image, wanted)
        return ((view.image - wanted).square() * resize_like(weights, view.image)).mean()

    return loss
