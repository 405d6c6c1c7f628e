"""Apple's GPU: what it lacks, and what a pretended one sees of it."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.models import memory
from vqclip.models.grid_sampling import sample_grid
from vqclip.run import memory_reduction

pytestmark = pytest.mark.pretend


def test_a_copy_is_waited_for_where_its_source_may_be_freed_before(home: Home) -> None:
    kinds = {}
    for device in ("cuda", "mps"):
        with pretending(f"{device}:0") as accelerator:
            assert main.main(["a fox", *home.words(f"device={device}")]) == 0
        kinds[device] = {event.kind for event in accelerator.events if "cutouts" in event.line}
    assert "queued upload" in kinds["cuda"]
    assert "queued upload" not in kinds["mps"] and "upload" in kinds["mps"]


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_pictures_are_sampled_as_on_the_cpu(mode: str, padding: str, align_corners: bool) -> None:
    stream = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, 7, 5, generator=stream)
    grid = torch.rand(2, 4, 6, 2, generator=stream) * 4 - 2
    wanted = sample_grid(picture, grid, mode, padding, align_corners)
    with pretending("mps:0"):
        found = sample_grid(picture.to("mps"), grid.to("mps"), mode, padding, align_corners).cpu()
    torch.testing.assert_close(found, wanted)


def test_memory_is_known_and_given_back() -> None:
    with pretending("mps:0", memory=5 * 10**9) as accelerator:
        assert memory_reduction.available_memory(accelerator.place) == 5 * 10**9
        memory.release_memory()
        assert accelerator.emptied == 1
