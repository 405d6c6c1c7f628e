"""An SVG document: its root element, and its bytes."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

NAMESPACE = "http://www.w3.org/2000/svg"


def make_root(width: int, height: int) -> Element:
    """The root element of a document for a picture of a size in pixels."""
    size = {"width": str(width), "height": str(height)}
    return Element("svg", {"xmlns": NAMESPACE, **size, "viewBox": f"0 0 {width} {height}"})


def to_bytes(root: Element) -> bytes:
    """The document as a file: indented, in UTF-8."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
