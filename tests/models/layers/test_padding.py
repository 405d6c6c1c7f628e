"""Circular padding: a VQGAN whose pictures tile."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from tests.conftest import FACTOR, Home
from tests.helpers.tiling import DIRECTIONS, roll_picture, shifts_of
from vqclip.drawers.latent import LatentDrawer
from vqclip.models import vqgan
from vqclip.models.layers import tiled_decoding
from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.models.zoo import model_files
from vqclip.repeats import ONCE, REPEATS

EACH = pytest.mark.parametrize("tile", DIRECTIONS)


@pytest.fixture
def model(models: Home) -> VQGAN:
    return vqgan.open_vqgan(models.config, models.checkpoint)


def starter() -> VQGAN:
    found = model_files.find_vqgan("starter")
    return vqgan.open_vqgan(found.config, found.weights)


def latent_of(model: VQGAN, rows: int = 6, columns: int = 8, seed: int = 1) -> Tensor:
    return model.random_latent(rows, columns, torch.Generator().manual_seed(seed))


@EACH
@pytest.mark.parametrize("margin", [0, 2])
def test_a_rolled_latent_is_decoded_as_the_rolled_picture(
    model: VQGAN, tile: str, margin: int
) -> None:
    repeat, model.margin = REPEATS[tile], margin
    latent = latent_of(model)
    model.set_repeat(repeat)
    whole = model.decode(latent)
    for down, across in shifts_of(repeat, 2, 3):
        found = model.decode(roll_picture(latent, repeat, down, across))
        wanted = roll_picture(whole, repeat, down * FACTOR, across * FACTOR)
        assert (found - wanted).abs().max() < 1e-5


@EACH
def test_a_rolled_picture_is_encoded_as_the_rolled_latent(model: VQGAN, tile: str) -> None:
    repeat = REPEATS[tile]
    picture = torch.rand(1, 3, 6 * FACTOR, 8 * FACTOR, generator=torch.Generator().manual_seed(1))
    model.set_repeat(repeat)
    whole = model.encode(picture)
    for down, across in shifts_of(repeat, 2, 3):
        found = model.encode(roll_picture(picture, repeat, down * FACTOR, across * FACTOR))
        wanted = roll_picture(whole, repeat, down, across)
        assert (found - wanted).abs().max() < 1e-5 * whole.abs().max()


def test_without_it_a_rolled_latent_gives_another_picture(model: VQGAN) -> None:
    latent = latent_of(model)
    moved = (2, 3)
    found = model.decode(latent.roll(moved, (2, 3)))
    wanted = model.decode(latent).roll((2 * FACTOR, 3 * FACTOR), (2, 3))
    assert (found - wanted).abs().max() > 0.01


def test_it_can_be_taken_back(model: VQGAN) -> None:
    latent = latent_of(model)
    before, kinds = model.decode(latent), [type(each) for each in model.modules()]
    model.set_repeat(REPEATS["both"])
    assert not torch.equal(model.decode(latent), before)
    model.set_repeat(ONCE)
    assert torch.equal(model.decode(latent), before)
    assert [type(each) for each in model.modules()] == kinds


@EACH
def test_the_starter_shows_of_a_picture_what_it_does_with_a_border(tile: str) -> None:
    """Its norms hang on what it draws beyond the border, where there is one."""
    model, stream = starter(), torch.Generator().manual_seed(1)
    small = torch.rand(1, 3, 6, 6, generator=stream)
    picture = REPEATS["both"].resize(small, [96, 96], "bicubic").clamp(0, 1)

    def error() -> float:
        drawn = model.decode(model.quantise(model.encode(picture)))
        return float((drawn - picture)[..., 16:-16, 16:-16].abs().mean())

    before = error()
    model.set_repeat(REPEATS[tile])
    assert error() < 1.3 * before
    model.margin = 0  # the norms are not held then
    model.set_repeat(REPEATS[tile])
    assert error() > (2 if tile in ("both", "brick") else 1) * before


def test_norms_are_held_anew_for_every_latent() -> None:
    model = starter()
    model.set_repeat(REPEATS["both"])
    one, two = (latent_of(model, 4, 6, seed) for seed in (1, 2))
    first, second = model.decode(one), model.decode(two)
    assert not torch.equal(first, second)
    assert torch.equal(model.decode(one), first)


def test_the_starter_has_a_gradient_with_less_memory() -> None:
    model = starter()
    slopes = []
    for policy in (MemoryPolicy(), MemoryPolicy(recompute=True), MemoryPolicy(tiles=True)):
        drawer = LatentDrawer(model, 48, 32, policy, REPEATS["both"])
        drawer.replace({"latent": latent_of(model, 4, 6)})
        (drawer.draw() * torch.linspace(-1, 1, 48)).sum().backward()
        slopes.append(drawer.parameters["latent"].grad.flatten())  # type: ignore[union-attr]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-4, atol=1e-4)
    assert torch.cosine_similarity(slopes[0], slopes[2], dim=0) > 0.99


@EACH
def test_the_starter_tiles(tile: str) -> None:
    model, repeat = starter(), REPEATS[tile]
    model.set_repeat(repeat)
    latent, factor = latent_of(model, 4, 6), model.factor
    whole = model.decode(latent)
    for down, across in shifts_of(repeat, 1, 2):
        found = model.decode(roll_picture(latent, repeat, down, across))
        wanted = roll_picture(whole, repeat, down * factor, across * factor)
        assert (found - wanted).abs().max() < 1e-5


@EACH
def test_tiles_of_the_decoder_see_over_the_edges(
    tile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a margin as wide as the reach, the gradient of many tiles is that of one."""
    monkeypatch.setattr(tiled_decoding, "TILE_MARGIN", 1)
    model, repeat = starter(), REPEATS[tile]
    model.set_repeat(repeat)
    latent = latent_of(model, 6, 8)
    drawn, slopes = [], []
    for side in (16 * model.factor, 16):
        given = latent.clone().requires_grad_()
        draw = partial(tiled_decoding.draw_in_tiles, model.decoder, side=side, repeat=repeat)
        picture = draw(model.post_quant_conv(given))
        drawn.append(picture.detach())
        wanted = torch.linspace(-1, 1, picture.shape[-1]) * picture
        slopes.append(torch.autograd.grad(wanted.sum(), given)[0])
    assert torch.equal(*drawn)
    one, many = slopes
    assert (one - many).abs().max() < 1e-3 * one.abs().max()


def test_the_gradient_of_a_rolled_latent_in_tiles_is_rolled(model: VQGAN) -> None:
    repeat = REPEATS["both"]
    model.set_repeat(repeat)
    latent, slopes = latent_of(model, 8, 8), []
    for turns in (0, 4):
        given = latent.roll((turns, turns), (2, 3)).requires_grad_()
        picture = tiled_decoding.draw_in_tiles(
            model.decoder, model.post_quant_conv(given), 16, repeat
        )
        liked = torch.rand(picture.shape, generator=torch.Generator().manual_seed(3))
        liked = liked.roll((turns * FACTOR, turns * FACTOR), (2, 3))
        slope = torch.autograd.grad((picture * liked).sum(), given)[0]
        slopes.append(slope.roll((-turns, -turns), (2, 3)))
    assert (slopes[0] - slopes[1]).abs().max() < 1e-4 * slopes[0].abs().max()


@EACH
def test_growth_keeps_a_picture_without_a_seam(model: VQGAN, tile: str) -> None:
    repeat = REPEATS[tile]
    grown = []
    for moves in (0, 2):
        drawer = LatentDrawer(model, 8 * FACTOR, 8 * FACTOR, repeat=repeat)
        latent = latent_of(model, 8, 8)
        across = moves if repeat.across else 0
        down = moves if repeat.down else 0
        drawer.replace({"latent": roll_picture(latent, repeat, down, across)})
        drawer.enlarge(16 * FACTOR, 16 * FACTOR)
        grown.append((drawer.parameters["latent"].detach(), 2 * down, 2 * across))
    (first, *_), (second, down, across) = grown
    wanted = roll_picture(first, repeat, down, across)
    assert (second - wanted).abs().max() < 1e-4 * first.abs().max()
