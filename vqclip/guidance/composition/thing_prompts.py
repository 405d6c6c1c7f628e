"""Prompts of a layout: how much the whole sentence counts, and each thing in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.guidance.composition import scenery, silhouettes
from vqclip.guidance.losses import pixel_losses
from vqclip.guidance.regions import AT_ONCE
from vqclip.language.layout.layout_prompts import make_thing_prompts
from vqclip.language.layout.layout_types import SMALLEST, Layout, Thing
from vqclip.language.prompt_types import Box, Prompt, Region
from vqclip.language.schedules import parse_schedule
from vqclip.optimisation_loop import Objective
from vqclip.tensors import Image

# The whole sentence makes of things what it makes of them without a layout: a jumble.
WHOLE = 0.2  # weight of the whole sentence, beside 1 for each thing
GROUND, INSIDE = 12.0, 0.4  # weights of the init loss: the ground stays, things may change
PART_KEPT = 0.8  # of a part that is too small to be judged stays as it was composed
FAINT = 0.3  # length of a difference in RGB; beside things, weaker ones are taken back
GAP = 0.06  # of the height: gaps in a thing that it may fill, such as that below a sail
FIRM, OVER = 0.85, 0.1  # where the one becomes the other, in half sides of a thing's box
WHOLE_CUTOUTS = 0.1875  # of the usual cutouts are left for the whole picture
CUTOUTS = 0.375  # of the whole picture's cutouts, for all things together
FEWEST = 2  # cutouts of a thing
SMALLEST_PART = 0.25  # parts of a shorter side, such as eyes, are judged with their thing
FIRST_FRAME = parse_schedule("0: 1 hold, 1: 0")


def weigh_prompts(
    prompts: Iterable[Prompt], layouts: Mapping[int, Layout], *, moving: bool = False
) -> list[Prompt]:
    """Weigh the prompts of scenes with layouts, and move those of things to where they are drawn.

    Without layouts they stay as they are.

    Args:
        prompts: of all scenes, those of things included.
        layouts: a scene's number → its layout.
        moving: whether it is an animation whose camera moves. Its things are held in their places
            in the first frame, and go where the camera takes them in the others.
    """
    whole = parse_schedule(f"0: {WHOLE} hold, 1: 1") if moving else WHOLE
    moved: dict[tuple[int, Region], Region | None] = {}
    for scene, layout in layouts.items():
        painted = scenery.settle_setting(layout)[1]
        planned = make_thing_prompts(layout)
        for prompt, thing, ground in zip(
            planned, scenery.make_room(layout), painted, strict=True
        ):
            assert prompt.region is not None
            small = _is_small_part(thing) or min(thing.box[2:]) < SMALLEST
            there = None if ground or small else _region_of(thing.box)
            moved[scene, prompt.region] = there
    found = []
    for prompt in prompts:
        if prompt.scene not in layouts:
            found.append(prompt)
        elif prompt.region is None:
            usual = prompt.has_words and prompt.weight == 1
            found.append(replace(prompt, weight=whole) if usual else prompt)
        else:
            there = moved.get((prompt.scene, prompt.region), prompt.region)
            if there is not None:
                fades = moving and prompt.weight == 1
                placed = replace(prompt, region=there)
                found.append(replace(placed, weight=FIRST_FRAME) if fades else placed)
    return found


def list_planned_regions(
    prompts: Iterable[Prompt], layouts: Mapping[int, Layout]
) -> frozenset[Region]:
    """List the regions of the things of layouts, after `weigh_prompts`."""
    return frozenset(
        prompt.region
        for prompt in prompts
        if prompt.scene in layouts and prompt.region is not None and prompt.region.box is not None
    )


def share_whole(cutouts: int) -> int:
    """The number of the whole picture's cutouts beside those of things."""
    return max(1, round(WHOLE_CUTOUTS * cutouts))


def share_cutouts(cutouts: int, things: int) -> int:
    """The number of cutouts of each of several things, where the whole picture has so many."""
    at_once = min(max(things, 2), AT_ONCE)
    return min(cutouts, max(FEWEST, round(CUTOUTS * cutouts / at_once)))


def find_things(
    start: Image, layouts: Mapping[int, Layout], shown: Tensor | None = None
) -> Tensor:
    """Find where a run may change the picture that it starts from, [1, 1, H, W] in [0, 1].

    Without layouts it is what stands out from the plain ground of a draft.

    Args:
        start: [1, C, H, W] in [0, 1]; of 4 channels, the last one is opacity.
        shown: where it shows things, [1, 1, H, W] in [0, 1], if that is known.
    """
    if not layouts:
        return silhouettes.find_things(start)
    height, width = start.shape[-2:]
    inside = find_insides(layouts, height, width).to(start)
    if shown is None and not any(scenery.settle_setting(each)[0] for each in layouts.values()):
        # On a plain ground, where things are is seen, and what is beside them stays plain.
        shown = silhouettes.find_outlines(start)
    return inside if shown is None else inside * silhouettes.grow_mask(shown.to(start), GAP)


def hold_ground(
    found: Sequence[Objective],
    start: Tensor,
    things: Tensor,
    ground: Callable[[], float] = lambda: 1.0,
) -> list[Objective]:
    """Return the objectives, with an init loss that holds the ground more than the things.

    Args:
        start, ground: as for the init loss, `pixel_losses.closeness_loss`.
        things: from `find_things`.
    """
    weights = GROUND + (INSIDE - GROUND) * things
    loss = pixel_losses.closeness_loss(start, weights, ground)
    return [replace(each, loss=loss) if each.name == "init" else each for each in found]


def keep_ground(picture: Image, start: Image, things: Tensor, boxes: Tensor) -> Image:
    """Put the ground of a composition back into a picture of any size, [1, 3, H, W] in [0, 1].

    In the boxes of things, but beside them, what differs little from the ground is taken back and
    what differs much stays (coring, as against noise): a sail may grow, and haze may not.

    Args:
        start, things: as for `hold_ground`.
        boxes: where things may be at all, [1, 1, H, W] in [0, 1].
    """
    size = picture.shape[-2:]
    ground, inside, around = (
        functional.interpolate(each, size, mode="bilinear", antialias=True)
        if each.shape[-2:] != size
        else each
        for each in (start, things, boxes)
    )
    change = picture - ground
    strength = change.detach().square().sum(1, keepdim=True)
    gain = strength / (strength + FAINT**2)
    return ground + change * (inside + (around - inside).clamp(min=0) * gain)


def find_insides(layouts: Mapping[int, Layout], height: int, width: int) -> Tensor:
    """Find where the things of layouts may be: 1 within their boxes, less at their edges.

    Small parts stay as they were composed, since nothing judges them: yellow wheels turned black.

    Returns:
        [1, 1, height, width] in [0, 1].
    """
    inside = torch.zeros(1, 1, height, width)
    rows = (torch.arange(height) + 0.5)[:, None] / height
    columns = (torch.arange(width) + 0.5)[None] / width
    for layout in layouts.values():
        painted = scenery.settle_setting(layout)[1]
        things = zip(scenery.make_room(layout), painted, strict=True)
        # Parts come last, since they lie in the boxes of what they belong to.
        for thing in sorted((t for t, is_ground in things if not is_ground), key=_is_small_part):
            left, top, wide, high = thing.box
            across = (columns - left - wide / 2).abs() / (wide / 2)
            down = (rows - top - high / 2).abs() / (high / 2)
            edge = ((torch.maximum(across, down) - FIRM) / (1 + OVER - FIRM)).clamp(0, 1)
            if _is_small_part(thing):
                inside = inside * (1 - PART_KEPT * (1 - edge))
            else:
                inside = torch.maximum(inside, 1 - edge)
    return inside


def _is_small_part(thing: Thing) -> bool:
    """Whether it is a part that is judged with its thing, not by itself."""
    return thing.part and min(thing.box[2:]) < SMALLEST_PART


def _region_of(box: Box) -> Region:
    left, top, width, height = (round(100 * each) for each in box)
    left, top = max(0, left), max(0, top)
    width, height = min(width, 100 - left), min(height, 100 - top)
    return Region(f"{left}% {top}% {max(1, width)}% {max(1, height)}%")
