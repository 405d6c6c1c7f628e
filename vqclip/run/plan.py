"""The plan of a run, made before any model is loaded.

What cannot be is refused here, while nobody has waited for anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.config import animation_checks, perceptor_spec, scheduled
from vqclip.config.checks import check_settings
from vqclip.config.defaults import resolve_auto
from vqclip.config.perceptor_spec import PerceptorSpec
from vqclip.config.schema import RunConfig
from vqclip.guidance import prompt_embedding, scenes
from vqclip.guidance.scenes import SceneTimeline
from vqclip.language import assets, prompt, prompts
from vqclip.language.assets import Direction
from vqclip.language.clock import Clock
from vqclip.language.prompt import Prompt
from vqclip.language.schedules import Curve
from vqclip.media import audio_features
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.run import frames, retake
from vqclip.run.frames import FramePlan
from vqclip.run.retake import Retake


@dataclass(frozen=True)
class RunPlan:
    """What a run wants, and when.

    Args:
        config: its settings, with nothing left open but the seed.
        folders: where what they name is looked for.
        wishes: its prompts, with the style around them.
        eyes: who is to look.
        weights: how much each of them counts at a step, by name.
        taught: the learnt words that the prompts name.
        directions: of vectors, by name.
        clock: which frame it is at a step.
        tale: which scene it is.
        tour: the frames of an animation; None for a still.
        stretch: of another run's frames, those that are drawn anew.
        begun: whether it goes on, and has its pictures from a checkpoint.
    """

    config: RunConfig
    folders: Sequence[Path]
    wishes: Sequence[Prompt]
    eyes: Sequence[PerceptorSpec]
    weights: Mapping[str, Curve]
    taught: Sequence[WordEmbedding]
    directions: Mapping[str, Direction]
    clock: Clock
    tale: SceneTimeline
    tour: FramePlan | None
    stretch: Retake | None
    begun: bool

    @property
    def names(self) -> list[str]:
        """Of those who look."""
        return [eye.name for eye in self.eyes]

    @property
    def fresh(self) -> bool:
        """Whether it begins with a picture of its own, and not with one that is there."""
        return not self.begun and (self.stretch is None or self.stretch.comes_from is None)

    @property
    def dreams(self) -> bool:
        """Whether that is a draft."""
        return self.fresh and self.config.init == "dream"

    @property
    def scenes_with_drafts(self) -> range:
        """The scenes that take up a draft of their own on the way."""
        config = self.config
        several = self.tour is not None and self.tale.scenes > 1 and config.motion.drafts > 0
        wanted = several and config.init == "dream" and not self.begun
        return range(self.tale.scenes if wanted else 0)


def make_plan(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
    begun: bool = False,
) -> RunPlan:
    """Understand settings, and refuse what cannot be.

    Args:
        say: is told what is heard in a sound.
        beside: the folder of what is made again or goes on; see `vqclip.language.assets`.
        begun: whether it goes on.

    Raises:
        VqclipError: if a prompt or a setting cannot be used.
    """
    config = check_settings(resolve_auto(config))  # one put together by hand is neither yet
    animation_checks.check_animation(config)
    where = assets.search_path(config.assets, beside)
    animation_checks.require_animation_files(config, where)
    config = frames.with_source_length(config, where)
    wishes = prompt_embedding.styled(
        prompts.parse_all(config.prompts, config.negative), config.style
    )
    watching = [perceptor_spec.parse_perceptor(entry) for entry in config.perceptors]
    perceptor_spec.check_readers(wishes, [eye.name for eye in watching])
    prompts.check_scenes(
        wishes, config.frames or config.steps, "frames" if config.frames else "steps"
    )
    stretch = retake.find_retake(config, where)
    tour = _tour(config, where, say)
    clock = scheduled.clock_of(config) if tour is None else tour.clock
    tale = scenes.scene_timeline(wishes, clock, config.fade, loop=config.loop)
    scheduled.curves(config, clock)  # refuses what cannot be at some frame, as do the next ones
    for wish in wishes:
        clock.within(wish.weight, f"the weight of {wish.body!r}", -math.inf)
    weights = {
        eye.name: clock.within(eye.weight, f"perceptors: the weight of {eye.name}", 0)
        for eye in watching
    }
    ways = [wish.body for wish in wishes if wish.kind == "vector"]
    directions = {name: assets.find_direction(name, where) for name in ways}
    taught = prompt_embedding.taught(wishes, config.style, where)
    found = RunPlan(
        *(config, where, wishes, watching, weights, taught, directions),
        *(clock, tale, tour, stretch, begun),
    )
    if found.dreams:
        prompt.draft_text(wishes)  # refuses a draft without words
    return found


def _tour(
    config: RunConfig, where: Sequence[Path], say: Callable[[str], None]
) -> FramePlan | None:
    """The frames of an animation, and what is heard meanwhile."""
    if not config.frames:
        return None
    heard = frames.analyse_sound(config, where)
    if heard is not None:
        say(audio_features.describe_audio(heard))
    return frames.plan_frames(config, heard.variables if heard else {})
