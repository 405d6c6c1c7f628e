"""Modules without random weights."""

from __future__ import annotations

import torch
from torch import nn

from vqclip.models.layers.initialisation import NoInitialisation


def test_weights_are_left_as_they_are_and_no_random_number_is_drawn() -> None:
    weight = torch.full((3, 3), 7.0)
    before = torch.get_rng_state()
    with NoInitialisation():
        layer = nn.Conv2d(3, 4, 3)
        assert nn.init.normal_(weight) is weight
        assert nn.init.constant_(tensor=weight, val=2.0) is weight
        assert weight.normal_() is weight
    assert torch.equal(weight, torch.full((3, 3), 7.0))
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.weight.shape == (4, 3, 3, 3)


def test_all_else_is_computed_and_nothing_lasts() -> None:
    with NoInitialisation():
        assert torch.equal(torch.ones(2) + 1, torch.full((2,), 2.0))
    assert not torch.equal(torch.zeros(9).normal_(), torch.zeros(9))
