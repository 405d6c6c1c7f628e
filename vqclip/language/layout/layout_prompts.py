"""Layouts as prompts: which prompts are planned, and their things with regions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from vqclip.language.layout.layout import plan_layout
from vqclip.language.layout.layout_types import Layout, Thing
from vqclip.language.layout.reader.unread import looks_composed
from vqclip.language.prompt_types import Box, Prompt, Region, apply_style_to_text, positive_texts

LAYOUT_SEEDS = 100  # a run's seed settles a layout by its last two digits


def layout_seed(seed: int | None) -> int:
    """The seed of a run's layout: that of the run by its last two digits.

    Where a run has no seed, one is picked that ends in 00, so that `vqclip plan` shows the layout
    before, and whoever writes the seed that is noted has the same one.
    """
    return 0 if seed is None else seed % LAYOUT_SEEDS


def plan_scenes(prompts: Iterable[Prompt], *, aspect: float, seed: int) -> dict[int, Layout]:
    """Plan the layouts of prompts, in the order of their scenes: a scene's number → its layout.

    In a scene the first prompt that is understood has a layout. Where somebody has placed
    something by hand there is none, unless those are things of the sentence: a layout that was
    copied and edited.

    Args:
        aspect: width of the picture by its height.
        seed: settles what the words leave open.
    """
    found = {}
    for scene, here in groupby(sorted(prompts, key=_scene), key=_scene):
        written = list(here)
        placed = _list_placed(written)
        layouts = (
            plan_layout(prompt.body, aspect=aspect, seed=seed)
            for prompt in list_plannable(written)
        )
        layout = next((each for each in layouts if each is not None), None)
        if layout is not None and placed:
            layout = edit_layout(layout, placed)
        if layout is not None:
            found[scene] = layout if placed else round_boxes(layout)
    return found


def list_plannable(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Keep the prompts that may have a layout: plain words of usual weight, for everywhere."""
    return [
        prompt
        for prompt in positive_texts(prompts)
        if _is_usual(prompt)
        and prompt.region is None
        and not (prompt.marked_spans or prompt.perceptors or prompt.sentence)
    ]


def list_unread(prompts: Iterable[Prompt], layouts: Mapping[int, Layout]) -> list[str]:
    """List the texts that look like several things, in scenes that nobody has laid out."""
    written = list(prompts)
    laid_out = {*layouts, *(prompt.scene for prompt in _list_placed(written))}
    found = [
        prompt.body
        for prompt in list_plannable(written)
        if prompt.scene not in laid_out and looks_composed(prompt.body)
    ]
    return list(dict.fromkeys(found))


def edit_layout(layout: Layout, placed: Sequence[Prompt]) -> Layout | None:
    """Put things of a layout where they are placed by hand, in that order; leave out the others.

    Args:
        placed: the prompts with regions, one of them at least.

    Returns:
        None if one of them is not a thing of the layout in a box, with the usual weight.
    """
    known: dict[str, list[Thing]] = {}
    for thing in layout.things:
        known.setdefault(_body(thing, layout), []).append(thing)
    things = []
    for prompt in placed:
        box = None if prompt.region is None or prompt.region.outside else prompt.region.box
        if box is None or prompt.body not in known or not _is_usual(prompt):
            return None
        alike = known[prompt.body]  # in their order; one more is like the last
        things.append(replace(alike.pop(0) if len(alike) > 1 else alike[0], box=box))
    return replace(layout, things=tuple(things))


def add_things(prompts: Iterable[Prompt], layouts: Mapping[int, Layout]) -> tuple[Prompt, ...]:
    """Add the things of layouts to prompts, each with its region, after those of their scene.

    Those that are there already, since somebody has edited them, are not added again.
    """
    written = list(prompts)
    by_hand = {prompt.scene for prompt in _list_placed(written)}
    things = [
        replace(prompt, scene=scene)
        for scene, layout in layouts.items()
        for prompt in make_thing_prompts(layout)
        if scene not in by_hand
    ]
    return tuple(sorted([*written, *things], key=_scene))


def make_thing_prompts(layout: Layout) -> Iterator[Prompt]:
    """Make the prompts of a layout's things, in their order."""
    for thing in layout.things:
        place = " ".join(f"{share * 100:.6g}%" for share in thing.box)
        yield Prompt(_body(thing, layout), region=Region(place))


def round_boxes(layout: Layout) -> Layout:
    """Round the boxes of a layout to whole per cents, so that they are what can be read."""
    return replace(
        layout, things=tuple(replace(each, box=_rounded(each.box)) for each in layout.things)
    )


def _rounded(box: Box) -> Box:
    (left, wide), (top, high) = _rounded_span(box[0], box[2]), _rounded_span(box[1], box[3])
    return left, top, wide, high


def _rounded_span(start: float, length: float) -> tuple[float, float]:
    """A start and a length in whole per cents, of at least one, that end within the picture."""
    first = min(max(0, round(start * 100)), 99)
    last = min(max(first + 1, round((start + length) * 100)), 100)
    return first / 100, (last - first) / 100


def _list_placed(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The prompts that draw something in a region."""
    return [each for each in prompts if each.region is not None and each.greatest_weight > 0]


def _is_usual(prompt: Prompt) -> bool:
    return prompt.kind == "text" and prompt.weight == 1 and prompt.stop == -math.inf


def _body(thing: Thing, layout: Layout) -> str:
    """The words of a thing, in the style of its sentence."""
    return apply_style_to_text(thing.prompt, layout.style)


def _scene(prompt: Prompt) -> int:
    return prompt.scene
