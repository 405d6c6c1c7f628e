"""Cutout recipes: the named ways to crop and augment.

A recipe holds the settings of one way to cut, as plain data; `vqclip.guidance.cutouts` uses them.
`RECIPES` holds vqclip's own recipe and those of earlier tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from vqclip.errors import ConfigError

Edges = Literal["clamp", "mirror", "wrap", "black", "smear"]
Fit = Literal["squash", "pad", "fill"]
Law = Literal["power", "area", "normal"]
Pooling = Literal["average+max", "average", "bilinear"]


@dataclass(frozen=True)
class CutoutRecipe:
    """The settings of one way to make cutouts. The defaults are vqclip's own gentle recipe.

    Args:
        overview: share of the cutouts that show the whole picture, in [0, 1]. They come first.
        fit: how a whole picture becomes a square: "squash" it, "pad" the shorter side, or
            "fill" the square with the middle of the longer side.
        law: the distribution of the sides of the other cutouts, as fractions of the picture's
            shorter side. "power": least + u**power * (most - least), u uniform in [0, 1];
            "area": the root of the same, so that `least` and `most` are shares of the area;
            "normal": most * v**power, v normal with mean 0.8 and deviation 0.3, clamped to
            [least / most, 1].
        least: smallest side or share; None is the side of the cutouts, in pixels of the picture.
        most: largest side or share. Above 1, cutouts reach beyond the picture's edges.
        power: above 1 prefers small cutouts, below 1 large ones.
        ratio: least and greatest width / height of a cutout.
        border: how far a cutout may reach beyond the picture, as a fraction of its own side.
        edges: what lies outside: "mirror", "wrap", "black" or "smear" (the edge pixel repeated);
            "clamp" is "smear", but cutouts that would reach beyond the picture are moved inside.
        pooling: "bilinear" takes one sample per pixel (cheapest); "average" is the mean of 2x2;
            "average+max" halves the sum of their mean and maximum, which keeps thin bright lines.
        flip: probability of a left-right flip.
        degrees: largest rotation either way.
        translate: largest shift, as a fraction of the cutout's side.
        shear: largest shear, in degrees, in x and in y.
        affine: probability of rotation, shift and shear (together).
        perspective: largest move of a corner inwards, in half sides.
        tilt: probability of the perspective.
        hue, saturation, brightness, contrast: ranges of the colour jitter; hue in turns.
        jitter: probability of the colour jitter.
        erase: probability that a rectangle is blanked.
        erase_alike: whether all the cutouts of a step lose the same rectangle, or none does.
        grey: probability that a cutout loses its colour.
        noise: each cutout gets normal noise of a deviation drawn uniformly from [0, noise].

    Raises:
        ConfigError: for a value outside its range; the message names the setting.
    """

    overview: float = 0.5
    fit: Fit = "pad"
    law: Law = "power"
    least: float | None = 0.5
    most: float = 1.0
    power: float = 1.0
    ratio: tuple[float, float] = (1.0, 1.0)
    border: float = 0.0
    edges: Edges = "mirror"
    pooling: Pooling = "bilinear"
    flip: float = 0.0
    degrees: float = 10.0
    translate: float = 0.05
    shear: float = 0.0
    affine: float = 0.8
    perspective: float = 0.2
    tilt: float = 0.5
    hue: float = 0.0
    saturation: float = 0.1
    brightness: float = 0.05
    contrast: float = 0.1
    jitter: float = 0.5
    erase: float = 0.0
    erase_alike: bool = False
    grey: float = 0.0
    noise: float = 0.05

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value, words = getattr(self, name), get_args(hint)
            if isinstance(words[0] if words else None, str):
                if value not in words:
                    _refuse(name, value, f"it is one of {', '.join(words)}")
            elif value is not None and min(value if name == "ratio" else (value,)) < 0:
                _refuse(name, value, "it cannot be negative")
        for name in ("overview", "flip", "affine", "tilt", "jitter", "erase", "grey"):
            if getattr(self, name) > 1:
                _refuse(name, getattr(self, name), "a share or probability is between 0 and 1")
        for name, top in _TOPS.items():
            if getattr(self, name) > top:
                _refuse(name, getattr(self, name), f"it is at most {top:g}")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            _refuse("ratio", self.ratio, "write the least width / height first, above 0")
        if self.most <= 0 or (self.least is not None and self.least > self.most):
            _refuse("most", self.most, f"it is above 0 and not below least ({self.least})")


_TOPS = {
    "translate": 1.0,
    "perspective": 1.0,
    "hue": 0.5,
    "saturation": 1.0,
    "brightness": 1.0,
    "contrast": 1.0,
}


def _refuse(name: str, value: object, why: str) -> None:
    raise ConfigError(f"cutouts: {name} is {value!r}; {why}")


RECIPES: dict[str, CutoutRecipe] = {
    "vqclip": CutoutRecipe(),
    # nerdyrodent's `latest`: the whole picture, squashed; affine, perspective, jitter, erasing of
    # the same place in all cuts.
    "vqgan-clip": CutoutRecipe(
        overview=1.0,
        fit="squash",
        edges="black",
        pooling="average+max",
        degrees=15.0,
        translate=0.1,
        shear=5.0,
        affine=0.7,
        perspective=0.7,
        tilt=0.7,
        hue=0.1,
        saturation=0.1,
        brightness=0.1,
        contrast=0.1,
        jitter=0.7,
        erase=0.7,
        erase_alike=True,
        noise=0.1,
    ),
    # Crowson's first notebook: crops only, from the cutter's size to the shorter side.
    "crowson": CutoutRecipe(
        overview=0.0,
        least=None,
        affine=0.0,
        tilt=0.0,
        jitter=0.0,
        noise=0.1,
    ),
    # pixray: three zooms to two wide views.
    # Differs: perspective .3 for both, where pixray takes .4 for zooms and .2 for wide views.
    # Differs: the edges are always mirrored, where it alternates between that and smearing.
    # Differs: what lies outside is never filled with a grey that is drawn at every iteration.
    # Differs: a zoom's share (.25 to .95) is of the square on the picture's shorter side, where
    # it is of the whole picture, squared up; zooms into oblong pictures are that much closer.
    "pixray": CutoutRecipe(
        overview=0.4,
        law="area",
        least=0.25,
        most=0.95,
        ratio=(0.85, 1.2),
        pooling="average+max",
        degrees=0.0,
        translate=0.0,
        perspective=0.3,
        tilt=0.7,
        hue=0.1,
        saturation=0.1,
        brightness=0.0,
        contrast=0.0,
        jitter=0.8,
        noise=0.1,
    ),
    "pytti": CutoutRecipe(
        overview=0.0,
        law="normal",
        least=None,
        power=2.0,
        pooling="average",
        border=0.25,
        edges="clamp",
        flip=0.3,
        degrees=30.0,
        translate=0.1,
        affine=0.8,
        perspective=0.2,
        tilt=0.4,
        hue=0.01,
        saturation=0.01,
        brightness=0.01,
        contrast=0.01,
        jitter=0.7,
        erase=0.7,
        noise=0.1,
    ),
    # disco: overviews and inner cuts. Differs: its schedules (12 overviews and 4 inner cuts, the
    # other way round after 400 of 1,000 steps; grey 0.2, then none) become their mean over a run.
    "disco": CutoutRecipe(
        overview=0.45,
        least=None,
        edges="black",
        pooling="average",
        flip=0.5,
        degrees=10.0,
        translate=0.05,
        affine=1.0,
        perspective=0.0,
        hue=0.1,
        saturation=0.1,
        brightness=0.1,
        contrast=0.1,
        jitter=1.0,
        grey=0.1,
        noise=0.02,
    ),
}
