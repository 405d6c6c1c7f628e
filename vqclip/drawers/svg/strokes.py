"""SVG files of strokes of Bézier curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import SubElement

from vqclip.drawers.svg.document import make_root, to_bytes
from vqclip.language.palettes.colour_names import RGB, to_hex


@dataclass(frozen=True)
class SvgStroke:
    """A stroke of cubic Bézier curves.

    Attributes:
        points: 3 n + 1 of n curves, x and y in pixels.
        width: in pixels.
        colour: red, green, blue and alpha in [0, 1].
    """

    points: Sequence[Sequence[float]]
    width: float
    colour: tuple[float, float, float, float]


def strokes_to_svg(
    strokes: Sequence[SvgStroke], width: int, height: int, paper: RGB | None
) -> bytes:
    """An SVG file of strokes, the first at the bottom, clipped to the picture.

    Args:
        width, height: of the picture, in pixels.
        paper: red, green and blue of a rectangle below the strokes, in [0, 1]; None for none.
    """
    root, size = make_root(width, height), {"width": str(width), "height": str(height)}
    clip = SubElement(SubElement(root, "defs"), "clipPath", id="picture")
    SubElement(clip, "rect", size)
    if paper is not None:
        SubElement(root, "rect", {"id": "paper", **size, "fill": to_hex(paper)})
    common = {"fill": "none", "stroke-linecap": "round", "stroke-linejoin": "round"}
    group = SubElement(root, "g", {"clip-path": "url(#picture)", **common})
    for stroke in strokes:
        attributes = {
            "d": _path_data(stroke.points),
            "stroke": to_hex(stroke.colour[:3]),
            "stroke-width": _number(stroke.width),
        }
        if stroke.colour[3] < 1:
            attributes["stroke-opacity"] = f"{stroke.colour[3]:.3f}"
        SubElement(group, "path", attributes)
    return to_bytes(root)


def _path_data(points: Sequence[Sequence[float]]) -> str:
    """The `d` of a path.

    >>> _path_data([(0, 0), (1, 0), (2, 1.255), (3, 3)])
    'M 0 0 C 1 0 2 1.25 3 3'
    """
    numbers = [f"{_number(x)} {_number(y)}" for x, y in points]
    return f"M {numbers[0]} C {' '.join(numbers[1:])}"


def _number(value: float) -> str:
    """A number of at most two decimals."""
    return f"{round(value, 2) + 0.0:g}" if abs(value) < 1000 else f"{value:.2f}"
