"""Likeness losses: contours and latent near those of the picture that a run starts from."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from kornia.filters import spatial_gradient
from torch import Tensor

from vqclip.errors import pick
from vqclip.guidance.losses.pixel_losses import resize_like
from vqclip.models.device import upload_tensor
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Image, Parameters, Scalar

LATENT = "latent"
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


def contour_loss(picture: Image) -> Loss:
    """The contour loss: the mean squared difference of the gradients of grey pictures.

    The gradients are Sobel's, divided by 8. pytti's edge stabilisation.

    Args:
        picture: [1, 3, H, W] in [0, 1], of any size.
    """
    picture = picture.detach()[:, :3]

    def loss(view: View) -> Scalar:
        return F.mse_loss(
            find_gradients(view.image), find_gradients(resize_like(picture, view.image))
        )

    return loss


def find_gradients(picture: Image) -> Tensor:
    """The gradients of a picture's grey levels, across and down: [1, 1, 2, H, W]."""
    weights = upload_tensor(torch.tensor(_LUMA, dtype=picture.dtype), picture.device)
    grey = (picture * weights[None, :, None, None]).sum(1, keepdim=True)
    return spatial_gradient(grey, "sobel", normalized=True)


def angle_distance(latent: Tensor, other: Tensor) -> Scalar:
    """Half the squared angle between two latents as a whole, in [0, pi**2 / 2]."""
    first, second = (F.normalize(each.flatten(), dim=0) for each in (latent, other))
    chord = torch.linalg.vector_norm(first - second)
    return (chord / 2).clamp(max=1 - 1e-7).arcsin().square() * 2


def square_distance(latent: Tensor, other: Tensor) -> Scalar:
    """Half the mean squared difference of two latents."""
    return F.mse_loss(latent, other) / 2


def cosine_distance(latent: Tensor, other: Tensor) -> Scalar:
    """1 less the cosine between two latents as a whole, in [0, 2]."""
    return 1 - F.cosine_similarity(latent.flatten(), other.flatten(), dim=0)


LATENT_KINDS: dict[str, Callable[[Tensor, Tensor], Scalar]] = {
    "angle": angle_distance,
    "squares": square_distance,
    "cosine": cosine_distance,
}


def latent_loss(
    parameters: Callable[[], Parameters],
    encode: Callable[[int, int], Tensor],
    kind: str = "angle",
) -> Loss:
    """The latent loss: the distance of a VQGAN's latent from that of the start picture.

    pixray's init weights: -iw is the angle, -iwd the squares, -iwc the cosine. 0 while a drawer
    without a latent draws.

    Args:
        parameters: gives those of the drawer that draws.
        encode: the start picture's latent, of so many rows and columns.
        kind: one of `LATENT_KINDS`.

    Raises:
        ConfigError: if there is no such kind.
    """
    distance = pick(LATENT_KINDS, kind, "kind of latent distance")
    known: dict[tuple[int, int], Tensor] = {}

    def loss(view: View) -> Scalar:
        latent = parameters().get(LATENT)
        if latent is None:
            return view.image.new_zeros(())
        rows, columns = latent.shape[-2:]
        if (rows, columns) not in known:  # it grows
            known[rows, columns] = encode(rows, columns).detach()
        return distance(latent, known[rows, columns].to(latent))

    return loss
