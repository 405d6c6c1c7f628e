"""The composition: a layout's things, each in its place, on a painted ground.

It is the picture that a run of a layout starts from. Farther things come first; nearer ones cover
them by their silhouettes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from kornia.color import rgb_to_lab
from torch import Tensor
from torch.nn import functional

from vqclip.guidance.composition import grounds, landscape, placing, scenery
from vqclip.guidance.composition.painting import Canvas, read_colour
from vqclip.guidance.composition.placing import Place
from vqclip.guidance.composition.silhouettes import Silhouette
from vqclip.language.layout.layout_types import Layout, Setting, Thing
from vqclip.tensors import Image, Noise

TONES = ("#f4f0e6", "#c3e0f0", "#f6d3c4", "#cfe5bf", "#dccdee", "#f5e3a8", "#a9bccb")
SEEN = 0.03  # of a channel: what differs so much from the ground is a thing
ENOUGH = 45.0  # in Lab: what differs so much from a tone stands out from it
RIM = 2.0  # the edge of a thing counts so much more than what it encloses
FAINT = 22.0  # in Lab: a thing that differs less from what is behind it gets an outline
OUTLINE = 0.008  # its width, in heights
SHADOW = 0.2  # opacity of the shadow at a thing's foot


def compose_picture(
    layout: Layout,
    silhouettes: Mapping[str, Sequence[Silhouette]],
    width: int,
    height: int,
    generator: Noise,
) -> Image:
    """Compose the picture of a layout.

    Args:
        silhouettes: prompt of a thing → its silhouettes, best first; several things of one
            prompt are drawn alike, every second one mirrored.
        width, height: in pixels.
        generator: on the processor; equal states give equal pictures.

    Returns:
        [1, 3, height, width] in [0, 1].
    """
    things = _list_things(layout)
    chosen = _choose(things, silhouettes)
    setting = scenery.settle_setting(layout)[0]
    if setting:
        picture = _paint_setting(setting, things, width, height, generator)
    else:
        picture = _paint_tone(chosen, width, height)
    shadows = setting.place not in ("sea", "underwater", "space", "sky")
    for place in placing.place_things(things, chosen, width, height):
        picture = _lay(picture, place, shadows and place.is_standing)
    return grounds.paint_weather(picture, setting, generator) if setting else picture


def find_things(composed: Image, layout: Layout, generator: Noise) -> Tensor | None:
    """Find where a composed picture shows things.

    Args:
        composed: [1, 3, H, W] in [0, 1], from `compose_picture`.
        generator: in the state in which that was given it.

    Returns:
        [1, 1, H, W] of 0 and 1; None where no ground was painted.
    """
    setting = scenery.settle_setting(layout)[0]
    if not setting:
        return None
    height, width = composed.shape[-2:]
    ground = _paint_setting(setting, _list_things(layout), width, height, generator)
    ground = grounds.paint_weather(ground, setting, generator).to(composed)
    differs = (composed - ground).abs().amax(1, keepdim=True) > SEEN
    return differs.float()


def _list_things(layout: Layout) -> list[Thing]:
    """The things of a layout that are laid on the ground, from the farthest to the nearest."""
    painted = scenery.settle_setting(layout)[1]
    planned = scenery.make_room(layout)
    return [t for t, is_ground in zip(planned, painted, strict=True) if not is_ground]


def _paint_setting(
    setting: Setting,
    things: Sequence[Thing],
    width: int,
    height: int,
    generator: Noise,
) -> Image:
    """The ground of a setting, without the weather that is nearer than the things."""
    return grounds.paint_ground(
        *(setting, width, height, generator),
        horizon=_horizon(things),
        named=[thing.name.lower() for thing in things],
    )


def _choose(
    things: Sequence[Thing], silhouettes: Mapping[str, Sequence[Silhouette]]
) -> list[Silhouette]:
    """Choose a silhouette for each thing: the best, and for its likes the same one, mirrored."""
    used: dict[str, int] = {}
    chosen = []
    for thing in things:
        there = silhouettes[thing.prompt]
        turn = used.get(thing.prompt, 0)
        used[thing.prompt] = turn + 1
        found = there[0]
        chosen.append(found.mirror() if turn % 2 else found)
    return chosen


def _horizon(things: Sequence[Thing]) -> float:
    """A horizon above the feet of everything that stands on the ground, in heights."""
    return min(max(min(placing.list_feet(things), default=1.0) - 0.12, 0.35), landscape.HORIZON)


def _paint_tone(chosen: Sequence[Silhouette], width: int, height: int) -> Image:
    """A plain ground of the pale tone that differs most from the things."""
    tones = torch.stack([read_colour(each) for each in TONES])
    pale = rgb_to_lab(tones[..., None, None])[..., 0, 0]
    least = torch.full((len(TONES),), 200.0)
    for each in chosen:
        weight = each.alpha[0, 0] + RIM * _rim(each.alpha)[0, 0]
        seen = rgb_to_lab(each.pixels)[0]  # [3, h, w]
        far = torch.linalg.vector_norm(pale[..., None, None] - seen, dim=1).clamp(max=ENOUGH)
        least = torch.minimum(least, (far * weight).sum((1, 2)) / weight.sum())
    # The first tones are calmer: a later one has to be clearly better.
    best = int((least - 2.0 * torch.arange(len(TONES))).argmax())
    canvas = Canvas.blank(width, height, torch.Generator())
    white = torch.lerp(tones[best], torch.ones(3), 0.35)
    canvas.paint(torch.ones(()), canvas.gradient([white, tones[best]]))
    return canvas.image()


def _rim(alpha: Tensor) -> Tensor:
    """The inner edge of a silhouette."""
    inner = -functional.max_pool2d(-alpha, 9, 1, 4)
    return (alpha - inner).clamp(min=0)


def _lay(picture: Image, place: Place, shadow: bool) -> Image:
    """Lay a thing on a picture, with an outline where it would hardly be seen."""
    height, width = picture.shape[-2:]
    left, top = round(place.box[0]), round(place.box[1])
    wide, high = max(2, round(place.box[2])), max(2, round(place.box[3]))
    wide, high = min(wide, width), min(high, height)
    left, top = min(max(0, left), width - wide), min(max(0, top), height - high)
    margins = [left, width - left - wide, top, height - top - high]

    def resize(given: Tensor) -> Tensor:
        return functional.interpolate(
            given, [high, wide], mode="bicubic", align_corners=False, antialias=True
        ).clamp(0, 1)

    alpha = functional.pad(resize(place.silhouette.alpha), margins)
    pixels = functional.pad(resize(place.silhouette.pixels), margins, mode="replicate")
    canvas = Canvas(picture[0], torch.Generator())
    if shadow:
        x, y = (left + wide / 2) / height, (top + high) / height - 0.008
        across = 0.46 * wide / height
        blot = canvas.ellipse(x, y, across, max(0.012, 0.1 * across), 0.03)
        canvas.paint(blot, "#20242c", SHADOW)
    outline = max(1, round(OUTLINE * height))
    around = functional.max_pool2d(alpha, 2 * outline + 1, 1, outline) - alpha
    rim = _rim(alpha)
    lab, behind = rgb_to_lab(pixels), rgb_to_lab(canvas.picture[None])
    near = (lab * rim).sum((2, 3)) / rim.sum().clamp(min=1e-6)
    far = (behind * around).sum((2, 3)) / around.sum().clamp(min=1e-6)
    contrast = float(torch.linalg.vector_norm(near - far))
    if contrast < FAINT:
        colour = "#3a3f55" if float(far[0, 0]) > 45 else "#e9edf6"
        canvas.paint(around[0, 0].clamp(0, 1), colour, 0.75 * (1 - contrast / FAINT) + 0.1)
    canvas.paint(alpha[0, 0], pixels[0])
    return canvas.image()
