"""Losses beside the prompts: the settings `losses.…`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from vqclip.config.setting_fields import option, schedulable
from vqclip.errors import ConfigError

AXES = ("horizontal", "vertical")
SMOOTHNESS_KINDS = ("squares", "slopes", "clipped", "log")
SMOOTHNESS_ON = ("picture", "cutouts")
LATENT_KINDS = ("angle", "squares", "cosine")
MOST_WEIGHT = 1e6  # of a picture of a style among others
_NUMBER = re.compile("[-+]?[0-9]*\\.?[0-9]+(?:e[-+]?[0-9]{1,3})?", re.IGNORECASE)


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
        0.0, "stay close to the picture the run starts from; with init=dream: 8, 3 or 0.5"
    )
    contours: float | str = schedulable(0.0, "keep the contours of the picture it starts from")
    latent: float | str = schedulable(
        0.0, "keep the VQGAN's latent near that of the picture it starts from", drawers=("vqgan",)
    )
    latent_kind: str = option("angle", "how distances of latents are measured", LATENT_KINDS)
    look: float | str = schedulable(
        0.0, "the texture and colours of the pictures in losses.look_of"
    )
    look_of: str = option(
        "", 'a picture for look, or several with weights, such as "waves.jpg:2 | hatching.png"'
    )
    look_layers: str = option(
        "0-4",
        "what look compares: 0 is the colours of pixels, 1 to 4 are early layers of perceptors, "
        "from the finest grain on",
    )
    depth: float | str = schedulable(
        0.0, "near and far as in the picture it starts from, or as in losses.depth_of"
    )
    depth_of: str = option("", "a depth map for depth, in place of the start: white is nearest")
    depth_model: str = option(
        "", "the folder of a depth model, which sees near and far in pictures"
    )
    agree: float | str = schedulable(
        0.0, "cutouts that look like each other: one thing, everywhere"
    )
    change: float | str = schedulable(0.0, "a picture that looks unlike that of the step before")
    aesthetic: float | str = schedulable(
        0.0, "near losses.aesthetic_target by the rating of losses.aesthetic_head"
    )
    aesthetic_head: str = option(
        "",
        "what rates embeddings: the name of one of LAION's predictors, such as "
        "aesthetic-vit-b-32, or a file",
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
    *("look", "look_of", "look_layers", "depth", "depth_of", "depth_model"),
    *("agree", "change", "aesthetic", "aesthetic_head", "aesthetic_target"),
)


def used_losses(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of losses as notes have them: without those of `LATER` that are usual."""
    usual = {each.name: each.default for each in fields(LossSettings)}
    return {k: v for k, v in values.items() if k not in LATER or v != usual[k]}


def list_losses_of_start(losses: LossSettings) -> tuple[str, ...]:
    """List the losses that hold on to the picture that a run starts from."""
    return ("init", "contours", "latent", *(() if losses.depth_of.strip() else ("depth",)))


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


def parse_looks(text: str) -> list[tuple[str, float]]:
    """Parse the pictures of a style: their names, and their shares, which add up to 1.

    Raises:
        ConfigError: if there is none, or a weight is not above 0.

    >>> parse_looks("waves.jpg:3 | hatching.png")
    [('waves.jpg', 0.75), ('hatching.png', 0.25)]
    """
    found: dict[str, float] = {}
    for part in text.split("|"):
        name, weight = part.strip(), 1.0
        before, colon, after = name.rpartition(":")
        if colon and _NUMBER.fullmatch(after.strip()):
            name, weight = before.strip(), float(after)
        if not name or not 0 < weight <= MOST_WEIGHT:
            raise ConfigError(
                f"losses.look_of is {text[:80]!r}; write a picture, or several with weights "
                f'above 0 and at most {MOST_WEIGHT:g}, such as "waves.jpg:2 | hatching.png"'
            )
        found[name] = found.get(name, 0) + weight
    total = sum(found.values())
    return [(name, weight / total) for name, weight in found.items()]


def parse_look_layers(text: str) -> tuple[int, ...]:
    """Parse which layers a style is compared by: numbers and ranges from 0 to 4, in order.

    Raises:
        ConfigError: if it is anything else.

    >>> parse_look_layers("0, 2-4")
    (0, 2, 3, 4)
    """
    found: set[int] = set()
    for part in text.replace(",", " ").split():
        ends = re.fullmatch("([0-4])(?:-([0-4]))?", part)
        numbers = range(int(ends[1]), int(ends[2] or ends[1]) + 1) if ends else ()
        if not numbers:
            found.clear()
            break
        found |= {*numbers}
    if not found:
        raise ConfigError(
            f"losses.look_layers is {text[:80]!r}; write numbers from 0 to 4, such as 0-4, or "
            '"1 2" for fine grain without the colours'
        )
    return tuple(sorted(found))
