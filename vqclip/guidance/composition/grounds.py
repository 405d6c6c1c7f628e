"""Grounds: simple painted pictures of a place, a time and a weather.

Flat and soft, as the pictures are from which the starter models learnt. A ground is a beginning:
the perceptors refine it together with the things on it. What is near, such as rain, is painted
over the things.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch

from vqclip.guidance.composition.landscape import HORIZON, SKIES, Ground
from vqclip.guidance.composition.painting import Canvas, Colour, mix_colours
from vqclip.guidance.composition.scenery import has_mountains
from vqclip.language.layout.layout_types import Setting
from vqclip.tensors import Image, Noise


def _paint_beyond_water(g: Ground) -> None:
    g.paint_sky()
    if has_mountains(g.setting):
        _paint_peaks(g)


def _sea(g: Ground) -> None:
    _paint_beyond_water(g)
    g.paint_water(g.horizon)


def _beach(g: Ground) -> None:
    _paint_beyond_water(g)
    shore = g.canvas.wave(min(0.9, g.horizon + 0.16), 0.03, 0.5)
    g.paint_water(g.horizon)
    g.canvas.paint(g.canvas.below(shore - 0.02), g.lit("#ffffff"), 0.8)
    g.paint_land("#f2d9a0", shore, 0.06)


def _lake(g: Ground) -> None:
    _paint_beyond_water(g)
    g.paint_land("#6f9f7c", g.canvas.wave(g.horizon - 0.06, 0.05, 0.9))
    g.paint_water(g.horizon)
    shore = g.canvas.wave(min(0.92, g.horizon + 0.22), 0.03, 0.6)
    g.paint_land("#7fb95c", shore)


def _forest(g: Ground) -> None:
    g.paint_sky()
    canvas, autumn = g.canvas, _is_autumn(g.setting)
    leaves = ("#e0862a", "#d9a432", "#c4512d") if autumn else ("#4f9a4b", "#3f8447", "#6aac55")
    foot = g.horizon + 0.02
    g.paint_land(leaves[1], canvas.wave(g.horizon - 0.2, 0.03, 2.5), 0.0)
    canvas.paint(canvas.below(g.horizon - 0.3), g.lit("#dfe9d8"), 0.25)
    g.paint_land("#a8924f" if autumn else "#79ad5b", g.horizon)
    count = max(6, round(canvas.aspect * 8))
    for number in range(count):
        x = canvas.aspect * (number + canvas.random(0.1, 0.9)) / count
        colour = leaves[number % 3]
        if number % 3 == 1 and not autumn:
            g.paint_conifer(
                x, foot, canvas.random(0.36, 0.5), mix_colours(colour, "#1d4a35", 0.5), 0.5
            )
        else:
            g.paint_tree(x, foot, canvas.random(0.38, 0.5), colour, 0.5)
    for x, colour in ((0.04, leaves[0]), (0.97, leaves[2])):
        g.paint_tree(canvas.aspect * x, g.horizon + 0.22, 0.85, colour)


def _meadow(g: Ground) -> None:
    g.paint_sky()
    g.paint_land("#9ccb78", g.canvas.wave(g.horizon - 0.02, 0.03, 0.5))
    g.paint_land("#7cbd56", g.canvas.wave(g.horizon + 0.07, 0.02, 0.4))
    if g.light not in ("snow", "night"):
        g.paint_flowers(g.horizon + 0.1)


def _hills(g: Ground) -> None:
    g.paint_sky()
    for shift, height, waves, colour in (
        (-0.12, 0.09, 0.7, "#a3c9b0"),
        (-0.03, 0.07, 0.55, "#8bc27f"),
        (0.1, 0.05, 0.4, "#6fb052"),
    ):
        g.paint_land(colour, g.canvas.wave(g.horizon + shift, height, waves))


def _mountains(g: Ground) -> None:
    g.paint_sky()
    _paint_peaks(g)
    g.paint_land("#86b86a", g.canvas.wave(g.horizon + 0.07, 0.025, 0.6))


def _paint_peaks(g: Ground) -> None:
    canvas = g.canvas
    count = max(3, round(2.6 * canvas.aspect))
    for row, (base, tall, colour) in enumerate(((0.06, 0.26, "#8d9cb8"), (0.1, 0.38, "#66779a"))):
        for number in range(count - row):
            x = canvas.aspect * (number + 0.5 + canvas.random(-0.2, 0.2)) / (count - row)
            top = g.horizon - tall * canvas.random(0.75, 1.1)
            foot, wide = g.horizon + base, tall * 2.1
            mask = canvas.peak(x, top, wide, foot)
            left = mask * canvas.edge(x + 0.05 * torch.sin(canvas.y * 40) - canvas.x)
            canvas.paint(mask, g.lit(colour))
            canvas.paint(left, g.lit(mix_colours(colour, "#ffffff", 0.22)))
            jag = top + 0.27 * (foot - top) + 0.02 * torch.sin(canvas.x * 90)
            canvas.paint(mask * (1 - canvas.below(jag)), g.lit("#ffffff", 0.5))


def _desert(g: Ground) -> None:
    g.paint_sky()
    for shift, colour in ((-0.03, "#eec988"), (0.07, "#e6b56a"), (0.2, "#d99f52")):
        g.paint_land(colour, g.canvas.wave(g.horizon + shift, 0.035, 0.6), 0.05)


def _paint_road(g: Ground, colour: Colour, line: bool) -> None:
    canvas = g.canvas
    middle, top = canvas.aspect / 2, g.horizon + 0.005
    wide = min(0.42, 0.36 * canvas.aspect)
    corners = [
        (middle - 0.03, top),
        (middle + 0.03, top),
        (middle + wide, 1.01),
        (middle - wide, 1.01),
    ]
    canvas.paint(canvas.polygon(corners), g.lit(colour))
    if line:
        for number in range(5):
            y, v = (top + (1 - top) * ((number + s) / 5) ** 1.6 for s in (0.25, 0.75))
            a, b = (0.02 * (each - top) / (1 - top) + 0.001 for each in (y, v))
            dash = [(middle - a, y), (middle + a, y), (middle + b, v), (middle - b, v)]
            canvas.paint(canvas.polygon(dash), g.lit("#f5f0dc"))


def _road(g: Ground) -> None:
    _meadow(g)
    _paint_road(g, "#777b84", True)


def _path(g: Ground) -> None:
    _forest(g)
    _paint_road(g, "#d8bd8c", False)


def _street(g: Ground) -> None:
    g.paint_sky()
    canvas = g.canvas
    foot, left, number = g.horizon + 0.04, -0.03, 0
    walls = ("#d98c6a", "#e9cf9a", "#8fb1c9", "#c9a3b8", "#a9c49a", "#d7b48a")
    while left < canvas.aspect:
        right, top = left + canvas.random(0.2, 0.28), foot - canvas.random(0.34, 0.5)
        canvas.paint(canvas.box(left, top, right, foot), g.lit(walls[number % len(walls)]))
        canvas.paint(canvas.box(left - 0.005, top - 0.025, right + 0.005, top), g.lit("#7a4a3e"))
        pane = "#ffdf7e" if g.light in ("night", "sunset", "storm") else g.lit("#cfe6f2")
        for across in (0.14, 0.58):
            for row in range(3):
                x, y = left + (right - left) * across, top + 0.045 + 0.12 * row
                if y + 0.07 < foot:
                    canvas.paint(canvas.box(x, y, x + 0.06, y + 0.07), pane)
        left, number = right, number + 1
    canvas.paint(canvas.below(foot), g.lit("#c3c0ba"))
    canvas.paint(canvas.below(foot + 0.1), g.lit("#6f737b"))
    for number in range(round(5 * canvas.aspect) + 1):
        x = number * 0.22 + 0.03
        canvas.paint(canvas.box(x, foot + 0.23, x + 0.11, foot + 0.245), g.lit("#f0ead2"))


def _city(g: Ground) -> None:
    g.paint_sky()
    canvas, foot = g.canvas, g.horizon + 0.08
    for row, (colour, tall) in enumerate((("#9aa9c2", 0.5), ("#5d6c8c", 0.36))):
        left = -0.02 - 0.05 * row
        while left < canvas.aspect:
            right, top = left + canvas.random(0.09, 0.15), foot - tall * canvas.random(0.5, 1)
            canvas.paint(canvas.box(left, top, right, foot), g.lit(colour))
            pane = "#ffe08a" if g.light in ("night", "sunset", "storm") else "#dfeaf5"
            for line in range(int((foot - top) / 0.055)):
                for across in (0.16, 0.56):
                    x, y = left + (right - left) * across, top + 0.025 + 0.055 * line
                    if canvas.random() < 0.75 and row == 1:
                        canvas.paint(canvas.box(x, y, x + 0.026, y + 0.028), pane)
            left = right + canvas.random(0, 0.03)
    canvas.paint(canvas.below(foot), g.lit("#7d838c"))


def _garden(g: Ground) -> None:
    g.paint_sky()
    canvas = g.canvas
    for number in range(max(4, round(5 * canvas.aspect))):
        x = canvas.aspect * (number + 0.5) / max(4, round(5 * canvas.aspect))
        canvas.paint(canvas.disc(x, g.horizon, canvas.random(0.11, 0.16)), g.lit("#5f9f55"))
    for number in range(round(canvas.aspect / 0.075) + 1):
        x = 0.075 * number
        post = [(x + 0.025, g.horizon - 0.13), (x + 0.05, g.horizon - 0.1)]
        post += [(x + 0.05, g.horizon + 0.06), (x, g.horizon + 0.06), (x, g.horizon - 0.1)]
        canvas.paint(canvas.polygon(post), g.lit("#f6f3ea"))
    for y in (-0.07, 0.0):
        canvas.paint(canvas.band(g.horizon + y, g.horizon + y + 0.022), g.lit("#efeade"))
    g.paint_land("#7cc15a", g.horizon + 0.05)
    g.paint_flowers(g.horizon + 0.05)


def _room(g: Ground) -> None:
    canvas, foot = g.canvas, max(g.horizon, 0.62)
    night = g.setting.time == "night"
    wall = mix_colours("#f0e2c8", "#3a3558", 0.55 if night else 0)
    canvas.paint(torch.ones(()), wall)
    left, wide = canvas.aspect * 0.05, min(0.26, 0.26 * canvas.aspect)
    canvas.paint(canvas.box(left - 0.02, 0.08, left + wide + 0.02, 0.4), "#ffffff")
    canvas.paint(canvas.box(left, 0.1, left + wide, 0.38), "#1b2660" if night else "#a9daf5")
    canvas.paint(
        canvas.box(left + wide / 2 - 0.007, 0.1, left + wide / 2 + 0.007, 0.38), "#ffffff"
    )
    canvas.paint(canvas.box(left, 0.233, left + wide, 0.247), "#ffffff")
    floor = mix_colours("#c79a67", "#2e2440", 0.45 if night else 0)
    canvas.paint(canvas.below(foot), floor)
    canvas.paint(canvas.band(foot - 0.03, foot), mix_colours(wall, "#ffffff", 0.6))
    for number in range(-8, 9):
        x, u = canvas.aspect / 2 + 0.13 * number, canvas.aspect / 2 + 0.22 * number
        canvas.paint(
            canvas.stroke(x, foot + 0.004, u, 1.02, 0.005), mix_colours(floor, "#5a3c20", 0.4)
        )


def _underwater(g: Ground) -> None:
    canvas = g.canvas
    canvas.paint(torch.ones(()), canvas.gradient(("#6fd3e8", "#2a9ccb", "#12619c", "#0d4a80")))
    for number in range(4):
        x = canvas.aspect * (0.15 + 0.24 * number)
        ray = [(x, -0.05), (x + 0.07, -0.05), (x + 0.02, 0.75), (x - 0.16, 0.75)]
        canvas.paint(canvas.polygon(ray) * (1 - canvas.y / 0.75).clamp(min=0), "#dffaff", 0.3)
    canvas.paint(canvas.below(canvas.wave(0.9, 0.02, 0.7)), "#d9c48c")
    for number in range(max(4, round(6 * canvas.aspect))):
        x = canvas.aspect * (number + canvas.random(0.1, 0.9)) / max(4, round(6 * canvas.aspect))
        tall, phase = canvas.random(0.1, 0.26), canvas.random(0, 6)
        bend = x + 0.015 * torch.sin(canvas.y * 35 + phase)
        weed = canvas.edge(0.011 - (canvas.x - bend).abs())
        canvas.paint(weed * canvas.band(0.94 - tall, 0.95), "#2f8f5b")
    canvas.paint(canvas.scatter(9, 0.22, 0.08, 0.2, 0.85), "#e6fbff", 0.5)


def _space(g: Ground) -> None:
    canvas = g.canvas
    canvas.paint(torch.ones(()), canvas.gradient(("#0a0a24", "#15123c", "#0b1030")))
    for colour in ("#4b2a7a", "#1f4a86", "#6a2560"):
        x, y = canvas.aspect * canvas.random(), canvas.random()
        canvas.paint(canvas.disc(x, y, 0.3, 0.5), colour, 0.35)
    canvas.paint(canvas.scatter(22, 0.4, 0.03, 0.09), "#cfd8ff")
    canvas.paint(canvas.scatter(9, 0.3, 0.04, 0.09), "#fff6d8")


def _sky(g: Ground) -> None:
    g.horizon = 1.0
    g.paint_sky()
    if g.light == "day":
        for x, y, size in ((0.12, 0.62, 0.3), (0.62, 0.84, 0.36), (0.9, 0.52, 0.2)):
            g.canvas.paint(g.canvas.cloud(g.canvas.aspect * x, y, size), "#ffffff", 0.8)


def _snow(g: Ground) -> None:
    g.paint_sky()
    canvas = g.canvas
    canvas.paint(canvas.below(canvas.wave(g.horizon - 0.05, 0.05, 0.6)), g.lit("#dbe7f2", 0.6))
    for place in (0.1, 0.26, 0.9):
        foot, tall = g.horizon + 0.03, canvas.random(0.2, 0.28)
        g.paint_conifer(canvas.aspect * place, foot, tall, "#3f7a63", -0.6)
        for level in range(2):
            x, y = canvas.aspect * place, foot - (0.4 + 0.24 * level) * tall
            canvas.paint(canvas.ellipse(x, y, 0.09 * tall, 0.05 * tall), g.lit("#ffffff", 0.5))
    near = canvas.gradient([g.lit("#ffffff", 0.7), g.lit("#d3e0ee", 0.7)], g.horizon, 1)
    canvas.paint(canvas.below(canvas.wave(g.horizon + 0.05, 0.02, 0.5)), near)


def _open(g: Ground) -> None:
    """Somewhere outside: for a time or a weather without a place."""
    if g.setting.weather == "snow":
        _snow(g)
        return
    g.paint_sky()
    colour = {"storm": "#4a5568", "rain": "#93a08f", "fog": "#b9c2bd"}.get(g.light, "#8db873")
    g.paint_land(colour, g.canvas.wave(g.horizon + 0.06, 0.02, 0.5))
    if g.setting.weather == "rain":
        for x, y, size in ((0.2, 0.84, 0.11), (0.78, 0.92, 0.14), (0.55, 0.79, 0.07)):
            puddle = g.canvas.ellipse(g.canvas.aspect * x, y, size, 0.22 * size)
            g.canvas.paint(puddle, mix_colours(SKIES["rain"][1], "#ffffff", 0.25), 0.8)


PLACES: dict[str, Callable[[Ground], None]] = {
    "sea": _sea,
    "beach": _beach,
    "lake": _lake,
    "forest": _forest,
    "path": _path,
    "meadow": _meadow,
    "hills": _hills,
    "mountains": _mountains,
    "desert": _desert,
    "road": _road,
    "street": _street,
    "city": _city,
    "garden": _garden,
    "room": _room,
    "underwater": _underwater,
    "space": _space,
    "sky": _sky,
    "snow": _snow,
    "": _open,
}


def _is_autumn(setting: Setting) -> bool:
    return any(word in setting.text.lower() for word in ("autumn", "fall"))


def paint_ground(
    setting: Setting,
    width: int,
    height: int,
    generator: Noise,
    *,
    horizon: float = HORIZON,
    named: Collection[str] = (),
) -> Image:
    """Paint the ground of a setting.

    Args:
        width, height: in pixels.
        generator: on the processor; equal states give equal pictures.
        horizon: where it lies, in heights from the top, if the place has one.
        named: the names of things in the picture; a named moon or sun is not painted again.

    Returns:
        [1, 3, height, width] in [0, 1].
    """
    canvas = Canvas.blank(width, height, generator)
    PLACES[setting.place](Ground(canvas, setting, horizon, named))
    return canvas.image()


def paint_weather(picture: Image, setting: Setting, generator: Noise) -> Image:
    """Paint the weather that is nearer than the things: rain, flakes, haze.

    Args:
        picture: [1, 3, H, W] in [0, 1], with the things.

    Returns:
        The same shape.
    """
    canvas = Canvas(picture[0], generator)
    if setting.weather in ("rain", "storm"):
        canvas.paint(canvas.streaks(15, 0.22, 0.24, 0.4), "#dcecfa", 0.75)
    elif setting.weather == "snow":
        canvas.paint(canvas.scatter(9, 0.55, 0.07, 0.15), "#ffffff", 0.95)
        canvas.paint(canvas.scatter(15, 0.4, 0.06, 0.12), "#ffffff", 0.8)
    elif setting.weather == "fog":
        for y in (0.35, 0.62, 0.85):
            middle = canvas.wave(y, 0.03, 0.4)
            haze = (1 - ((canvas.y - middle) / 0.16).abs()).clamp(min=0)
            canvas.paint(haze, "#e6eaec", 0.5)
    return canvas.image()
