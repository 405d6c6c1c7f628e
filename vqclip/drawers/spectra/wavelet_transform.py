"""The discrete wavelet transform of pictures and its inverse, in PyTorch.

Mallat, 1989, A theory for multiresolution signal decomposition. Borders are mirrored, the pixels
of the edge repeated, as in PyWavelets with mode="symmetric", which gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.drawers.spectra.wavelet_filters import WaveletFilters


def synthesise_waves(
    low: Tensor, details: Sequence[Tensor], filters: WaveletFilters, size: tuple[int, int]
) -> Tensor:
    """Add up wavelets.

    Args:
        low: the strengths of the coarsest averages, [1, C, h, w].
        details: those of the wavelets, the finest first: [1, C, 3, h, w] each. Of the three,
            the first has edges between rows, the second between columns, the third both.
        filters: of the wavelet.
        size: rows and columns of the result.

    Returns:
        [1, C, *size].
    """
    rows, columns = _convolution_weights((filters.synthesis_low, filters.synthesis_high), low)
    reach = rows.numel() // 2 - 2
    values = low.transpose(0, 1)  # channels go through the convolutions one by one
    sizes = [size, *(detail.shape[-2:] for detail in details)][: len(details)]
    for detail, (height, width) in zip(reversed(details), reversed(sizes), strict=True):
        waves = torch.cat([values, detail[0]], dim=1)
        pairs = functional.conv_transpose2d(
            waves.reshape(-1, 2, *waves.shape[-2:]), rows, stride=(2, 1), padding=(reach, 0)
        )
        values = functional.conv_transpose2d(
            pairs.reshape(-1, 2, *pairs.shape[-2:]), columns, stride=(1, 2), padding=(0, reach)
        )
        values = values[..., :height, :width]  # one more where the size is odd
    return values.transpose(0, 1)


def analyse_waves(
    values: Tensor, levels: int, filters: WaveletFilters
) -> tuple[Tensor, list[Tensor]]:
    """Find the strengths of the wavelets whose sum is given: the inverse of `synthesise_waves`.

    Args:
        values: [1, C, H, W].
        levels: how many times what is left of the averages is taken apart.
        filters: of the wavelet.

    Returns:
        The coarsest averages and the details, the finest first.
    """
    backwards = (filters.analysis_low[::-1], filters.analysis_high[::-1])
    rows, columns = _convolution_weights(backwards, values)
    length = rows.numel() // 2
    low, details = values.transpose(0, 1), []
    for _ in range(levels):
        pairs = functional.conv2d(_mirror(low, -1, length), columns, stride=(1, 2))
        pairs = pairs.reshape(-1, 1, *pairs.shape[-2:])
        waves = functional.conv2d(_mirror(pairs, -2, length), rows, stride=(2, 1))
        waves = waves.reshape(-1, 4, *waves.shape[-2:])
        low = waves[:, :1]
        details.append(waves[None, :, 1:])
    return low.transpose(0, 1), details


def _convolution_weights(
    filters: tuple[Sequence[float], Sequence[float]], like: Tensor
) -> tuple[Tensor, Tensor]:
    """A low-pass and a high-pass filter along rows, [2, 1, L, 1], and columns, [2, 1, 1, L]."""
    weights = torch.tensor(filters, dtype=like.dtype, device=like.device)
    return weights[:, None, :, None], weights[:, None, None]


def _mirror(values: Tensor, axis: int, length: int) -> Tensor:
    """Continue values beyond their ends, mirrored, as far as a filter of that length reaches."""
    size = values.shape[axis]
    places = torch.arange(2 - length, size + length - 2 + size % 2, device=values.device)
    places = places % (2 * size)
    return values.index_select(axis, torch.minimum(places, 2 * size - 1 - places))
