"""SVG files of coloured polygons."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import SubElement

from vqclip.drawers.cells.shapes import Corners
from vqclip.drawers.svg.document import make_root, to_bytes
from vqclip.language.palettes.colour_names import to_hex

# In pixels. The ground shows as hairlines where two polygons meet, unless a stroke covers it; a
# wider stroke hides more of the neighbours that were drawn before.
STROKE = 0.5


def polygons_to_svg(
    width: int,
    height: int,
    polygons: Sequence[Corners],
    colours: Sequence[Sequence[float]],
    scale: tuple[float, float] = (1, 1),
) -> bytes:
    """Write polygons as an SVG file, the later over the earlier.

    Args:
        width, height: of the picture, in pixels.
        polygons: the corners of each.
        colours: of each, red, green, blue and, where it may be transparent, opacity in [0, 1].
        scale: how many pixels the units of the corners have, across and down.
    """
    root = make_root(width, height)
    for polygon, (red, green, blue, *alpha) in zip(polygons, colours, strict=True):
        colour = to_hex((red, green, blue))
        points = " ".join(f"{x * scale[0]:.2f},{y * scale[1]:.2f}" for x, y in polygon)
        drawn = SubElement(root, "polygon", points=points, fill=colour)
        if alpha and alpha[0] < 1:  # a stroke would lie over the polygon, and show
            drawn.set("fill-opacity", f"{alpha[0]:.3g}")
        else:
            drawn.set("stroke", colour)
            drawn.set("stroke-width", str(STROKE))
    return to_bytes(root)
