"""The loss of sharpness by a camera's moves, measured on waves that are known everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from vqclip.animation.camera_2d import CameraMove2D, Matrix, sample_positions
from vqclip.animation.resample import resample

SIDE, COUNT, TURNS = 192, 24, 36
MARGIN = 4  # pixels inside the inscribed disc's border
STEPS, NEARER = 60, 1.02  # of the zoom: ×3.3 in all


def pattern(places: Tensor, finest: float) -> Tensor:
    """Waves at places [h, w, 2] in pixels, none shorter than `finest`: [1, 1, h, w] in [0, 1]."""
    stream = torch.Generator().manual_seed(0)
    length, angle, phase = torch.rand(3, COUNT, generator=stream, dtype=torch.float64)
    pace = 2 * math.pi / (finest * (1 + length))
    way = torch.stack([(2 * math.pi * angle).cos(), (2 * math.pi * angle).sin()]) * pace
    return (0.5 + (places @ way + 2 * math.pi * phase).cos().sum(-1) / (2 * COUNT))[None, None]


def middles() -> Tensor:
    """Places of a frame's pixels, from its middle: [h, w, 2], x before y."""
    across = torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2
    return torch.stack([across[None, :].expand(SIDE, -1), across[:, None].expand(-1, SIDE)], -1)


def psnr(found: Tensor, wanted: Tensor) -> float:
    """In decibels, of a range of 1, inside the inscribed disc."""
    inside = middles().norm(dim=-1) < SIDE / 2 - MARGIN
    error = (found.double() - wanted)[..., inside].square().mean().item()
    return -10 * math.log10(max(error, 1e-16))


def fine(image: Tensor) -> float:
    """How much there is of waves, the short ones above all: the mean square of slopes."""
    inside = middles().norm(dim=-1) < SIDE / 2 - MARGIN
    down, right = torch.gradient(image.double(), dim=(2, 3))
    return (down.square() + right.square())[..., inside].mean().item()


def warp(image: Tensor, view: Matrix, kernel: str) -> Tensor:
    """Show a picture from a view: [1, 1, SIDE, SIDE]."""
    return resample(image, sample_positions(view, SIDE, SIDE), "mirror", kernel)[0]


def rolls() -> Iterator[str]:
    """Roll once round, one resampling after another, and from the first frame each time."""
    turn = CameraMove2D(roll=360 / TURNS)
    yield f"{TURNS} rolls of {360 // TURNS}°, {SIDE}x{SIDE}, PSNR in dB in the inscribed disc"
    yield "finest wave  kernel  one after another  at worst  composed, at worst"
    for finest in (8, 4):
        for kernel in ("spline", "linear"):
            image = pattern(middles(), finest).float()
            found, one, once = image, [], []
            for count in range(1, TURNS + 1):
                angle = math.radians(360 / TURNS * count)
                c, s = math.cos(angle), math.sin(angle)
                back = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
                wanted = pattern(middles() @ back, finest)
                step = turn.matrix(SIDE, SIDE)
                found = warp(found, step, kernel)
                one.append(psnr(found, wanted))
                once.append(psnr(warp(image, step.matrix_power(count), kernel), wanted))
            yield (
                f"{finest:9} px  {kernel:6}  {one[-1]:17.1f}  {min(one):8.1f}  {min(once):18.1f}"
            )


def zooms() -> Iterator[str]:
    """Come nearer for long, one resampling after another, and from the first frame each time."""
    nearer = CameraMove2D(zoom=NEARER)
    yield f"{STEPS} zooms by {NEARER}: how much is left of the fine, in parts of what is there"
    yield "finest wave  kernel  one after another     PSNR  composed     PSNR"
    for finest in (8, 4, 3):
        for kernel in ("spline", "linear"):
            image = pattern(middles(), finest).float()
            wanted = pattern(middles() / NEARER**STEPS, finest)
            found, step = image, nearer.matrix(SIDE, SIDE)
            for _ in range(STEPS):
                found = warp(found, step, kernel)
            once = warp(image, step.matrix_power(STEPS), kernel)
            kept = [fine(each) / fine(wanted) for each in (found, once)]
            yield (
                f"{finest:9} px  {kernel:6}  {kept[0]:17.3f}  {psnr(found, wanted):4.1f} dB"
                f"  {kept[1]:8.3f}  {psnr(once, wanted):4.1f} dB"
            )
