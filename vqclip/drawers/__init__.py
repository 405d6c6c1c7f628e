"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `base`.

    base       The base of all drawers: named parameters, and the picture that they draw
    registry   The registry of drawers, by name
    latent     The latent drawer: a picture as the latent of a VQGAN
    pyramid    The pyramid drawer: a picture as a sum of resolutions
    fourier    The Fourier drawer: a picture as a spectrum of waves
    wavelets   The wavelets drawer: a picture as a sum of wavelets
    pixels     The pixel drawer: a picture as a grid of square cells
    mosaic     The mosaic drawer: coloured cells of a shape that cover the picture
    palette    The palette drawer: a grid of cells, each with a shade of one of several
               palettes
    strokes    The drawer of strokes: coloured brush strokes of Bézier curves
    lines      The drawer of lines: a few long black lines on paper
    filtered   The filtered drawer: a drawer's picture as a run shows it, filtered and on a ground
    cell_grid  The grid of a picture's cells: how many columns and rows
"""
