"""The perceptors of a run, and their cutters."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import VQGAN, Home
from tests.run.test_session import ready
from vqclip.config.loading import load_config
from vqclip.models.memory import MemoryPolicy
from vqclip.run import perceptor_set as run_perceptors
from vqclip.run.perceptor_set import PerceptorSet
from vqclip.run.preflight import make_request


def gather(home: Home, *perceptors: str, seed: int = 1) -> PerceptorSet:
    run = make_request(load_config("a fox", perceptors=list(perceptors), init="random"))
    return run_perceptors.load_perceptors(run, [], seed, torch.device("cpu"), MemoryPolicy(3))


def test_those_of_one_size_share_squares_and_others_have_their_own(home: Home) -> None:
    (home.clip.parent / "twin").symlink_to(home.clip)
    found = gather(home, str(home.clip), f"{home.clip.parent / 'twin'}:1")
    one, two = found.perceptors
    assert one.cutter is two.cutter and list(found.cutters) == [str(one.size)]
    assert one.memory_policy == MemoryPolicy(3)
    found = gather(home, str(home.clip), f"{home.clip.parent / 'twin'}:1:4")
    assert [each.cutter.count for each in found.perceptors] == [16, 4]
    assert list(found.cutters) == [str(one.size), f"{one.size} 4"]


def test_a_region_has_squares_of_its_own_of_the_same_seed(home: Home) -> None:
    found, again, other = (gather(home, str(home.clip), seed=seed) for seed in (1, 1, 2))
    streams = [
        each.region_cutter(each.perceptors[0], number).state()
        for each, number in ((found, 0), (again, 0), (found, 1), (other, 0))
    ]
    assert torch.equal(streams[0], streams[1])
    assert not torch.equal(streams[0], streams[2]) and not torch.equal(streams[0], streams[3])
    first = found.region_cutter(found.perceptors[0], 0)
    assert first is found.region_cutter(found.perceptors[0], 0) and first.count == 8
    assert len(found.cutters) == 3


def test_a_perceptor_may_lie_in_the_home_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home.clip.parent))
    run = ready(home, perceptors=["~/clip"])
    assert run.perceptors[0].name == "~/clip"
    assert list(run.models) == [VQGAN, "~/clip clip"]
