"""Which of some labels is in a picture? Zero-shot classification.

A label is put into several templates, such as "a drawing of {}"; the mean of their embeddings is
its direction, and the picture's cosines with all labels' directions, times the sharpness that the
model learnt, go through a softmax. CLIP: Radford et al., 2021, section 3.1,
https://arxiv.org/abs/2103.00020; the same as open_clip's `build_zero_shot_classifier` and logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.perceptors import OpenClipPerceptor
from vqclip.tensors import Embedding
from vqclip.tools import looks

TEMPLATES = (
    "{}",
    "{} on a white background",
    "{} on a plain background",
    "a picture of {}",
    "a drawing of {}",
    "a photo of {}",
)


@dataclass(frozen=True)
class Classifier:
    """Tells labels apart in the eyes of one perceptor; made by `learn`.

    Args:
        directions: [L, D], one for each label, rows of length 1.
        sharpness: what cosines are multiplied by.
    """

    directions: Embedding
    sharpness: float

    def judge(self, seen: Embedding) -> Tensor:
        """Give the labels' log-probabilities [N, L] for pictures' embeddings [N, D].

        A model that was trained with a sigmoid (SigLIP) adds a bias to all labels alike, which a
        softmax does not see.
        """
        return (self.sharpness * seen @ self.directions.T).log_softmax(1)


def learn(
    perceptor: OpenClipPerceptor,
    labels: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> Classifier:
    """Make a classifier of labels, each the mean of its templates.

    Args:
        templates: each holds `{}`, where the label goes.

    Raises:
        ValueError: if there are no labels or no templates.
    """
    if not labels or not templates:
        raise ValueError("a classifier wants labels and templates")
    texts = [template.replace("{}", label) for label in labels for template in templates]
    rows = looks.read(texts, perceptor).unflatten(0, (len(labels), len(templates)))
    return Classifier(functional.normalize(rows.mean(1), dim=-1), perceptor.sharpness)


def agreed(opinions: Sequence[Tensor]) -> Tensor:
    """What several perceptors make of the same pictures: [N, L] probabilities.

    The mean of their log-probabilities [N, L], made to sum to 1: a label has to please all.
    """
    return torch.stack(list(opinions)).mean(0).softmax(1)
