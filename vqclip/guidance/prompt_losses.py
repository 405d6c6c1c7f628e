"""Losses that say how far a picture is from a prompt: a text, or another picture.

`prompt_loss` compares a perceptor's embedding of the picture with that of a prompt, `image_loss`
with that of another picture (Crowson et al., 2022, https://arxiv.org/abs/2204.08583). Both are
means of `spherical_distance`.

No function here draws random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vqclip.guidance.losses.pixel_losses import resize_like
from vqclip.optimisation_loop import Loss, Perceptor, View
from vqclip.tensors import Embedding, Image, Scalar

Changing = float | Callable[[int], float]  # a number, or one for each step


def spherical_distance(a: Embedding, b: Embedding) -> Tensor:
    """Spherical distance: half the squared angle between every row of `a` and every row of `b`.

    For unit vectors at angle t (radians) this is t**2 / 2: 0 when they agree, pi**2 / 2 (about
    4.93) when they are opposite. Its gradient, t, keeps growing where that of cosine distance,
    sin(t), fades beyond 90 degrees, so the worst cutouts pull hardest.

    Crowson's notebooks: 2 * asin(|x - y| / 2)**2.
    Differs: the same angle is taken as 2 * atan2(|x - y|, |x + y|), whose gradient is finite
    everywhere, also for rows that agree or are opposite, where it is 0. Half precision is
    raised to float32.

    Args:
        a: [N, D], rows of length 1.
        b: [P, D], rows of length 1.

    Returns:
        [N, P], in [0, pi**2 / 2].

    Raises:
        ValueError: if the rows of `a` and `b` differ in length.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> y = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> [round(d, 4) for d in spherical_distance(x, y)[0].tolist()]
    [0.0, 1.2337, 4.9348]
    """
    return _half_squared_angle(a[:, None], b[None])


def prompt_loss(
    perceptor: str,
    target: Embedding | Callable[[int], Embedding],
    weight: Changing = 1.0,
    stop: Changing = -math.inf,
) -> Loss:
    """The prompt loss: pulls cutouts towards a prompt (weight above 0) or away from it (below).

    With d the spherical distances of the cutouts, the value is `weight * mean(d)`. The gradient
    is that of `abs(weight) * mean(max(sign(weight) * d, stop))`: a cutout whose signed distance
    is below `stop` no longer pulls, while its distance still counts in the value that is
    reported. So a positive prompt stops pulling where d < stop, a negative one where d > -stop.

    Crowson's notebooks; pytti-book on why negative prompts need a stop.

    Args:
        perceptor: the name of one in the run.
        target: [1, D] or [P, D], rows of length 1; the mean is over all of them. Target, weight
            and stop may be functions of the step.
        stop: signed distance; it has an effect within [-pi**2 / 2, pi**2 / 2]; -inf for never.
    """
    aim = target if callable(target) else (lambda step: target)

    def loss(view: View) -> Scalar:
        distances = spherical_distance(view.embeddings[perceptor], aim(view.step).detach())
        return _weigh(distances, _at(weight, view.step), _at(stop, view.step))

    return loss


def image_loss(
    perceptor: Perceptor,
    pictures: Image | Sequence[Image],
    weight: Changing = 1.0,
    stop: Changing = -math.inf,
) -> Loss:
    """The image loss: pulls the picture towards target pictures, one of them at each step.

    The target is cut exactly as the run's picture was, and cutout i is compared with cutout i,
    so that place and size count as well as content: pixray's image prompts. It costs one more
    embedding per step, without gradients.

    Args:
        perceptor: one of the run.
        pictures: [1, 3, H, W] in [0, 1], one or several, of any size; they are stretched to the
            size of the run's picture, and taken in turn.
        weight, stop: see `prompt_loss`.
    """
    several = [pictures] if isinstance(pictures, Tensor) else list(pictures)

    def loss(view: View) -> Scalar:
        picture = several[view.step % len(several)].detach()
        with torch.no_grad():
            cutouts = view.cuts[perceptor.cutter].cut_again(resize_like(picture, view.image))
            target = perceptor.embed_image(cutouts)
        distances = _half_squared_angle(view.embeddings[perceptor.name], target)  # [N]
        return _weigh(distances, _at(weight, view.step), _at(stop, view.step))

    return loss


def _at(number: Changing, step: int) -> float:
    """The value, at a step, of a number that may change."""
    return number(step) if callable(number) else number


def _half_squared_angle(x: Tensor, y: Tensor) -> Tensor:
    """Half the squared angle between the last dimensions of `x` and `y`, broadcast."""
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"embeddings have {x.shape[-1]} and {y.shape[-1]} columns; "
            "do they come from the same perceptor?"
        )
    x, y = (rows.to(torch.promote_types(rows.dtype, torch.float32)) for rows in (x, y))
    chord = torch.linalg.vector_norm(x - y, dim=-1)  # 2 * sin(t / 2)
    cochord = torch.linalg.vector_norm(x + y, dim=-1)  # 2 * cos(t / 2)
    return 2 * torch.atan2(chord, cochord).square()


def _weigh(distances: Tensor, weight: float, stop: float) -> Scalar:
    """Average distances of any shape, with the weight and stop of `prompt_loss`."""
    signed = distances * ((weight > 0) - (weight < 0))
    passing = signed.clamp(min=stop)  # its gradient is 0 below the stop
    # The value of `signed` with the gradient of `passing`; the difference adds exactly 0.
    return abs(weight) * (signed.detach() + (passing - passing.detach())).mean()
