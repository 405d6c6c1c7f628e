"""Sprites: the drafts of a layout's things, cut out and ranked.

The drafts of a run are shared among its things. They are ranked twice: as drafts, and the better
ones again without their ground, since that is how they will be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.checking.seeds import SeedWalk
from vqclip.config.schema import DreamSettings
from vqclip.guidance import distractors
from vqclip.guidance.composition.captions import DraftText, write_draft_text
from vqclip.guidance.composition.silhouettes import Silhouette, cut_silhouettes
from vqclip.guidance.composition.tints import tint_drafts
from vqclip.guidance.drafts import DraftModel
from vqclip.language.layout.layout_types import Thing
from vqclip.models.device import open_noise
from vqclip.tensors import Image, Noise

Refine = Callable[[Image, str], Image]  # a draft, and its prompt → a better draft

KEPT = 0.5  # of a silhouette's quality a better draft's may not fall below
BUDGET = 4.0  # times the drafts of one thing are drawn for all kinds of things together
MOST = 2.0  # and so many times for one of them
WIDER = 1.2  # times the temperature of one thing, so that some can be cut out well
CUT = 12  # of the best drafts are cut out
WHITE_GAP = 0.4  # of the height: the ground of white things is often white, too
SEEN = 128  # side of the picture in which a silhouette is judged
GROUNDS = (0.93, 0.55)  # greys on which it is judged


@dataclass(frozen=True)
class Wanted:
    """A kind of thing to be drawn.

    Args:
        thing: one of the kind.
        aspect: width of the picture by its height.
        seed: of its drafts.
    """

    thing: Thing
    aspect: float
    seed: SeedWalk


def share_drafts(count: int, kinds: int) -> int:
    """How many drafts each of several kinds of things gets."""
    return max(min(count, 8), min(round(count * MOST), round(count * BUDGET / max(1, kinds))))


@torch.no_grad()
def draw_silhouettes(
    model: DraftModel,
    drafted: DraftText,
    settings: DreamSettings,
    generator: Noise,
    aspect: float = 1.0,
    refine: Refine | None = None,
) -> list[Silhouette]:
    """Draw silhouettes of a text, best first.

    Args:
        settings: of the drafts; `count` of them are drawn.
        generator: on the processor; equal states give equal silhouettes.
        aspect: width by height of the box that they are for.
        refine: makes a better draft of the best one, whose silhouette then comes first, unless
            it cannot be cut out as well.
    """
    prompt = drafted.text
    change = tint_drafts(drafted.colour)
    drafts = model.draw_drafts(prompt, settings, generator, drafted.caption, change)[:CUT]
    # A thing that is made white gets a ground that tells.
    white = "white" in prompt.lower().split() and drafted.colour is None
    gap = WHITE_GAP if white else 0.0
    cut = cut_silhouettes(torch.cat([draft.image for draft in drafts]), gap)
    order = rank_silhouettes(model, prompt, cut, [draft.score for draft in drafts], aspect)
    found = [cut[number] for number in order]
    if refine is not None:
        (better,) = cut_silhouettes(refine(drafts[order[0]].image, prompt), gap)
        if better.quality > KEPT * found[0].quality:
            return [better, *found]
    return found


def rank_silhouettes(
    model: DraftModel,
    prompt: str,
    cut: Sequence[Silhouette],
    scores: Sequence[float],
    aspect: float = 1.0,
) -> list[int]:
    """Rank silhouettes by how surely they show the prompt, how well they are cut, and fit.

    Returns:
        Their numbers, the best one first.
    """
    shown = torch.cat([_show(each, grey) for each in cut for grey in GROUNDS])
    things = distractors.distractors_for(prompt)
    told = []
    for judge in model.perceptors:
        wanted, foils = judge.embed_text([prompt]), judge.embed_text(things)
        told.append(distractors.log_certainty(judge.embed_image(shown), wanted, foils))
    certainty = torch.stack(told).mean(0).view(len(cut), len(GROUNDS)).mean(1).exp()
    order = []
    for number, each in enumerate(cut):
        fit = max(each.aspect / aspect, aspect / each.aspect)
        suits = min(1.0, 1.3 / fit) ** 0.7
        sure = (float(certainty[number]) * scores[number]) ** 0.5
        order.append((-(sure + 0.02) * (0.1 + 0.9 * each.quality) * suits, number))
    return [number for _, number in sorted(order)]


def _show(each: Silhouette, grey: float) -> Tensor:
    """A silhouette in the middle of a grey square, [1, 3, SEEN, SEEN]."""
    height, width = each.alpha.shape[-2:]
    scale = 0.86 * SEEN / max(height, width)
    size = [max(2, round(height * scale)), max(2, round(width * scale))]
    pixels, alpha = (
        functional.interpolate(x, size, mode="bilinear", antialias=True)
        for x in (each.pixels, each.alpha)
    )
    top, left = (SEEN - size[0]) // 2, (SEEN - size[1]) // 2
    margins = [left, SEEN - size[1] - left, top, SEEN - size[0] - top]
    alpha = functional.pad(alpha, margins)
    return grey + (functional.pad(pixels, margins) - grey) * alpha


def draw_all_silhouettes(
    model: DraftModel,
    wanted: Sequence[Wanted],
    settings: DreamSettings,
    style: str = "",
    refine: Refine | None = None,
) -> dict[str, list[Silhouette]]:
    """Draw the silhouettes of all kinds of things of a layout: a prompt → those of its kind.

    Args:
        wanted: the kinds.
        settings: `count` and `temperature` are what one thing alone would get.
        style: put around each prompt.
        refine: see `draw_silhouettes`.
    """
    own = replace(
        settings,
        count=share_drafts(settings.count, len(wanted)),
        temperature=WIDER * settings.temperature,
    )
    return {
        each.thing.prompt: draw_silhouettes(
            model,
            write_draft_text(each.thing.prompt).apply_style(style),
            own,
            open_noise(each.seed),
            each.aspect * each.thing.box[2] / each.thing.box[3],
            refine,
        )
        for each in wanted
    }
