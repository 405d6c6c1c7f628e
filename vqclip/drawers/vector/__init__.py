"""Vector drawings: strokes of Bézier curves.

Begin with `rasteriser`.

    copies      Copies of strokes over the edges of a picture that tiles
    drawer      The base of the drawers of strokes: named parameters, camera moves and export
    flattening  Curves as straight pieces, and the nearest point of a curve
    paths       Which control points make which curve of which stroke
    rasteriser  Strokes as pixels, differentiable in points, widths and colours
    starts      The first points of strokes: at random, or along the forms of a picture
    tiling      Which strokes meet which tiles, and which pixels are at their edges
"""
