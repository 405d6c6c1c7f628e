"""Strokes as SVG: another program's reading of the file shows the same picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor, ImageDraw

from vqclip.drawers.strokes import StrokesDrawer
from vqclip.drawers.svg.document import NAMESPACE
from vqclip.drawers.svg.strokes import SvgStroke, strokes_to_svg

FINE = 6  # samples along each side of a pixel


def rasterise(svg: bytes) -> np.ndarray:
    """Draw the strokes of an SVG file by discs along their curves: [H, W, 3] in [0, 1]."""
    root = ElementTree.fromstring(svg)
    size = (int(root.attrib["width"]), int(root.attrib["height"]))
    paper = root.find(f"{{{NAMESPACE}}}rect")
    assert paper is not None
    colour = np.array(ImageColor.getrgb(paper.attrib["fill"])) / 255
    image = np.broadcast_to(colour, (size[1], size[0], 3))
    for path in root.iter(f"{{{NAMESPACE}}}path"):
        words = path.attrib["d"].replace("M", "").replace("C", "").split()
        points = np.array(words, dtype=float).reshape(-1, 2)
        radius = float(path.attrib["stroke-width"]) / 2 * FINE
        mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
        draw = ImageDraw.Draw(mask)
        for first in range(0, len(points) - 1, 3):
            for t in np.linspace(0, 1, 200):
                weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
                x, y = weights @ points[first : first + 4] * FINE - 0.5
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        share = np.asarray(mask.resize(size, Image.Resampling.BOX))[..., None] / 255
        share = share * float(path.attrib.get("stroke-opacity", 1))
        ink = np.array(ImageColor.getrgb(path.attrib["stroke"])) / 255
        image = image * (1 - share) + share * ink
    return image


def test_the_file_shows_the_picture(tmp_path: Path) -> None:
    drawer = StrokesDrawer(64, 48, strokes=20, thickest=20, paper="gold")
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(2)))
    drawer.export(tmp_path / "picture.svg", drawer.parameters)
    found = rasterise((tmp_path / "picture.svg").read_bytes())
    expected = drawer.draw().detach()[0].permute(1, 2, 0).numpy()
    assert expected.std() > 0.1
    assert np.abs(found - expected).mean() < 0.01


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    drawer = StrokesDrawer(8, 8, strokes=1)
    with pytest.raises(ValueError, match=r"strokes writes no \.obj files"):
        drawer.export(tmp_path / "picture.obj", {})


def test_a_stroke_is_a_path_clipped_to_the_picture() -> None:
    points = [(1, 2), (3.456, -4), (1234.5678, 0.001), (7, 8)]
    stroke = SvgStroke(points, 2.499, (1, 0.5, 0, 0.25))
    root = ElementTree.fromstring(strokes_to_svg([stroke], 30, 20, None))
    assert root.tag == f"{{{NAMESPACE}}}svg"
    assert root.attrib == {"width": "30", "height": "20", "viewBox": "0 0 30 20"}
    assert root.find(f"{{{NAMESPACE}}}rect") is None
    group = root.find(f"{{{NAMESPACE}}}g")
    assert group is not None and group.attrib["clip-path"] == "url(#picture)"
    assert group.attrib["stroke-linecap"] == group.attrib["stroke-linejoin"] == "round"
    assert group[0].attrib == {
        "d": "M 1 2 C 3.46 -4 1234.57 0 7 8",
        "stroke": "#ff8000",
        "stroke-width": "2.5",
        "stroke-opacity": "0.250",
    }


def test_opaque_strokes_name_no_opacity() -> None:
    stroke = SvgStroke([(0, 0)] * 4, 1, (0, 0, 0, 1))
    assert b"opacity" not in strokes_to_svg([stroke], 3, 2, (1, 1, 1))
