"""Landscape: the sky, land, water and trees of which grounds are made, in a light."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from vqclip.guidance.composition.painting import Canvas, Colour, mix_colours, read_colour
from vqclip.language.layout.layout_types import Setting

HORIZON = 0.6  # usual height of the horizon, in heights from the top

SKIES = {
    "day": ("#5fb0ec", "#a9daf5", "#e4f4fb"),
    "dawn": ("#8c9fdc", "#e7b8c6", "#fde2b8"),
    "sunset": ("#453078", "#c9466f", "#ff8a3c", "#ffd768"),
    "night": ("#0b1036", "#1b2660", "#35458a"),
    "rain": ("#71859a", "#9db0be", "#c3d0d8"),
    "snow": ("#a9bdd3", "#cddae7", "#eef3f7"),
    "fog": ("#c5cdd2", "#d8dee1", "#e8ebec"),
    "storm": ("#252b3b", "#434e63", "#76859a"),
}
# What the light makes of the colours of the land: a colour, and how much of it.
LIGHTS: dict[str, tuple[str, float]] = {
    "day": ("#ffffff", 0.0),
    "dawn": ("#c98a8a", 0.22),
    "sunset": ("#5a2a50", 0.45),
    "night": ("#0d1440", 0.62),
    "rain": ("#6f8292", 0.3),
    "snow": ("#f3f7fb", 0.75),
    "fog": ("#d3dadd", 0.5),
    "storm": ("#2a3142", 0.45),
}


@dataclass
class Ground:
    """A ground in the making.

    Args:
        canvas: that it is painted on.
        setting: what it is to show.
        horizon: its height, in heights from the top.
        named: the names of things that stand in the picture anyway, such as "moon".
    """

    canvas: Canvas
    setting: Setting
    horizon: float
    named: Collection[str] = ()

    @property
    def light(self) -> str:
        """What the light is like: one of `SKIES`."""
        dark = self.setting.time in ("night", "sunset")
        if self.setting.weather and not (
            dark and self.setting.weather in ("rain", "snow", "fog")
        ):
            return self.setting.weather
        return self.setting.time or "day"

    def lit(self, colour: Colour, much: float = 1.0) -> Tensor:
        """The colour as it looks in the light; far things take more of it."""
        tint, share = LIGHTS[self.light]
        found = mix_colours(colour, tint, min(1.0, share * much))
        if self.setting.weather == "snow" and self.light != "snow":
            return mix_colours(found, "#c9d3ea", 0.45)
        return found

    def is_named(self, *names: str) -> bool:
        """Whether one of these things is in the picture anyway."""
        return any(name in each for each in self.named for name in names)

    def paint_sky(self) -> None:
        """Paint the sky down to the horizon, with what is in it."""
        canvas, light = self.canvas, self.light
        canvas.paint(torch.ones(()), canvas.gradient(SKIES[light], 0, self.horizon))
        if light == "night":
            canvas.paint(canvas.scatter(13, 0.42, 0.03, 0.09, self.horizon), "#fff8dc")
            if not self.is_named("moon"):
                x, y = canvas.aspect * 0.84, 0.15
                canvas.paint(canvas.disc(x, y, 0.14, 0.14), "#8fa0d8", 0.35)
                crescent = canvas.disc(x, y, 0.07) * (
                    1 - canvas.disc(x - 0.032, y - 0.018, 0.062)
                )
                canvas.paint(crescent, "#fdf3c4")
        elif light == "sunset" and not self.is_named("sun"):
            x = canvas.aspect * canvas.random(0.35, 0.65)
            low = self.setting.place in ("", "sea", "beach", "lake", "desert", "meadow", "snow")
            y = self.horizon - (0.05 if low else 0.34)
            canvas.paint(canvas.disc(x, y, 0.34, 0.4), "#ffb347", 0.55)
            canvas.paint(canvas.disc(x, y, 0.13), "#fff0a8")
        elif light == "day":
            for x, y, size in ((0.22, 0.14, 0.26), (0.8, 0.22, 0.2)):
                canvas.paint(canvas.cloud(canvas.aspect * x, y, size), "#ffffff", 0.85)
        elif light in ("rain", "snow"):
            tint = "#8796a6" if light == "rain" else "#dfe7ef"
            self._paint_clouds(tint, 0.24, 0.07)
        elif light == "storm":
            self._paint_clouds("#171c29", 0.34, 0.1)
            self._paint_clouds("#2c3446", 0.26, 0.02)
            self._paint_lightning()

    def _paint_clouds(self, colour: Colour, size: float, y: float) -> None:
        canvas = self.canvas
        count = max(4, round(canvas.aspect * 5))
        for number in range(count + 1):
            x = canvas.aspect * number / count
            canvas.paint(
                canvas.cloud(x, y + canvas.random(0, 0.05), size * canvas.random(1, 1.5)), colour
            )

    def _paint_lightning(self) -> None:
        canvas = self.canvas
        side = 0.12 if canvas.random() < 0.5 else 0.85
        x, y = canvas.aspect * side, 0.13
        canvas.paint(canvas.disc(x, 0.28, 0.2, 0.25), "#b9c4ff", 0.3)
        for across, down in ((-0.035, 0.12), (0.045, 0.02), (-0.05, 0.17)):
            canvas.paint(canvas.stroke(x, y, x + across, y + down, 0.02), "#fff59a")
            x, y = x + across, y + down

    def paint_land(self, colour: Colour, line: Tensor | float, dark: float = 0.15) -> None:
        """Paint land below a line, darker towards the bottom."""
        canvas = self.canvas
        near = mix_colours(colour, "#10301a", dark)
        top = line if isinstance(line, float) else float(line.min())
        shades = canvas.gradient([self.lit(colour), self.lit(near)], top, 1)
        canvas.paint(canvas.below(line), shades)

    def paint_water(self, top: float, bottom: Tensor | float = 1.1) -> None:
        """Paint water between two heights, with light lines of waves."""
        canvas = self.canvas
        sky = read_colour(SKIES[self.light][-1])
        colours = [mix_colours(self.lit("#4aa9d8"), sky, 0.35), self.lit("#1c6fae")]
        mask = canvas.below(top) * (1 - canvas.below(bottom))
        canvas.paint(mask, canvas.gradient(colours, top, 1))
        light = mix_colours(sky, "#ffffff", 0.35)
        rough = 2.2 if self.setting.weather == "storm" else 1.0
        for number in range(18):
            depth = (number + canvas.random(0.2, 0.8)) / 18
            y, size = top + depth**1.5 * (1.02 - top), 0.05 + 0.16 * depth
            x = canvas.random(-0.05, canvas.aspect + 0.05)
            crest = (0.5 - ((canvas.x - x) / size).abs()).clamp(min=0)
            line = y - rough * 0.03 * size * 4 * crest
            thick = rough * (0.002 + 0.007 * depth)
            stroke = canvas.edge(thick - (canvas.y - line).abs()) * (crest / 0.2).clamp(max=1)
            canvas.paint(stroke * mask, light, 0.65)

    def paint_tree(
        self, x: float, foot: float, height: float, colour: Colour, far: float = 0
    ) -> None:
        """Paint a leafy tree."""
        canvas = self.canvas
        trunk = self.lit("#6b4a2f", 1 + far)
        wide = 0.05 * height
        canvas.paint(
            canvas.polygon(
                [
                    (x - 0.7 * wide, foot - 0.6 * height),
                    (x + 0.7 * wide, foot - 0.6 * height),
                    (x + 1.3 * wide, foot),
                    (x - 1.3 * wide, foot),
                ]
            ),
            trunk,
        )
        shades = [self.lit(mix_colours(colour, "#0c2412", s), 1 + far) for s in (0.25, 0.0)]
        for shade, shift in zip(shades, (0.025, -0.02), strict=True):
            for across, down in (
                (0, 0.75),
                (-0.16, 0.6),
                (0.16, 0.6),
                (-0.07, 0.62),
                (0.08, 0.66),
            ):
                size = height * canvas.random(0.15, 0.2)
                canvas.paint(
                    canvas.disc(x + across * height, foot - (down - shift) * height, size), shade
                )

    def paint_conifer(
        self, x: float, foot: float, height: float, colour: Colour, far: float = 0
    ) -> None:
        """Paint a fir."""
        canvas = self.canvas
        canvas.paint(
            canvas.box(x - 0.03 * height, foot - 0.2 * height, x + 0.03 * height, foot),
            self.lit("#5d402a", 1 + far),
        )
        for level in range(3):
            wide, low = (0.27 - 0.06 * level) * height, foot - (0.12 + 0.24 * level) * height
            shade = self.lit(mix_colours(colour, "#ffffff", 0.05 * level), 1 + far)
            triangle = [(x, low - 0.4 * height), (x + wide, low), (x - wide, low)]
            canvas.paint(canvas.polygon(triangle), shade)

    def paint_flowers(self, top: float) -> None:
        """Paint small flowers on a lawn."""
        canvas = self.canvas
        fade = canvas.below(top + 0.05)
        for colour in ("#ffffff", "#ffd84d", "#ee6f8e"):
            canvas.paint(canvas.scatter(17, 0.1, 0.09, 0.17) * fade, self.lit(colour), 0.9)
