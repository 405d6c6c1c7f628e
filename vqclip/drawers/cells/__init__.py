"""Cells that cover a picture: their shapes, and how much of each pixel they cover.

Begin with `coloured_cells`.

    coloured_cells  The base of drawers whose parameters are the colours of cells
    coverage        Coverage tables: how much of each pixel belongs to which cell
    shapes          The shapes of cells, and where the cells of a grid lie
"""
