"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `base`.

    base      The base of all drawers: named parameters, and the picture that they draw
    fourier   The Fourier drawer: a picture as a spectrum of waves
    latent    The latent drawer: a picture as the latent of a VQGAN
    pyramid   The pyramid drawer: a picture as a sum of resolutions
    registry  The registry of drawers, by name
    wavelets  The wavelets drawer: a picture as a sum of wavelets
"""
