"""Drafts: quick pictures of a prompt by the prior, ranked by CLIP.

The starter prior samples codes for a text (`vqclip.models.prior`), the starter VQGAN decodes
them, and the starter CLIPs rank the pictures, best first. A run with `init=dream` starts from the
best one and refines it; since a draft is a picture, the run may use another VQGAN and other
perceptors.

A class-conditional transformer (`vqclip.models.net2net`) may take the prior's place. It brings
its own VQGAN, and it reads no text: the text chooses one of ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.schema import DreamSettings
from vqclip.errors import ConfigError, ModelError
from vqclip.guidance import distractors
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.models import clip, model_cache, net2net, vqgan
from vqclip.models import prior as models_prior
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import model_files
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.tensors import Image, Latent, Noise, NoiseWalk, slerp_latents

AT_ONCE = 32  # drafts sampled together
CLASSES_AT_ONCE = 8  # the published transformer caches 150 MB for each
CLASSES_TOP_K = 600  # taming's own samples are drawn from the so many likeliest codes
READ_AT_ONCE = 100  # names of classes embedded together
CLASSES = 1000  # of ImageNet

Change = Callable[[Image], Image]  # pictures [N, 3, S, S] in [0, 1] → as many others


@dataclass(frozen=True)
class Draft:
    """A quick picture of a prompt, with its score.

    Args:
        image: [1, 3, S, S] in [0, 1].
        score: the geometric mean over the judges of the probability that it shows the text
            rather than a distractor, in [0, 1].
        latent: of its codes, [1, C, h, w]; the picture may have been changed since.
    """

    image: Image
    score: float
    latent: Latent


@dataclass(frozen=True)
class Choice:
    """The ImageNet class that is drawn for a text.

    Args:
        number: of the class, from 0.
        name: its first name.
        named: whether the text names it; if not, its name is the nearest one for the judge.
    """

    number: int
    name: str
    named: bool


@dataclass(frozen=True)
class DraftModel:
    """The models that make drafts of a text: a prior, a VQGAN, and CLIPs that rank.

    Args:
        prior: samples codes.
        drawer: decodes them.
        perceptors: rank the drafts; the first one also reads the text for the prior.
    """

    prior: models_prior.Prior
    drawer: vqgan.VQGAN
    perceptors: tuple[OpenClipPerceptor, ...]

    def choose(self, text: str) -> Choice | None:
        """Return None: this model reads the text itself, and needs no class."""
        return None

    @torch.no_grad()
    def draw_drafts(
        self,
        text: str,
        settings: DreamSettings,
        generator: Noise,
        caption: str = "",
        change: Change | None = None,
    ) -> list[Draft]:
        """Draw `settings.count` drafts of a text, best first.

        Args:
            caption: what the prior reads in the text's place; the text ranks. Empty: the text.
            change: what is done to the pictures before they are ranked.
            generator: on the processor; equal states give equal drafts there. Between two seeds,
                see `_between`.

        Raises:
            ConfigError: if `settings.prior` is not "starter".
        """
        if settings.prior != "starter":
            raise ConfigError(
                f"dream.prior={settings.prior} works with 'vqclip dream' only, whose drafts a "
                "run can start from (--init draft-01.png); init=dream needs dream.prior=starter"
            )
        if isinstance(generator, NoiseWalk):
            draw = partial(self.draw_drafts, text, settings, caption=caption, change=change)
            return _between(generator, draw, self.drawer, change)
        prefix = self.prior.prefix(self.perceptors[0].read_tokens([caption or text]))

        def write(many: int) -> Tensor:
            return self.prior.sample(
                prefix.expand(many, -1, -1),
                generator=generator,
                temperature=settings.temperature,
                top_p=settings.top_p,
                guidance=settings.guidance,
            )

        return _ranked(write, text, settings.count, AT_ONCE, self.drawer, self.perceptors, change)


@dataclass(frozen=True)
class ClassDraftModel:
    """The models that make drafts of an ImageNet class: a transformer, its VQGAN, and CLIPs.

    Args:
        model: the class-conditional transformer, with its VQGAN.
        perceptors: rank the drafts; the first one also finds the nearest class.
        names: the names of each class, its synonyms included.
    """

    model: net2net.Net2Net
    perceptors: tuple[OpenClipPerceptor, ...]
    names: tuple[tuple[str, ...], ...]

    @torch.no_grad()
    def choose(self, text: str) -> Choice:
        """Choose the class that the text names, or else the one whose name is nearest.

        Nearest is by the first judge's embeddings of first names; the other names are often
        Latin, which it does not know.
        """
        found = net2net.find_class(text, self.names)
        if found is not None:
            return Choice(*found, named=True)
        first = [synonyms[0] for synonyms in self.names]
        read = [
            self.perceptors[0].embed_text(first[start : start + READ_AT_ONCE])
            for start in range(0, len(first), READ_AT_ONCE)
        ]
        nearest = int((torch.cat(read) @ self.perceptors[0].embed_text([text])[0]).argmax())
        return Choice(nearest, first[nearest], named=False)

    @torch.no_grad()
    def draw_drafts(
        self,
        text: str,
        settings: DreamSettings,
        generator: Noise,
        caption: str = "",
        change: Change | None = None,
    ) -> list[Draft]:
        """Draw `settings.count` drafts of a text's class, ranked by the whole text, best first.

        Args:
            caption, change: ignored, since the text itself chooses the class.
            settings: `guidance` is ignored, since the transformer never learnt to draw without a
                class.
            generator: on the processor; equal states give equal drafts there.
        """
        drawer = self.model.first_stage
        if isinstance(generator, NoiseWalk):
            return _between(generator, partial(self.draw_drafts, text, settings), drawer)
        label = self.choose(text).number

        def write(many: int) -> Tensor:
            return self.model.sample(
                label,
                many,
                generator=generator,
                temperature=settings.temperature,
                top_k=CLASSES_TOP_K,
                top_p=settings.top_p,
            )

        return _ranked(write, text, settings.count, CLASSES_AT_ONCE, drawer, self.perceptors)


def load_draft_model(
    device: torch.device | str = "cpu",
    prior: str = "starter",
    loaded: Sequence[OpenClipPerceptor] = (),
) -> DraftModel | ClassDraftModel:
    """Load the starter models, or the starter CLIPs with a class-conditional model of the zoo.

    Args:
        prior: "starter", or the zoo's name of a class-conditional model.
        loaded: perceptors on that device; a starter CLIP among them is not loaded again.

    Raises:
        ModelError: if a model is absent, cannot be loaded, or has other classes than ImageNet's.
    """
    found = model_files.find_vqgan(prior)
    there = {each.weights: each for each in loaded if each.dtype == torch.float32}
    perceptors = []
    for name, folder in model_files.starter_clips().items():
        if any(folder.glob("*.safetensors")):
            ready = there.get(clip.find_weights(folder))
            perceptors.append(
                _with_defaults(ready) if ready else load_perceptor(name, device=device)
            )
    if prior == "starter":
        return DraftModel(
            prior=_load_prior(device),
            drawer=vqgan.load_vqgan(prior, device)[0],
            perceptors=tuple(perceptors),
        )
    model = net2net.load_net2net(found.config, found.weights, device=device)
    if model.classes != CLASSES:
        raise ModelError(
            f"{prior!r} has {model.classes} classes, whose names vqclip does not know; "
            f"dream.prior needs a model of ImageNet's {CLASSES} classes"
        )
    return ClassDraftModel(model, tuple(perceptors), net2net.class_names())


def _load_prior(device: torch.device | str) -> models_prior.Prior:
    folder = model_files.starter_prior()
    model = model_cache.load_once(
        ("prior", str(device)),
        [folder / "prior.yaml", folder / "prior.safetensors"],
        lambda: models_prior.load_prior(folder, device=device),
    )
    return model_cache.share_weights(model)


def _with_defaults(perceptor: OpenClipPerceptor) -> OpenClipPerceptor:
    """The same perceptor with the defaults of `load_perceptor`."""
    own = Cutter(perceptor.size)
    return replace(
        perceptor, cutter=own, contrast="absolute", memory_policy=MemoryPolicy(), words={}
    )


def teach_words(
    dreamer: DraftModel | ClassDraftModel, words: Sequence[WordEmbedding]
) -> DraftModel | ClassDraftModel:
    """Return the draft model with learnt words added to the judges whose text towers they fit."""
    perceptors = tuple(perceptor.with_fitting_words(words) for perceptor in dreamer.perceptors)
    return replace(dreamer, perceptors=perceptors)


def _ranked(
    write: Callable[[int], Tensor],
    text: str,
    count: int,
    batch: int,
    drawer: vqgan.VQGAN,
    perceptors: Sequence[OpenClipPerceptor],
    change: Change | None = None,
) -> list[Draft]:
    """Sample codes [N, h, w] in batches, decode and change them, and rank the drafts."""
    things = distractors.distractors_for(text)
    words = [
        (perceptor.embed_text([text]), perceptor.embed_text(things)) for perceptor in perceptors
    ]
    drafts: list[Draft] = []
    while len(drafts) < count:
        codes = write(min(batch, count - len(drafts)))
        latents = [drawer.lookup(each) for each in codes]
        images = torch.cat([drawer.decode(each) for each in latents])
        if change is not None:
            images = change(images)
        certainties = [
            distractors.log_certainty(perceptor.embed_image(images), wanted, distractor_rows)
            for perceptor, (wanted, distractor_rows) in zip(perceptors, words, strict=True)
        ]
        scores = torch.stack(certainties).mean(0).exp().tolist()
        found = zip(images, scores, latents, strict=True)
        drafts += [Draft(image[None], score, latent) for image, score, latent in found]
    return sorted(drafts, key=lambda draft: -draft.score)


def _between(
    walk: NoiseWalk,
    draw: Callable[[torch.Generator], list[Draft]],
    drawer: vqgan.VQGAN,
    change: Change | None = None,
) -> list[Draft]:
    """Drafts between those of two seeds: the best of both, then the second best, and so on.

    Their latents are blended (slerp), and not the noise that codes are sampled by: a transformer
    that writes one code otherwise writes all that follow otherwise, so that the smallest step
    would give another draft (at a share of .05, a fifth of the codes stayed).
    """
    found = []
    for one, other in zip(draw(walk.first), draw(walk.second), strict=True):
        latent = drawer.quantise(slerp_latents(one.latent, other.latent, walk.share))
        score = (1 - walk.share) * one.score + walk.share * other.score
        image = drawer.decode(latent)
        found.append(Draft(image if change is None else change(image), score, latent))
    return found


def pad_draft(draft: Image, width: int, height: int) -> Image:
    """Enlarge a square draft to a picture's shorter side, and repeat its edges at both ends.

    Args:
        draft: [1, 3, S, S] in [0, 1].
        width, height: of the picture, in pixels.

    Returns:
        [1, 3, height, width] in [0, 1], the draft in the middle.
    """
    side = min(width, height)
    square = functional.interpolate(
        draft, [side, side], mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)
    left, top = (width - side) // 2, (height - side) // 2
    margins = [left, width - side - left, top, height - side - top]
    return functional.pad(square, margins, mode="replicate")
