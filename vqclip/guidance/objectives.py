"""The objectives of a run: from prompts and weights to a list of losses.

Every objective has a name of its own, under which its loss stands in the log.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vqclip.config import scheduled
from vqclip.config.schema import LossSettings
from vqclip.generate import Loss, Objective
from vqclip.guidance import distractors, losses, prompt_embedding, regions, scenes
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.guidance.regions import Mask, RegionView
from vqclip.guidance.scenes import PromptTrack, SceneTimeline
from vqclip.language.assets import HERE
from vqclip.language.clock import Clock
from vqclip.language.prompt import Prompt, Region, around, positive_texts
from vqclip.language.schedules import Curve, Schedule
from vqclip.tensors import Image


@dataclass(frozen=True)
class PromptInputs:
    """What prompts name and only a session can bring.

    Args:
        pictures: of image prompts, by the body.
        masks: of regions.
        cutter: makes the cutter of a region's squares, for a perceptor and the region's number.
        folders: where directions are looked for.
    """

    pictures: Mapping[str, Sequence[Image]] = field(default_factory=dict)
    masks: Mapping[Region, Mask] = field(default_factory=dict)
    cutter: Callable[[OpenClipPerceptor, int], Cutter] | None = None
    folders: Sequence[Path] = HERE


def from_prompts(
    wishes: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    tale: SceneTimeline,
    material: PromptInputs | None = None,
    reserved: Iterable[str] = (),
    weights: Mapping[str, Curve] | None = None,
) -> Iterator[Objective]:
    """Make one objective for each lane of prompts and each perceptor that is to read it.

    Args:
        reserved: names that other objectives have; a prompt of such a text gets a number.
        weights: of each perceptor, by its name; 1 where there is none.
    """
    taken, counts = set(reserved), dict(weights or {})
    found = PromptInputs() if material is None else material
    numbers: dict[Region, int] = {}
    glances: dict[tuple[Region, str], RegionView] = {}
    for lane in scenes.tracks(wishes, tale):
        first = next(wish for wish in lane.wishes if wish is not None)
        for perceptor in perceptors:
            if first.only and perceptor.name not in first.only:
                continue
            label = f"{lane.name} ({perceptor.name})" if len(perceptors) > 1 else lane.name
            names = itertools.chain([label], map(f"{label} {{}}".format, itertools.count(2)))
            name = next(each for each in names if each not in taken)
            taken.add(name)
            loss = _loss(lane, tale, perceptor, found)
            if first.region is not None:
                number = numbers.setdefault(first.region, len(numbers))
                key = (first.region, perceptor.name)
                if key not in glances:
                    assert found.cutter is not None
                    cut = found.cutter(perceptor, number)
                    glances[key] = RegionView(found.masks[first.region], perceptor, cut)
                loss = regions.restrict_to_region(loss, glances[key])
            yield Objective(name, counts.get(perceptor.name, _always(1.0)), loss)


def _loss(
    lane: PromptTrack, tale: SceneTimeline, perceptor: OpenClipPerceptor, material: PromptInputs
) -> Loss:
    """What a lane wants of a perceptor's view."""
    first = next(wish for wish in lane.wishes if wish is not None)
    weight, stop = scenes.weight(lane, tale), scenes.stop(lane, tale)
    if first.kind == "image":
        return losses.image_loss(perceptor, material.pictures[first.body], weight, stop)
    embedded = [
        wish if wish is None else prompt_embedding.embed_prompt(wish, perceptor, material.folders)
        for wish in lane.wishes
    ]
    return losses.prompt_loss(perceptor.name, scenes.target(lane, tale, embedded), weight, stop)


def against_foils(
    wishes: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    tale: SceneTimeline,
    weight: float | Schedule,
    style: str = "",
    weights: Mapping[str, Curve] | None = None,
) -> Iterator[Objective]:
    """Make the objectives that tell what is wished for from other things: one for each scene.

    None without words that are wished for in the whole picture.

    Args:
        style: put around each thing, as around the wishes.
        weights: of each perceptor, by its name; 1 where there is none.
    """
    taken: set[str] = set()
    for scene, wanted in _told(wishes, tale):
        if weight == 0:
            continue
        said = " ".join(wish.body for wish in wanted)
        things = [around(thing, style) for thing in distractors.distractors_for(said)]
        targets = {}
        for perceptor in perceptors:
            own = [w for w in wanted if not w.only or perceptor.name in w.only]
            if own:
                away = perceptor.embed_text(things)
                targets[perceptor.name] = [
                    (prompt_embedding.embed_prompt(w, perceptor), away) for w in own
                ]
        if targets:
            usual = "distinct" if scene == 0 else f"distinct {scene + 1}"
            names = itertools.chain([usual], map(f"{usual}, {{}}".format, itertools.count(2)))
            name = next(each for each in names if each not in taken)
            taken.add(name)
            curve = _share(tale.clock.of(weight), tale, scene, wanted[0])
            yield Objective(name, curve, distractors.contrast_loss(targets, weights or {}))


def _told(wishes: Sequence[Prompt], tale: SceneTimeline) -> Iterator[tuple[int, list[Prompt]]]:
    """What is to be told from other things together: a scene's wishes for the whole picture.

    One whose weight changes stands alone: it counts only while it is wished for.
    """
    for scene in range(tale.scenes):
        found = [w for w in positive_texts(wishes) if w.scene == scene and w.region is None]
        steady = [wish for wish in found if not isinstance(wish.weight, Schedule)]
        if steady:
            yield scene, steady
        for wish in found:
            if isinstance(wish.weight, Schedule):
                yield scene, [wish]


def _share(weight: Curve, tale: SceneTimeline, scene: int, wish: Prompt) -> Curve:
    """A weight, for as much as there is of a scene, while a wish of it is one."""
    if not isinstance(wish.weight, Schedule):
        return lambda step: weight(step) * tale.shares(step)[scene]
    own = tale.clock.of(wish.weight)
    return lambda step: weight(step) * tale.shares(step)[scene] * (own(step) > 0)


def from_losses(wanted: LossSettings, start: Image | None, clock: Clock) -> Iterator[Objective]:
    """Make the objectives that are about the picture alone.

    Args:
        start: the picture that the run starts from, which `init` holds on to.
    """
    options: dict[str, dict[str, object]] = {
        "smoothness": {},
        "saturation": {},
        "symmetry": {"axis": wanted.axis},
        "palette": {"colours": wanted.colours},
        "edges": {"colour": wanted.edge_colour},
        "init": {"picture": start},
    }
    for name in names_of(wanted):
        if name in options:
            loss = losses.LOSSES[name](**options[name])
            weight = clock.of(scheduled.read_scheduled(f"losses.{name}", getattr(wanted, name)))
            yield Objective(name, weight, loss)


def at_first(liked: Iterable[Objective], steps: int) -> Iterator[Objective]:
    """The same, with closeness to the start picture in the first `steps` steps only.

    An animation leaves it behind.
    """
    for each in liked:
        yield each if each.name != "init" else replace(each, weight=_until(each.weight, steps))


def names_of(wanted: LossSettings) -> list[str]:
    """Name the losses that have a weight."""
    order = ("distinct", "smoothness", "saturation", "symmetry", "palette", "edges", "init")
    return [name for name in order if getattr(wanted, name) != 0]


def _until(weight: Curve, steps: int) -> Curve:
    return lambda step: weight(step) if step < steps else 0.0


def _always(weight: float) -> Callable[[int], float]:
    return lambda step: weight
