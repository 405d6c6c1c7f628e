"""Layouts of the prompts of a run, as its settings want them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vqclip.config.checking import animation_checks
from vqclip.config.checking.picture_checks import STARTS
from vqclip.config.checking.seeds import nearer_seed
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import VqclipError
from vqclip.language import structured
from vqclip.language.layout import layout_prompts
from vqclip.language.layout.layout_types import SMALLEST, Layout
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import parse_prompts, prompts_to_text
from vqclip.media.paths import shorten_name


def plan_layouts(
    config: RunConfig, prompts: Sequence[Prompt], noted: Mapping[int, Layout] | None = None
) -> Mapping[int, Layout]:
    """Plan the layouts of a run: a scene's number → its layout.

    Args:
        config: its settings, of which `init` is resolved.
        noted: those of the same run in a picture's notes, which hold whatever is planned today.
    """
    if not _wants_layouts(config):
        return {}
    if noted is not None:
        return {each: noted[each] for each in sorted({p.scene for p in prompts} & {*noted})}
    width, height = final_size(config)
    # On a walk it is the layout of the nearer seed, since none lies between two.
    chosen = None if config.seed is None else nearer_seed(config.seed)
    seed = layout_prompts.layout_seed(chosen)
    return layout_prompts.plan_scenes(
        _as_sentences(config, prompts), aspect=width / height, seed=seed
    )


def is_composed(config: RunConfig) -> bool:
    """Whether a run starts from a composition, that of its first scene; `init` is resolved.

    Prompts and sizes that are not valid, which is reported when the run is planned, compose none.
    """
    try:
        prompts = parse_prompts(config.prompts)
        return min(prompt.scene for prompt in prompts) in plan_layouts(config, prompts)
    except VqclipError:
        return False


def describe_layouts(
    config: RunConfig, prompts: Sequence[Prompt], layouts: Mapping[int, Layout]
) -> Iterator[str]:
    """Describe what is drawn of a run with layouts, ready to be copied and changed.

    Of a sentence that looks like several things and is not understood, it is told.
    """
    written = parse_prompts(config.prompts)
    drawn = layout_prompts.add_things(written, layouts)
    if drawn != written:
        yield f"the sentence is drawn as: {prompts_to_text(drawn)}"
    things = [thing for layout in layouts.values() for thing in layout.things]
    small = [thing.name for thing in things if min(thing.box[2:]) < SMALLEST]
    if small:
        names = ", ".join(dict.fromkeys(small))
        yield f"smaller than a tenth of the picture, and hardly to be seen: {names}"
    if layouts and animation_checks.camera_moves(config):
        yield "the camera moves, so things are held in their places in the first frame only"
    if not _wants_layouts(config):
        return
    for text in layout_prompts.list_unread(_as_sentences(config, prompts), layouts):
        yield (
            f"where the things of {shorten_name(text)!r} go is not understood, so it is drawn "
            "as a whole; to place them yourself: a snowman in(left) | a palm tree in(right)"
        )


def layouts_to_text(text: str, layouts: Mapping[int, Layout]) -> str:
    """Write prompts with the places of their layouts: typed, they are drawn alike."""
    return prompts_to_text(layout_prompts.add_things(parse_prompts(text), layouts))


def _wants_layouts(config: RunConfig) -> bool:
    """Whether sentences are planned: there is no picture or film that has its own layout."""
    return config.layout == "auto" and not config.source.film and config.init in STARTS


def _as_sentences(config: RunConfig, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
    """The prompts, a structured one with its parts as a sentence."""
    structure = structured.read_structured(config.prompts)
    if structure is None:
        return prompts
    sentence = structured.write_plain_sentence(structure)
    return [replace(prompts[0], body=sentence, sentence=""), *prompts[1:]]
