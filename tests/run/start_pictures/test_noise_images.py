"""Pictures to start from."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from vqclip.errors import ConfigError
from vqclip.run.start_pictures.noise_images import (
    NOISE_IMAGES,
    flat_colour,
    fractal_noise,
    gradient_image,
    uniform_noise,
)


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def steepness(image: Tensor) -> float:
    """Mean difference between neighbours, relative to the picture's own spread."""
    return float(image.diff(dim=-1).abs().mean() / image.std())


@pytest.mark.parametrize("name", sorted(NOISE_IMAGES))
@pytest.mark.parametrize("size", [(48, 32), (17, 40), (64, 1), (1, 1)])
def test_noises_are_pictures_and_leave_the_global_stream_alone(
    name: str, size: tuple[int, int]
) -> None:
    width, height = size
    before = torch.get_rng_state()
    image = NOISE_IMAGES[name](width, height, stream())
    assert image.shape == (1, 3, height, width) and image.dtype == torch.float32
    assert torch.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(image, NOISE_IMAGES[name](width, height, stream()))


@pytest.mark.parametrize("name", ["fractal", "gradient", "uniform"])
def test_another_seed_gives_another_picture(name: str) -> None:
    a, b = (NOISE_IMAGES[name](32, 32, stream(seed)) for seed in (0, 1))
    assert (a - b).abs().mean() > 0.05


def test_fractal_is_smooth_at_first_and_rougher_with_octaves() -> None:
    blobs, clouds = (fractal_noise(64, 64, stream(), octaves=n) for n in (1, 5))
    assert steepness(blobs) < steepness(clouds) < steepness(uniform_noise(64, 64, stream())) / 2


def test_fractal_fills_the_range_and_contrast_pushes_it_from_grey() -> None:
    plain, strong = (fractal_noise(64, 64, stream(), contrast=c) for c in (1, 4))
    for image in (plain, strong):
        assert (image.amin((2, 3)) < 0.01).all() and (image.amax((2, 3)) > 0.99).all()
    expected = plain**4 / (plain**4 + (1 - plain) ** 4)
    torch.testing.assert_close(strong, expected, atol=1e-5, rtol=1e-4)


def test_gradient_passes_through_its_colours_without_a_jump() -> None:
    image = gradient_image(64, 64, stream(), colours="red,lime,blue")
    pixels = image[0].flatten(1).T
    for wanted in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]):
        assert (pixels - torch.tensor(wanted)).norm(dim=1).min() < 0.05
    assert image.diff(dim=-1).abs().max() < 0.1 and image.diff(dim=-2).abs().max() < 0.1


def test_gradient_of_one_colour_is_flat() -> None:
    assert torch.equal(
        gradient_image(5, 4, stream(), colours=["teal"]), flat_colour(5, 4, stream(), name="teal")
    )


def test_uniform_is_uniform() -> None:
    image = uniform_noise(200, 200, stream())
    counts = torch.histc(image, bins=10, min=0, max=1) / image.numel()
    torch.testing.assert_close(counts, torch.full((10,), 0.1), atol=0.01, rtol=0)


def test_colour_is_that_colour() -> None:
    image = flat_colour(3, 2, stream(), name="#ff8000")
    for channel, value in zip(image[0], (1, 128 / 255, 0), strict=True):
        torch.testing.assert_close(channel, torch.full((2, 3), float(value)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"octaves": 0}, "the noise's octaves 0 must be 1 or more, such as 5"),
        ({"persistence": -1}, "the noise's persistence -1 must be 0 or above, such as 0.5"),
        ({"persistence": math.nan}, "the noise's persistence nan must be"),
        ({"contrast": 0}, "the noise's contrast 0 must be above 0, such as 2"),
    ],
)
def test_fractal_refuses_options_outside_their_range(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        fractal_noise(8, 8, stream(), **options)


def test_what_is_no_colour_is_refused() -> None:
    for make in (
        lambda: flat_colour(8, 8, stream(), name="gren"),
        lambda: gradient_image(8, 8, stream(), colours="gren"),
    ):
        with pytest.raises(ConfigError, match=r"'gren' is not a colour; did you mean 'green'\?"):
            make()
