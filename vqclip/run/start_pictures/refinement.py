"""Refinement of a thing's draft by a few steps of the pyramid drawer.

Drafts are silhouettes of the right colours; a run from one brings out eyes, ears and windows. In
a composition, where a thing is small and its neighbours are judged, too, that comes too late: so
each thing is refined by itself, large and on its plain ground, before it is cut out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.nn import functional

from vqclip import optimisers
from vqclip.drawers.pyramid import PyramidDrawer
from vqclip.guidance import distractors
from vqclip.guidance.composition import silhouettes
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.losses import pixel_losses
from vqclip.guidance.losses.smoothness import smoothness_loss
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.optimisation_loop import Objective, View, generate
from vqclip.tensors import Image, Scalar

SIDE = 128  # of the picture that is refined, in pixels
STEPS = 60  # for all kinds of things together
MOST, FEWEST = 36, 12  # steps of one kind
CUTOUTS = 8
RATE = 0.1
DISTINCT, SMOOTHNESS = 0.15, 10.0  # weights beside 1 for the prompt, as in a run
GROUND, INSIDE = 8.0, 0.3  # weights of the init loss outside the thing, and in it


def share_steps(kinds: int) -> int:
    """How many steps the draft of each of several kinds of things is refined for."""
    return max(FEWEST, min(MOST, STEPS // max(1, kinds)))


def refine_draft(
    draft: Image, prompt: str, perceptors: Sequence[OpenClipPerceptor], steps: int, seed: int
) -> Image:
    """Refine the draft of a thing on its plain ground.

    Args:
        draft: [1, 3, S, S] in [0, 1].
        perceptors: those that judge drafts; the first one guides.
        seed: of the cutouts; equal seeds give equal pictures on the processor.

    Returns:
        [1, 3, SIDE, SIDE] in [0, 1].
    """
    start = functional.interpolate(draft, [SIDE, SIDE], mode="bilinear", antialias=True)
    start = start.clamp(0, 1)
    guide = perceptors[0]
    guide = replace(guide, cutter=Cutter(guide.size, count=CUTOUTS, seed=seed))
    with torch.no_grad():
        wanted = guide.embed_text([prompt])
        foils = guide.embed_text(distractors.distractors_for(prompt))
    drawer = PyramidDrawer(SIDE, SIDE)
    drawer.replace(drawer.encode(start))
    inside = silhouettes.find_things(start)
    weights = GROUND + (INSIDE - GROUND) * inside

    def prompt_loss(view: View) -> Scalar:
        return -(view.embeddings[guide.name] @ wanted.T).mean()

    def distinct_loss(view: View) -> Scalar:
        return -distractors.log_certainty(view.embeddings[guide.name], wanted, foils).mean()

    objectives = [
        Objective("prompt", lambda step: 1.0, prompt_loss),
        Objective("distinct", lambda step: DISTINCT, distinct_loss),
        Objective("smoothness", lambda step: SMOOTHNESS, smoothness_loss()),
        Objective("init", lambda step: 1.0, pixel_losses.closeness_loss(start, weights)),
    ]
    optimiser = optimisers.build_optimiser(
        *("adam", drawer.parameters),
        rate=RATE,
        factor=optimisers.rate_schedule("drop", steps),
        rate_factors=drawer.rate_factors,
    )
    with torch.enable_grad():
        for _ in generate(drawer, [guide], objectives, optimiser, range(steps)):
            pass
    # The ground stays as it was, since the thing is cut out of it.
    return torch.lerp(start, drawer.draw().detach(), inside)
