"""Grid sampling and halving of pictures, also where torch has no suitable algorithm.

On CUDA, torch adds the gradients of `grid_sample` and of adaptive pooling in any order, so that
no run repeats exactly. On MPS, its older versions lack that gradient of `grid_sample`, border
padding and bicubic sampling, and all of them lack adaptive pooling of odd sides.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.tensors import Image


def halve(picture: Image) -> Image:
    """Halve the sides of a picture, rounded up; each pixel is the mean of those that it covers.

    The same as adaptive pooling, whose windows overlap where a side is odd.
    """
    height, width = picture.shape[-2:]
    if picture.device.type == "cpu":  # the other way may round the last bit differently
        return F.adaptive_avg_pool2d(picture, (-(-height // 2), -(-width // 2)))
    return pool_by_half(picture)


def pool_by_half(picture: Image) -> Image:
    """Halve a picture as `halve` does, but for rounding, by plain pooling."""
    odd = [side % 2 for side in picture.shape[-2:]]
    window = [2 + each for each in odd]
    return F.avg_pool2d(picture, window, stride=2, padding=odd, count_include_pad=False)


def sample_grid(
    picture: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool = False,
) -> Tensor:
    """Sample pictures at positions: `torch.nn.functional.grid_sample`, on every device.

    Args:
        picture: [N, C, H, W], or [1, C, H, W] for all grids.
        grid: [N, h, w, 2], x before y, from -1 to 1.
        mode: "bilinear", "nearest" or "bicubic".
        padding: "zeros", "border" or "reflection".

    Returns:
        [N, C, h, w].
    """
    kind = picture.device.type
    if torch.is_grad_enabled() and picture.requires_grad and mode == "bilinear":
        exact = kind == "cuda" and torch.are_deterministic_algorithms_enabled()
        if exact or kind == "mps":
            return gather_grid(picture, grid, padding, align_corners)
    if kind == "mps" and mode == "bicubic":
        return sample_grid(picture.cpu(), grid.cpu(), mode, padding, align_corners).to(grid)
    if kind == "mps" and padding == "border":
        sides = grid.new_tensor(list(picture.shape[:1:-1]))  # width, height
        limit = torch.ones_like(sides) if align_corners else 1 - 1 / sides
        grid, padding = torch.minimum(torch.maximum(grid, -limit), limit), "zeros"
    pictures = picture.expand(len(grid), -1, -1, -1)
    return F.grid_sample(pictures, grid, mode, padding, align_corners)


def gather_grid(
    picture: Tensor, grid: Tensor, padding: str = "zeros", align_corners: bool = False
) -> Tensor:
    """Sample bilinearly, as `sample_grid` does, by indexing.

    Its gradient is a sum by index, for which torch has a deterministic algorithm.
    """
    height, width = picture.shape[-2:]
    places = [
        _pixel(place, side, padding, align_corners)
        for place, side in zip(grid.unbind(-1), (width, height), strict=True)
    ]
    corners = [place.floor() for place in places]
    shares = [place - corner for place, corner in zip(places, corners, strict=True)]
    which = torch.arange(len(grid), device=grid.device).clamp(max=len(picture) - 1)
    found: Tensor | float = 0.0
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = corners[0] + right, corners[1] + down
        weight = (shares[0] if right else 1 - shares[0]) * (shares[1] if down else 1 - shares[1])
        if padding == "zeros":
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            weight = weight * inside
        row, column = y.clamp(0, height - 1).long(), x.clamp(0, width - 1).long()
        pixels = picture[which[:, None, None], :, row, column]  # [N, h, w, C]
        found = found + pixels * weight[..., None]
    assert isinstance(found, Tensor)
    return found.permute(0, 3, 1, 2)


def _pixel(place: Tensor, side: int, padding: str, align_corners: bool) -> Tensor:
    """Convert positions from -1 to 1 to pixels, from 0 at the middle of the first one."""
    pixel = (place + 1) / 2 * (side - 1) if align_corners else ((place + 1) * side - 1) / 2
    if padding == "reflection":
        low, period = (0.0, side - 1) if align_corners else (-0.5, side)
        turns = (pixel - low).abs().remainder(2 * max(period, 1e-9))
        pixel = torch.minimum(turns, 2 * period - turns) + low
    return pixel if padding == "zeros" else pixel.clamp(0, side - 1)
