"""Smoothness losses: less grain, by four measures of the steps between neighbouring pixels.

squares are the total variation of Crowson's notebooks and of pytti; slopes, clipped and log are
pixray's, on cutouts as there or on the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from vqclip.errors import pick
from vqclip.optimisation_loop import Loss, View
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Scalar

CLIP = 0.5  # the steepest slope that `clipped` counts
# pixray measures on cutouts with noise, which rounds off the root at 0: about as much as this.
FLOOR = 0.08

KINDS: dict[str, Callable[[Tensor], Scalar]] = {
    "slopes": lambda slope: slope.mean(),
    "clipped": lambda slope: slope.clamp(max=CLIP).mean(),
    "log": lambda slope: slope.log1p().mean(),
}


def smoothness_loss(kind: str = "squares", on: str = "picture", repeat: Repeat = ONCE) -> Loss:
    """The smoothness loss, total variation: less grain, larger shapes.

    squares: the mean of (right neighbour - pixel)**2 + (lower neighbour - pixel)**2 over pixels
    and channels, in [0, 2]; the last row and column are their own neighbours, or those of the
    first ones, if the picture repeats. The squared ("L2") total variation of Crowson's notebooks,
    as pytti has it; after Mahendran and Vedaldi, 2015 (https://arxiv.org/abs/1412.0035).

    slopes, clipped, log: pixray's default, clipped and log. The slope g of a pixel is the length
    of its gradient over all channels, by central differences; the mean of g, of g up to 0.5, or
    of ln(1 + g).

    Args:
        kind: "squares", "slopes", "clipped" or "log".
        on: "picture", or "cutouts": all squares of one size stacked, as pixray measures them;
            the sum over sizes.
        repeat: how the picture repeats.

    Raises:
        ConfigError: if there is no such kind or place.
    """
    measure: Callable[[Image, Repeat], Scalar] = square_steps
    if kind != "squares":
        mean, floor = pick(KINDS, kind, "kind of smoothness"), FLOOR * (on == "picture")
        measure = partial(_measure_mean, mean=mean, floor=floor)

    def on_picture(view: View) -> Scalar:
        return measure(view.image, repeat)

    def on_cutouts(view: View) -> Scalar:
        by_size = {cut.pixels.shape[-1]: cut.pixels for cut in view.cuts.values()}
        stacked = [each.movedim(0, 1).flatten(1, 2)[None] for each in by_size.values()]
        return torch.stack([measure(each, ONCE) for each in stacked]).sum()

    return pick({"picture": on_picture, "cutouts": on_cutouts}, on, "place of smoothness")


def _measure_mean(
    picture: Image, repeat: Repeat, mean: Callable[[Tensor], Scalar], floor: float
) -> Scalar:
    return mean(measure_slopes(picture, repeat, floor))


def square_steps(picture: Image, repeat: Repeat = ONCE) -> Scalar:
    """The mean square of the steps to the right and lower neighbours: [B, C, H, W]."""
    padded = repeat.pad(picture, (0, 1, 0, 1), "replicate")
    right = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    below = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    return right.square().add(below.square()).mean()


def measure_slopes(picture: Image, repeat: Repeat = ONCE, floor: float = 0.0) -> Tensor:
    """Measure how steep a picture is at each pixel, over all channels: [B, H, W].

    Central differences, one-sided at the borders of a picture that does not repeat: numpy's
    gradient.

    Args:
        picture: [B, C, H, W].
        floor: the slope of a flat picture, which rounds off the root there.
    """
    padded = repeat.pad(picture, (1, 1, 1, 1), "replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    # A border's one neighbour is one pixel away, not two.
    if not repeat.across:
        across = torch.cat([across[..., :1] * 2, across[..., 1:-1], across[..., -1:] * 2], -1)
    if not repeat.down:
        down = torch.cat([down[..., :1, :] * 2, down[..., 1:-1, :], down[..., -1:, :] * 2], -2)
    steep = across.square().add(down.square()).sum(1)
    # The least number keeps the gradient of the root finite on flat ground.
    return (steep + max(floor**2, 1e-12)).sqrt()
