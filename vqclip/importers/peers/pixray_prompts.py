"""pixray's prompts: texts, labels, spots, pictures, directions and noise, as one prompt."""

from __future__ import annotations

from vqclip.importers.draft import Draft
from vqclip.importers.peers import shared
from vqclip.language.prompt_types import Prompt

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
            found += [each] if (each := shared.weighted_prompt(part)) else []
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
        factor = draft.get("target_image_weight", 1.0)
        for part in draft.get("target_images").split("|"):
            path, numbers = shared.split_weights(part)
            weight = (numbers[0] if numbers else 1.0) * factor
            found += [each] if (each := shared.picture_prompt(path, weight)) else []
    else:
        draft.leave("target_image_weight", "there are no target images")
    return found


def _vectors(draft: Draft) -> list[Prompt]:
    """The prompts that are directions, at a tenth of their weights."""
    typed = draft.get("vector_prompts", "textoff")
    if typed.strip().lower() in ("none", "0", ""):
        return []
    found, unknown = [], []
    for part in typed.split("|"):
        name, numbers = shared.split_weights(part)
        if name.strip() == "textoff":
            weight = numbers[0] if numbers else 1.0
            found.append(Prompt("textoff", weight * 0.1, kind="vector"))
        elif name.strip():
            unknown.append(name.strip())
    if unknown:
        told = f"without {', '.join(unknown)[:100]}: make a direction with vqclip direction"
        (draft.nearly if found else draft.leave)("vector_prompts", told)
    return found
