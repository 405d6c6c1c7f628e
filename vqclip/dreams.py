"""What might a prompt look like? Drafts in seconds, without optimising anything.

The starter prior writes codes from words (`vqclip.models.prior`), the starter VQGAN draws them,
and the starter CLIP puts them in order, best first. A run with `init=dream` starts from the best
and refines it; its own VQGAN and perceptors may be others, since a draft is a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from vqclip.config import DreamSettings
from vqclip.models import prior as priors
from vqclip.models import vqgan as vqgans
from vqclip.models import zoo
from vqclip.perceptors import OpenClipPerceptor
from vqclip.perceptors import load as load_perceptor
from vqclip.tensors import Image

AT_ONCE = 32  # drafts written together


@dataclass(frozen=True)
class Draft:
    """A draft [1, 3, S, S] in [0, 1], and the cosine between it and the words."""

    image: Image
    score: float


@dataclass(frozen=True)
class Dreamer:
    """What writes drafts, what draws them, and what ranks them."""

    prior: priors.Prior
    drawer: vqgans.VQGAN
    judge: OpenClipPerceptor

    @torch.no_grad()
    def dream(
        self, text: str, settings: DreamSettings, generator: torch.Generator
    ) -> list[Draft]:
        """Draw `settings.count` drafts of a text, best first.

        Args:
            generator: on the processor; equal states give equal drafts there.
        """
        prefix = self.prior.prefix(self.judge.read_tokens([text]))
        words = self.judge.embed_text([text])
        drafts: list[Draft] = []
        while len(drafts) < settings.count:
            many = min(AT_ONCE, settings.count - len(drafts))
            codes = self.prior.dream(
                prefix.expand(many, -1, -1),
                generator=generator,
                temperature=settings.temperature,
                top_p=settings.top_p,
                guidance=settings.guidance,
            )
            images = torch.cat([self.drawer.decode(self.drawer.lookup(each)) for each in codes])
            scores = (self.judge.embed_image(images) @ words.T)[:, 0].tolist()
            drafts += [Draft(i[None], s) for i, s in zip(images, scores, strict=True)]
        return sorted(drafts, key=lambda draft: -draft.score)


def load(device: torch.device | str = "cpu") -> Dreamer:
    """Load the starter models.

    Raises:
        ModelError: if a model cannot be loaded.
    """
    found = zoo.find("starter")
    return Dreamer(
        prior=priors.load(zoo.starter_prior(), device=device),
        drawer=vqgans.load(found.config, found.weights, device=device),
        judge=load_perceptor(str(zoo.starter_clip()), device=device),
    )


def laid_out(draft: Image, width: int, height: int) -> Image:
    """Enlarge a draft to the shorter side of a picture, in its middle; its border goes on."""
    side = min(width, height)
    square = functional.interpolate(
        draft, [side, side], mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)
    left, top = (width - side) // 2, (height - side) // 2
    margins = [left, width - side - left, top, height - side - top]
    return functional.pad(square, margins, mode="replicate")
