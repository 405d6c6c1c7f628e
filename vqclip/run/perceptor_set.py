"""The perceptors of a run: loading them, their learnt words, cutouts and random streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from vqclip.config import schedule_settings
from vqclip.config.checking.seeds import Seed, purpose_seed
from vqclip.config.perceptor_spec import PerceptorSpec
from vqclip.config.schema import RunConfig
from vqclip.guidance import prompt_embedding, regions
from vqclip.guidance.composition import thing_prompts
from vqclip.guidance.cutout_recipes import RECIPES
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.language.clock import Clock
from vqclip.language.prompt_types import Prompt
from vqclip.models import clip_text_tower, model_cache
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.repeats import REPEATS
from vqclip.run.preflight import Request
from vqclip.run.runner import REGION


def make_cutter(
    config: RunConfig,
    clock: Clock,
    there: dict[str, Cutter],
    seed: int,
    key: str,
    size: int,
    cutouts: int | None,
    share: Callable[[int], int] = int,
) -> Cutter:
    """Find or make the cutter of a name, from the settings.

    Args:
        there: those that were made, by name.
        seed: of its random stream.
        cutouts: how many, None for what `cutouts.count` says.
        share: how many it gets where there are so many.
    """
    if key in there:
        return there[key]
    recipe = RECIPES[config.cutouts.recipe]
    count = config.cutouts.count if cutouts is None else cutouts
    counts = noises = None
    if isinstance(count, str):
        curve = schedule_settings.setting_curve(config, "cutouts.count", clock)
        most = clock.timeline.value_range(
            schedule_settings.read_scheduled("cutouts.count", count)
        )[1]
        count, counts = round(most), lambda step: share(round(curve(step)))
    if isinstance(config.cutouts.noise, str):
        noises = schedule_settings.setting_curve(config, "cutouts.noise", clock)
    elif config.cutouts.noise is not None:
        recipe = replace(recipe, noise=config.cutouts.noise)
    # A region does not repeat, whatever the picture does.
    repeat = REPEATS["none" if REGION in key else config.tile]
    how: dict[str, Any] = {"counts": counts, "noises": noises, "repeat": repeat}
    there[key] = Cutter(size, count=share(count), recipe=recipe, seed=seed, **how)
    return there[key]


@dataclass(frozen=True)
class PerceptorSet:
    """The perceptors of a run, and what cuts squares for them.

    Args:
        request: what the run is to be.
        seed: of the run.
        perceptors: in the order of the settings.
        cutters: all that cut, by a name that a checkpoint can keep; those of regions join later.
    """

    request: Request
    seed: Seed
    perceptors: list[OpenClipPerceptor] = field(default_factory=list)
    cutters: dict[str, Cutter] = field(default_factory=dict)

    def add(self, spec: PerceptorSpec, perceptor: OpenClipPerceptor) -> None:
        """Take one in, with the cutter that it shares with others."""
        # Those of one size that see as many squares see the same ones.
        key = f"{perceptor.size}{'' if spec.cutouts is None else f' {spec.cutouts}'}"
        share = thing_prompts.share_whole if self.request.parts.in_all_scenes else int
        cutter = self._cutter(key, perceptor.size, spec.cutouts, share)
        self.perceptors.append(perceptor.with_cutter(cutter))

    def region_cutter(self, perceptor: OpenClipPerceptor, number: int) -> Cutter:
        """Find or make the cutter of a region's squares, which are fewer."""
        own = next(key for key, cutter in self.cutters.items() if cutter is perceptor.cutter)
        (seen,) = (
            spec.cutouts for spec in self.request.perceptors if spec.name == perceptor.name
        )
        things = self.request.parts.things

        def share(cutouts: int) -> int:
            if things:
                return thing_prompts.share_cutouts(cutouts, things)
            return regions.count_cutouts(cutouts)

        return self._cutter(f"{own}{REGION}{number}", perceptor.size, seen, share)

    def digests(self) -> dict[str, str]:
        """The sha256 of each one's weights, by what it is in the notes."""
        return {
            f"{each.name} clip": model_cache.digest_once(each.weights) for each in self.perceptors
        }

    def describe_tokens(self) -> Iterator[str]:
        """Say how many tokens each one reads of each text, and in how many parts."""
        for perceptor in self.perceptors:
            told = []
            for prompt in self.request.prompts:
                if prompt.has_words and (
                    not prompt.perceptors or perceptor.name in prompt.perceptors
                ):
                    told.append(_count_tokens(prompt, perceptor))
            if told:
                yield f"{perceptor.name} reads, in tokens: {', '.join(told)}"

    def _cutter(
        self, key: str, size: int, seen: int | None, share: Callable[[int], int] = int
    ) -> Cutter:
        stream = purpose_seed(self.seed, f"cutouts {key}")
        run = self.request
        return make_cutter(run.config, run.clock, self.cutters, stream, key, size, seen, share)


def _count_tokens(prompt: Prompt, perceptor: OpenClipPerceptor) -> str:
    """Say how many tokens a perceptor reads of a prompt: of a text, or of several of a label."""
    texts = [
        [part.tokens for part in prompt_embedding.split_text(text, perceptor)]
        for text in prompt_embedding.list_texts(prompt, perceptor)
    ]
    if len(texts) == 1:
        return f"{prompt.body[:40]!r} {' + '.join(map(str, texts[0]))}"
    counts = [sum(each) for each in texts]
    return f"label {prompt.body[:40]!r} {min(counts)} to {max(counts)} in {len(texts)} texts"


def load_perceptors(
    request: Request,
    words: Sequence[WordEmbedding],
    seed: Seed,
    device: torch.device,
    memory_policy: MemoryPolicy,
    say: Callable[[str], None] = lambda words: None,
) -> PerceptorSet:
    """Load the perceptors of a run.

    Args:
        words: the learnt ones that its prompts name.
        memory_policy: how much they are to hold at a time.
        say: is told which one is loaded, and then how each reads the prompts.

    Raises:
        VqclipError: if one cannot be loaded.
    """
    config, found = request.config, PerceptorSet(request, seed)
    for spec in request.perceptors:
        say(f"loading the perceptor {spec.name} …")
        perceptor = load_perceptor(
            spec.name,
            device=device,
            precision=config.precision,
            contrast=config.cutouts.contrast,
            memory_policy=memory_policy,
            words=words,
        )
        found.add(spec, perceptor)
    for line in found.describe_tokens():
        say(line)
    return found


def check_learnt_words(request: Request) -> list[str]:
    """Read the learnt words of a run, and list notes about perceptors that do not know them.

    The perceptors' weights are not read.

    Raises:
        ModelError: if a word cannot be read, or no perceptor knows it.
    """
    words = [word_embedding.read_word(path, name) for name, path in request.words.items()]
    found = {name: clip_text_tower.find_embedding_width(name) for name in request.names}
    widths = {name: width for name, width in found.items() if width is not None}
    return word_embedding.unknown_word_notes(words, widths) if len(widths) == len(found) else []
