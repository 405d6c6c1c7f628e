"""pixray's prompts: texts, labels, spots, pictures, directions and noise, as one prompt."""

from __future__ import annotations

import math
from dataclasses import replace

from vqclip.importers.draft import Draft
from vqclip.importers.peers import shared
from vqclip.language.directions import direction_files
from vqclip.language.lexer import fold_lines
from vqclip.language.prompt_types import Prompt
from vqclip.media.paths import PATTERN

MADE = (
    *("prompts", "labels", "spot", "spot_off", "spot_file", "image_prompts", "target_images"),
    *("image_prompt_weight", "target_image_weight", "vector_prompts"),
    *("noise_prompt_seeds", "noise_prompt_weights"),
)
DISCS = {True: "33% 20% 34% 60%", False: "26.5% 26.5% 47% 47%"}  # wide pictures, all others


def write_prompts(draft: Draft, *, is_wide: bool) -> None:
    """Write all that is judged by the CLIPs as one prompt.

    Args:
        is_wide: whether the picture is wider than high, for the disc of spots without a mask.
    """
    found: list[Prompt] = []
    for option in ("prompts", "labels"):
        for part in draft.get(option, "").split("|"):
            if option == "prompts" and part.strip().startswith("="):
                draft.nearly("prompts", "the = in front of a prompt, a test, is left out")
                part = part.strip()[1:]
            if prompt := shared.weighted_prompt(part):
                named = option == "labels"
                found.append(replace(prompt, kind="label") if named else prompt)
    found += _regions(draft, is_wide)
    found += _pictures(draft)
    wanted, noises = bool(found), shared.noise_prompts(draft)
    found += _vectors(draft) + noises
    if wanted:
        draft.put("prompts", shared.scenes_to_text([found]), *MADE)
        return
    draft.notes.append(
        'it has no prompt; give it one with the run file as a preset: vqclip "a fox | '
        'vector(textoff):0.1" --preset run.yaml'
    )


def _regions(draft: Draft, is_wide: bool) -> list[Prompt]:
    """The prompts about a part of the picture: of a mask, or of a disc in the middle."""
    place = draft.get("spot_file", "")
    if not place or shared.refuse_addresses(draft, "spot_file"):
        place = DISCS[is_wide]
    found = []
    for option, outside in (("spot", True), ("spot_off", False)):
        for part in draft.get(option, "").split("|"):
            if prompt := shared.weighted_prompt(part):
                found.append(shared.in_region(prompt, place, outside))
    if not found:
        draft.leave("spot_file", "there is no spot prompt")
    return found


def _pictures(draft: Draft) -> list[Prompt]:
    """The prompts that are pictures."""
    found = []
    if draft.has("image_prompts") and not shared.refuse_addresses(draft, "image_prompts"):
        weight = draft.get("image_prompt_weight", 1.0)
        for part in draft.get("image_prompts").split("|"):
            found += [each] if (each := shared.picture_prompt(part, weight)) else []
    else:
        draft.leave("image_prompt_weight", "there are no image prompts")
    if draft.has("target_images") and not shared.refuse_addresses(draft, "target_images"):
        found += _targets(draft)
    else:
        draft.leave("target_image_weight", "there are no target images")
    return found


def _targets(draft: Draft) -> list[Prompt]:
    """The pictures that are likened to as wholes."""
    factor, found, told = draft.get("target_image_weight", 1.0), list[Prompt](), list[str]()
    for part in draft.get("target_images").split("|"):
        path, numbers = shared.split_weights(part)
        weight, stop = [*numbers, *(1.0, -math.inf)[len(numbers) :]]
        if prompt := shared.picture_prompt(path, weight * factor):
            found.append(replace(prompt, kind="like", stop=stop))
        if PATTERN.search(path):
            told.append("of several pictures the mean of embeddings counts, not of distances")
    if len({(each.weight, each.stop) for each in found}) > 1:
        told.append("each has its own weight; pixray takes the last one's for all")
    if told:
        draft.nearly("target_images", "; ".join(dict.fromkeys(told)))
    return found


def _vectors(draft: Draft) -> list[Prompt]:
    """The prompts that are directions, at a tenth of their weights."""
    typed = draft.get("vector_prompts", "textoff")
    if typed.strip().lower() in ("none", "0", ""):
        return []
    found, told = [], list[str]()
    for part in typed.split("|"):
        name, numbers = shared.split_weights(part)
        name = fold_lines(name).strip()
        weight, stop = [*numbers, *(1.0, -math.inf)[len(numbers) :]]
        if shared.is_address(name):
            told.append(f"without {name[:100]}: save the file, then put its name here")
            continue
        if name and name != "textoff" and not direction_files.is_file_name(name):
            name = f"vectors/{name}.json"
            told.append(f"{name[:100]} is a file of pixray's, which has to lie here")
        if name:
            found.append(Prompt(name, round(weight * 0.1, 9), stop, kind="vector"))
    if told:
        (draft.nearly if found else draft.leave)("vector_prompts", "; ".join(told))
    return found
