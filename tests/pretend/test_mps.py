"""Apple's GPU: what it lacks, and what a pretended one sees of it."""

from __future__ import annotations

import pytest
import torch

from tests.animation.test_motion_sources import SLOPE, Reel, over
from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.colour_match import COLOUR_MATCHES, match_colours
from vqclip.animation.motion_sources import CameraMotion2D, FilmFrames, FlowMotion
from vqclip.animation.resample import EDGES, KERNELS
from vqclip.animation.surfaces import DepthMap
from vqclip.animation.warp import warp
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


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_pictures_are_carried_as_on_the_cpu(edges: str, kernel: str) -> None:
    image = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(1))
    for motion in (
        CameraMotion2D(lambda frame: CameraMove2D(zoom=0.5, roll=9.0)),
        over(DepthMap(SLOPE)),
    ):
        wanted, _ = warp(image, motion.frame_warp(1, image), edges, kernel)
        with pretending("mps:0"):
            found, seen = warp(image.to("mps"), motion.frame_warp(1, image), edges, kernel)
            assert found.is_mps and seen.is_mps
            torch.testing.assert_close(found.cpu(), wanted)


def test_films_move() -> None:
    with pretending("mps:0") as accelerator:
        flow = torch.full((1, 2, 6, 8), 1.5, device="mps")
        trace = FlowMotion(FilmFrames(Reel(2).at, accelerator.place), lambda one, two: flow)
        image = torch.rand(1, 3, 6, 8, device="mps")
        for size in ((6, 8), (3, 4)):
            assert trace.frame_warp(1, image)(*size) is not None
        moved, seen = warp(image, trace.frame_warp(1, image), "mirror")
        assert moved.is_mps and seen.is_mps and trace.source_frame(1).hidden.is_mps


@pytest.mark.parametrize("way", COLOUR_MATCHES)
def test_colours_are_matched_as_on_the_cpu(way: str) -> None:
    stream = torch.Generator().manual_seed(1)
    own, reference = (torch.rand(1, 3, 20, 26, generator=stream) for _ in range(2))
    wanted = match_colours(own, reference, way)
    with pretending("mps:0"):
        found = match_colours(own.to("mps"), reference.to("mps"), way)
        assert found.is_mps
        assert torch.equal(found.cpu(), wanted)


def test_memory_is_known_and_given_back() -> None:
    with pretending("mps:0", memory=5 * 10**9) as accelerator:
        assert memory_reduction.available_memory(accelerator.place) == 5 * 10**9
        memory.release_memory()
        assert accelerator.emptied == 1
