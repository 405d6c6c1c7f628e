"""Zero-shot classification and scoring of finished pictures.

Each picture is embedded once, whole, with open_clip's own preprocessing for evaluation: resized
by its shorter side, and the middle kept.

To classify, a label is put into several templates, such as "a drawing of {}", and the mean of
their embeddings is its direction. The picture's cosines with all labels' directions, times the
sharpness that the model learnt, go through a softmax. CLIP: Radford et al., 2021, section 3.1,
https://arxiv.org/abs/2103.00020; the same as open_clip's `build_zero_shot_classifier` and logits.

To score, a text is compared with ordinary things (`vqclip.guidance.distractors.HELD_OUT`, without
those that it names), since a cosine says little by itself: each model has a range of its own.

The score that a run optimises is no measure of its picture: a model that is optimised against can
be fooled (Goodhart's law; Santurkar et al., 2019, https://arxiv.org/abs/1906.09453). So another
CLIP, of another architecture, judges the finished picture: how well it fits its prompt, and how
many ordinary things fit it better.
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
from vqclip.models.zoo import model_files
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.tensors import Embedding, Image

JUDGE = model_files.JUDGE
PICTURES_AT_ONCE = 32  # embedded together
TEXTS_AT_ONCE = 256  # embedded together
LONGEST = 8  # of a picture; if the longer side is more shorter sides, its middle is cut out
TEMPLATES = (
    "{}",
    "{} on a white background",
    "{} on a plain background",
    "a picture of {}",
    "a drawing of {}",
    "a photo of {}",
)

Skip = Callable[[Path, PictureError], None]  # called with a picture that cannot be read, and why


@dataclass(frozen=True)
class Verdict:
    """The judge's verdict: how well a picture fits its prompt.

    Args:
        judge: the name of the perceptor that judged.
        score: the cosine between picture and prompt, -1 to 1.
        better: how many of the other things fit the picture better.
        among: how many other things there are.
    """

    judge: str
    score: float
    better: int
    among: int

    def describe(self) -> str:
        """Say the verdict in one line."""
        count = {0: "none fits", 1: "one fits"}.get(self.better, f"{self.better} fit")
        return (
            f"{self.judge}, which this run did not optimise, gives the picture "
            f"{self.score:.2f}; of {self.among} other things, {count} it better"
        )


def judge_available(perceptors: Sequence[str]) -> bool:
    """Whether the judge is installed, and is none of a run's perceptors."""
    return model_files.has_judge(perceptors)


@torch.no_grad()
def judge_picture(
    image: Image,
    text: str,
    perceptor: OpenClipPerceptor | None = None,
    words: Sequence[WordEmbedding] = (),
) -> Verdict:
    """Judge a finished picture by its prompt.

    Args:
        image: [1, 3, H, W] in [0, 1].
        text: the prompt.
        perceptor: the judge; None is the bundled second CLIP, on the processor.
        words: the learnt words in the text, written `<name>`.

    Raises:
        ModelError: if the judge cannot be loaded.
    """
    if perceptor is None:
        perceptor = load_perceptor(JUDGE)
    perceptor = perceptor.with_fitting_words(words)
    seen = perceptor.embed_image(image.to(perceptor.mean.device))[0]
    wanted = float(perceptor.embed_text([text])[0] @ seen)
    things = distractors.distractors_for(text, distractors.HELD_OUT)
    better = int((perceptor.embed_text(things) @ seen > wanted).sum())
    return Verdict(JUDGE, round(wanted, 4), better, len(things))


def preprocess(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Tensor:
    """Resize and crop an RGB picture to the perceptor's input: [3, S, S] in [0, 1].

    Resized by Pillow, as open_clip does; torch's result differs a little.
    """
    from torchvision.transforms import InterpolationMode, functional

    side = perceptor.size
    if perceptor.squash:
        to = [side, side]
    else:
        to = [side]
        most = LONGEST * min(picture.size)
        if max(picture.size) > most:  # what lies beyond is cropped later, but would take memory
            width, height = picture.size
            picture = functional.center_crop(picture, [min(height, most), min(width, most)])
    way = InterpolationMode(perceptor.interpolation)
    resized = functional.center_crop(functional.resize(picture, to, way), [side, side])
    pixels: Tensor = functional.to_tensor(resized)
    return pixels


def embed_picture(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed one RGB picture: [1, D] float32 on the processor, of length 1."""
    return perceptor.embed_image(preprocess(picture, perceptor)[None]).cpu()


def embed_files(
    paths: Sequence[Path], perceptors: Sequence[OpenClipPerceptor], skip: Skip
) -> Iterator[tuple[list[Path], list[Embedding]]]:
    """Embed picture files by several perceptors, in batches; each file is read once.

    Args:
        skip: called with each picture that cannot be read.

    Yields:
        The paths of a batch that could be read, and for each perceptor their embeddings [N, D],
        float32 on the processor, rows of length 1.
    """
    for first in range(0, len(paths), PICTURES_AT_ONCE):
        there: list[Path] = []
        cutouts: list[list[Tensor]] = [[] for _ in perceptors]
        for path in paths[first : first + PICTURES_AT_ONCE]:
            try:
                picture = images.open_rgb(path)
            except PictureError as error:
                skip(path, error)
                continue
            there.append(path)
            for perceptor, seen in zip(perceptors, cutouts, strict=True):
                seen.append(preprocess(picture, perceptor))
        if there:
            pairs = zip(perceptors, cutouts, strict=True)
            yield there, [p.embed_image(torch.stack(seen)).cpu() for p, seen in pairs]


def embed_texts(texts: Sequence[str], perceptor: OpenClipPerceptor) -> Embedding:
    """Embed texts in batches: [len(texts), D] float32 on the processor, rows of length 1."""
    parts = [
        list(texts[first : first + TEXTS_AT_ONCE])
        for first in range(0, len(texts), TEXTS_AT_ONCE)
    ]
    return torch.cat([perceptor.embed_text(part).cpu() for part in parts])


@dataclass(frozen=True)
class Classifier:
    """A zero-shot classifier by one perceptor; made by `build_classifier`.

    Args:
        directions: [L, D], one for each label, rows of length 1.
        inverse_temperature: the inverse temperature, by which cosines are multiplied.
    """

    directions: Embedding
    inverse_temperature: float

    def classify(self, seen: Embedding) -> Tensor:
        """Compute the labels' log-probabilities [N, L] for pictures' embeddings [N, D].

        A model that was trained with a sigmoid (SigLIP) adds the same bias to all labels, which
        does not change a softmax.
        """
        return (self.inverse_temperature * seen @ self.directions.T).log_softmax(1)


def build_classifier(
    perceptor: OpenClipPerceptor,
    labels: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> Classifier:
    """Build a classifier of labels, each the mean of its templates' embeddings.

    Args:
        templates: each holds `{}`, where the label goes.

    Raises:
        ValueError: if there are no labels or no templates.
    """
    if not labels or not templates:
        raise ValueError("a classifier wants labels and templates")
    texts = [template.replace("{}", label) for label in labels for template in templates]
    rows = embed_texts(texts, perceptor).unflatten(0, (len(labels), len(templates)))
    return Classifier(functional.normalize(rows.mean(1), dim=-1), perceptor.inverse_temperature)


def combine_predictions(opinions: Sequence[Tensor]) -> Tensor:
    """Combine several perceptors' log-probabilities [N, L] into probabilities [N, L].

    Their geometric mean, made to sum to 1: a label has to be likely for all of them.
    """
    return torch.stack(list(opinions)).mean(0).softmax(1)


@dataclass(frozen=True)
class Score:
    """How well a text fits a picture.

    Args:
        cosine: -1 to 1.
        percentile: 0 to 100, the share of other things that fit the picture less well; None if
            the text names all of them.
    """

    cosine: float
    percentile: float | None


@dataclass(frozen=True)
class Scorer:
    """A scorer of pictures for one text, by one perceptor; made by `build_scorer`.

    Args:
        wanted: [1, D], the embedding of the text.
        others: [F, D], those of the things that it is compared with; F may be 0.
    """

    wanted: Embedding
    others: Embedding

    def score(self, seen: Embedding) -> list[Score]:
        """Score pictures, given by their embeddings [N, D]: N scores."""
        cosines = (seen @ self.wanted.T)[:, 0]
        among = len(self.others)
        beaten = (seen @ self.others.T < cosines[:, None]).sum(1)
        return [
            Score(cosine, 100 * count / among if among > 0 else None)
            for cosine, count in zip(cosines.tolist(), beaten.tolist(), strict=True)
        ]


def build_scorer(text: str, perceptor: OpenClipPerceptor) -> Scorer:
    """Build a scorer: embed a text, and the ordinary things that it does not name."""
    wanted = embed_texts([text], perceptor)
    things = distractors.distractors_for(text, distractors.HELD_OUT)
    return Scorer(wanted, embed_texts(things, perceptor) if things else wanted[:0])
