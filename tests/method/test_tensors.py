"""Random numbers between two seeds: of one kind everywhere, at either end those of its seed."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from vqclip import tensors as noise
from vqclip.config.checking.seeds import SeedWalk
from vqclip.models.device import open_noise


def walk(share: float) -> noise.Noise:
    return open_noise(SeedWalk(3, 8, share))


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draw", [noise.draw_normal, noise.draw_uniform])
def test_both_ends_are_exactly_those_of_their_seeds(draw: object) -> None:
    assert callable(draw)
    for share, seed in ((0.0, 3), (1.0, 8)):
        assert torch.equal(draw((4, 5), walk(share)), draw((4, 5), stream(seed)))
    plain = torch.rand(7, generator=stream(3))
    assert torch.equal(noise.draw_uniform((7,), walk(0)), plain)
    assert noise.draw_whole(2, 9, walk(1)) == int(torch.randint(2, 9, (), generator=stream(8)))


@pytest.mark.parametrize("share", [0.01, 0.4, 0.5, 0.99])
def test_between_them_noise_is_of_the_same_kind(share: float) -> None:
    normal, even = (
        noise.draw_normal((20000,), walk(share)),
        noise.draw_uniform((20000,), walk(share)),
    )
    assert abs(float(normal.mean())) < 0.03 and abs(float(normal.std()) - 1) < 0.03
    assert float(even.min()) >= 0 and float(even.max()) < 1
    counts = even.histc(10, 0, 1) / len(even)  # a straight line would heap them in the middle
    assert float((counts - 0.1).abs().max()) < 0.01
    assert {noise.draw_whole(2, 4, walk(share)) for _ in range(3)} <= {2, 3}


def test_a_small_step_changes_it_a_little_and_the_way_leads_from_one_to_the_other() -> None:
    ways = [noise.draw_uniform((5000,), walk(share / 10)) for share in range(11)]
    steps = [float((a - b).abs().mean()) for a, b in pairwise(ways)]
    whole = float((ways[0] - ways[-1]).abs().mean())
    assert max(steps) < 0.25 * whole
    to_end = [float((each - ways[-1]).abs().mean()) for each in ways]
    assert to_end == sorted(to_end, reverse=True)
