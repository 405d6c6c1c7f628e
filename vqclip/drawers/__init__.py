"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `base`.

    base      The base of all drawers: named parameters, and the picture that they draw
    latent    The latent drawer: a picture as the latent of a VQGAN
    lines     The drawer of lines: a few long black lines on paper
    registry  The registry of drawers, by name
    strokes   The drawer of strokes: coloured brush strokes of Bézier curves
"""
