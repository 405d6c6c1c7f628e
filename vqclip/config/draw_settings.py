"""Settings of the drawers, `draw.…`; each names the drawers that have it."""

from __future__ import annotations

from dataclasses import dataclass

from vqclip.config.setting_fields import option

DRAWERS = (
    *("vqgan", "pixels", "mosaic", "palette", "pyramid", "fourier", "wavelets"),
    *("strokes", "lines"),
)
CELLS = ("square", "brick", "hexagon", "triangle", "diamond", "knit")
PALETTE_STARTS = ("grey", "random", "colours")
GRIDS = ("pixels", "mosaic", "palette")
SPECTRA = ("fourier", "wavelets")
VECTORS = ("strokes", "lines")


@dataclass(frozen=True)
class DrawSettings:
    """How a drawer draws."""

    finish: str = option(
        "40%", "of two drawers, how many steps the last one takes: a number, or a share"
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
    contrast: float = option(1.0, "contrast of the picture", least=0.1, most=5, drawers=SPECTRA)
    wave: str = option("coif2", "the wavelet, by its name in PyWavelets", drawers=("wavelets",))
    sharp: float = option(
        0.3,
        "strength of the finest wavelets; 0: soft, 1: all scales alike",
        least=-1,
        most=2,
        drawers=("wavelets",),
    )
    strokes: int = option(
        0, "number of strokes; 0: 256, of lines 24", least=0, most=4096, drawers=VECTORS
    )
    segments: int = option(
        0, "curves in a stroke, at most; 0: 3, of lines 8", least=0, most=32, drawers=VECTORS
    )
    thinnest: float = option(
        0.0,
        "least width of a stroke, in % of the height; 0: 0.4, of lines 0.9",
        least=0,
        most=50,
        drawers=VECTORS,
    )
    thickest: float = option(
        0.0,
        "greatest width of a stroke, in % of the height; 0: 10, of lines 4",
        least=0,
        most=100,
        drawers=VECTORS,
    )
    paper: str = option(
        "", "colour of the paper; empty: white, of lines #f2eecb", drawers=VECTORS
    )
    paper_moves: bool = option(False, "let the paper's colour change, too", drawers=VECTORS)
    pyramid: bool = option(
        False, "optimise the latent as a sum of resolutions", drawers=("vqgan",)
    )
    alpha: bool = option(
        False,
        "a transparent ground",
        drawers=("pixels", "mosaic", "strokes"),
    )
