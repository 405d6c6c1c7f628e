"""The model cache: what is kept, for how long, and that nothing but weights is shared."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import VQGAN, Home
from vqclip.guidance.perceptor import load_perceptor
from vqclip.models import model_cache, vqgan
from vqclip.models.model_cache import digest_once, keep_models, load_once
from vqclip.repeats import REPEATS


def counted(kept: list[int]) -> Any:
    def load() -> torch.Tensor:
        kept.append(1)
        return torch.ones(4)

    return load


def test_within_the_context_a_model_is_loaded_once(tmp_path: Path) -> None:
    file, loads = tmp_path / "a", list[int]()
    file.write_text("one")
    with keep_models():
        with keep_models():  # a command within a command
            load_once("a", [file], counted(loads))
        load_once("a", [file], counted(loads))
        load_once("b", [file], counted(loads))
        assert len(loads) == 2
        file.write_text("two, and longer")
        load_once("a", [file], counted(loads))
        assert len(loads) == 3
    load_once("a", [file], counted(loads))
    assert len(loads) == 4 and not model_cache._kept.made


def test_those_used_longest_ago_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cache, "MOST_BYTES", 2 * 16)
    loads: list[int] = []
    with keep_models():
        for key in ("a", "b", "a", "c", "a", "b"):
            load_once(key, [], counted(loads))
    assert len(loads) == 4  # b was used before a when c came


def test_a_network_is_copied_and_its_weights_are_shared(home: Home) -> None:
    with keep_models():
        first, digest = vqgan.load_vqgan(VQGAN)
        second, again = vqgan.load_vqgan(VQGAN)
        assert digest == again and first is not second
        for one, other in zip(first.parameters(), second.parameters(), strict=True):
            assert one is other and not one.requires_grad
        first.set_repeat(REPEATS["both"])
        first.gradient_dtype = torch.bfloat16
        third, _ = vqgan.load_vqgan(VQGAN)
        latent = torch.rand(1, 8, 4, 4)
        plain = vqgan.load_vqgan(VQGAN)[0].decode(latent)
        assert not torch.equal(first.decode(latent), plain)
        for each in (second, third):
            assert each.gradient_dtype == torch.float32
            assert torch.equal(each.decode(latent), plain)
    alone, _ = vqgan.load_vqgan(VQGAN)
    assert torch.equal(alone.decode(latent), plain)


class Tied(nn.Module):
    """What networks may have: parts that stand in two places, hooks, and no part at all."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.parts = nn.ModuleList([self.first, nn.BatchNorm1d(2)])
        self.missing = None
        self.register_module("none", None)
        self.register_buffer("empty", None)
        self.sizes = [2, 2]
        self.alias = [self.first]
        self.first.register_forward_hook(lambda *given: given[-1] + 1)

    def forward(self, given: Tensor) -> Tensor:
        result: Tensor = self.alias[0](given)
        return result


def test_a_copy_is_what_deepcopy_makes_but_for_the_weights() -> None:
    network = Tied().eval()
    with keep_models():
        copied = model_cache.share_weights(network)
    other, given = copy.deepcopy(network), torch.rand(3, 2)
    assert torch.equal(copied(given), network(given))
    assert vars(copied).keys() == vars(other).keys()
    assert repr(copied) == repr(other) and not copied.training
    assert copied.first is copied.parts[0] is copied.alias[0] is not network.first
    assert copied.sizes == [2, 2] and copied.sizes is not network.sizes
    for name, each in network.state_dict(keep_vars=True).items():
        assert copied.state_dict(keep_vars=True)[name] is each
    copied.first.register_forward_pre_hook(lambda *given: None)
    copied.parts.append(nn.Identity())
    assert not network.first._forward_pre_hooks and len(network.parts) == 2


def test_perceptors_differ_in_what_a_run_sets(home: Home) -> None:
    name = str(home.clip)
    with keep_models():
        one = load_perceptor(name, contrast="stretch")
        other = load_perceptor(name)
        assert (one.contrast, other.contrast) == ("stretch", "absolute")
        assert one.cutter is not other.cutter and one.memory_policy is not other.memory_policy
        assert one.model is not other.model
        assert load_perceptor(name, precision="bf16").dtype == torch.bfloat16
        seen = other.embed_text(["a fox", "an owl"])
        seen.zero_()  # whoever gets it may do so
        assert other.embed_text(["a fox", "an owl"]).norm() > 1
    assert torch.equal(
        load_perceptor(name).embed_text(["a fox"]), load_perceptor(name).embed_text(["a fox"])
    )


def test_a_digest_is_computed_again_where_the_file_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    with keep_models():
        first = digest_once(file)
        assert digest_once(file) == first
        file.write_bytes(b"another")
        assert digest_once(file) != first
