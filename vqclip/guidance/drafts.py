"""Drafts: quick pictures of a prompt by the prior, ranked by CLIP.

The starter prior writes codes from words (`vqclip.models.prior`), the starter VQGAN draws them,
and the starter CLIPs put them in order, best first. A run with `init=dream` starts from the best
and refines it; its own VQGAN and perceptors may be others, since a draft is a picture.

A class-conditional transformer (`vqclip.models.net2net`) may take the prior's place. It brings
its own VQGAN, and reads no words: they choose one of ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.schema import DreamSettings
from vqclip.errors import ConfigError, ModelError
from vqclip.guidance import distractors
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.models import clip, net2net, vqgan
from vqclip.models import prior as models_prior
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import registry
from vqclip.models.zoo.word_embedding import WordEmbedding, fitting_width
from vqclip.tensors import Image

AT_ONCE = 32  # drafts written together
CLASSES_AT_ONCE = 8  # the published transformer remembers 150 MB for each
CLASSES_TOP_K = 600  # taming's own samples are drawn among so many codes
READ_AT_ONCE = 100  # names of classes
CLASSES = 1000  # of ImageNet


@dataclass(frozen=True)
class Draft:
    """A draft [1, 3, S, S] in [0, 1], and how surely it shows the words, in [0, 1].

    The latter is the geometric mean of what the judges say.
    """

    image: Image
    score: float


@dataclass(frozen=True)
class Choice:
    """The class that a text was taken for. `named`: it stands in the text; else it is nearest."""

    number: int
    name: str
    named: bool


@dataclass(frozen=True)
class DraftModel:
    """What writes drafts, what draws them, and who ranks them; the first judge also reads."""

    prior: models_prior.Prior
    drawer: vqgan.VQGAN
    judges: tuple[OpenClipPerceptor, ...]

    def choose(self, text: str) -> Choice | None:
        """Take no class: this one reads words."""
        return None

    @torch.no_grad()
    def dream(
        self, text: str, settings: DreamSettings, generator: torch.Generator
    ) -> list[Draft]:
        """Draw `settings.count` drafts of a text, best first.

        Args:
            generator: on the processor; equal states give equal drafts there.

        Raises:
            ConfigError: if the settings want what another dreamer writes.
        """
        if settings.prior != "starter":
            raise ConfigError(
                f"dream.prior={settings.prior} is for 'vqclip dream', whose drafts a run can "
                "start from (--init draft-01.png); init=dream takes dream.prior=starter"
            )
        prefix = self.prior.prefix(self.judges[0].read_tokens([text]))

        def write(many: int) -> Tensor:
            return self.prior.dream(
                prefix.expand(many, -1, -1),
                generator=generator,
                temperature=settings.temperature,
                top_p=settings.top_p,
                guidance=settings.guidance,
            )

        return _ranked(write, text, settings.count, AT_ONCE, self.drawer, self.judges)


@dataclass(frozen=True)
class ClassDraftModel:
    """The same with a transformer that knows classes instead of words.

    Args:
        names: of each class, with its synonyms.
    """

    model: net2net.Net2Net
    judges: tuple[OpenClipPerceptor, ...]
    names: tuple[tuple[str, ...], ...]

    @torch.no_grad()
    def choose(self, text: str) -> Choice:
        """Take the class that the text names, or else the one whose name is nearest.

        Of the classes without their name in the text, only the first name is read; the
        others are often Latin, which it does not know.
        """
        found = net2net.named(text, self.names)
        if found is not None:
            return Choice(*found, named=True)
        first = [synonyms[0] for synonyms in self.names]
        read = [
            self.judges[0].embed_text(first[start : start + READ_AT_ONCE])
            for start in range(0, len(first), READ_AT_ONCE)
        ]
        nearest = int((torch.cat(read) @ self.judges[0].embed_text([text])[0]).argmax())
        return Choice(nearest, first[nearest], named=False)

    @torch.no_grad()
    def dream(
        self, text: str, settings: DreamSettings, generator: torch.Generator
    ) -> list[Draft]:
        """Draw `settings.count` drafts of a text's class, best first for the whole text.

        Args:
            settings: without `guidance`, since the transformer never learnt to do without class.
            generator: on the processor; equal states give equal drafts there.
        """
        label = self.choose(text).number

        def write(many: int) -> Tensor:
            return self.model.write(
                label,
                many,
                generator=generator,
                temperature=settings.temperature,
                top_k=CLASSES_TOP_K,
                top_p=settings.top_p,
            )

        drawer = self.model.first_stage
        return _ranked(write, text, settings.count, CLASSES_AT_ONCE, drawer, self.judges)


def load_draft_model(
    device: torch.device | str = "cpu",
    prior: str = "starter",
    loaded: Sequence[OpenClipPerceptor] = (),
) -> DraftModel | ClassDraftModel:
    """Load the starter models, or the starter CLIPs and a class-conditional model of the zoo.

    Args:
        loaded: perceptors on that device; those that are to judge are not loaded again.

    Raises:
        ModelError: if a model is not here, cannot be loaded, or does not know ImageNet's classes.
    """
    found = registry.find_vqgan(prior)
    there = {each.weights: each for each in loaded if each.dtype == torch.float32}
    judges = []
    for folder in registry.starter_clips().values():
        if any(folder.glob("*.safetensors")):
            ready = there.get(clip.weights_in(folder))
            judges.append(_plain(ready) if ready else load_perceptor(str(folder), device=device))
    if prior == "starter":
        return DraftModel(
            prior=models_prior.load_prior(registry.starter_prior(), device=device),
            drawer=vqgan.open_vqgan(found.config, found.weights, device=device),
            judges=tuple(judges),
        )
    model = net2net.load_net2net(found.config, found.weights, device=device)
    if model.classes != CLASSES:
        raise ModelError(
            f"{prior!r} knows {model.classes} classes, whose names vqclip cannot tell; "
            f"dream.prior takes models of ImageNet's {CLASSES}"
        )
    return ClassDraftModel(model, tuple(judges), net2net.class_names())


def _plain(perceptor: OpenClipPerceptor) -> OpenClipPerceptor:
    """The same model as `perceptors.load` gives it when nothing else is said."""
    own = Cutter(perceptor.size)
    return replace(perceptor, cut=own, contrast="absolute", thrift=MemoryPolicy(), words={})


def with_words(
    dreamer: DraftModel | ClassDraftModel, words: Sequence[WordEmbedding]
) -> DraftModel | ClassDraftModel:
    """The same dreamer, whose judges know learnt words as far as their text towers fit."""
    judges = [j.with_words(fitting_width(words, j.width)) for j in dreamer.judges]
    return replace(dreamer, judges=tuple(judges))


def _ranked(
    write: Callable[[int], Tensor],
    text: str,
    count: int,
    at_once: int,
    drawer: vqgan.VQGAN,
    judges: Sequence[OpenClipPerceptor],
) -> list[Draft]:
    """Write codes [N, h, w] some at a time, draw them, and put the drafts in order."""
    things = distractors.distractors_for(text)
    words = [(judge.embed_text([text]), judge.embed_text(things)) for judge in judges]
    drafts: list[Draft] = []
    while len(drafts) < count:
        codes = write(min(at_once, count - len(drafts)))
        images = torch.cat([drawer.decode(drawer.lookup(each)) for each in codes])
        told = [
            distractors.log_certainty(judge.embed_image(images), wanted, away)
            for judge, (wanted, away) in zip(judges, words, strict=True)
        ]
        scores = torch.stack(told).mean(0).exp().tolist()
        drafts += [Draft(i[None], s) for i, s in zip(images, scores, strict=True)]
    return sorted(drafts, key=lambda draft: -draft.score)


def pad_to(draft: Image, width: int, height: int) -> Image:
    """Enlarge a draft to the shorter side of a picture, in its middle; its border goes on."""
    side = min(width, height)
    square = functional.interpolate(
        draft, [side, side], mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)
    left, top = (width - side) // 2, (height - side) // 2
    margins = [left, width - side - left, top, height - side - top]
    return functional.pad(square, margins, mode="replicate")
