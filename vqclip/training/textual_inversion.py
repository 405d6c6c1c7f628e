"""Textual inversion: learning a word from pictures.

Textual inversion (Gal et al., 2022, https://arxiv.org/abs/2208.01618) finds a word with which a
diffusion model draws the given pictures. Here no picture is drawn: as in works that learn words
for CLIP itself (PALAVRA: Cohen et al., 2022, https://arxiv.org/abs/2204.01694; Pic2Word: Saito et
al., 2023, https://arxiv.org/abs/2302.03084; SEARLE: Baldrati et al., 2023,
https://arxiv.org/abs/2303.15247), the embeddings of sentences with the word are pulled towards
those of the pictures.

With v the word's vectors, t_k the direction of the k-th template with v in its slot, x the
direction of a random square of a picture, x̄ that of the mean of squares, and f those of
distractors, the loss is

    mean_k [ 1 - t_k · x̄ ]
    + distinct · mean_k,x [ -log softmax(s · x · [t_k, f...])_1 ]
    + hold · |v - v0|² / |v0|²

- The first term pulls the sentences towards the pictures; it is the cosine loss of SEARLE.
- The second is CLIP's contrastive loss (`vqclip.guidance.distractors`): the word has to mean
  these pictures rather than a thing that has a name already. The words nearest to the pictures
  are no distractors: they name the thing, or nearly.
- The third keeps the vectors near those of the word that they start from, so that they still
  behave like a word in a sentence (PALAVRA's and SEARLE's regularisers, in their simplest form).

For a style, the content is named in the sentence: in "a fox in the style of <x>", "fox" is the
word nearest to the picture, so that <x> has to describe the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance import distractors
from vqclip.guidance.cutout_recipes import RECIPES
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.models import clip_text_tower, tokenizer
from vqclip.tensors import Embedding, Image
from vqclip.training.settings import InversionConfig

SLOT = "slot"  # the name under which the vectors stand in templates
OBJECTS = (
    "<slot>",
    "a <slot>",
    "the <slot>",
    "a drawing of <slot>",
    "a picture of a <slot>",
    "a photo of a <slot>",
    "a <slot> on a white background",
    "an illustration of a <slot>",
)
STYLES = (
    "{} in the style of <slot>",
    "a drawing of {} in the style of <slot>",
    "a <slot> {}",
    "{}, <slot>",
)
MANNERS = """
photograph, pencil sketch, watercolour, oil painting, woodcut, comic, pixel art, 3d render,
mosaic, stained glass, clay figure, engraving, graffiti, origami, embroidery, icon, line art,
emoji
"""
NEAREST = 5  # words that may name what the pictures show, and so are no distractors
SENTENCES = 8  # embedded in a step
SQUARES = 16  # that each sentence is compared with
AT_ONCE = 64  # squares, or texts, that are embedded together


@dataclass(frozen=True, eq=False)
class InversionData:
    """What a word is learnt from, embedded by one perceptor.

    Args:
        image_embeddings: [P, N, D], embeddings of N squares of each picture: the whole, then
        random ones. sentences: T texts, with `<slot>` in place of the word.
        about: [T, P], whether a sentence is about a picture.
        foils: [T, F, D], the distractors of each sentence.
        begin: the ordinary word that is nearest to the pictures.
    """

    image_embeddings: Embedding
    sentences: tuple[str, ...]
    about: Tensor
    foils: Tensor
    begin: str


@dataclass(frozen=True, eq=False)
class WordProgress:
    """The progress of a word after a step.

    Args:
        step: how many steps are done.
        loss: of the step.
        vectors: [V, W], on the processor, without a gradient.
        fit: the mean cosine between its sentences and the means of their pictures.
    """

    step: int
    loss: float
    vectors: Tensor
    fit: float


def ordinary_words() -> list[str]:
    """List the ordinary words that a learnt word is compared with."""
    return distractors.distractors_for("") + distractors.distractors_for("", distractors.HELD_OUT)


def ordinary_styles() -> list[str]:
    """List the ordinary styles that a learnt style is compared with."""
    return " ".join(MANNERS.split()).split(", ")


@torch.no_grad()
def prepare_lesson(
    perceptor: OpenClipPerceptor, pictures: Sequence[Image], settings: InversionConfig, seed: int
) -> InversionData:
    """Embed the pictures, whole and in random squares, and choose the sentences.

    Args:
        pictures: [1, 3, H, W] each, in [0, 1], of any sizes.
        seed: of the cutter's random stream.
    """
    image_embeddings = _look(perceptor, pictures, settings.views, seed)
    words = ordinary_words()
    read = _read(perceptor, words)
    mean = image_embeddings.mean(1)
    order = (mean.mean(0) @ read.T).argsort(descending=True).tolist()
    begin = words[order[0]]
    if settings.kind != "style":
        about = torch.ones(len(OBJECTS), len(pictures), dtype=torch.bool)
        away = read[order[NEAREST:]].expand(len(OBJECTS), -1, -1)
        return InversionData(image_embeddings, OBJECTS, about, away, begin)
    things = [words[i] for i in (mean @ read.T).argmax(1).tolist()]
    distinct = list(dict.fromkeys(things))
    pairs = [(thing, form) for thing in distinct for form in STYLES]
    other = {
        thing: _read(perceptor, [f"{thing}, {manner}" for manner in ordinary_styles()])
        for thing in distinct
    }
    nearest = torch.stack(list(other.values())).mean(0) @ mean.mean(0)
    return InversionData(
        image_embeddings,
        tuple(form.format(thing) for thing, form in pairs),
        torch.tensor([[thing == each for each in things] for thing, _ in pairs]),
        torch.stack([other[thing] for thing, _ in pairs]),
        ordinary_styles()[int(nearest.argmax())],
    )


def initial_vectors(perceptor: OpenClipPerceptor, word: str, count: int) -> Tensor:
    """The vectors that learning starts from: a word's tokens, repeated or cut: [count, W].

    Raises:
        ConfigError: if the word has no tokens.
    """
    numbers = tokenizer.bare_tokens(perceptor.tokenizer, word)
    if not numbers:
        raise ConfigError(f"init={word!r} holds no word to begin with; write one, such as cat")
    row = torch.tensor((numbers * count)[:count], device=perceptor.mean.device)
    with torch.no_grad():
        return clip_text_tower.embed_tokens(perceptor.model, row).float()


def learn_word(
    perceptor: OpenClipPerceptor,
    lesson: InversionData,
    settings: InversionConfig,
    generator: torch.Generator,
) -> Iterator[WordProgress]:
    """Learn a word's vectors, one step at a time; nothing is written.

    Args:
        generator: on the processor; equal states give equal words there.

    Yields:
        The progress after each step.

    Raises:
        ConfigError: if the word to start from has no tokens.
    """
    begun = initial_vectors(perceptor, settings.init or lesson.begin, settings.vectors)
    vectors = begun.clone().requires_grad_()
    rate = settings.rate * float(begun.square().mean().sqrt())
    optimiser = torch.optim.Adam([vectors], lr=rate)
    views = lesson.image_embeddings.shape[1]
    weights = lesson.about.float()
    targets = F.normalize(
        weights.to(lesson.image_embeddings) @ lesson.image_embeddings.mean(1), dim=1
    )
    for step in range(settings.steps):
        optimiser.param_groups[0]["lr"] = rate * min(1.0, 2 * (1 - step / settings.steps))
        many = min(SENTENCES, len(lesson.sentences))
        chosen = torch.randperm(len(lesson.sentences), generator=generator)[:many]
        which = torch.multinomial(weights[chosen], SQUARES, True, generator=generator)
        square = torch.randint(views, which.shape, generator=generator)
        seen = lesson.image_embeddings[which, square]  # [T, S, D]
        read = _sentences(perceptor, [lesson.sentences[i] for i in chosen.tolist()], vectors)
        own = (seen * read[:, None]).sum(2, keepdim=True)
        others = seen @ lesson.foils[chosen].transpose(1, 2)
        told = (
            (distractors.INVERSE_TEMPERATURE * torch.cat([own, others], 2))
            .log_softmax(2)[..., 0]
            .mean()
        )
        fit = (read * targets[chosen]).sum(1).mean()
        moved = (vectors - begun).square().sum() / begun.square().sum()
        loss = (1 - fit) - settings.distinct * told + settings.hold * moved
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        now = vectors.detach().float().cpu().clone()
        yield WordProgress(step + 1, float(loss.detach()), now, float(fit.detach()))


@torch.no_grad()
def nearest_words(
    perceptor: OpenClipPerceptor, vectors: Tensor, kind: str = "object", many: int = 3
) -> list[str]:
    """List the ordinary words that are nearest to a learnt one, the nearest first."""
    words = ordinary_styles() if kind == "style" else ordinary_words()
    own = _sentences(perceptor, ["<slot>"], vectors.to(perceptor.mean.device))
    order = (_read(perceptor, words) @ own[0]).topk(many).indices
    return [words[i] for i in order.tolist()]


def _look(
    perceptor: OpenClipPerceptor, pictures: Sequence[Image], views: int, seed: int
) -> Embedding:
    """Embed whole pictures and random squares of them: [P, views, D]."""
    cutter = Cutter(perceptor.size, count=max(views - 1, 1), recipe=RECIPES["vqclip"], seed=seed)
    seen = []
    for picture in pictures:
        picture = picture.to(perceptor.mean.device)
        image_embeddings = [
            F.interpolate(picture, [perceptor.size] * 2, mode="bilinear", antialias=True)
        ]
        if views > 1:
            image_embeddings += cutter(picture).pixels.split(AT_ONCE)
        seen.append(torch.cat([perceptor.embed_image(each) for each in image_embeddings]))
    return torch.stack(seen)


def _read(perceptor: OpenClipPerceptor, texts: list[str]) -> Embedding:
    """Embed texts in batches: [N, D]."""
    starts = range(0, len(texts), AT_ONCE)
    return torch.cat([perceptor.embed_text(texts[at : at + AT_ONCE]) for at in starts])


def _sentences(
    perceptor: OpenClipPerceptor, sentences: Sequence[str], vectors: Tensor
) -> Embedding:
    """Embed sentences with the vectors in their slot, differentiably in these: [N, D]."""
    taught = perceptor.with_words({SLOT: vectors})
    rows = [taught.tokenise([(sentence, 1.0)]) for sentence in sentences]
    tokens = torch.stack([row.tokens for row in rows]).to(vectors.device)
    inserted = tokenizer.batch_insertions(rows)
    read = clip_text_tower.encode_text(perceptor.model, tokens, inserted=inserted)
    return F.normalize(read.float(), dim=-1)
