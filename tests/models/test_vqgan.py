"""The VQGAN is taming's, to the digit, and its errors say what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from taming.modules.vqvae.quantize import GumbelQuantize, VectorQuantizer2

from vqclip.errors import ModelError
from vqclip.models import vqgan
from vqclip.models.vqgan import build_vqgan, clamp_with_grad, open_vqgan, straight_through
from vqclip.models.vqgan_config import read_config
from vqclip.models.zoo.catalogue import CHECKPOINTS

HERE = Path(__file__).parent
MODELS = Path(vqgan.__file__).parent
GUMBEL = "taming.models.vqgan.GumbelVQ"
NET2NET = "taming.models.cond_transformer.Net2NetTransformer"
INTERFACE = "ldm.models.autoencoder.VQModelInterface"
LAYOUTS = {
    "imagenet_f16_16384": "f16_16384",
    "imagenet_f16_1024": "f16_1024",
    "wikiart_f16_1024": "f16_1024",
    "wikiart_f16_16384": "f16_16384",
    "gumbel_f8_8192": "gumbel_f8_8192",
    "openimages_f8_16384": "f8_16384_4",
    "openimages_f8_256": "f8_256_4",
    "sflckr": "net2net_f16_1024",
    "faceshq": "net2net_f16_1024",
    "drin": "net2net_f16_1024",
    "cin_transformer": "f16_16384",
}


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 16, 24)


@pytest.fixture
def latent() -> torch.Tensor:
    return torch.randn(1, 8, 4, 6) * 0.3


def ready(config: dict[str, Any]) -> vqgan.VQGAN:
    """A model whose weights and codes are neither tiny nor equal."""
    model = build_vqgan(config).eval()
    torch.nn.init.normal_(model.codebook, std=0.3)
    return model.requires_grad_(False)


def test_every_bundled_config_has_a_published_layout() -> None:
    assert set(LAYOUTS) == set(CHECKPOINTS) - {"starter"}
    assert {f"configs/{name}.yaml" for name in LAYOUTS} == {
        f"configs/{path.name}" for path in (MODELS / "configs").iterdir()
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_bundled_configs_build_the_published_layout(name: str) -> None:
    with torch.device("meta"):
        model = build_vqgan(read_config(MODELS / CHECKPOINTS[name].config))
    ours = {
        f"{key} {'x'.join(map(str, tensor.shape))}" for key, tensor in model.state_dict().items()
    }
    lines = (HERE / "layouts" / f"{LAYOUTS[name]}.txt").read_text().splitlines()
    assert ours == {line.removeprefix("first_stage_model.") for line in lines}
    assert model.factor == (8 if "_f8_" in name else 16)


@pytest.mark.parametrize("target", [None, GUMBEL, INTERFACE])
def test_a_checkpoint_loads(
    target: str | None, tiny: Any, save: Any, image: torch.Tensor, capfd: Any
) -> None:
    config, weights, model = save(tiny() if target is None else tiny(target))
    loaded = open_vqgan(config, weights)
    model.requires_grad_(False)
    assert loaded.kind == ("gumbel" if target == GUMBEL else "vq")
    assert (loaded.factor, loaded.channels, tuple(loaded.codebook.shape)) == (4, 8, (12, 8))
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert torch.equal(loaded.encode(image), model.encode(image))
    assert torch.equal(loaded.decode(loaded.encode(image)), model.decode(model.encode(image)))
    assert capfd.readouterr() == ("", "")  # taming prints when it builds


@pytest.mark.parametrize("prefix", ["first_stage_model.", ""])
def test_the_first_stage_of_a_net2net(prefix: str, tiny: Any, save: Any) -> None:
    first = tiny()["model"]
    config = {"model": {"target": NET2NET, "params": {"first_stage_config": first}}}
    paths = save(config, prefix)
    loaded = open_vqgan(*paths[:2])
    for key, tensor in paths[2].state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor)


def test_latent_diffusion_codes_may_be_shorter_than_the_encoder_is_deep(
    tiny: Any, save: Any, image: torch.Tensor
) -> None:
    loaded = open_vqgan(*save(tiny(INTERFACE, embed_dim=4))[:2])
    code = loaded.quantise(loaded.encode(image))
    assert code.shape == (1, 4, 4, 6) and loaded.decode(code).shape == image.shape


def test_half_precision_safetensors_load_in_single(
    tiny: Any, tmp_path: Path, image: torch.Tensor
) -> None:
    model = ready(tiny()).half()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tiny()))
    loaded = open_vqgan(tmp_path / "c.yaml", tmp_path / "w.safetensors")
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    assert torch.equal(loaded.encode(image), model.float().encode(image))


def test_a_loaded_model_does_not_need_its_file(tiny: Any, save: Any, image: torch.Tensor) -> None:
    config, weights, model = save(tiny())
    loaded = open_vqgan(config, weights)
    weights.write_bytes(bytes(weights.stat().st_size))
    assert torch.equal(loaded.encode(image), model.encode(image))


@pytest.mark.parametrize("legacy", [True, False])
def test_quantise_is_tamings(tiny: Any, legacy: bool, latent: torch.Tensor) -> None:
    model = ready(tiny())
    theirs = VectorQuantizer2(12, 8, beta=0.25, legacy=legacy, sane_index_shape=True)
    theirs.embedding.weight.data = model.codebook
    quantised, _, (_, _, indices) = theirs(latent)
    assert torch.allclose(model.quantise(latent), quantised, atol=1e-6)
    assert torch.equal(model.lookup(indices[0]), model.quantise(latent))


def test_encode_is_tamings_before_it_quantises(tiny: Any, image: torch.Tensor) -> None:
    model = ready(tiny())
    theirs = model.quant_conv(model.encoder(2 * image - 1))
    assert torch.equal(model.encode(image), theirs)
    drawn = (model.decoder(model.post_quant_conv(theirs)) + 1) / 2
    assert torch.equal(model.decode(theirs), drawn.clamp(0, 1))


def test_gumbel_encode_is_the_likeliest_of_tamings(tiny: Any, image: torch.Tensor) -> None:
    model = ready(tiny(GUMBEL))
    theirs = GumbelQuantize(8, 8, 12).eval()
    theirs.load_state_dict(model.quantize.state_dict())
    hidden = model.quant_conv(model.encoder(2 * image - 1))
    logits = theirs(hidden, return_logits=True)[3]
    book = theirs.get_codebook_entry(logits.argmax(1).flatten(), (1, 4, 6, 8))
    assert torch.allclose(model.encode(image), book)
    assert torch.equal(model.encode(image), model.encode(image))
    assert torch.equal(model.quantise(model.encode(image)), model.encode(image))


def test_few_distances_at_a_time_give_the_same(
    tiny: Any, latent: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ready(tiny())
    expected = model.quantise(latent)
    monkeypatch.setattr(vqgan, "DISTANCES", 60)  # five cells
    assert torch.equal(model.quantise(latent), expected)


def test_autocast_does_not_blur_the_search(tiny: Any, latent: torch.Tensor) -> None:
    model = ready(tiny())
    with torch.autocast("cpu", torch.bfloat16):
        inside = model.quantise(latent)
    assert torch.equal(inside, model.quantise(latent))


def test_the_gradient_passes_straight_through(tiny: Any, latent: torch.Tensor) -> None:
    model, weights = ready(tiny()), torch.randn_like(latent)
    latent.requires_grad_()
    (model.quantise(latent) * weights).sum().backward()
    assert latent.grad is not None and torch.equal(latent.grad, weights)


def test_straight_through_keeps_the_value_and_sums_what_was_broadcast() -> None:
    value = torch.tensor([[1e30, -0.0], [2.0, 3.0]])
    target = torch.tensor([float("inf"), 1.0], requires_grad=True)
    result = straight_through(value, target)
    assert torch.equal(result, value)
    result.backward(torch.ones(2, 2))
    assert target.grad is not None and target.grad.tolist() == [2.0, 2.0]


def test_clamp_lets_back_what_strayed() -> None:
    x = torch.tensor([-1.0, -1.0, 0.5, 0.5, 2.0, 2.0], requires_grad=True)
    result = clamp_with_grad(x, 0, 1)
    assert result.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    result.backward(torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]))
    # A step goes against the gradient: below the range only a negative one leads back.
    assert x.grad is not None and x.grad.tolist() == [0, -1, 1, -1, 1, 0]


def test_a_latent_climbs_back_from_a_colour_out_of_range(tiny: Any) -> None:
    model = ready(tiny())
    latent = (torch.randn(1, 8, 2, 2) * 50).requires_grad_()
    model.decode(latent).sum().backward()
    assert latent.grad is not None and latent.grad.abs().sum() > 0


def test_limits_and_random_codes(tiny: Any) -> None:
    model = ready(tiny())
    low, high = model.codebook_range()
    assert low.shape == high.shape == (1, 8, 1, 1)
    assert torch.equal(low.flatten(), model.codebook.min(0).values)
    state = torch.get_rng_state()
    first, again = (model.random_latent(3, 5, torch.Generator().manual_seed(4)) for _ in range(2))
    assert first.shape == (1, 8, 3, 5) and torch.equal(first, again)
    assert torch.equal(model.quantise(first), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_build_can_be_trained(tiny: Any, image: torch.Tensor) -> None:
    model = build_vqgan(tiny())
    model.decode(model.quantise(model.encode(image))).mean().backward()
    assert model.training and model.encoder.conv_in.weight.grad is not None


def test_weights_and_config_that_do_not_belong_together(
    tiny: Any, save: Any, tmp_path: Path
) -> None:
    _, weights, _ = save(tiny())
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(tiny(n_embed=24)))
    with pytest.raises(
        ModelError,
        match=r"quantize\.embedding\.weight is \[12, 8\].* asks for \[24, 8\]: a checkpoint of "
        "another architecture",
    ):
        open_vqgan(other, weights)
    other.write_text(yaml.safe_dump(tiny(GUMBEL)))
    with pytest.raises(
        ModelError,
        match=r"lacks 3 of the \d+ tensors .*\(quantize\.\* \(3 keys\)\); use the YAML that was "
        "published with this checkpoint$",
    ):
        open_vqgan(other, weights)
    torch.save({"state_dict": {}}, weights)
    with pytest.raises(
        ModelError,
        match=r"lacks (\d+) of the \1 tensors .*\(encoder\.\* \(\d+ keys\), decoder\.\* "
        r"\(\d+ keys\), quantize\.\* \(3 keys\), quant_conv\.\* \(2 keys\), post_quant_conv",
    ):
        open_vqgan(other, weights)
