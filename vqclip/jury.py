"""What does an eye that the run did not optimise for make of the finished picture?

The score that a run climbs is no measure of its picture: whatever is optimised against can be
fooled (Goodhart's law; Santurkar et al., 2019, https://arxiv.org/abs/1906.09453). So another
CLIP, of another architecture, looks at the end: how well does the picture fit its words, and how
many ordinary words would have fitted it better?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vqclip import foils
from vqclip.models import zoo
from vqclip.models.learnt import Learnt, for_width
from vqclip.perceptors import OpenClipPerceptor
from vqclip.perceptors import load as load_perceptor
from vqclip.tensors import Image

JUDGE = "starter-second"


@dataclass(frozen=True)
class Verdict:
    """How well a picture fits its words, in the judge's eyes.

    Args:
        judge: the name of the perceptor that judged.
        score: the cosine between picture and words, -1 to 1.
        better: how many of `among` other words fit the picture better.
    """

    judge: str
    score: float
    better: int
    among: int

    def in_words(self) -> str:
        """Say it in a line, for people."""
        count = {0: "none fits", 1: "one fits"}.get(self.better, f"{self.better} fit")
        return (
            f"{self.judge}, which the run did not climb, gives it {self.score:.2f}; "
            f"of {self.among} other things, {count} it better"
        )


def available(perceptors: Sequence[str]) -> bool:
    """Whether there is a judge that takes no part in a run of these perceptors."""
    folder = zoo.starter_clips()[JUDGE]
    return JUDGE not in perceptors and any(folder.glob("*.safetensors"))


@torch.no_grad()
def judge(
    image: Image,
    text: str,
    perceptor: OpenClipPerceptor | None = None,
    words: Sequence[Learnt] = (),
) -> Verdict:
    """Judge a picture [1, 3, H, W] by the words that it was made from.

    Args:
        perceptor: who judges; None is the bundled second CLIP, on the processor.
        words: the learnt ones that stand in the text, as `<name>`.

    Raises:
        ModelError: if the judge cannot be loaded.
    """
    if perceptor is None:
        perceptor = load_perceptor(str(zoo.starter_clips()[JUDGE]))
    perceptor = perceptor.with_words(for_width(words, perceptor.width))
    seen = perceptor.embed_image(image.to(perceptor.mean.device))[0]
    wanted = float(perceptor.embed_text([text])[0] @ seen)
    things = foils.others(text, foils.JUDGED)
    better = int((perceptor.embed_text(things) @ seen > wanted).sum())
    return Verdict(JUDGE, round(wanted, 4), better, len(things))
