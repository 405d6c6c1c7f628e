"""Zero-shot classification and scoring of finished pictures.

The score that a run climbs is no measure of its picture: whatever is optimised against can be
fooled (Goodhart's law; Santurkar et al., 2019, https://arxiv.org/abs/1906.09453). So another
CLIP, of another architecture, looks at the end: how well does the picture fit its words, and how
many ordinary words would have fitted it better?

A run looks at many squares of one picture; here each picture is looked at once, whole, as
open_clip's own preprocessing for evaluation would show it: resized by its shorter side, and the
middle kept.

A label is put into several templates, such as "a drawing of {}"; the mean of their embeddings is
its direction, and the picture's cosines with all labels' directions, times the sharpness that the
model learnt, go through a softmax. CLIP: Radford et al., 2021, section 3.1,
https://arxiv.org/abs/2103.00020; the same as open_clip's `build_zero_shot_classifier` and logits.

A cosine says little by itself: each model has a range of its own. So the words are also set
against the things that `guidance.zero_shot` holds finished pictures against
(`guidance.distractors.HELD_OUT`), but for those that they name themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image as pillow
from torch import Tensor
from torch.nn import functional

from vqclip.errors import PictureError
from vqclip.guidance import distractors
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.media import images
from vqclip.models.zoo import registry
from vqclip.models.zoo.word_embedding import WordEmbedding, fitting_width
from vqclip.tensors import Embedding, Image

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
    folder = registry.starter_clips()[JUDGE]
    return JUDGE not in perceptors and any(folder.glob("*.safetensors"))


@torch.no_grad()
def judge(
    image: Image,
    text: str,
    perceptor: OpenClipPerceptor | None = None,
    words: Sequence[WordEmbedding] = (),
) -> Verdict:
    """Judge a picture [1, 3, H, W] by the words that it was made from.

    Args:
        perceptor: who judges; None is the bundled second CLIP, on the processor.
        words: the learnt ones that stand in the text, as `<name>`.

    Raises:
        ModelError: if the judge cannot be loaded.
    """
    if perceptor is None:
        perceptor = load_perceptor(str(registry.starter_clips()[JUDGE]))
    perceptor = perceptor.with_words(fitting_width(words, perceptor.width))
    seen = perceptor.embed_image(image.to(perceptor.mean.device))[0]
    wanted = float(perceptor.embed_text([text])[0] @ seen)
    things = distractors.distractors_for(text, distractors.HELD_OUT)
    better = int((perceptor.embed_text(things) @ seen > wanted).sum())
    return Verdict(JUDGE, round(wanted, 4), better, len(things))


BATCH = 32  # pictures that are looked at together


TEXTS = 256  # that are read together


LONGEST = 8  # a longer side than so many shorter ones is cut to its middle before it is resized


Skip = Callable[[Path, PictureError], None]


def square(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Tensor:
    """Bring an RGB picture to the perceptor's size: [3, S, S] in [0, 1].

    Resized by Pillow, as open_clip does; its result differs a little from that of torch.
    """
    from torchvision.transforms import InterpolationMode, functional

    side = perceptor.size
    if perceptor.squash:
        to = [side, side]
    else:
        to = [side]
        most = LONGEST * min(picture.size)
        if max(picture.size) > most:  # what lies beyond would not be seen, but take memory
            width, height = picture.size
            picture = functional.center_crop(picture, [min(height, most), min(width, most)])
    way = InterpolationMode(perceptor.interpolation)
    resized = functional.center_crop(functional.resize(picture, to, way), [side, side])
    pixels: Tensor = functional.to_tensor(resized)
    return pixels


def see(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Embedding:
    """Look at one RGB picture: [1, D] float32 on the processor, of length 1."""
    return perceptor.embed_image(square(picture, perceptor)[None]).cpu()


def look(
    paths: Sequence[Path], perceptors: Sequence[OpenClipPerceptor], skip: Skip
) -> Iterator[tuple[list[Path], list[Embedding]]]:
    """Look at pictures of files, `BATCH` at a time, each of which is read once.

    Args:
        skip: hears of pictures that cannot be read.

    Yields:
        Those that could be read, and for each perceptor their embeddings [N, D], float32 on the
        processor, rows of length 1.
    """
    for first in range(0, len(paths), BATCH):
        there: list[Path] = []
        squares: list[list[Tensor]] = [[] for _ in perceptors]
        for path in paths[first : first + BATCH]:
            try:
                picture = images.open_rgb(path)
            except PictureError as error:
                skip(path, error)
                continue
            there.append(path)
            for perceptor, seen in zip(perceptors, squares, strict=True):
                seen.append(square(picture, perceptor))
        if there:
            pairs = zip(perceptors, squares, strict=True)
            yield there, [p.embed_image(torch.stack(seen)).cpu() for p, seen in pairs]


def read(texts: Sequence[str], perceptor: OpenClipPerceptor) -> Embedding:
    """Read texts, some at a time: [len(texts), D] float32 on the processor, rows of length 1."""
    parts = [list(texts[first : first + TEXTS]) for first in range(0, len(texts), TEXTS)]
    return torch.cat([perceptor.embed_text(part).cpu() for part in parts])


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
    rows = read(texts, perceptor).unflatten(0, (len(labels), len(templates)))
    return Classifier(functional.normalize(rows.mean(1), dim=-1), perceptor.sharpness)


def agreed(opinions: Sequence[Tensor]) -> Tensor:
    """What several perceptors make of the same pictures: [N, L] probabilities.

    The mean of their log-probabilities [N, L], made to sum to 1: a label has to please all.
    """
    return torch.stack(list(opinions)).mean(0).softmax(1)


@dataclass(frozen=True)
class Score:
    """How well words fit a picture.

    Args:
        cosine: -1 to 1.
        percentile: 0 to 100, how many of the other things fit it less well; None if the words
            name all of them.
    """

    cosine: float
    percentile: float | None


@dataclass(frozen=True)
class Scale:
    """Words, and what they are measured against, as one perceptor reads them; made by `scale`.

    Args:
        wanted: [1, D].
        others: [F, D]; F may be 0.
    """

    wanted: Embedding
    others: Embedding

    def weigh(self, seen: Embedding) -> list[Score]:
        """Score pictures by their embeddings [N, D]."""
        cosines = (seen @ self.wanted.T)[:, 0]
        among = len(self.others)
        beaten = (seen @ self.others.T < cosines[:, None]).sum(1)
        return [
            Score(cosine, 100 * count / among if among > 0 else None)
            for cosine, count in zip(cosines.tolist(), beaten.tolist(), strict=True)
        ]


def scale(text: str, perceptor: OpenClipPerceptor) -> Scale:
    """Read words, and the ordinary things that they do not name."""
    wanted = read([text], perceptor)
    things = distractors.distractors_for(text, distractors.HELD_OUT)
    return Scale(wanted, read(things, perceptor) if things else wanted[:0])
