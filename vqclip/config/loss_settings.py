"""Losses beside the prompts: the settings `losses.…`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from vqclip.config.setting_fields import option, schedulable
from vqclip.errors import ConfigError

AXES = ("horizontal", "vertical")
SMOOTHNESS_KINDS = ("squares", "slopes", "clipped", "log")
SMOOTHNESS_ON = ("picture", "cutouts")
LATENT_KINDS = ("angle", "squares", "cosine")


@dataclass(frozen=True)
class LossSettings:
    """Weights of the losses other than the prompts'; 0 leaves a loss out."""

    distinct: float | str = schedulable(
        0.15, "more like the prompt than like ordinary other things"
    )
    smoothness: float | str = schedulable(
        10.0, "smoothness of neighbouring pixels: calm backgrounds"
    )
    smoothness_kind: str = option(
        "squares",
        "how steps between pixels count; clipped spares outlines, log calms faint grain most",
        SMOOTHNESS_KINDS,
    )
    smoothness_on: str = option(
        "picture", "where smoothness is measured; on cutouts as in pixray", SMOOTHNESS_ON
    )
    saturation: float | str = schedulable(0.0, "strong colours; negative: pale ones")
    symmetry: float | str = schedulable(0.0, "one half mirrors the other")
    axis: str = option("horizontal", "the direction in which symmetry mirrors", AXES)
    palette: float | str = schedulable(0.0, "only the colours listed in losses.colours")
    colours: str = option("", 'colours for palette, such as "#cc0000, gold, teal"')
    edges: float | str = schedulable(
        0.0, "a border of one colour; with init=random and vqgan=starter: 3, unless it tiles"
    )
    edge_colour: str = option("white", "the colour of the border, and of ground")
    edge_margins: str = option(
        "5",
        "the border's width in percent of the picture: one number, or left right top bottom",
    )
    edge_picture: str = option("", "a picture for edges and ground, in place of the colour")
    edge_mask: str = option("", "where edges acts in place of the border: a mask's black parts")
    ground: float | str = schedulable(0.0, "the whole picture near losses.edge_colour")
    vignette: float | str = schedulable(0.0, "one colour towards the corners")
    vignette_colour: str = option("white", "the vignette's colour")
    vignette_width: float = option(
        0.3, "how far the vignette leaves the middle free, in picture heights", least=0.01, most=9
    )
    init: float | str = schedulable(
        0.0, "stay close to the picture the run starts from; with init=dream: 3, or 0.5"
    )
    contours: float | str = schedulable(0.0, "keep the contours of the picture it starts from")
    latent: float | str = schedulable(
        0.0, "keep the VQGAN's latent near that of the picture it starts from", drawers=("vqgan",)
    )
    latent_kind: str = option("angle", "how distances of latents are measured", LATENT_KINDS)
    agree: float | str = schedulable(
        0.0, "cutouts that look like each other: one thing, everywhere"
    )
    change: float | str = schedulable(0.0, "a picture that looks unlike that of the step before")
    aesthetic: float | str = schedulable(
        0.0, "near losses.aesthetic_target by the rating of losses.aesthetic_head"
    )
    aesthetic_head: str = option(
        "", "a file that rates embeddings: LAION's aesthetic predictors, V1 or V2"
    )
    aesthetic_target: float = option(10.0, "the rating to reach; most pictures have 1 to 10")
    opacity: float | str = schedulable(
        0.0, "with draw.alpha, more of the picture transparent; negative: less"
    )
    shades: float | str = schedulable(
        0.0,
        "palettes whose shades go from black to white; with drawer=palette: 0.01",
        drawers=("palette",),
    )
    unlike: float | str = schedulable(
        0.0,
        "palettes that are used in different places; with drawer=palette: 0.2",
        drawers=("palette",),
    )


# Notes leave these out where they are unused: pictures keep the bytes that they had before.
LATER = (
    *("smoothness_kind", "smoothness_on", "edge_margins", "edge_picture", "edge_mask", "ground"),
    *("vignette", "vignette_colour", "vignette_width", "contours", "latent", "latent_kind"),
    *("agree", "change", "aesthetic", "aesthetic_head", "aesthetic_target"),
)


def used_losses(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of losses as notes have them: without those of `LATER` that are usual."""
    usual = {each.name: each.default for each in fields(LossSettings)}
    return {k: v for k, v in values.items() if k not in LATER or v != usual[k]}


def parse_margins(text: str) -> tuple[float, float, float, float]:
    """Parse a border's width: the shares of the picture at left, right, top and bottom.

    Raises:
        ConfigError: if it is neither one number nor four, or one is out of range.

    >>> parse_margins("5")
    (0.05, 0.05, 0.05, 0.05)
    """
    parts = text.replace("%", " ").replace(",", " ").split()
    try:
        found = [float(part) for part in parts]
    except ValueError:
        found = []
    found *= 4 if len(found) == 1 else 1
    if len(found) != 4 or not all(0 <= each <= 50 for each in found) or not any(found):
        raise ConfigError(
            f"losses.edge_margins is {text!r}; write one number or four (left right top bottom), "
            'in percent of the picture and at most 50, such as "5" or "10 10 0 20"'
        )
    left, right, top, bottom = (each / 100 for each in found)
    return left, right, top, bottom
