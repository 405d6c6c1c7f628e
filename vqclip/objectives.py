"""What is liked about a picture, in one run: prompts and weights of losses → objectives.

Every objective has a name of its own, under which its loss stands in the log.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from vqclip import foils, losses
from vqclip.config import LossSettings
from vqclip.generate import Objective
from vqclip.perceptors import OpenClipPerceptor
from vqclip.prompts import Prompt, texts
from vqclip.tensors import Image


def from_prompts(
    wishes: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    pictures: Mapping[str, Image],
    reserved: Iterable[str] = (),
) -> Iterator[Objective]:
    """Make one objective for each prompt and perceptor.

    Args:
        pictures: those that image prompts name, by the name.
        reserved: names that other objectives have; a prompt of such a text gets a number.
    """
    taken = set(reserved)
    for wish in wishes:
        for perceptor in perceptors:
            label = f"{wish.body} ({perceptor.name})" if len(perceptors) > 1 else wish.body
            names = itertools.chain([label], map(f"{label} {{}}".format, itertools.count(2)))
            name = next(each for each in names if each not in taken)
            taken.add(name)
            if wish.kind == "image":
                picture = pictures[wish.body]
                loss = losses.image_loss(perceptor, picture, wish.weight, wish.rest)
            else:
                target = perceptor.embed_text([wish.body])
                loss = losses.prompt_loss(perceptor.name, target, wish.weight, wish.rest)
            yield Objective(name, _always(1.0), loss)


def against_foils(
    wishes: Sequence[Prompt],
    perceptors: Sequence[OpenClipPerceptor],
    weight: float,
    style: Callable[[str], str] = lambda text: text,
) -> Iterator[Objective]:
    """Make the objective that tells what is wished for from other things; none without words.

    Args:
        style: puts the words of the run's style around a thing, as around the wishes.
    """
    wanted = [wish.body for wish in texts(wishes)]
    if weight == 0 or not wanted:
        return
    things = [style(thing) for thing in foils.others(" ".join(wanted))]
    targets = {}
    for perceptor in perceptors:
        away = perceptor.embed_text(things)
        targets[perceptor.name] = [(perceptor.embed_text([body]), away) for body in wanted]
    yield Objective("distinct", _always(weight), foils.distinct(targets))


def from_losses(wanted: LossSettings, start: Image | None) -> Iterator[Objective]:
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
            yield Objective(name, _always(getattr(wanted, name)), loss)


def names_of(wanted: LossSettings) -> list[str]:
    """Name the losses that have a weight."""
    order = ("distinct", "smoothness", "saturation", "symmetry", "palette", "edges", "init")
    return [name for name in order if getattr(wanted, name) != 0]


def _always(weight: float) -> Callable[[int], float]:
    return lambda step: weight
