"""Anti-aliased resampling of a picture at other positions.

A position is (x, y) in pixels; (0, 0) is the middle of the upper left pixel, so that a picture
reaches from -0.5 to width - 0.5. What lies beyond is set by `edges`:

| edges  | beyond the border                                                        |
|--------|--------------------------------------------------------------------------|
| wrap   | the picture again, as a tile                                             |
| mirror | the picture's reflection                                                 |
| smear  | the pixel of the border                                                  |
| black  | zero, with a border one pixel soft                                       |
| fill   | the border's colours, softer with the distance, as a start for drawing   |

Pixels are interpolated by a spline of the fifth degree (Unser, "Splines: a perfect fit", 1999),
whose coefficients are sampled in pairs (Sigg and Hadwiger, GPU Gems 2, chapter 20). Where the
picture shrinks, it is low-pass filtered first: by windowed sincs at levels √2 apart, which are
interpolated by how much each pixel shrinks.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from vqclip.errors import pick
from vqclip.models.device import upload_tensor
from vqclip.models.grid_sampling import sample_grid

Edges = Literal["wrap", "mirror", "smear", "black", "fill"]
EDGES: tuple[str, ...] = get_args(Edges)
KERNELS = ("spline", "linear")

_PAD = 4  # coefficients kept beyond the border; the spline reaches three pixels
_DECAY = 24  # pixels after which the impulse response, 0.43 to this power, is negligible
_LOBES = 3  # of the windowed sinc
_SOFTEST = 10  # the last level, in halves of an octave: shrinking 32 times; beyond is the mean
_ALIKE = 1e-3  # halves of an octave; pixels whose levels differ by less share one level
_STRETCH = 64  # pixels that are filtered together
_FAR = 1e6  # pixels; what lies further away is the horizon
_LENIENT = 1.01  # where the picture shrinks less, it is not filtered
_EXACT = 1e-6  # pixels; nearer to a pixel's middle, the pixel is taken as it is
_FADE = 0.6  # how much `fill` adds to the shrinkage for each pixel beyond the border
_HAZE = 16.0  # the greatest shrinkage that `fill` filters for
_KNOTS = (1 / 120, 26 / 120, 66 / 120, 26 / 120, 1 / 120)  # the spline at whole numbers


def resample(
    image: Tensor, positions: Tensor, edges: str = "mirror", kernel: str = "spline"
) -> tuple[Tensor, Tensor]:
    """Resample a picture, or a latent, at other positions, without aliasing.

    Positions at the middles of pixels give exactly these pixels. A position that is not finite
    gets the picture's mean, or zero if `edges` is "black". So does one a million pixels away or
    more, if the picture is repeated.

    Args:
        image: [B, C, H, W], of any range.
        positions: [h, w, 2], (x, y) in pixels of `image`, best in float64.
        edges: one of `EDGES`.
        kernel: "spline", which overshoots the picture's range a little at sharp edges, as every
            sharp kernel does; or "linear", which is softer, never leaves the range, and is not
            filtered where the picture shrinks.

    Returns:
        The resampled picture, [B, C, h, w], and [1, 1, h, w] in [0, 1]: the share of each pixel
        that lay within the picture, whatever `edges` is.

    Raises:
        ConfigError: if `edges` or `kernel` is none of those.
    """
    pick(dict.fromkeys(EDGES), edges, "edge")
    pick(dict.fromkeys(KERNELS), kernel, "kernel")
    height, width = image.shape[-2:]
    repeated = edges in ("wrap", "mirror")
    step = shrinkage(positions)
    near = (positions.abs() < _FAR).all(-1)  # [h, w]
    known = near if repeated else positions.isfinite().all(-1)
    x, y = (torch.where(known, place, 0.0) for place in positions.unbind(-1))
    seen = near * _within(x, width, step) * _within(y, height, step)
    seen = upload_tensor(seen[None, None].to(image.dtype), image.device)
    soft = step
    if edges == "fill":
        beyond = torch.hypot(x - x.clamp(0, width - 1), y - y.clamp(0, height - 1))
        soft = torch.maximum(step, (1 + _FADE * beyond).clamp(max=_HAZE))
    columns, rows = _fold(x, width, edges), _fold(y, height, edges)
    if float(soft.max()) <= _LENIENT and _whole(columns) and _whole(rows):
        place = rows.round().long() * width + columns.round().long()  # [h, w]
        shown = image.flatten(2)[..., upload_tensor(place, image.device)]
    elif kernel == "linear":
        shown = _linear(image, columns, rows, edges)
    else:
        shown = _spline(image, columns, rows, soft, edges)
    if edges == "black":
        return shown * seen, seen
    if not bool(known.all()):
        mean = image.mean((2, 3), keepdim=True)
        shown = torch.where(upload_tensor(known, image.device), shown, mean)
    return shown, seen


def shrinkage(positions: Tensor) -> Tensor:
    """How many times the picture shrinks at each position: the greatest distance of neighbours.

    Of the neighbours on both sides, the nearer one counts, so that jumps in depth do not.

    Args:
        positions: [h, w, 2], (x, y) in pixels; those that are not finite are ignored.

    Returns:
        [h, w], in pixels of the picture, 1 or more.
    """
    if positions.shape[0] == 0 or positions.shape[1] == 0:
        return positions.new_ones(positions.shape[:2])
    x, y = positions.unbind(-1)
    right, down = (_nearer(x, y, axis) for axis in (1, 0))
    total = right[0] * right[0] + right[1] * right[1] + down[0] * down[0] + down[1] * down[1]
    area = right[0] * down[1] - right[1] * down[0]
    # The larger singular value of the two steps, written as columns of a matrix.
    longer = (total + (total * total - 4 * area * area).clamp(min=0).sqrt()) / 2
    return longer.sqrt().clamp(min=1)


def _nearer(x: Tensor, y: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The shorter of the steps to the two neighbours along an axis, each [h, w]."""
    if x.shape[axis] == 1:
        return torch.zeros_like(x), torch.zeros_like(y)
    end = torch.full_like(x.narrow(axis, 0, 1), math.inf)
    across, along = (torch.diff(each, dim=axis) for each in (x, y))
    length = (across * across + along * along).nan_to_num(math.inf, math.inf)
    ahead = torch.cat([length, end], axis) <= torch.cat([end, length], axis)
    steps = (
        torch.where(ahead, torch.cat([each, end], axis), torch.cat([end, each], axis))
        for each in (across, along)
    )
    across, along = (each.nan_to_num(0.0, 0.0, 0.0) for each in steps)
    return across, along


def _within(place: Tensor, size: int, step: Tensor) -> Tensor:
    """The share of a pixel, `step` pixels wide, that lies between the borders of an axis."""
    low, high = (place + 0.5) / step + 0.5, (size - 0.5 - place) / step + 0.5
    return low.clamp(0, 1) * high.clamp(0, 1)


def _fold(place: Tensor, size: int, edges: str) -> Tensor:
    """Map positions, or indices, along an axis into the picture."""
    if edges == "wrap":
        return place.remainder(size)
    if edges == "mirror":
        # In twice the coordinates, the middles of pixels are odd and whole numbers stay whole.
        odd = (2 * place + 1).remainder(4 * size)
        folded = (torch.minimum(odd, 4 * size - odd) - 1) / 2
        return folded if place.is_floating_point() else folded.round().long()
    return place.clamp(0, size - 1)


def _whole(place: Tensor) -> bool:
    return float((place - place.round()).abs().max()) < _EXACT


def _linear(image: Tensor, columns: Tensor, rows: Tensor, edges: str) -> Tensor:
    """Interpolate between the four nearest pixels, without a filter."""
    data = image
    for axis, size in ((2, image.shape[2]), (3, image.shape[3])):
        around = _fold(torch.arange(-_PAD, size + _PAD), size, edges)
        data = data.index_select(axis, upload_tensor(around, image.device))
    found = _look(data, columns.flatten(), rows.flatten())
    return found.reshape(*image.shape[:2], *columns.shape)


def _spline(image: Tensor, columns: Tensor, rows: Tensor, soft: Tensor, edges: str) -> Tensor:
    """Interpolate by splines, between pictures filtered for how much each pixel shrinks."""
    exact = image if image.dtype == torch.float64 else image.float()
    last = _SOFTEST + (1 if edges in ("wrap", "mirror") else 0)
    level = (2 * torch.log2(soft / _LENIENT)).clamp(0, last).flatten()
    x, y = columns.flatten(), rows.flatten()
    lowest, highest = float(level.min()), float(level.max())
    levels = range(math.floor(lowest), math.ceil(highest) + 1)
    if highest - lowest < _ALIKE:  # one mixture of two levels serves all pixels
        data = sum(
            _softened(exact, index, edges) * share
            for index in levels
            if (share := 1 - abs(lowest - index)) > 0
        )
        assert isinstance(data, Tensor)
        flat = _surface(data, x, y)
    else:
        flat = exact.new_zeros(*image.shape[:2], len(x))
        for index in levels:
            shares = 1 - (level - index).abs()
            here = (shares > 0).nonzero()[:, 0]
            if len(here) > 0:
                found = _surface(_softened(exact, index, edges), x[here], y[here])
                there = upload_tensor(here, flat.device)
                amount = upload_tensor(shares[here].to(flat.dtype), flat.device)
                flat.index_add_(2, there, found * amount)
    return flat.reshape(*image.shape[:2], *soft.shape).to(image.dtype)


def _softened(image: Tensor, index: int, edges: str) -> Tensor:
    """The spline's coefficients of a picture filtered for shrinking by `index` half octaves.

    Returns:
        [B, C, H + 2 * _PAD, W + 2 * _PAD].
    """
    if index > _SOFTEST:
        height, width = image.shape[-2:]
        mean = image.mean((2, 3), keepdim=True)
        return mean.expand(*image.shape[:2], height + 2 * _PAD, width + 2 * _PAD)
    impulse = _impulse(2 ** (index / 2))
    return _filtered(_filtered(image, impulse, 3, edges), impulse, 2, edges)


def _surface(data: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Evaluate the spline with these coefficients at K positions: [B, C, K]."""
    across, along = _pairs(columns, data), _pairs(rows, data)
    found = data.new_zeros(*data.shape[:2], len(columns))
    for y, row_share in along:
        for x, column_share in across:
            found.addcmul_(_look(data, x, y), row_share * column_share)
    return found


def _look(data: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Sample data that has a margin of `_PAD` bilinearly at K positions: [B, C, K]."""
    high, wide = data.shape[-2:]
    x, y = 2 * (columns + _PAD) / (wide - 1) - 1, 2 * (rows + _PAD) / (high - 1) - 1
    grid = upload_tensor(torch.stack([x, y], -1).to(data.dtype), data.device)[None, None]
    # All pictures of a batch are sampled at the same positions: as channels they share the work.
    channels = data.reshape(1, -1, high, wide)
    found = sample_grid(channels, grid, padding="border", align_corners=True)
    return found.reshape(*data.shape[:2], -1)


def _pairs(place: Tensor, like: Tensor) -> list[tuple[Tensor, Tensor]]:
    """For three pairs of coefficients: the position between the two to sample, and its weight."""
    base = place.floor()
    t, base = (upload_tensor(each.to(like.dtype), like.device) for each in (place - base, base))
    u = 1 - t
    # The six pieces of the spline over [base - 2, base + 3].
    first, last = (each * (each * each).square() / 120 for each in (u, t))
    second, fifth = (_flank(each) for each in (t, u))
    third, fourth = (_crown(each) for each in (t, u))
    weights = (first, second, third, fourth, fifth, last)
    found = []
    for index in range(3):
        low, high = weights[2 * index], weights[2 * index + 1]
        found.append((base + 2 * index - 2 + high / (low + high), low + high))
    return found


def _flank(t: Tensor) -> Tensor:
    """The spline of the fifth degree at 1 + t, for t in [0, 1]."""
    x = 1 + t
    return 17 / 40 + x * (5 / 8 + x * (-7 / 4 + x * (5 / 4 + x * (-3 / 8 + x / 24))))


def _crown(t: Tensor) -> Tensor:
    """The spline of the fifth degree at t, for t in [0, 1]."""
    square = t * t
    return 11 / 20 + square * (-1 / 2 + square * (1 / 4 - t / 12))


def _impulse(scale: float) -> Tensor:
    """The impulse response: a pixel's effect on the coefficients around it, for a scale.

    Returns:
        [2 * reach + 1] in float64, symmetric.
    """
    reach = _DECAY + (math.ceil(_LOBES * scale) if scale > 1 else 0)
    count = 4 * reach  # so many that the ends of the impulse do not meet
    knots = torch.zeros(count, dtype=torch.float64)
    for offset, value in enumerate(_KNOTS, start=-2):
        knots[offset] = value
    band = torch.zeros_like(knots)
    if scale > 1:
        place = torch.arange(-reach, reach + 1, dtype=torch.float64) / scale
        lobes = torch.sinc(place) * torch.sinc(place / _LOBES) * (place.abs() < _LOBES)
        band[torch.arange(-reach, reach + 1)] = lobes / lobes.sum()
    else:
        band[0] = 1
    whole = torch.fft.irfft(torch.fft.rfft(band) / torch.fft.rfft(knots), count)
    return torch.cat([whole[-reach:], whole[: reach + 1]])


def _filtered(image: Tensor, impulse: Tensor, axis: int, edges: str) -> Tensor:
    """Filter along an axis, with `_PAD` more at each end.

    Each stretch of `_STRETCH` pixels, with those around it, is multiplied by the same small
    matrix.
    """
    size, reach = image.shape[axis] + 2 * _PAD, len(impulse) // 2
    stretches = math.ceil(size / _STRETCH)
    around = torch.arange(stretches * _STRETCH + 2 * reach) - reach - _PAD
    source = _fold(around, image.shape[axis], edges)
    wide = image.index_select(axis, upload_tensor(source, image.device)).movedim(axis, -1)
    band = torch.zeros(_STRETCH + 2 * reach, _STRETCH, dtype=torch.float64)
    for target in range(_STRETCH):
        band[target : target + len(impulse), target] = impulse
    matrix = upload_tensor(band.to(image.dtype), image.device)
    pieces = wide.unfold(-1, len(band), _STRETCH) @ matrix  # [..., stretches, _STRETCH]
    return pieces.flatten(-2)[..., :size].movedim(-1, axis)
