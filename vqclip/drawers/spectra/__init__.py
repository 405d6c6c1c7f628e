"""Spectra: what the drawers that add up waves and resolutions share.

Begin with `spectral_drawer`.

    colours            Colours as numbers without bounds, and channels that are decorrelated
    spectral_drawer    The base of drawers whose parameters are strengths of waves
    wavelet_filters    The filters of wavelets, by the names that PyWavelets gives them
    wavelet_transform  The discrete wavelet transform of pictures and its inverse, in PyTorch
"""
