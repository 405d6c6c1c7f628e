"""Colours against formulas written again with numpy, and against what must not change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqclip.animation.colour_match import COLOUR_MATCHES, match_colours
from vqclip.errors import ConfigError

Pixels = NDArray[np.float64]


def picture(
    seed: int, height: int = 20, width: int = 26, low: float = 0.2, high: float = 0.8
) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    ends = low + (high - low) * torch.rand(1, 3, 1, 2, generator=random)
    noise = torch.rand(1, 3, height, width, generator=random) - 0.5
    return (
        ends[..., :1]
        + (ends[..., 1:] - ends[..., :1]) * torch.linspace(0, 1, width)
        + 0.2 * noise
    ).clamp(0, 1)


def pixels(image: Tensor) -> Pixels:
    """[H, W, 3] as numpy has it."""
    return image[0].permute(1, 2, 0).double().numpy()


def moments(own: Pixels, wanted: Pixels) -> Pixels:
    gain = wanted.std((0, 1)) / own.std((0, 1))
    return (own - own.mean((0, 1))) * gain + wanted.mean((0, 1))


XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = np.array([0.95047, 1, 1.08883])  # D65, seen at 2°


def to_lab(rgb: Pixels) -> Pixels:
    """CIE 1976 L*a*b* of sRGB, by the published formulas."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ XYZ.T / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def test_lab_has_the_moments_of_the_reference() -> None:
    own, reference = picture(1), picture(2, 9, 14, 0.35, 0.65)
    found = match_colours(own, reference, "lab")
    assert found.min() > 0 and found.max() < 1, "what is cut off has other moments"
    wanted = moments(to_lab(pixels(own)), to_lab(pixels(reference)))
    assert np.abs(to_lab(pixels(found)) - wanted).max() < 0.1


def test_rgb_has_the_moments_of_the_reference() -> None:
    own, reference = picture(3), picture(4, 9, 14)
    wanted = moments(pixels(own), pixels(reference)).clip(0, 1)
    assert np.abs(pixels(match_colours(own, reference, "rgb")) - wanted).max() < 1e-5


def test_histograms_are_matched_as_scikit_image_does() -> None:
    """Its formula: of equal values, those up to the last count; between values, linearly."""
    own = (picture(5) * 12).round() / 12
    reference = picture(6, 9, 14)
    found = pixels(match_colours(own, reference, "histogram"))
    for channel in range(3):
        source, template = pixels(own)[..., channel], pixels(reference)[..., channel]
        _, where, counts = np.unique(source.ravel(), return_inverse=True, return_counts=True)
        values, others = np.unique(template.ravel(), return_counts=True)
        places = np.cumsum(counts) / source.size
        mapped = np.interp(places, np.cumsum(others) / template.size, values)
        assert np.abs(found[..., channel] - mapped[where].reshape(source.shape)).max() < 1e-5


def test_hues_turn_together() -> None:
    """A picture of reds after one of greens: a third of the circle, whatever else it is."""
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = torch.linspace(0.4, 0.9, 8)
    red[:, 1] = red[:, 2] = 0.1
    found = match_colours(red, red.roll(1, 1), "hsv")
    assert torch.allclose(found, red.roll(1, 1), atol=1e-5)
    grey = torch.full((1, 3, 8, 8), 0.3)
    assert match_colours(grey, red, "hsv").std(1).max() < 1e-5, (
        "a grey picture has no hue to turn"
    )


@pytest.mark.parametrize("way", COLOUR_MATCHES)
def test_its_own_colours_change_nothing(way: str) -> None:
    own = picture(7)
    assert (match_colours(own, own, way) - own).abs().max() < 2e-3
    shuffled = own.flatten(2)[..., torch.randperm(520)].view_as(own)
    assert (match_colours(own, shuffled, way) - own).abs().max() < 2e-3, (
        "where a colour is does not matter"
    )


@pytest.mark.parametrize("way", COLOUR_MATCHES)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_stay_flat(way: str, level: float) -> None:
    flat = torch.full((1, 3, 6, 6), level)
    flat = flat + torch.rand(1, 3, 6, 6) * 1e-3 if level == 0.5 else flat
    found = match_colours(flat, picture(10), way)
    assert found.isfinite().all()
    if way != "histogram":  # which spreads whatever differs at all
        assert found.std((2, 3)).max() < 0.01
    assert match_colours(picture(10), flat, way).isfinite().all()
    one = torch.rand(1, 3, 1, 1)
    assert match_colours(one, flat, way).isfinite().all()


def test_what_cannot_be_is_refused() -> None:
    own = picture(11)
    with pytest.raises(ConfigError, match=r"no way to match colours is called 'lob'.*'lab'"):
        match_colours(own, own, "lob")
