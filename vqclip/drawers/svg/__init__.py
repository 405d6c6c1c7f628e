"""SVG files, which vector editors and plotters open.

Begin with `document`.

    document  An SVG document: its root element, and its bytes
    polygons  SVG files of coloured polygons
    strokes   SVG files of strokes of Bézier curves
"""
