"""Grid sampling by indexing, and halving by plain pooling, against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.models import grid_sampling


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("pictures", [1, 3])
def test_indexing_samples_as_torch_does(pictures: int, padding: str, align_corners: bool) -> None:
    grids = (random(3, 9, 7, 2, seed=2) * 6 - 3).requires_grad_()  # far beyond the edges, too
    own, other = (random(pictures, 2, 5, 6).requires_grad_() for _ in range(2))
    found = grid_sampling.gather_grid(own, grids, padding, align_corners)
    kept, grids.grad = torch.autograd.grad(found.square().sum(), [own, grids]), None
    wanted = F.grid_sample(other.expand(3, -1, -1, -1), grids, "bilinear", padding, align_corners)
    expected = torch.autograd.grad(wanted.square().sum(), [other, grids])
    torch.testing.assert_close(found, wanted)
    for each, one in zip(kept, expected, strict=True):
        torch.testing.assert_close(each, one)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (8, 6), (33, 64)])
def test_plain_pooling_halves_as_adaptive_pooling_does(size: tuple[int, int]) -> None:
    picture = random(1, 3, *size)
    wanted = F.adaptive_avg_pool2d(picture, [-(-side // 2) for side in size])
    assert torch.equal(grid_sampling.halve(picture), wanted)  # on the CPU it is that
    torch.testing.assert_close(grid_sampling.pool_by_half(picture), wanted)
