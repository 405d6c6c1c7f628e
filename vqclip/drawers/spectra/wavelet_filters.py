"""The filters of wavelets, by the names that PyWavelets gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from math import sqrt

from vqclip.errors import ConfigError, pick

INSTALL = "pip install 'vqclip[wavelets]'"
ORTHOGONAL = {  # low-pass filters of synthesis; Daubechies, 1992, Ten Lectures on Wavelets
    "haar": (sqrt(1 / 2), sqrt(1 / 2)),
    "db2": (
        *((1 + sqrt(3)) / sqrt(32), (3 + sqrt(3)) / sqrt(32)),
        *((3 - sqrt(3)) / sqrt(32), (1 - sqrt(3)) / sqrt(32)),
    ),
    "coif2": (
        *(0.01638733646320364, -0.04146493678687178, -0.0673725547237256),
        *(0.3861100668227629, 0.8127236354494135, 0.4170051844232391),
        *(-0.07648859907828076, -0.05943441864643109, 0.02368017194684777),
        *(0.005611434819368834, -0.0018232088709110323, -0.000720549445520347),
    ),
}


@dataclass(frozen=True)
class WaveletFilters:
    """The filters of a discrete wavelet transform, all of one even length."""

    analysis_low: Sequence[float]
    analysis_high: Sequence[float]
    synthesis_low: Sequence[float]
    synthesis_high: Sequence[float]


def find_filters(wave: str) -> WaveletFilters:
    """Find the filters of a wavelet.

    Args:
        wave: one that is bundled, or any other that PyWavelets knows.

    Raises:
        ConfigError: if it is not bundled and PyWavelets is not installed, or knows none of that
            name.
    """
    if wave in ORTHOGONAL:
        return orthogonal_filters(ORTHOGONAL[wave])
    if find_spec("pywt") is None:
        raise ConfigError(
            f"the wavelet {wave!r} needs PyWavelets, which is not installed: {INSTALL}; or use "
            f"one of: {', '.join(ORTHOGONAL)}"
        )
    pywt = import_module("pywt")
    names = {name: name for name in pywt.wavelist(kind="discrete")}
    wavelet = pywt.Wavelet(pick(names, wave, "wavelet"))
    return WaveletFilters(wavelet.dec_lo, wavelet.dec_hi, wavelet.rec_lo, wavelet.rec_hi)


def orthogonal_filters(low: Sequence[float]) -> WaveletFilters:
    """The four filters of an orthogonal wavelet, from the low-pass filter of its synthesis."""
    high = [-each if k % 2 else each for k, each in enumerate(reversed(low))]
    return WaveletFilters(low[::-1], high[::-1], low, high)
