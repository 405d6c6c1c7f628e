"""Colour matching: a picture in the colours of another.

    lab         mean and deviation of lightness and of both colour axes of CIELAB, after Reinhard
                et al., 2001, "Color transfer between images", who use a similar colour space
    rgb         mean and deviation of red, green and blue
    hsv         mean and deviation of value; saturation is multiplied to the same mean, so that
                greys stay grey; hues turn by the angle between the mean hues, in which pale
                pixels count little
    histogram   each of red, green and blue gets the reference's distribution, as in
                scikit-image's `match_histograms`

All of them use the colours of the whole picture, wherever they are in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vqclip.errors import pick
from vqclip.tensors import Image

# As a share of a channel's range. A channel with a smaller deviation is flat: to spread it would
# only amplify its noise.
FLAT = 1 / 255


def match_colours(image: Image, reference: Image, method: str) -> Image:
    """Match a picture's colours to those of a reference, which may have another size.

    Args:
        image: [1, 3, H, W] in [0, 1].
        reference: [1, 3, h, w] in [0, 1].
        method: one of `COLOUR_MATCHES`.

    Returns:
        [1, 3, H, W] in [0, 1].

    Raises:
        ConfigError: if there is no such way.
    """
    match = pick(COLOUR_MATCHES, method, "way to match colours")
    return match(image, reference.to(image.device, image.dtype)).clamp(0, 1)


def _moments(image: Tensor, reference: Tensor, flat: Tensor | float) -> Tensor:
    """Give each channel the mean and the deviation of the reference's: [1, C, H, W]."""
    over = (2, 3)
    mean, aim = image.mean(over, keepdim=True), reference.mean(over, keepdim=True)
    own = image.std(over, correction=0, keepdim=True)
    wanted = reference.std(over, correction=0, keepdim=True)
    gain = torch.where(own > flat, wanted / own.clamp_min(1e-12), 1.0)
    return (image - mean) * gain + aim


def _lab(image: Image, reference: Image) -> Image:
    from kornia.color import lab_to_rgb, rgb_to_lab

    flat = image.new_tensor([100, 255, 255])[None, :, None, None] * FLAT
    moved: Image = lab_to_rgb(_moments(rgb_to_lab(image), rgb_to_lab(reference), flat))
    return moved


def _rgb(image: Image, reference: Image) -> Image:
    return _moments(image, reference, FLAT)


def _hsv(image: Image, reference: Image) -> Image:
    from kornia.color import hsv_to_rgb, rgb_to_hsv

    own, wanted = rgb_to_hsv(image), rgb_to_hsv(reference)  # hues in radians
    hue = (own[:, :1] + _hue(wanted) - _hue(own)) % (2 * math.pi)
    pale, aim = own[:, 1].mean(), wanted[:, 1].mean()
    saturation = own[:, 1:2] * torch.where(pale > FLAT, aim / pale.clamp_min(1e-12), 1.0)
    value = _moments(own[:, 2:], wanted[:, 2:], FLAT)
    moved: Image = hsv_to_rgb(torch.cat([hue, saturation.clamp(0, 1), value.clamp(0, 1)], 1))
    return moved


def _hue(hsv: Tensor) -> Tensor:
    """The mean hue in radians: the direction of the sum of all colours; of greys, 0."""
    hue, weight = hsv[:, 0], hsv[:, 1] * hsv[:, 2]
    return torch.atan2((hue.sin() * weight).sum(), (hue.cos() * weight).sum())


def _histogram(image: Image, reference: Image) -> Image:
    # Ranks need 64 bits, which not every device has.
    rows = zip(image[0].flatten(1).cpu(), reference[0].flatten(1).cpu(), strict=True)
    return torch.stack([_matched(own, wanted) for own, wanted in rows]).view_as(image).to(image)


def _matched(own: Tensor, wanted: Tensor) -> Tensor:
    """Match values [N] to the distribution of others [M]; equal values stay equal."""
    ranked = own.sort().values
    place = torch.searchsorted(ranked, own, right=True).double() / len(own)  # in (0, 1]
    values, counts = wanted.unique(return_counts=True)
    places = counts.cumsum(0).double() / len(wanted)
    above = torch.searchsorted(places, place).clamp(max=len(values) - 1)
    below = (above - 1).clamp(min=0)
    gap = (places[above] - places[below]).clamp_min(1e-12)
    part = ((place - places[below]) / gap).clamp(0, 1).to(own.dtype)
    return torch.where(above > 0, torch.lerp(values[below], values[above], part), values[0])


COLOUR_MATCHES: dict[str, Callable[[Image, Image], Image]] = {
    "lab": _lab,
    "rgb": _rgb,
    "hsv": _hsv,
    "histogram": _histogram,
}
