"""Tests of the contract of drawers: what each of them can do, whatever its parameters are."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import FACTOR, Home
from vqclip.config import draw_settings
from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.registry import DRAWERS, DrawerInputs
from vqclip.models import vqgan

WIDE, HIGH = 10 * FACTOR, 6 * FACTOR
EACH = pytest.mark.parametrize("name", DRAWERS)


def make(home: Home, name: str, width: int = WIDE, height: int = HIGH) -> BaseDrawer:
    model = vqgan.open_vqgan(home.config, home.checkpoint) if name == "vqgan" else None
    settings = DrawSettings(strokes=12, segments=2, shades=3, palettes=2)
    return DRAWERS[name](DrawerInputs(width, height, settings, model))


def begun(home: Home, name: str, seed: int = 1) -> BaseDrawer:
    """A drawer with random parameters."""
    drawer = make(home, name)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(seed)))
    return drawer


def photo(width: int = WIDE, height: int = HIGH) -> torch.Tensor:
    """A smooth picture, [1, 3, height, width] in [0.1, 0.9]."""
    across = torch.linspace(0.1, 0.9, width).expand(height, width)
    down = torch.linspace(0.9, 0.1, height)[:, None].expand(height, width)
    return torch.stack([across, down, (across + down) / 2])[None]


def test_the_names_are_those_of_the_settings() -> None:
    assert tuple(DRAWERS) == draw_settings.DRAWERS


@EACH
def test_strokes_alone_move_with_a_camera(home: Home, name: str) -> None:
    drawer = make(home, name)
    assert drawer.moves == draw_settings.uses_strokes(name)
    if not drawer.moves:
        with pytest.raises(ValueError, match=f"the drawer {name} does not move its parameters"):
            drawer.move({}, lambda places: places, 1)


@EACH
def test_a_drawer_says_its_name(home: Home, name: str) -> None:
    assert make(home, name).name == name


@EACH
def test_it_draws_a_picture_of_its_size(home: Home, name: str) -> None:
    drawer = begun(home, name)
    picture = drawer.draw().detach()
    assert picture.shape == (1, 3, HIGH, WIDE)
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1


@EACH
def test_equal_random_numbers_give_equal_pictures(home: Home, name: str) -> None:
    one, two, other = (begun(home, name, seed) for seed in (1, 1, 2))
    assert torch.equal(one.draw(), two.draw())
    if name != "pyramid":  # which begins grey
        assert not torch.equal(one.draw(), other.draw())


@EACH
def test_every_learnt_parameter_has_a_gradient(home: Home, name: str) -> None:
    drawer = begun(home, name)
    (drawer.draw() - photo()).square().mean().backward()
    for key, parameter in drawer.parameters.items():
        if drawer.rate_factors.get(key, 1.0) > 0:
            assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), key
            assert float(parameter.grad.abs().sum()) > 0, key


@EACH
def test_steps_bring_it_nearer_to_a_picture(home: Home, name: str) -> None:
    drawer, wanted = begun(home, name), photo()
    groups = [
        {"params": [x], "lr": drawer.rate * drawer.rate_factors.get(key, 1.0)}
        for key, x in drawer.parameters.items()
    ]
    optimiser = torch.optim.Adam(groups)
    before = float((drawer.draw().detach() - wanted).square().mean())
    for _ in range(20):
        optimiser.zero_grad()
        (drawer.draw() - wanted).square().mean().backward()
        optimiser.step()
        drawer.clamp()
    assert float((drawer.draw().detach() - wanted).square().mean()) < before


@EACH
def test_encoding_changes_nothing_and_is_repeatable(home: Home, name: str) -> None:
    drawer = begun(home, name)
    before = {key: x.detach().clone() for key, x in drawer.parameters.items()}
    found, again = drawer.encode(photo()), drawer.encode(photo())
    for key, value in found.items():
        assert torch.equal(value, again[key]) and value.dtype == torch.float32, key
    for key, value in before.items():
        assert torch.equal(drawer.parameters[key], value), key


@EACH
def test_replacing_keeps_the_parameters_that_an_optimiser_holds(home: Home, name: str) -> None:
    drawer = begun(home, name)
    held = dict(drawer.parameters)
    found = drawer.encode(photo())
    drawer.replace(found)
    for key, parameter in drawer.parameters.items():
        assert torch.equal(parameter, found[key])
        if held[key].shape == found[key].shape:
            assert parameter is held[key], key


@EACH
def test_it_goes_on_at_another_size(home: Home, name: str) -> None:
    drawer = begun(home, name)
    drawer.replace(drawer.encode(photo()))
    before = drawer.draw().detach()
    drawer.enlarge(2 * WIDE, 2 * HIGH)
    after = drawer.draw().detach()
    assert after.shape == (1, 3, 2 * HIGH, 2 * WIDE)
    if name != "vqgan":  # a tiny one's encoder is random
        small = torch.nn.functional.interpolate(after, [HIGH, WIDE], mode="area")
        assert float((small - before).abs().mean()) < 0.03


@EACH
def test_blends_lead_from_one_to_the_other(home: Home, name: str) -> None:
    drawer = begun(home, name)
    one, two = (drawer.random_parameters(torch.Generator().manual_seed(s)) for s in (1, 2))
    for share, end in ((0.0, one), (1.0, two)):
        found = drawer.draw_parameters(drawer.blend(one, two, share))
        torch.testing.assert_close(found, drawer.draw_parameters(end), atol=1e-4, rtol=1e-4)
    assert drawer.draw_parameters(drawer.blend(one, two, 0.4)).isfinite().all()


@EACH
def test_it_knows_its_own_parameters(home: Home, name: str) -> None:
    drawer = begun(home, name)
    assert drawer.accepts(dict(drawer.parameters))
    assert not drawer.accepts({"else": torch.zeros(1)})
    assert not drawer.accepts({})
