"""Tests of painted grounds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.guidance.composition.grounds import PLACES, paint_ground, paint_weather
from vqclip.language.layout.layout_types import Setting

SETTINGS = [
    *(Setting(place) for place in PLACES),
    *(Setting("street", time, weather) for time in ("", "night") for weather in ("rain", "snow")),
    *(Setting(time=time) for time in ("dawn", "day", "sunset", "night")),
    *(Setting("sea", weather=weather) for weather in ("fog", "storm", "rain")),
]


def paint(setting: Setting, width: int, height: int, seed: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    ground = paint_ground(setting, width, height, generator)
    return paint_weather(ground, setting, generator)


@pytest.mark.parametrize("setting", SETTINGS, ids=repr)
def test_a_ground_has_the_size_and_range_and_is_the_same_for_a_seed(setting: Setting) -> None:
    for width, height in ((97, 41), (33, 80)):
        picture = paint(setting, width, height)
        assert picture.shape == (1, 3, height, width)
        assert picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1
        assert picture.std() > 0.01
        assert torch.equal(picture, paint(setting, width, height))


def test_a_larger_ground_shows_the_same_picture() -> None:
    setting = Setting("street", "night", "rain")
    small, large = (paint(setting, side, side) for side in (96, 192))
    shrunk = functional.interpolate(large, [96, 96], mode="bilinear", antialias=True)
    assert (shrunk - small).abs().mean() < 0.04


def test_times_and_weathers_differ() -> None:
    day, night, rain = (
        paint(each, 64, 64)
        for each in (Setting("sea"), Setting("sea", "night"), Setting("sea", weather="rain"))
    )
    assert night.mean() < day.mean() - 0.2
    assert (rain - day).abs().mean() > 0.05


def test_a_named_moon_is_not_painted_again() -> None:
    generator = torch.Generator().manual_seed(7)
    named = paint_ground(Setting("sea", "night"), 64, 64, generator, named=["full moon"])
    generator = torch.Generator().manual_seed(7)
    alone = paint_ground(Setting("sea", "night"), 64, 64, generator)
    assert alone[..., :20, 44:].max() > named[..., :20, 44:].max()
