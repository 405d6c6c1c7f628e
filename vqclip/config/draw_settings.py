"""Drawers: what a picture is made of, and the settings `draw.…` of each.

    drawer=NAME           one drawer, from the first step to the last
    drawer=FIRST,SECOND   two: the second goes on from what the first has drawn

    auto        vqgan; for a still of one thing from a draft of the starter: vqgan,pyramid
    vqgan       things and scenes in the manner of the pictures that a VQGAN learnt from; the
                choice for most prompts.
    pyramid     a sum of pictures of all resolutions: fine detail without a network; best as the
                second drawer
    pixels      a grid of square cells, as in old games. draw.grid, draw.coarse, draw.alpha
    mosaic      cells of another shape: brick, hexagon, triangle, diamond or knit. draw.shape,
                draw.grid, draw.coarse, draw.alpha
    palette     a grid of cells in few colours, which are learnt, or given and kept: for posters
                and prints. draw.palettes, draw.shades, draw.gamma, draw.start, draw.colours,
                draw.lock, draw.grid, draw.coarse
    fourier     a spectrum of waves: dreamlike texture all over the picture. draw.decay,
                draw.saturation, draw.contrast
    wavelets    the same of wavelets, whose forms are more local. draw.wave, draw.sharp,
                draw.saturation, draw.contrast
    strokes     coloured brush strokes on paper, for painterly pictures that scale to any size.
                draw.strokes, draw.segments, draw.thinnest, draw.thickest, draw.paper,
                draw.paper_moves, draw.alpha
    lines       a few long black lines on paper, as a pen draws them: the same settings as
                strokes, without draw.alpha

    vqclip "a red fox" drawer=pixels draw.grid=48x48
    vqclip "a red fox" drawer=mosaic draw.shape=hexagon draw.coarse=2
    vqclip "a red fox" drawer=palette draw.start=colours draw.colours="navy->gold\\8"
    vqclip "a red fox" drawer=strokes draw.strokes=512 draw.paper=black
    vqclip "a red fox" drawer=vqgan,pyramid draw.finish=40%

All but vqgan draw without a network. Each has a learning rate of its own, unless optimiser.rate
is set. `vqclip help settings draw` tells what each setting does, and which drawers have it; a
setting of another drawer is refused.

Of two drawers, the second takes the last draw.finish of the steps (65% unless it is set; a number
of steps, or a share: vqclip help units), at the learning rate draw.finish_rate. The first finds
the composition, the second draws it in its own manner: vqgan,pyramid sharpens, and vqgan,strokes
paints. An animation has one drawer.

Where the camera moves, strokes and lines go with it: what leaves the picture comes back in what
comes into view. So settings that change a warped picture, such as motion.noise and
motion.colours, have no effect on them. Other drawers are fitted to the warped picture, as well as
they can draw it.

Of a still that ends with pixels, mosaic, strokes or lines there is also final.svg, for print and
plotters, and of pixels cells.png, with one pixel for each cell. filters.lookup leaves only some
colours, whatever draws.
"""

from __future__ import annotations

from dataclasses import dataclass

from vqclip.config.setting_fields import option, schedulable, step_count

DRAWERS = (
    *("vqgan", "pixels", "mosaic", "palette", "pyramid", "fourier", "wavelets"),
    *("strokes", "lines"),
)
CELLS = ("square", "brick", "hexagon", "triangle", "diamond", "knit")
PALETTE_STARTS = ("grey", "random", "colours")
GRIDS = ("pixels", "mosaic", "palette")
SPECTRA = ("fourier", "wavelets")
VECTORS = ("strokes", "lines")


def drawer_names(text: str) -> tuple[str, ...]:
    """The drawers that the setting `drawer` names, in their order.

    >>> drawer_names("vqgan, pyramid")
    ('vqgan', 'pyramid')
    """
    return tuple(name.strip() for name in text.split(","))


def uses_vqgan(text: str) -> bool:
    """Whether the VQGAN is among the drawers that the setting `drawer` names, or "auto"."""
    return bool({"vqgan", "auto"} & {*drawer_names(text)})


def uses_strokes(text: str) -> bool:
    """Whether the setting `drawer` names one of strokes, which move with a camera."""
    return bool({*VECTORS} & {*drawer_names(text)})


@dataclass(frozen=True)
class DrawSettings:
    """How a drawer draws."""

    finish: str = step_count(
        "65%", "of two drawers, how many steps the last one takes: a number, or a share"
    )
    finish_rate: float | None = option(
        None, "the learning rate of the last of two drawers; null: its own", least=0, most=10
    )
    grid: str = option(
        "", "columns x rows of cells; empty: by the picture's shape", form="size", drawers=GRIDS
    )
    coarse: float = option(
        1.0, "divides the number of columns and rows", least=0.1, most=20, drawers=GRIDS
    )
    shape: str = option("square", "the shape of the cells", CELLS, drawers=("mosaic",))
    shades: int = option(
        5, "number of shades in each palette", least=2, most=64, drawers=("palette",)
    )
    palettes: int = option(20, "number of palettes", least=1, most=64, drawers=("palette",))
    gamma: float = option(
        1.0,
        "how the shades of a palette are spread; above 1: more dark ones",
        least=0.1,
        most=10,
        drawers=("palette",),
    )
    start: str = option(
        "grey",
        "the first colours; colours: those of draw.colours",
        PALETTE_STARTS,
        drawers=("palette",),
    )
    colours: str = option(
        "", 'the palette of draw.start=colours, such as "navy->gold\\8"', drawers=("palette",)
    )
    lock: bool = option(False, "keep the first colours as they are", drawers=("palette",))
    decay: float = option(
        1.5,
        "how fast the strength of frequencies falls; lower: finer texture",
        least=0,
        most=4,
        drawers=("fourier",),
    )
    saturation: float = option(1.8, "strength of colours", least=0.1, most=10, drawers=SPECTRA)
    contrast: float = option(
        1.0,
        "contrast of the picture, at most; of a start picture: its own, if that is greater",
        least=0.1,
        most=5,
        drawers=SPECTRA,
    )
    wave: str = option(
        "coif2",
        "the wavelet: haar, db2, coif2 or, with PyWavelets, any that it names",
        drawers=("wavelets",),
    )
    sharp: float = option(
        0.3,
        "strength of the finest wavelets; 0: soft, 1: all scales alike",
        least=-1,
        most=2,
        drawers=("wavelets",),
    )
    strokes: int | None = option(
        None, "number of strokes; null: 256, of lines 24", least=1, most=4096, drawers=VECTORS
    )
    segments: int | None = option(
        None,
        "curves in a stroke, at most; null: 3, of lines 8",
        least=1,
        most=32,
        drawers=VECTORS,
    )
    thinnest: float | None = option(
        None,
        "least width of a stroke, in % of the height; null: 0.4, of lines 0.9",
        least=0.01,
        most=50,
        drawers=VECTORS,
    )
    thickest: float | None = option(
        None,
        "greatest width of a stroke, in % of the height; null: 10, of lines 4",
        least=0.01,
        most=100,
        drawers=VECTORS,
    )
    paper: str = option(
        "", "colour of the paper; empty: white, of lines #f2eecb", drawers=VECTORS
    )
    paper_moves: bool = option(False, "let the paper's colour change, too", drawers=VECTORS)
    alpha: bool = option(
        False,
        "a picture that may be transparent, with opacity in final.png; of stills",
        drawers=("pixels", "mosaic", "strokes"),
    )


@dataclass(frozen=True)
class FilterSettings:
    """What changes the picture between drawing and looking, whatever draws it."""

    lookup: str = option(
        "", 'only these colours: every pixel becomes the nearest, such as "navy->gold\\8"'
    )
    commit: float | str = schedulable(
        10.0, "with filters.lookup, how near to these colours the picture stays itself", least=0
    )


@dataclass(frozen=True)
class OverlaySettings:
    """A picture that is laid over the drawing every so many steps, whatever draws it."""

    picture: str = option(
        "", "a picture file that is laid over the drawing; what is transparent in it stays free"
    )
    alpha: float | str = schedulable(
        1.0,
        "how opaque it is, times its own transparency; below 1 the drawing shines through",
        least=0,
        most=1,
    )
    every: int | str = step_count(10, "the overlay is laid before every Nth step", least=1)
    start: int | str = step_count(0, "the first step before which it is laid; 0: before all")
    until: int | str | None = step_count(
        None, "the step from which on it is no longer laid; null: up to the last", least=1
    )
