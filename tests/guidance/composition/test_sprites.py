"""Tests of drawing and ranking the silhouettes of things, with the starter models."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

import vqclip
from tests.helpers.building import build
from vqclip.guidance.composition.sprites import share_drafts
from vqclip.run.start_pictures import refinement


def test_drafts_are_shared_among_the_kinds_of_things() -> None:
    assert [share_drafts(16, kinds) for kinds in (1, 2, 3, 6, 20)] == [32, 32, 21, 11, 8]
    assert share_drafts(4, 2) == 8 and share_drafts(1, 5) == 1


def test_a_sentence_starts_from_its_composition_and_is_the_same_for_a_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement, "share_steps", lambda kinds: 4)

    def first(prompt: str) -> torch.Tensor:
        config = vqclip.load(
            prompt, seed=7, size="64x64", steps=1, out=str(tmp_path), dream={"count": 2}
        )
        runner = build(config)
        assert runner.start is not None
        assert {each.name for each in runner.objectives} >= {"a black cat", "a red chair", "init"}
        return runner.start

    starts = [first("a black cat on a red chair") for _ in range(2)]
    sums = [hashlib.sha256(each.numpy().tobytes()).hexdigest() for each in starts]
    assert sums[0] == sums[1]
    chair = starts[0][0, :, 40:]
    assert (chair[0] - chair[1]).max() > 0.2  # something of it is red
