"""Drawers: what a run optimises to make a picture, one drawer a module.

Begin with `base`.

    base       The base of all drawers: named parameters, and the picture that they draw
    cell_grid  The grid of a picture's cells: how many columns and rows
    latent     The latent drawer: a picture as the latent of a VQGAN
    mosaic     The mosaic drawer: coloured cells of a shape that cover the picture
    pixels     The pixel drawer: a picture as a grid of square cells
    registry   The registry of drawers, by name
"""
