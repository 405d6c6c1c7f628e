"""The memory footprint of a step, counted on models without weights."""

from __future__ import annotations

import pytest

import vqclip
from tests.run.test_memory_reduction import models
from vqclip.models.memory import MemoryPolicy
from vqclip.run import memory_footprint


def test_chunks_go_forward_twice_and_call_each_layer_again() -> None:
    config = vqclip.load("a fox", size="64x64", device="cpu", init="random", growth=[])
    shapes = models(config)
    assert shapes.networks is not None
    layers = len([m for m in shapes.networks[0].visual.modules() if not list(m.children())])
    whole, some, single = (
        memory_footprint.step_costs(config, shapes, MemoryPolicy(n))[1] for n in (0, 4, 1)
    )
    assert some.flops == single.flops == pytest.approx(1.5 * whole.flops, rel=1e-6)
    assert (whole.calls, some.calls, single.calls) == (0, 3 * 3 * layers, 15 * 3 * layers)
    assert single.kept < some.kept < whole.kept
