"""Silhouettes: a thing cut out of the plain ground of its draft.

The starter draws on plain grounds. The ground's colour is estimated along the border, as a plane
in Lab; what differs from it, and what it does not reach from the border, is the thing. The edge
is soft, and its colours are those of the thing alone, so that the old ground leaves no halo on a
new one (foreground estimation, as in Levin, Lischinski and Weiss, 2008, made simple).

No function here draws random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from kornia.color import rgb_to_lab
from torch import Tensor
from torch.nn import functional

from vqclip.tensors import Image

RING = 3  # width of the border that the ground's colour is read from, in pixels
ROUNDS = 5  # of the fit of the ground's colour
LEAST_DISTANCE, MOST_DISTANCE = 5.0, 12.0  # in Lab: nearer than so is certainly ground
RAMP = 10.0  # in Lab: so much farther, it is certainly no ground
SMALL = 0.12  # pieces below this share of the largest one are left out
PALE_LIGHTNESS, PALE_CHROMA = 85.0, 14.0  # of a ground so pale that a thing may have its colour
SPARSE, FULL = 0.05, 0.80  # shares of the picture outside which a thing is hardly one
TOUCHING = 8.0  # how strongly a silhouette that is cut by the border counts as bad
FIRST, LAST = 0.3, 0.85  # of the way from the ground to the thing: not and fully opaque
AROUND = 3  # pixels around a thing into which it may grow
EDGE = 0.5  # from this opacity on, a pixel belongs to a silhouette's bounding box


@dataclass(frozen=True)
class Silhouette:
    """A thing without its ground, cropped to its bounding box.

    Args:
        pixels: [1, 3, h, w] in [0, 1]; where it is not opaque, the colours of its edge go on.
        alpha: [1, 1, h, w], its opacity in [0, 1].
        quality: how well it could be cut, in [0, 1]: whole, compact, away from the border.
    """

    pixels: Image
    alpha: Tensor
    quality: float

    @property
    def aspect(self) -> float:
        """Its width by its height."""
        return self.alpha.shape[-1] / self.alpha.shape[-2]

    def mirror(self) -> Silhouette:
        """Return the same thing as it looks to the other side."""
        return Silhouette(self.pixels.flip(-1), self.alpha.flip(-1), self.quality)


def cut_silhouettes(pictures: Tensor, gap: float = 0.0) -> list[Silhouette]:
    """Cut the thing out of each picture.

    Args:
        pictures: [N, 3, S, S] in [0, 1].
        gap: of the height; so wide gaps belong to the thing, as those between the lines of a
            white one on a white ground.

    Returns:
        N silhouettes. One in which nothing differs from the ground is the whole picture, of
        quality 0.
    """
    pixels, alpha, quality = _matte(pictures, gap)
    return [
        _crop(pixels[n : n + 1], alpha[n : n + 1], float(quality[n]))
        for n in range(len(pictures))
    ]


def find_things(pictures: Tensor) -> Tensor:
    """Find where the thing of each picture is, and a little around it: [N, 1, S, S] in [0, 1]."""
    return grow_mask(find_outlines(pictures))


def find_outlines(pictures: Tensor) -> Tensor:
    """Find where the thing of each picture is: its opacity, [N, 1, S, S] in [0, 1].

    Args:
        pictures: [N, 3, S, S] in [0, 1]; of [N, 4, S, S] it is the fourth channel.
    """
    return pictures[:, 3:] if pictures.shape[1] == 4 else _matte(pictures)[1]


def grow_mask(mask: Tensor, across: float = 0.0) -> Tensor:
    """Grow what a mask [N, 1, H, W] in [0, 1] holds by a few pixels, with a soft edge.

    Args:
        across: of the height; gaps so wide are closed first, such as that between mast and hull.
    """
    closed = close_gaps(mask, across)
    return _blur(functional.max_pool2d(closed, 2 * AROUND + 1, 1, AROUND), AROUND / 2)


def close_gaps(mask: Tensor, across: float) -> Tensor:
    """Close the gaps in a mask [N, 1, H, W] that are so wide at most, by the height."""
    by = round(across * mask.shape[-2] / 2)
    if by == 0:
        return mask
    window = 2 * by + 1
    wide = functional.max_pool2d(functional.pad(mask, [by] * 4), window, 1, by)
    return -functional.max_pool2d(-wide, window, 1)


def clear_ground(pictures: Tensor) -> Tensor:
    """Make the plain ground around the thing of each picture transparent: [N, 4, S, S]."""
    pixels, alpha, _ = _matte(pictures)
    return torch.cat([pixels, alpha], 1)


def _matte(pictures: Tensor, gap: float = 0.0) -> tuple[Image, Tensor, Tensor]:
    """The colours of things that go on beyond them, their opacity, and how well it is known."""
    lab = rgb_to_lab(pictures)
    ground, noise = _fit_ground(lab)
    distance = torch.linalg.vector_norm(lab - ground, dim=1, keepdim=True)  # [N, 1, S, S]
    low = (2 * noise).clamp(LEAST_DISTANCE, MOST_DISTANCE)[:, None, None, None]
    outside = _spread_from_border(distance < low + RAMP / 2)
    pale = (ground[:, :1].mean((1, 2, 3)) > PALE_LIGHTNESS) & (
        torch.linalg.vector_norm(ground[:, 1:].mean((2, 3)), dim=1) < PALE_CHROMA
    )
    # What has the colour of a strong ground is a hole; on a pale one it may be a white thing.
    holes = (distance < low) & ~outside & ~pale[:, None, None, None]
    kept, whole = _large_pieces(close_gaps((~outside & ~holes).float(), gap) > 0)
    pixels = _extend_colours(pictures, kept)
    # A pixel of the edge is so opaque as it is on the way from the ground to the thing's colour.
    contrast = torch.linalg.vector_norm(rgb_to_lab(pixels) - ground, dim=1, keepdim=True)
    share = (distance / contrast.clamp(min=RAMP) - FIRST) / (LAST - FIRST)
    alpha = torch.where(_grow(~kept, 2), share.clamp(0, 1), torch.ones(()))
    alpha = _blur(torch.where(_grow(kept, 1), alpha, torch.zeros(())), 0.6)
    touching = (kept & _ring_mask(distance)).float().mean((1, 2, 3))
    touching = touching / _ring_mask(distance).float().mean((1, 2, 3))
    area = kept.float().mean((1, 2, 3))
    quality = whole * torch.exp(-TOUCHING * touching)
    quality = quality * (area / SPARSE).clamp(max=1) * ((1 - area) / (1 - FULL)).clamp(max=1)
    return pixels, alpha, quality


def _fit_ground(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a plane to the colours along the border, with little weight for what differs.

    Returns:
        The ground's colour everywhere, [N, 3, S, S], and the usual distance from it, [N].
    """
    height, width = lab.shape[-2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    basis = torch.stack([torch.ones_like(x), x, y], -1).to(lab)  # [S, S, 3]
    ring = _ring_mask(lab[:1, :1])[0, 0]
    known, seen = basis[ring], lab[..., ring].transpose(1, 2)  # [R, 3], [N, R, 3]
    first = seen.median(1, keepdim=True).values
    residual = torch.linalg.vector_norm(seen - first, dim=2)  # [N, R]
    plane = torch.zeros(len(lab), 3, 3).to(lab)
    plane[:, 0] = first[:, 0]
    for _ in range(ROUNDS):
        scale = residual.quantile(0.5, 1, keepdim=True).clamp(min=1.0)
        weight = 1 / (1 + (residual / (2 * scale)) ** 4)
        left = torch.einsum("nr,ri,rj->nij", weight, known, known)
        right = torch.einsum("nr,ri,nrc->nic", weight, known, seen)
        plane = torch.linalg.solve(left + 1e-3 * torch.eye(3).to(lab), right)
        residual = torch.linalg.vector_norm(seen - known @ plane, dim=2)
    return torch.einsum("yxi,nic->ncyx", basis, plane), residual.quantile(0.5, 1)


def _ring_mask(like: Tensor, width: int = RING) -> Tensor:
    """True along the border of [N, 1, H, W]."""
    ring = torch.ones_like(like, dtype=torch.bool)
    ring[..., width:-width, width:-width] = False
    return ring


def _grow(mask: Tensor, by: int) -> Tensor:
    """Grow what is True by so many pixels."""
    return functional.max_pool2d(mask.float(), 2 * by + 1, 1, by) > 0


def _spread_from_border(allowed: Tensor) -> Tensor:
    """What of [N, 1, H, W] can be reached from the border through what is allowed, by sides.

    At half the size, since a thing's outlines are wider than two pixels; then to the full size.
    """
    coarse = -functional.max_pool2d(-allowed.float(), 2, ceil_mode=True)
    reached = _ring_mask(coarse, 1) * coarse
    while True:
        before = reached
        for _ in range(8):
            reached = _beside(reached) * coarse
        if torch.equal(before, reached):
            break
    fine = functional.interpolate(reached, scale_factor=2)[..., : allowed.shape[2], :]
    fine = torch.maximum(fine[..., : allowed.shape[3]], _ring_mask(allowed, 1).float()) * allowed
    for _ in range(4):
        fine = _beside(fine) * allowed
    return fine > 0


def _beside(reached: Tensor) -> Tensor:
    """What is reached, and the pixels at its sides."""
    across = functional.max_pool2d(reached, (1, 3), 1, (0, 1))
    return torch.maximum(across, functional.max_pool2d(reached, (3, 1), 1, (1, 0)))


def _large_pieces(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Keep the connected pieces of [N, 1, H, W] that are not small.

    Returns:
        The mask of them, and the share of what was True that belongs to the largest, [N].
    """
    there = functional.max_pool2d(mask.float(), 2, ceil_mode=True)
    pixels = there[0].numel()
    numbers = torch.arange(1, pixels + 1, device=mask.device, dtype=torch.float32)
    labels = numbers.view(1, *there.shape[1:]) * there
    while True:
        before = labels
        for _ in range(8):
            labels = functional.max_pool2d(labels, 3, 1, 1) * there
        if torch.equal(before, labels):
            break
    kept, share = torch.zeros_like(there), torch.zeros(len(mask), device=mask.device)
    for n, each in enumerate(labels.long()):
        sizes = each.flatten().bincount(minlength=pixels + 1)
        sizes[0] = 0
        large = sizes >= max(1, int(SMALL * int(sizes.max())))
        large[0] = False
        kept[n] = large[each].float()
        share[n] = sizes.max() / sizes.sum().clamp(min=1)
    fine = functional.interpolate(kept, scale_factor=2)
    return (fine[..., : mask.shape[2], : mask.shape[3]] > 0) & mask, share


def _blur(picture: Tensor, deviation: float) -> Tensor:
    """Blur [N, C, H, W] by a Gaussian, the border repeated."""
    reach = max(1, math.ceil(2.5 * deviation))
    places = torch.arange(-reach, reach + 1, dtype=picture.dtype, device=picture.device)
    kernel = torch.exp(-((places / deviation) ** 2) / 2)
    kernel = (kernel / kernel.sum()).expand(picture.shape[1], 1, -1)
    channels = picture.shape[1]
    wide = functional.pad(picture, (reach,) * 4, mode="replicate")
    wide = functional.conv2d(wide, kernel[:, :, None], groups=channels)
    return functional.conv2d(wide, kernel[..., None], groups=channels)


def _extend_colours(pictures: Tensor, kept: Tensor) -> Tensor:
    """Give the pixels at a silhouette's edge, and those outside, the colours inside it."""
    core = ~_grow(~kept, 3)
    thin = kept & ~_grow(core, 5)  # legs and lines, which have no inside
    sure = (core | thin).float()
    result = pictures * sure
    for deviation in (8.0, 1.5):  # the nearest ones last, since they count most
        weight = _blur(sure, deviation)
        near = _blur(pictures * sure, deviation) / weight.clamp(min=1e-4)
        trust = ((weight - 0.02) / 0.1).clamp(0, 1) if deviation < 8 else 1.0
        result = result + (near - result) * trust * (1 - sure)
    return result.clamp(0, 1)


def _crop(pixels: Image, alpha: Tensor, quality: float) -> Silhouette:
    """Crop a silhouette to its bounding box, with a pixel around it."""
    there = alpha[0, 0] > EDGE
    rows, columns = there.any(1).nonzero(), there.any(0).nonzero()
    if len(rows) < 2 or len(columns) < 2:
        return Silhouette(pixels, torch.ones_like(alpha), 0.0)
    top, bottom = max(0, int(rows[0]) - 1), int(rows[-1]) + 2
    left, right = max(0, int(columns[0]) - 1), int(columns[-1]) + 2
    part = (..., slice(top, bottom), slice(left, right))
    return Silhouette(pixels[part], alpha[part], quality)
