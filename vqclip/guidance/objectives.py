"""The objectives of a run: from prompts and weights to a list of losses.

Every objective has a name of its own, under which the log records its loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vqclip.config import schedule_settings
from vqclip.config.loss_settings import LossSettings, list_losses_of_start
from vqclip.guidance import (
    distractors,
    prompt_embedding,
    prompt_losses,
    regions,
    scenes,
)
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.losses.registry import LossInputs, make_loss
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.guidance.regions import Mask, RegionView
from vqclip.guidance.scenes import PromptTrack, SceneTimeline
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock
from vqclip.language.prompt_types import Prompt, Region, apply_style_to_text, positive_texts
from vqclip.language.schedules import Curve, Schedule
from vqclip.optimisation_loop import Loss, Objective, View
from vqclip.tensors import Image, Scalar

THING_CONTRAST = 0.15  # weight of the contrast with distractors, beside a thing's prompt of 1


@dataclass(frozen=True)
class PromptInputs:
    """The pictures, masks and cutters that prompts refer to, and a session has loaded.

    Args:
        search_path: where the files of directions are searched for.
        pictures: body of an image prompt → its pictures, [1, 3, H, W] in [0, 1].
        masks: region → its mask.
        cutter: makes the cutter of a region, from a perceptor and the region's number.
        planned: the regions of a layout's things.
    """

    search_path: SearchPath
    pictures: Mapping[str, Sequence[Image]] = field(default_factory=dict)
    masks: Mapping[Region, Mask] = field(default_factory=dict)
    cutter: Callable[[OpenClipPerceptor, int], Cutter] | None = None
    planned: frozenset[Region] = frozenset()


def make_prompt_objectives(
    prompts: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    timeline: SceneTimeline,
    inputs: PromptInputs,
    reserved: Iterable[str] = (),
    weights: Mapping[str, Curve] | None = None,
) -> Iterator[Objective]:
    """Make the prompt objectives: one for each track of prompts and perceptor that reads it.

    Args:
        reserved: names of other objectives; a prompt with such a name gets a number.
        weights: perceptor's name → weight at each step; 1 where there is none.
    """
    taken, counts = set(reserved), dict(weights or {})
    numbers: dict[Region, int] = {}
    views: dict[tuple[Region, str], RegionView] = {}
    for track in scenes.group_tracks(prompts, timeline):
        first = next(prompt for prompt in track.prompts if prompt is not None)
        for perceptor in perceptors:
            if first.perceptors and perceptor.name not in first.perceptors:
                continue
            label = f"{track.name} ({perceptor.name})" if len(perceptors) > 1 else track.name
            names = itertools.chain([label], map(f"{label} {{}}".format, itertools.count(2)))
            name = next(each for each in names if each not in taken)
            taken.add(name)
            loss = _track_loss(track, timeline, perceptor, inputs)
            if first.region is not None:
                number = numbers.setdefault(first.region, len(numbers))
                key = (first.region, perceptor.name)
                if key not in views:
                    assert inputs.cutter is not None
                    cut = inputs.cutter(perceptor, number)
                    views[key] = RegionView(inputs.masks[first.region], perceptor, cut)
                if first.region in inputs.planned:
                    loss = _add_contrast(loss, track, timeline, perceptor)
                loss = regions.restrict_to_region(loss, views[key])
                if first.region in inputs.planned:
                    turn = sorted(each.place for each in inputs.planned).index(first.region.place)
                    loss = regions.take_turns(loss, turn, len(inputs.planned))
            yield Objective(name, counts.get(perceptor.name, _constant(1.0)), loss)


def _track_loss(
    track: PromptTrack,
    timeline: SceneTimeline,
    perceptor: OpenClipPerceptor,
    inputs: PromptInputs,
) -> Loss:
    """The loss of a track of prompts for one perceptor."""
    first = next(prompt for prompt in track.prompts if prompt is not None)
    weight, stop = scenes.track_weight(track, timeline), scenes.track_stop(track, timeline)
    if first.kind == "image":
        return prompt_losses.image_loss(perceptor, inputs.pictures[first.body], weight, stop)
    embedded = [
        prompt
        if prompt is None
        else prompt_embedding.embed_prompt(prompt, perceptor, inputs.search_path)
        for prompt in track.prompts
    ]
    return prompt_losses.prompt_loss(
        perceptor.name, scenes.track_target(track, timeline, embedded), weight, stop
    )


def _add_contrast(
    loss: Loss, track: PromptTrack, timeline: SceneTimeline, perceptor: OpenClipPerceptor
) -> Loss:
    """The loss of things of layouts, which have to win against distractors in their region."""
    contrasts = []
    for scene, prompt in enumerate(track.prompts):
        if prompt is not None and prompt.kind != "like":  # whose body is no words
            away = perceptor.embed_text(distractors.distractors_for(prompt.body))
            wanted = prompt_embedding.embed_text_prompt(prompt, perceptor)
            contrast = distractors.contrast_loss({perceptor.name: [(wanted, away)]})
            contrasts.append((scene, timeline.clock.curve(prompt.weight), contrast))

    def total(view: View) -> Scalar:
        found, shares = loss(view), timeline.scene_shares(view.step)
        for scene, weight, contrast in contrasts:
            if counted := THING_CONTRAST * shares[scene] * weight(view.step):
                found = found + counted * contrast(view)
        return found

    return total


def make_distractor_objectives(
    prompts: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    timeline: SceneTimeline,
    weight: float | Schedule,
    style: str = "",
    weights: Mapping[str, Curve] | None = None,
) -> Iterator[Objective]:
    """Make the objectives that contrast prompts with distractors: one or more for each scene.

    Only text prompts of positive weight for the whole picture count; without any, there is no
    objective.

    Args:
        weight: of the objectives; 0 for none.
        style: put around each distractor, as around the prompts.
        weights: perceptor's name → weight at each step; 1 where there is none.
    """
    taken: set[str] = set()
    for scene, wanted in _contrasted_prompts(prompts, timeline):
        if weight == 0:
            continue
        said = " ".join(prompt.body for prompt in wanted)
        things = [
            apply_style_to_text(thing, style) for thing in distractors.distractors_for(said)
        ]
        targets = {}
        for perceptor in perceptors:
            own = [w for w in wanted if not w.perceptors or perceptor.name in w.perceptors]
            if own:
                away = perceptor.embed_text(things)
                targets[perceptor.name] = [
                    (prompt_embedding.embed_text_prompt(w, perceptor), away) for w in own
                ]
        if targets:
            usual = "distinct" if scene == 0 else f"distinct {scene + 1}"
            names = itertools.chain([usual], map(f"{usual}, {{}}".format, itertools.count(2)))
            name = next(each for each in names if each not in taken)
            taken.add(name)
            curve = _scene_weight(timeline.clock.curve(weight), timeline, scene, wanted[0])
            yield Objective(name, curve, distractors.contrast_loss(targets, weights or {}))


def _contrasted_prompts(
    prompts: Sequence[Prompt], timeline: SceneTimeline
) -> Iterator[tuple[int, list[Prompt]]]:
    """The prompts that are contrasted together: those of a scene, for the whole picture.

    A prompt whose weight changes is contrasted alone, and only while its weight is positive.
    """
    for scene in range(timeline.scenes):
        found = [w for w in positive_texts(prompts) if w.scene == scene and w.region is None]
        steady = [prompt for prompt in found if not isinstance(prompt.weight, Schedule)]
        if steady:
            yield scene, steady
        for prompt in found:
            if isinstance(prompt.weight, Schedule):
                yield scene, [prompt]


def _scene_weight(weight: Curve, timeline: SceneTimeline, scene: int, prompt: Prompt) -> Curve:
    """A weight times a scene's share; 0 while the prompt's changing weight is not above 0."""
    if not isinstance(prompt.weight, Schedule):
        return lambda step: weight(step) * timeline.scene_shares(step)[scene]
    own = timeline.clock.curve(prompt.weight)
    return lambda step: weight(step) * timeline.scene_shares(step)[scene] * (own(step) > 0)


def make_loss_objectives(inputs: LossInputs, clock: Clock) -> Iterator[Objective]:
    """Make the objectives of the losses beside the prompts, for those with a weight.

    Raises:
        ConfigError: if a colour or a schedule cannot be read.
    """
    wanted = inputs.settings
    for name in list_weighted_losses(wanted):
        if (loss := make_loss(name, inputs)) is not None:
            weight = clock.curve(
                schedule_settings.read_scheduled(f"losses.{name}", getattr(wanted, name))
            )
            yield Objective(name, weight, loss)


def limit_init_loss(
    liked: Iterable[Objective], steps: int, wanted: LossSettings
) -> Iterator[Objective]:
    """Return the objectives, with losses of the start off after the first `steps` steps.

    An animation moves away from its first picture.
    """
    of_start = list_losses_of_start(wanted)
    for each in liked:
        yield (
            each
            if each.name not in of_start
            else replace(each, weight=_first_steps(each.weight, steps))
        )


def list_weighted_losses(wanted: LossSettings) -> list[str]:
    """List the names of the losses that have a weight, "distinct" included."""
    order = (
        *("distinct", "smoothness", "saturation", "symmetry", "palette", "edges", "init"),
        *("ground", "vignette", "contours", "latent", "look", "depth", "agree", "change"),
        *("aesthetic", "opacity", "shades", "unlike"),
    )
    return [name for name in order if getattr(wanted, name) != 0]


def _first_steps(weight: Curve, steps: int) -> Curve:
    return lambda step: weight(step) if step < steps else 0.0


def _constant(weight: float) -> Callable[[int], float]:
    return lambda step: weight
