"""Losses: distances to prompts, losses on pixels, and colours by name.

`prompt_loss` compares a perceptor's embedding of the picture with that of a prompt, `image_loss`
with that of another picture (Crowson et al., 2022, https://arxiv.org/abs/2204.08583). The losses
on pixels are listed by name in `LOSSES`, at the foot. How strong they are is the weight of their
`Objective`, which may be negative: saturation with a negative weight takes colour away.

No function here draws random numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from PIL import ImageColor
from torch import Tensor

from vqclip.errors import ConfigError, pick, suggest
from vqclip.generate import Loss, Perceptor, View
from vqclip.tensors import Embedding, Image, Scalar

COLOUR = re.compile(r"#[0-9a-f]{3}|#[0-9a-f]{6}|[a-z]+", re.IGNORECASE)


def parse_colours(colours: str | Sequence[str]) -> Tensor:
    """Read colours by name into a tensor [K, 3], sRGB in [0, 1].

    Args:
        colours: a text such as "#ff0000, gold, teal", or a sequence of such names: CSS names, or
            three or six hex digits after a "#".

    Raises:
        ConfigError: if there is none, or one is not a colour.

    >>> parse_colours("#ff0000, blue").tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    names = colours.split(",") if isinstance(colours, str) else list(colours)
    if not names:
        raise ConfigError('no colours were given; write some, such as "#ff0000, gold, teal"')
    return torch.tensor([_colour(str(name).strip()) for name in names]) / 255


def _colour(name: str) -> tuple[int, ...]:
    """Read one colour."""
    try:
        # Pillow would also take transparent colours and rgb(300, 0, 0).
        if COLOUR.fullmatch(name) is None:
            raise ValueError(name)
        return ImageColor.getrgb(name)
    except ValueError:
        raise ConfigError(
            f"{name!r} is not a colour{suggest(name.lower(), ImageColor.colormap)}; write a CSS "
            "name such as gold, or hex digits such as #ff0000"
        ) from None


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
            cutouts = view.cuts[perceptor.cut].again(resize_like(picture, view.image))
            target = perceptor.embed_image(cutouts)
        distances = _half_squared_angle(view.embeddings[perceptor.name], target)  # [N]
        return _weigh(distances, _at(weight, view.step), _at(stop, view.step))

    return loss


def resize_like(picture: Image, like: Image) -> Image:
    """Stretch a picture to the size, device and precision of another one."""
    picture = picture.to(like)
    if picture.shape[-2:] == like.shape[-2:]:
        return picture
    return F.interpolate(picture, like.shape[-2:], mode="bilinear", antialias=True)


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


AXES = {"horizontal": -1, "vertical": -2}  # the dimension of an Image that a mirror reverses


def smoothness() -> Loss:
    """The smoothness loss, total variation: less grain, larger shapes.

    The mean of (right neighbour - pixel)**2 + (lower neighbour - pixel)**2 over pixels and
    channels, in [0, 2]; the last row and column are their own neighbours. The squared ("L2")
    total variation of Crowson's notebooks, as pytti has it; after Mahendran and Vedaldi, 2015
    (https://arxiv.org/abs/1412.0035). pixray's smoothness is a mean gradient magnitude instead.
    """

    def loss(view: View) -> Scalar:
        padded = F.pad(view.image, (0, 1, 0, 1), mode="replicate")
        right = padded[..., :-1, 1:] - padded[..., :-1, :-1]
        below = padded[..., 1:, :-1] - padded[..., :-1, :-1]
        return right.square().add(below.square()).mean()

    return loss


def saturation() -> Loss:
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


def symmetry(axis: str = "horizontal") -> Loss:
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


def palette(colours: str | Sequence[str]) -> Loss:
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
        # Which colour is nearest has no gradient, so the [H * W, K] distances need not be kept.
        with torch.no_grad():
            nearest = wanted[torch.cdist(pixels, wanted).argmin(1)]  # [H * W, 3]
        return torch.mean(torch.linalg.vector_norm(pixels - nearest, dim=1))

    return loss


def closeness(picture: Image) -> Loss:
    """The init loss: the mean squared difference from a picture, in [0, 1].

    Usually the picture that the run starts from: rkhamilton's and pytti's direct image loss.

    Args:
        picture: [1, 3, H, W] in [0, 1], of any size; it is stretched to that of the run's.
    """
    picture = picture.detach()

    def loss(view: View) -> Scalar:
        return F.mse_loss(view.image, resize_like(picture, view.image))

    return loss


def edges(colour: str = "white", thickness: float = 0.05) -> Loss:
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
        gaps = view.image[0] - wanted.to(view.image)[:, None, None]  # [3, H, W]
        # Weighted rather than indexed: a boolean index would make the device wait for the host.
        return gaps.square().mul(border).sum() / (3 * border.sum())

    return loss


LOSSES: dict[str, Callable[..., Loss]] = {
    "smoothness": smoothness,
    "saturation": saturation,
    "symmetry": symmetry,
    "palette": palette,
    "init": closeness,
    "edges": edges,
}
