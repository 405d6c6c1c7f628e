"""Trainings on a pretend accelerator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.pretend.accelerator import pretending
from vqclip.training import checkpoints, loop
from vqclip.training.settings import VqganRecipe

pytestmark = pytest.mark.pretend


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_checkpoint_keeps_the_random_stream_of_the_device(device: str, tmp_path: Path) -> None:
    path, stream = tmp_path / "checkpoint.pt", torch.Generator()
    with pretending(f"{device}:0") as accelerator:
        before = accelerator.random_state.clone()
        checkpoints.save_checkpoint(path, {}, step=1, loss=None, generator=stream)
        accelerator.random_state = torch.zeros(16, dtype=torch.uint8)
        checkpoints.restore_checkpoint(path, {}, stream)
        assert torch.equal(accelerator.random_state, before)


def test_sheets_are_drawn_where_there_are_several_gpus(tmp_path: Path) -> None:
    recipe = replace(VqganRecipe(), out=str(tmp_path), device="cuda")
    drawn: list[Tensor] = []

    def draw_sheet() -> Tensor:
        drawn.append(torch.rand(3, 8, 8))
        return drawn[0]

    with pretending(count=3):
        loop._draw(loop.prepare_run(recipe), draw_sheet)
    assert drawn and len(list((tmp_path / "samples").iterdir())) == 1
