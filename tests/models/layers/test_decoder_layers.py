"""Layers of decoders: the same pictures and gradients as taming's own, by less."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.conftest import Home
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.models import vqgan
from vqclip.models.layers import decoder_layers
from vqclip.models.layers.decoder_layers import upsample_and_convolve
from vqclip.models.vqgan import VQGAN
from vqclip.models.zoo import model_files
from vqclip.repeats import ONCE, Repeat


def published(model: VQGAN) -> VQGAN:
    """A copy of taming's own layers."""
    plain = {own: kind for kind, own in decoder_layers.KINDS.items()}
    copied = deepcopy(model)
    for module in copied.modules():
        module.__class__ = plain.get(type(module), type(module))
    return copied


def decode(model: VQGAN, latent: Tensor) -> tuple[Tensor, Tensor]:
    """A picture, and the gradient of a loss that weighs all pixels differently."""
    given = latent.detach().requires_grad_()
    picture = model.decode(given)
    weight = torch.rand(picture.shape, generator=torch.Generator().manual_seed(2))
    (picture * weight).sum().backward()
    assert given.grad is not None
    return picture.detach(), given.grad


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (7, 3)])
@pytest.mark.parametrize("biased", [True, False])
def test_upsampling_and_convolving_at_the_small_size(size: tuple[int, int], biased: bool) -> None:
    given = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    bias = torch.randn(5, dtype=torch.float64) if biased else None
    large = functional.interpolate(given, scale_factor=2.0, mode="nearest")
    expected = functional.conv2d(large, weight, bias, padding=1)
    found = upsample_and_convolve(given, weight, bias)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-12
    grads = [torch.autograd.grad(each.sin().sum(), given)[0] for each in (found, expected)]
    assert (grads[0] - grads[1]).abs().max() < 1e-12


def test_a_decoder_gives_the_picture_and_the_gradient_of_the_published_layers() -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    latent = model.random_latent(6, 9, torch.Generator().manual_seed(1))
    own, theirs = decode(model, latent), decode(published(model), latent)
    assert (own[0] - theirs[0]).abs().max() < 1e-5
    assert (own[1] - theirs[1]).abs().max() < 1e-4 * theirs[1].abs().max()


def test_no_layer_of_the_published_ones_is_left(models: Home) -> None:
    model = vqgan.open_vqgan(models.config, models.checkpoint)
    kinds = {type(module) for module in model.modules()}
    assert kinds & set(decoder_layers.KINDS.values())
    assert not kinds & set(decoder_layers.KINDS)
    assert set(model.state_dict()) == set(published(model).state_dict())


def test_weights_that_learn_get_their_gradient() -> None:
    layer = decoder_layers.Upsampling(4, with_conv=True)
    layer(torch.randn(1, 4, 3, 3)).square().sum().backward()
    assert layer.conv.weight.grad is not None
    assert layer.conv.weight.grad.abs().max() > 0


def test_upsampling_without_a_convolution_repeats_pixels() -> None:
    layer = decoder_layers.Upsampling(4, with_conv=False)
    given = torch.randn(1, 4, 3, 3)
    assert torch.equal(layer(given), given.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_a_shortcut_of_3x3_is_taken() -> None:
    from taming.modules.diffusionmodules.model import ResnetBlock

    options = {"in_channels": 32, "out_channels": 64, "dropout": 0.0, "temb_channels": 0}
    theirs = ResnetBlock(conv_shortcut=True, **options)
    own = deepcopy(theirs)
    decoder_layers.replace_layers(nn.ModuleList([own]))
    assert type(own) is decoder_layers.ResidualBlock
    given = torch.randn(1, 32, 5, 5)
    assert (own(given) - theirs(given, None)).abs().max() < 1e-5


@pytest.mark.parametrize("repeat", [ONCE, Repeat(True, True)])
def test_half_precision_is_for_steps_alone(repeat: Repeat) -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    model.set_repeat(repeat)
    latent = model.random_latent(6, 6, torch.Generator().manual_seed(1))
    exact, exact_gradient = decode(model, latent)
    with torch.no_grad():
        plain = model.decode(latent)
    model.gradient_dtype = torch.bfloat16
    half, half_gradient = decode(model, latent)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.05
    rows = [each.flatten() for each in (half_gradient, exact_gradient)]
    assert functional.cosine_similarity(*rows, dim=0) > 0.99
    with torch.no_grad():
        assert torch.equal(model.decode(latent), plain)


def test_a_large_picture_is_nearly_that_of_the_whole_attention(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the cells are seen. A large picture's sample is larger: nearer to the whole."""
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    y, x = torch.meshgrid(torch.linspace(0, 1, 160), torch.linspace(0, 1, 240), indexing="ij")
    picture = torch.stack([x, y, (x * 9).sin() * (y * 7).cos() / 2 + 0.5])[None]
    latent = model.quantise(model.encode(picture)).detach()
    whole = decode(model, latent)
    monkeypatch.setattr(decoder_layers, "MOST_SEEN", 22 * 32 // 2)
    sampled = decode(model, latent)
    again = decode(model, latent)
    off = (whole[0] - sampled[0]).abs()
    assert 0 < off.mean() < 0.5 / 255
    assert torch.cosine_similarity(whole[1].flatten(), sampled[1].flatten(), dim=0) > 0.99
    assert all(torch.equal(*pair) for pair in zip(sampled, again, strict=True))


def test_what_a_cell_sees_is_bounded_and_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    attend = functional.scaled_dot_product_attention

    def note(*rows: Tensor) -> Tensor:
        seen.append(tuple(rows[1].shape))
        return attend(*rows)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", note)
    monkeypatch.setattr(decoder_layers, "MOST_SEEN", 64)
    attention = decoder_layers.Attention(32)
    attention(torch.randn(1, 32, 8, 8))  # all see all
    attention(torch.randn(1, 32, 16, 24))
    assert seen[0] == (1, 1, 64, 32) and 32 < seen[1][2] <= 64
    for height, width, most in ((16, 24, 64), (130, 131, 17_000), (1, 5000, 64), (40, 41, 1600)):
        cells = decoder_layers.sample_cells(height, width, most)
        assert 0.5 * most < len(cells) <= most or height == 1
        assert int(cells.min()) >= 0 and int(cells.max()) < height * width
        down, across = cells // width, cells % width
        assert abs(float(down.double().mean()) - (height - 1) / 2) < 0.05 * height
        assert abs(float(across.double().mean()) - (width - 1) / 2) < 0.05 * width


@pytest.mark.parametrize("aspect", ["1:1", "4:1", "1:16", "20:1"])
def test_of_no_more_pixels_than_1024x1024_every_cell_is_seen(aspect: str) -> None:
    width, height = final_size(RunConfig(size="1024x1024", aspect=aspect), 8)
    cells = torch.zeros(1, 1, height // 8 + 2, width // 8 + 2)  # the starter's margin is 1
    assert decoder_layers._sample(cells) is cells


def test_sampled_cells_are_no_grid_and_the_same_everywhere() -> None:
    first = decoder_layers.sample_cells(200, 300, 15_000)
    assert len({*(first % 300).diff().tolist()}) > 3  # a picture of stripes would meet a grid
    decoder_layers.sample_cells.cache_clear()
    with torch.device("meta"):
        assert torch.equal(decoder_layers.sample_cells(200, 300, 15_000), first)
