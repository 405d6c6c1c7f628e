"""Conversions for several tools: names of CLIPs, prompts with weights, units, keyframes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from vqclip.config.checking.setting_checks import FROM_LIBRARY
from vqclip.config.schema import OPTIMISERS
from vqclip.errors import ConfigError, PromptError
from vqclip.importers.draft import SAVED, Draft
from vqclip.importers.options import LEFT, show_value
from vqclip.language.assets import ADDRESS
from vqclip.language.clock import Length
from vqclip.language.expressions import NUMBER, Call, Expression
from vqclip.language.lexer import fold_lines
from vqclip.language.peers.keyframes import rewrite_keyframes
from vqclip.language.prompt_types import Prompt, Region
from vqclip.language.prompts import prompts_to_text
from vqclip.language.schedules import Key, Schedule, parse_schedule, schedule_to_text

# OpenAI's CLIPs: how open_clip writes them → the side of the squares that they see, in pixels.
CLIPS = {
    **dict.fromkeys(("RN50", "RN101", "ViT-B-32", "ViT-B-16", "ViT-L-14"), 224),
    **{"RN50x4": 288, "RN50x16": 384, "RN50x64": 448, "ViT-L-14-336": 336},
}
VQGANS = {  # names there, without what is around them → names here
    "imagenet_16384": "imagenet_f16_16384",
    "imagenet": "imagenet_f16_16384",  # as pytti has it, like the next two
    "openimages": "gumbel_f8_8192",
    "wikiart": "wikiart_f16_16384",
    "imagenet_1024": "imagenet_f16_1024",
    "openimages_8192": "gumbel_f8_8192",
    "gumbel_8192": "gumbel_f8_8192",
    "wikiart_1024": "wikiart_f16_1024",
    "wikiart_16384": "wikiart_f16_16384",
    "sflckr": "sflckr",
    "faceshq": "faceshq",
    "drin": "drin",
}
# What all of them have in common, and vqclip's defaults have otherwise.
PLAIN = {
    "growth": [],
    "layout": "off",
    "fade": 0.0,
    "losses.distinct": 0.0,
    "losses.smoothness": 0.0,
    "losses.edges": 0.0,
    "losses.init": 0.0,
    "optimiser.average": 0.0,
    "film.format": "none",
}
# An animation of frames that are drawn one after another, each from the one before it.
MOVING = {
    "film.format": "mp4",
    "motion.hold": 0.0,
    "motion.smooth": 0.0,
    "motion.steady": False,
    "motion.moments": False,
    "motion.colours": "none",
}
MOST_SCENES, MOST_PROMPTS, LONGEST = 200, 1000, 10_000  # of a run; characters of a prompt


def clip_name(typed: str) -> str | None:
    """The name of a CLIP as open_clip has it; None if it is none of OpenAI's.

    >>> clip_name("ViT-B/32"), clip_name("ViTL14_336px"), clip_name("SLIP_VITB16")
    ('ViT-B-32::openai', 'ViT-L-14-336::openai', None)
    """
    if "::" in typed:
        return typed.strip()
    bare = re.sub("[^a-z0-9]", "", typed.lower()).removesuffix("px")
    names = {re.sub("[^a-z0-9]", "", name.lower()): name for name in CLIPS}
    return f"{names[bare]}::openai" if bare in names else None


def clip_names(
    draft: Draft, option: str, typed: Iterable[str], usual: Sequence[str]
) -> list[str]:
    """The names of CLIPs that an option lists; those that there are not are told of.

    Args:
        usual: what is taken if none is left.
    """
    listed = [each.strip() for each in typed if each.strip()]
    found = {each: clip_name(each) for each in listed}
    names = list(dict.fromkeys(name for name in found.values() if name is not None))
    if gone := [each for each, name in found.items() if name is None]:
        slip = any(each.upper().startswith("SLIP") for each in gone)
        why = "open_clip has no such model" if slip else "it is none of OpenAI's CLIPs"
        rest = "the others judge" if names else f"judged by {', '.join(usual)}"
        draft.nearly(option, f"without {', '.join(gone)[:100]}: {why}; {rest}")
    return names or [f"{each}::openai" for each in usual]


def squares_seen(perceptors: Iterable[str]) -> int:
    """How many sizes of squares some CLIPs see: pixray's losses count once for each."""
    return len({CLIPS.get(name.partition("::")[0], 224) for name in perceptors}) or 1


def vqgan_name(typed: str) -> tuple[str, str]:
    """The name of a VQGAN here, and what differs; both "" if it is not known.

    >>> vqgan_name("checkpoints/vqgan_imagenet_f16_16384.ckpt"), vqgan_name("wikiart_16384m")
    (('imagenet_f16_16384', ''), ('wikiart_f16_16384', 'another training of the same model'))
    """
    bare = re.split(r"[/\\]", typed.strip().lower())[-1]
    bare = re.sub(r"\.(ckpt|yaml|pt|pth)$", "", bare).removeprefix("vqgan_")
    bare = re.sub(r"_f\d+(?=_|$)|_?8145600$", "", bare)
    if bare in VQGANS:
        return VQGANS[bare], ""
    other = re.sub(r"m\d?$", "", bare)
    if other in VQGANS:
        return VQGANS[other], "another training of the same model"
    return "", ""


def make_prompt(body: str, weight: float = 1.0, stop: float = -math.inf) -> Prompt | None:
    """A text prompt of words that are taken as they stand; None if there are none.

    Raises:
        PromptError: if they are too many.
    """
    words = fold_lines(body).strip()
    if len(words) > LONGEST:
        raise PromptError(f"a prompt of it is longer than {LONGEST} characters; shorten it")
    return Prompt(words, weight, stop) if words else None


def split_weights(text: str) -> tuple[str, list[float]]:
    """Split off the numbers at the end of a prompt, read from the right, two at most.

    >>> split_weights("12:30 train:2"), split_weights("text:-1:-0.9")
    (('12:30 train', [2.0]), ('text', [-1.0, -0.9]))
    """
    parts, found = text.split(":"), list[float]()
    while len(parts) > 1 and len(found) < 2 and NUMBER.fullmatch(parts[-1].strip()):
        found.insert(0, float(parts.pop()))
    return ":".join(parts), found


def weighted_prompt(text: str, factor: float = 1.0) -> Prompt | None:
    """A prompt with weight and stop behind colons; None if it has no words."""
    body, numbers = split_weights(text)
    weight, stop = [*numbers, *(1.0, -math.inf)[len(numbers) :]]
    return make_prompt(body, weight * factor, stop)


def strict_prompt(text: str) -> Prompt | None:
    """A prompt as Crowson's notebooks read it: all behind the last two colons are numbers.

    Raises:
        PromptError: where they are not, which stops these tools, too.
    """
    body, *numbers = text.rsplit(":", 2)
    for each in numbers:
        if not NUMBER.fullmatch(each.strip()):
            raise PromptError(
                f"{each.strip()[:40]!r} in the prompt {text.strip()[:60]!r} stands where the "
                "weight is, and is no number; leave out the colon"
            )
    weight, stop = [*map(float, numbers), *(1.0, -math.inf)[len(numbers) :]]
    return make_prompt(body, weight, stop)


def picture_prompt(path: str, weight: float = 1.0) -> Prompt | None:
    """A prompt that is a picture."""
    bare = path.strip()
    return Prompt(bare, weight, kind="image") if bare and "\n" not in bare else None


def is_address(path: str) -> bool:
    """Whether a path is an address in a net, from which nothing is fetched."""
    return ADDRESS.match(path.strip()) is not None


def refuse_addresses(draft: Draft, option: str) -> bool:
    """Leave out an option that names a picture in a net.

    Returns:
        Whether it was left out.
    """
    found = draft.get(option)
    names = found if isinstance(found, list) else [found]
    if any(isinstance(each, str) and is_address(each.lstrip("[@ ")) for each in names):
        draft.say(option, LEFT, SAVED)
        return True
    return False


def in_region(prompt: Prompt, place: str, outside: bool = False) -> Prompt:
    """The same prompt, about a part of the picture."""
    return replace(prompt, region=Region(place.strip(), outside))


def scenes_to_text(
    scenes: Sequence[Sequence[Prompt]], lengths: Sequence[float] = (), unit: str = ""
) -> str:
    """Write scenes as one prompt.

    Args:
        lengths: of each scene, in frames; none where they share the run.

    Raises:
        PromptError: if a scene has no prompts, or there are too many scenes.
    """
    if not scenes or not all(scenes):
        raise PromptError("there are no prompts in it; a picture needs at least one")
    if (count := sum(map(len, scenes))) > MOST_PROMPTS:
        raise PromptError(f"it has {count} prompts; at most {MOST_PROMPTS} are written out")
    if len(scenes) > MOST_SCENES:
        raise PromptError(f"it has {len(scenes)} scenes; at most {MOST_SCENES} are written out")
    found = []
    for number, prompts in enumerate(scenes):
        first = replace(prompts[0], scene=number)
        if lengths:
            first = replace(first, scene_length=Length(round(lengths[number], 3), unit))
        found += [first, *(replace(each, scene=number) for each in prompts[1:])]
    return prompts_to_text(found)


def scenes_by_frame(draft: Draft, option: str) -> dict[int, list[Any]]:
    """Prompts by the frame at which they begin: a mapping, or a list or a text for the first."""
    typed = draft.get(option)
    if typed is None:
        return {}
    if not isinstance(typed, dict):
        typed = {"0": typed}
    found: dict[int, list[Any]] = {}
    for key, value in typed.items():
        text = show_value(key).strip()
        if not text.isdecimal() or len(text) > 6 or not isinstance(value, str | list):
            raise draft.refuse(option, 'it is such as {"0": ["a fox:2", "fog:-1"]}')
        found[int(text)] = value if isinstance(value, list) else [value]
    return dict(sorted(found.items()))


def lengths_between(starts: Sequence[int], frames: int) -> list[int]:
    """The lengths of scenes that begin at some frames; the first one at 0, whatever is said."""
    edges = [0, *starts[1:], frames]
    return [after - before for before, after in pairwise(edges)] if starts else []


def write_seed(draft: Draft) -> None:
    """Write the seed; words such as random_seed and hydra's ${now:%f} are a random one."""
    typed = draft.get("seed")
    text = show_value(typed).strip()
    if typed is None:
        return
    if text.isdecimal() and len(text) < 16:
        draft.put("seed", int(text), "seed")
    else:
        draft.nearly("seed", "a random seed, which vqclip records")


def write_optimiser(draft: Draft, option: str, usual: str = "Adam", ending: str = "") -> None:
    """Write which optimiser it is, from a name in letters of any size.

    Args:
        usual: what it is unless it is given.
        ending: of names, which belongs to another setting.
    """
    typed = draft.get(option, usual).strip().lower()
    name = typed.removesuffix(ending)
    draft.put("optimiser.name", name if name in OPTIMISERS else "adam", option)
    if name not in OPTIMISERS:
        draft.nearly(option, f"vqclip has no {draft.get(option)}; drawn with adam")
    elif name == "adamw":
        draft.nearly(option, "without the weight decay of 0.01 that it has there")
    elif name in FROM_LIBRARY:
        draft.notes.append(f"optimiser.name={name} needs pip install 'vqclip[optimisers]'")


def keyframes(draft: Draft, option: str, text: str, spline: str = "Linear") -> str | None:
    """A keyframe string as a schedule; None, told in the report, if it cannot be read."""
    try:
        return rewrite_keyframes(text, spline)
    except ConfigError as error:
        draft.say(option, LEFT, str(error))
        return None


def noise_prompts(draft: Draft) -> list[Prompt]:
    """The prompts that are random directions: as many as have a seed and a weight.

    Raises:
        ConfigError: for a seed or a weight that is no number.
    """
    seeds, weights = (
        [each for text in draft.get(name, []) for each in re.split(r"[\s,]+", text) if each]
        for name in ("noise_prompt_seeds", "noise_prompt_weights")
    )
    found = []
    for seed, weight in zip(seeds, weights, strict=False):
        if not re.fullmatch(r"\d{1,9}", seed, re.ASCII):
            raise draft.refuse("noise_prompt_seeds", "they are whole numbers from 0 on")
        try:
            found.append(Prompt(seed, float(weight), kind="noise"))
        except ValueError:
            raise draft.refuse("noise_prompt_weights", "they are numbers") from None
    if not found:
        for name in ("noise_prompt_seeds", "noise_prompt_weights"):
            draft.leave(name, "a seed counts only together with a weight")
    return found


def scaled(schedule: str, factor: float) -> str | float:
    """A schedule times a number: keyframes one by one, an expression in brackets.

    >>> scaled("0: 1, 10: 4 spline", -0.5), scaled("sin(frame)", 2), scaled("3", 2)
    ('0: -0.5, 10: -2 spline', 'sin(frame) * 2', 6.0)
    """
    found = parse_schedule(schedule)
    if found.constant is not None:
        return round(found.constant * factor, 6)
    return schedule_to_text(Schedule(tuple(_scaled_key(key, factor) for key in found.keys)))


def _scaled_key(key: Key, factor: float) -> Key:
    if isinstance(key.value, Expression):
        root = key.value.root if factor == 1 else Call("*", (key.value.root, factor))
        return replace(key, value=Expression(root))
    return replace(key, value=round(key.value * factor, 6) + 0.0)
