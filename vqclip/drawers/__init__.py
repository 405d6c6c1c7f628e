"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `base`.

    base      The base of all drawers: named parameters, and the picture that they draw
    latent    The latent drawer: a picture as the latent of a VQGAN
    palette   The palette drawer: a grid of cells, each with a shade of one of several palettes
    registry  The registry of drawers, by name
"""
