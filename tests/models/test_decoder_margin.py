"""The margin of a decoder: its view beyond the border."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from vqclip.errors import ModelError
from vqclip.models import vqgan
from vqclip.models.layers import padding
from vqclip.models.zoo import model_files
from vqclip.training.settings import VqganRecipe, check_recipe
from vqclip.training.vqgan_trainer import architecture

Tiny = Callable[..., dict[str, Any]]


def test_what_lies_beyond_the_border_is_cut_off() -> None:
    seen = []

    def draw(latent: torch.Tensor) -> torch.Tensor:
        seen.append(latent)
        return latent[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)

    latent = torch.rand(2, 5, 3, 4)
    assert torch.equal(padding.with_margin(draw, latent, 2), draw(latent))
    assert torch.equal(padding.with_margin(draw, latent, 0), draw(latent))
    assert [each.shape[2:] for each in seen] == [(7, 8), (3, 4), (3, 4), (3, 4)]
    assert torch.equal(seen[0][..., :3, :3], latent[..., :1, :1].expand(2, 5, 3, 3))


def test_a_margin_stands_beside_tamings_model(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny()
    plain = vqgan.build_vqgan(config)
    wide = vqgan.build_vqgan(config | {"margin": 1})
    wide.load_state_dict(plain.state_dict())
    latent = torch.randn(1, plain.channels, 4, 6)
    around = torch.nn.functional.pad(latent, (1, 1, 1, 1), mode="replicate")
    factor = plain.factor
    drawn = plain.decode(around)[..., factor:-factor, factor:-factor]
    assert torch.equal(wide.decode(latent), drawn)
    torch.testing.assert_close(wide.decode_in_tiles(latent), drawn)
    assert not torch.allclose(drawn, plain.decode(latent))


@pytest.mark.parametrize("margin", [-1, 9, 1.5, "wide", None])
def test_a_margin_is_a_few_codes(tiny: Tiny, margin: object) -> None:
    with pytest.raises(ModelError, match=r"margin is .*; expected a number of codes from 0 to 8"):
        vqgan.build_vqgan(tiny() | {"margin": margin})


def test_training_writes_the_margin_down() -> None:
    assert "margin" not in architecture(VqganRecipe())
    assert architecture(check_recipe(replace(VqganRecipe(), margin=2)))["margin"] == 2


def test_the_starter_leaves_no_speck_in_the_corners_of_white() -> None:
    found = model_files.find_vqgan("starter")
    assert yaml.safe_load(found.config.read_text())["margin"] == 1
    model = vqgan.open_vqgan(found.config, found.weights)
    for side in (64, 256):
        white = torch.ones(1, 3, side, side)
        drawn = model.decode(model.quantise(model.encode(white)))
        corners = [
            drawn[..., :8, :8],
            drawn[..., :8, -8:],
            drawn[..., -8:, :8],
            drawn[..., -8:, -8:],
        ]
        assert min(corner.min().item() for corner in corners) > 0.8
