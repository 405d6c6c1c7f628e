"""The drawer of lines."""

from __future__ import annotations

import pytest
import torch

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.lines import LinesDrawer


@pytest.fixture
def drawer() -> LinesDrawer:
    drawer = LinesDrawer(40, 28)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    return drawer


def test_lines_are_black_on_cream() -> None:
    drawer = LinesDrawer(200, 140)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    assert drawer.parameters.keys() == {"points", "widths"}
    image = drawer.draw().detach()
    cream = torch.tensor([242, 238, 203]) / 255
    shares = image[0] / cream[:, None, None]  # of the paper that is seen: alike in all colours
    assert torch.allclose(shares[0], shares[2], atol=1e-5)
    assert float(shares.min()) < 0.01 and float(shares.max()) == pytest.approx(1)


def test_there_are_24_lines_of_8_curves_about_the_middle(drawer: LinesDrawer) -> None:
    assert drawer.parameters["points"].shape == (24 * 25, 2)
    first = drawer.parameters["points"].detach()[drawer.paths.first]
    assert float(first[:, 0].min()) >= 80 and float(first[:, 0].max()) <= 240  # of 320
    assert float(first[:, 1].min()) >= 56 and float(first[:, 1].max()) <= 168  # of 224
    assert drawer.parameters["widths"].unique().tolist() == pytest.approx([224 * 0.9 / 200])


def test_lines_go_on_from_within_the_canvas() -> None:
    drawer = LinesDrawer(28, 28, strokes=40, segments=32)
    points = drawer.random_parameters(torch.Generator().manual_seed(1))["points"]
    assert bool(((points > -224 / 34 * 2) & (points < 224 + 224 / 34 * 2)).all())


def test_lines_begin_where_a_picture_is_dark() -> None:
    drawer = LinesDrawer(40, 28, thinnest=6, thickest=8)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    picture = torch.ones(1, 3, 28, 40)
    picture[..., 4:24, 24:36] = 0.1
    found = drawer.encode(picture)
    again = drawer.encode(picture)
    assert all(torch.equal(found[name], again[name]) for name in found)
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in drawer.parameters.items()
    }
    errors = [
        float((drawer.draw_parameters(each).detach() - picture).square().mean())
        for each in (found, drawer.parameters)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_settings_choose_the_lines() -> None:
    settings = DrawSettings(strokes=3, segments=2, paper="white")
    drawer = LinesDrawer.from_settings(40, 28, settings)
    assert (drawer.paths.strokes, drawer.paths.points) == (3, 21)
    assert drawer.paper.tolist() == [1, 1, 1]
