"""Warps, against shifts of whole pixels and a formula in numpy."""

from __future__ import annotations

import pytest
import torch

from vqclip.animation.warp import (
    SampleGrid,
    edges_without_fill,
    pixel_grid,
    scale_warp,
    warp,
)


def aside(by: float):
    """To the right, by so many pixels."""

    def way(height: int, width: int) -> SampleGrid:
        return SampleGrid(
            pixel_grid(height, width) - torch.tensor([by, 0.0], dtype=torch.float64)
        )

    return way


def test_where_nothing_moves_nothing_is_resampled() -> None:
    image = torch.rand(1, 3, 4, 5)
    moved, seen = warp(image, lambda height, width: None, "fill")
    assert moved is image and torch.equal(seen, torch.ones(1, 1, 4, 5))
    assert scale_warp(lambda height, width: None, 0.5)(4, 5) is None


@pytest.mark.parametrize("kernel", ["spline", "linear"])
def test_pixels_go_where_they_are_sent(kernel: str) -> None:
    image = torch.rand(1, 3, 6, 8)
    moved, seen = warp(image, aside(2), "wrap", kernel)
    assert torch.allclose(moved, image.roll(2, -1), atol=1e-5)
    moved, seen = warp(image, aside(2), "black", kernel)
    assert torch.allclose(moved[..., 2:], image[..., :-2], atol=1e-5)
    assert torch.allclose(seen[..., 2:], torch.ones(()))
    assert float(seen[..., :1].max()) == 0


def test_what_was_hidden_is_not_seen() -> None:
    hidden = torch.ones(4, 4)
    hidden[1] = 0.25

    def way(height: int, width: int) -> SampleGrid:
        return SampleGrid(pixel_grid(height, width), hidden)

    _, seen = warp(torch.rand(1, 3, 4, 4), way, "mirror")
    assert torch.allclose(seen[0, 0], hidden)


def test_a_part_of_a_way_goes_part_of_it_and_back() -> None:
    for share in (0.25, 1.0, -0.5):
        places = scale_warp(aside(4), share)(3, 5)
        assert places is not None
        assert torch.allclose(places.positions, pixel_grid(3, 5) - torch.tensor([4 * share, 0.0]))


def test_what_is_to_be_filled_is_mirrored_where_nothing_is_drawn() -> None:
    assert [edges_without_fill(edges) for edges in ("fill", "wrap", "black")] == [
        "mirror",
        "wrap",
        "black",
    ]
