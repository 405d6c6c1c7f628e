"""Prompts of a layout: how much the whole sentence counts, and each thing in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vqclip.guidance import pixel_losses
from vqclip.guidance.composition import scenery, silhouettes
from vqclip.guidance.regions import AT_ONCE
from vqclip.language.layout.layout_prompts import make_thing_prompts
from vqclip.language.layout.layout_types import SMALLEST, Layout
from vqclip.language.prompt_types import Box, Prompt, Region
from vqclip.language.schedules import parse_schedule
from vqclip.optimisation_loop import Objective

# The whole sentence makes of things what it makes of them without a layout: a jumble.
WHOLE = 0.2  # weight of the whole sentence, beside 1 for each thing
GROUND, INSIDE = 12.0, 0.4  # weights of the init loss: the ground stays, things may change
FIRM, OVER = 0.85, 0.1  # where the one becomes the other, in half sides of a thing's box
WHOLE_CUTOUTS = 0.375  # of the usual cutouts are left for the whole picture
CUTOUTS = 0.625  # of the whole picture's cutouts, for all things together
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
            small = min(thing.box[2:]) < (SMALLEST_PART if thing.part else SMALLEST)
            there = None if ground or small else _region_of(thing.box)
            moved[scene, prompt.region] = there
    found = []
    for prompt in prompts:
        if prompt.scene not in layouts:
            found.append(prompt)
        elif prompt.region is None:
            usual = prompt.kind == "text" and prompt.weight == 1
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


def hold_ground(
    found: Sequence[Objective],
    start: Tensor | None,
    layouts: Mapping[int, Layout],
    ground: Callable[[], float] = lambda: 1.0,
) -> list[Objective]:
    """Return the objectives, with an init loss that holds the ground more than the things.

    Without layouts, the thing is what stands out from the plain ground of a draft.

    Args:
        start, ground: as for the init loss, `pixel_losses.closeness_loss`.
    """
    if start is None:
        return list(found)
    height, width = start.shape[-2:]
    inside = start.new_ones(1, 1, height, width)
    if layouts:
        inside = find_insides(layouts, height, width).to(start)
    if not any(scenery.settle_setting(layout)[0] for layout in layouts.values()):
        # On a plain ground, where things are is seen, and what is beside them stays plain.
        inside = inside * silhouettes.find_things(start)
    weights = GROUND + (INSIDE - GROUND) * inside
    loss = pixel_losses.closeness_loss(start, weights, ground)
    return [replace(each, loss=loss) if each.name == "init" else each for each in found]


def find_insides(layouts: Mapping[int, Layout], height: int, width: int) -> Tensor:
    """Find where the things of layouts may be: 1 within their boxes, less at their edges.

    Returns:
        [1, 1, height, width] in [0, 1].
    """
    inside = torch.zeros(1, 1, height, width)
    rows = (torch.arange(height) + 0.5)[:, None] / height
    columns = (torch.arange(width) + 0.5)[None] / width
    for layout in layouts.values():
        painted = scenery.settle_setting(layout)[1]
        for thing, is_ground in zip(scenery.make_room(layout), painted, strict=True):
            if is_ground:
                continue
            left, top, wide, high = thing.box
            across = (columns - left - wide / 2).abs() / (wide / 2)
            down = (rows - top - high / 2).abs() / (high / 2)
            edge = ((torch.maximum(across, down) - FIRM) / (1 + OVER - FIRM)).clamp(0, 1)
            inside = torch.maximum(inside, 1 - edge)
    return inside


def _region_of(box: Box) -> Region:
    left, top, width, height = (round(100 * each) for each in box)
    left, top = max(0, left), max(0, top)
    width, height = min(width, 100 - left), min(height, 100 - top)
    return Region(f"{left}% {top}% {max(1, width)}% {max(1, height)}%")
