"""The times of a run's parts: each by what it counts, and the whole by its parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.conftest import Home
from vqclip.config import loading
from vqclip.models import cost as models_cost
from vqclip.models import vqgan, vqgan_config
from vqclip.models.cost import Cost
from vqclip.models.layers import decoder_layers
from vqclip.models.zoo import model_files
from vqclip.run import memory_footprint, plan_summary
from vqclip.run.preflight import make_request
from vqclip.run.timing import run_times
from vqclip.run.timing.machine_speed import Speed

SPEED = Speed(1e9, 2e9, 1e9, 5e8, 1e9, 5e8)


def times_of(home: Home, **more: Any) -> run_times.RunTimes:
    request = make_request(loading.load_config("a fox", **home.settings(**more)), complete=False)
    config = request.config
    models = memory_footprint.build_shapes(config, request.perceptors, request.parts)
    policy = memory_footprint.read_memory_policy(config)
    draws, look = memory_footprint.step_costs(config, models, policy)
    sizes = memory_footprint.step_sizes(config, models)
    encodes = memory_footprint.encoding_costs(config, models)
    return run_times.estimate_times(config, SPEED, draws, look, encodes, sizes, 1.0)


@pytest.fixture(scope="module")
def starter() -> vqgan.VQGAN:
    with torch.device("meta"):
        found = vqgan.build_vqgan(
            vqgan_config.read_config(model_files.find_vqgan("starter").config)
        )
    return found.requires_grad_(False).eval()


def test_attention_is_counted_as_a_fused_kernel_computes_it(starter: vqgan.VQGAN) -> None:
    cost = models_cost.draw_cost(starter, 64, 64)
    cells, channels = (8 + 2 * starter.margin) ** 2, 128
    assert cost.attention == 2 * cells**2 * channels
    plain = cost.flops - 7 * cost.attention
    search = 2 * starter.codebook.numel() * 64
    # Convolutions of frozen weights take as much back as forward; codes are searched once.
    ahead = cost.forward - 2 * cost.attention - search
    assert plain - search == pytest.approx(2 * ahead, rel=0.02)


def test_beyond_the_sample_drawing_costs_by_its_area(
    starter: vqgan.VQGAN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_layers, "MOST_SEEN", 400)
    pair = [models_cost.draw_cost(starter, 512, side) for side in (512, 1024)]
    assert pair[1].attention / pair[0].attention == pytest.approx(2, rel=0.1)
    assert pair[1].flops / pair[0].flops == pytest.approx(2, rel=0.05)
    encoded = [models_cost.encode_cost(starter, 512, side) for side in (512, 1024)]
    assert encoded[1].flops / encoded[0].flops == pytest.approx(2, rel=0.05)
    # What autograd would keep is a measure of traffic, not the weights of all pairs of cells.
    assert encoded[1].moved / encoded[0].moved == pytest.approx(2, rel=0.05)


def test_a_start_picture_is_encoded_and_random_codes_are_not(home: Home) -> None:
    noise, codes = times_of(home, init="fractal"), times_of(home, init="random")
    assert noise.start > codes.start == run_times.START
    assert noise.steps == codes.steps and noise.between == ()


def test_what_lies_between_two_sizes_and_two_drawers(home: Home) -> None:
    grown = times_of(home, init="random", growth=[{"size": "50%", "steps": "1"}])
    assert len(grown.steps) == 2 and grown.steps[1] > grown.steps[0]
    assert len(grown.between) == 1 and grown.between[0] > 0
    handed = times_of(home, init="random", drawer="vqgan,pyramid")
    assert len(handed.steps) == 2 and handed.steps[1] < handed.steps[0]
    alone = times_of(home, init="random")
    assert alone.end > handed.end  # the picture is decoded once more
    # What is handed over is decoded, and nothing has to be encoded.
    assert handed.between[0] == pytest.approx(alone.end - run_times.SAVE * 32 * 32)


def test_a_run_is_the_sum_of_its_parts(home: Home) -> None:
    config = loading.load_config(
        "a fox", **home.settings(init="random", growth=[{"size": "50%", "steps": "1"}])
    )
    told = plan_summary.estimate_cost(make_request(config, complete=False))
    times = told.times
    assert times is not None and told.seconds is not None
    steps = sum(each * n for each, (*_, n) in zip(times.steps, told.stages, strict=True))
    whole = times.start + steps + sum(times.between) + times.end
    assert told.seconds == pytest.approx(whole)


def test_attention_and_float32_have_speeds_of_their_own() -> None:
    cost = Cost(flops=10 * 10**9, kept=0, moved=0, forward=3 * 10**9, attention=10**9)
    nothing = Cost(0, 0, 0)
    assert run_times.step_seconds(cost, nothing, SPEED) == pytest.approx(3 + 14)
    assert run_times.forward_seconds(cost, SPEED) == pytest.approx(1 + 4)
    moved = Cost(0, 0, moved=10**8)
    assert run_times.forward_seconds(moved, SPEED, 2.0) == pytest.approx(
        2 * run_times.FORWARD_PASSES * 0.1
    )
    moved = Cost(0, 0, moved=run_times.MAPPED_BYTES)
    assert run_times.forward_seconds(moved, SPEED) == pytest.approx(run_times.MAPPED_PASSES)
