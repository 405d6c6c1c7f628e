"""Warps, against shifts of whole pixels and a formula in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vqclip.animation.warp import (
    SampleGrid,
    edges_without_fill,
    pixel_grid,
    scale_warp,
    slerp_latents,
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


def test_latents_meet_on_an_arc() -> None:
    one, two = torch.randn(2, 1, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    for share in (0.0, 0.3, 1.0):
        found = slerp_latents(one, two, share)[0].numpy()
        for y, x in np.ndindex(3, 3):
            a, b = one[0, :, y, x].numpy(), two[0, :, y, x].numpy()
            lengths = np.linalg.norm(a), np.linalg.norm(b)
            angle = np.arccos(np.dot(a, b) / np.prod(lengths))
            tip = np.sin((1 - share) * angle) * a / lengths[0]
            tip = (tip + np.sin(share * angle) * b / lengths[1]) / np.sin(angle)
            wanted = tip * ((1 - share) * lengths[0] + share * lengths[1])
            np.testing.assert_allclose(found[:, y, x], wanted, atol=1e-4)


def test_latents_that_are_equal_opposite_or_nothing_stay_numbers() -> None:
    one = torch.randn(1, 4, 2, 2)
    assert torch.allclose(slerp_latents(one, one.clone(), 0.4), one, atol=1e-5)
    for other in (-one, torch.zeros_like(one)):
        assert bool(slerp_latents(one, other, 0.4).isfinite().all())
        assert torch.allclose(slerp_latents(one, other, 0.0), one, atol=1e-5)
