"""Drawing with a gradient in tiles: the picture of the whole decoder, and nearly its gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from taming.modules.diffusionmodules.model import (  # type: ignore[import-untyped,unused-ignore]
    AttnBlock,
    Decoder,
)
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from tests.models.test_memory import kept
from vqclip.models import vqgan
from vqclip.models.layers import decoder_layers, tiled_decoding
from vqclip.models.zoo import model_files

SMALL: dict[str, Any] = {
    **{"double_z": False, "z_channels": 8, "resolution": 32, "in_channels": 3, "out_ch": 3},
    **{"ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": 1, "dropout": 0.0},
}


def decoder(attention: list[int]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Decoder(**SMALL, attn_resolutions=attention)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.2)
    return model.requires_grad_(False).eval()


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def gradient(draw: Any, latent: Tensor) -> tuple[Tensor, Tensor]:
    """What is drawn, and the gradient of what is liked about it, which is no noise."""
    latent = latent.clone().requires_grad_()
    picture = draw(latent)
    liked = noise(*(each if i < 2 else 4 for i, each in enumerate(picture.shape)), seed=2)
    liked = torch.nn.functional.interpolate(liked, picture.shape[2:], mode="bilinear")
    return picture.detach(), torch.autograd.grad((picture * liked).sum(), latent)[0]


@pytest.mark.parametrize(
    ("attention", "first", "scale"), [([], 3, 4), ([8], 8, 4), ([16], 11, 2), ([32], 14, 1)]
)
def test_a_decoder_is_cut_after_its_last_attention(
    attention: list[int], first: int, scale: int
) -> None:
    model = decoder(attention)
    parts = tiled_decoding.split_decoder(model)
    assert (len(parts.first), parts.scale) == (first, scale)
    assert not any(isinstance(each, AttnBlock) for each in parts.rest)
    latent = noise(1, 8, 5, 7)
    together = tiled_decoding.apply_layers([*parts.first, *parts.rest], latent)
    assert torch.allclose(together, model(latent), rtol=1e-4, atol=1e-4)  # SiLU, written out


def test_a_pixel_depends_on_no_more_than_its_reach() -> None:
    parts = tiled_decoding.split_decoder(decoder([]))
    hidden, norms = noise(1, 64, 24, 24), {}  # type: ignore[var-annotated]
    with tiled_decoding.patched_norms(
        parts.rest, lambda norm, x: tiled_decoding.measure_norm(norms, norm, x)
    ):
        before = tiled_decoding.apply_layers(parts.rest, hidden)
    hidden[:, :, 12, 12] += 1
    with tiled_decoding.patched_norms(
        parts.rest, lambda norm, x: tiled_decoding.apply_measured_norm(norms, norm, x)
    ):
        moved = (tiled_decoding.apply_layers(parts.rest, hidden) - before).abs().sum(
            dim=(0, 1)
        ) > 0
    first = int(moved.any(dim=0).nonzero()[0])
    # As far as said, and no pixel farther; enlarging by repetition adds less than a cell.
    assert 12 * parts.scale - parts.reach <= first <= 12 * parts.scale - parts.reach + parts.scale


@pytest.mark.parametrize("attention", [[], [8], [16]])
@pytest.mark.parametrize("shape", [(6, 6), (5, 13), (1, 1)])
def test_the_picture_is_the_whole_one(attention: list[int], shape: tuple[int, int]) -> None:
    model, latent = decoder(attention), noise(1, 8, *shape)
    whole, _ = gradient(model, latent)
    tiled, got = gradient(lambda each: tiled_decoding.draw_in_tiles(model, each, side=16), latent)
    assert (whole - tiled).abs().max() < 1e-4 * whole.abs().max()
    assert got.abs().max() > 0 and got.isfinite().all()
    assert not any("forward" in vars(each) for each in model.modules())  # as it was


def steady(model: Any) -> Any:
    """A way to draw whose later norms have means and spreads that no gradient passes."""
    parts = tiled_decoding.split_decoder(model)

    def draw(latent: Tensor) -> Tensor:
        norms: tiled_decoding.Norms = {}
        hidden = tiled_decoding.apply_layers(parts.first, latent)
        with (
            torch.no_grad(),
            tiled_decoding.patched_norms(parts.rest, partial(tiled_decoding.measure_norm, norms)),
        ):
            tiled_decoding.apply_layers(parts.rest, hidden)
        with tiled_decoding.patched_norms(
            parts.rest, partial(tiled_decoding.apply_measured_norm, norms)
        ):
            return tiled_decoding.apply_layers(parts.rest, hidden)

    return draw


@pytest.mark.parametrize("attention", [[], [8], [16]])
def test_a_gradient_is_that_of_steady_norms(
    attention: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a margin as wide as the reach, one tile and many give it to the last digits."""
    monkeypatch.setattr(tiled_decoding, "TILE_MARGIN", 1)
    model, latent = decoder(attention), noise(2, 8, 24, 20)
    _, right = gradient(steady(model), latent)
    for side in (1000, 20):
        _, got = gradient(
            lambda each, side=side: tiled_decoding.draw_in_tiles(model, each, side), latent
        )
        assert (got - right).abs().max() < 1e-4 * right.abs().max()
    monkeypatch.setattr(tiled_decoding, "TILE_MARGIN", 0)
    _, cut = gradient(lambda each: tiled_decoding.draw_in_tiles(model, each, side=20), latent)
    assert (right - cut).norm() > 0.01 * right.norm()  # a margin is needed


def test_the_starter_draws_the_same_and_moves_alike() -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    latent = model.random_latent(24, 40, torch.Generator().manual_seed(1))
    whole, right = gradient(model.decode, latent)
    tiled, near = gradient(model.decode_in_tiles, latent)
    # The bar is a mean of 2 of 255 levels: this is one level in no pixel at all.
    assert (whole - tiled).abs().max() < 0.1 / 255
    assert torch.cosine_similarity(right.flatten(), near.flatten(), dim=0) > 0.9
    assert 0.8 < near.norm() / right.norm() < 1.25
    # Neither more nor less is asked of places beside a tile's edge than of others.
    across = (right - near).square().mean(dim=(0, 1, 2)).sqrt()
    edge = across[31:33].mean() / across.mean()  # 256 pixels are 32 cells
    assert 0.5 < edge < 2


def test_tiles_of_large_pictures_are_larger() -> None:
    assert (
        tiled_decoding.choose_tile_side(2064, 2064) == tiled_decoding.TILE_SIDE
    )  # 2048 and a margin
    assert tiled_decoding.choose_tile_side(2304, 4096) == 2 * tiled_decoding.TILE_SIDE


def test_there_are_no_seams_between_tiles() -> None:
    """Of the picture, nor of what a step changes, at the edges of tiles of either size."""
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    latent = model.random_latent(6, 30, torch.Generator().manual_seed(1))
    whole, right = gradient(model.decode, latent)

    def tiled(latent: Tensor) -> Tensor:
        return model._decode(
            partial(tiled_decoding.draw_in_tiles, model.decoder, side=64), latent
        )

    drawn, near = gradient(tiled, latent)
    assert (whole - drawn).abs().max() < 0.1 / 255
    off = (right - near).square().mean(dim=(0, 1, 2)).sqrt()
    # Tiles begin at the margin's cell, and have 8 cells to a side.
    edges = [column for tile in (7, 15, 23) for column in (tile - 1, tile)]
    inside = [column for column in range(4, 26) if column not in edges]
    assert off[edges].mean() < off[inside].mean()  # .86 of it; without a margin 1.13


def test_less_is_kept() -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    latent = model.random_latent(16, 16, torch.Generator().manual_seed(1)).requires_grad_()
    tiled, whole = (kept(partial(draw, latent)) for draw in (model.decode_in_tiles, model.decode))
    assert tiled < whole / 5


def test_attention_is_that_of_taming() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours = decoder_layers.Attention(64)
    theirs = AttnBlock(64)
    theirs.load_state_dict(ours.state_dict())
    given, wanted = noise(2, 64, 6, 9).requires_grad_(), noise(2, 64, 6, 9, seed=3)
    pair = [each(given) for each in (ours, theirs)]
    assert torch.allclose(*pair, atol=1e-5)
    grads = [torch.autograd.grad((each * wanted).sum(), given)[0] for each in pair]
    assert torch.allclose(*grads, atol=1e-5)


def test_attention_holds_no_weight_of_every_pair() -> None:
    attention, seen = decoder_layers.Attention(64), []

    def keep(tensor: Tensor) -> Tensor:
        seen.append(tensor.numel())
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        attention(noise(1, 64, 32, 32).requires_grad_())
    assert max(seen) < (32 * 32) ** 2


def test_a_vqgan_attends_by_it() -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    kinds = {type(each) for each in model.modules() if isinstance(each, AttnBlock)}
    assert kinds == {decoder_layers.Attention}
