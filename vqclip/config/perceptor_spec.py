"""Perceptor specs: `NAME:weight:cutouts`, an entry of the setting `perceptors`.

    perceptor = name [ ":" weight [ ":" cutouts ] ]
    weight    = number | "{" schedule "}"

    ViT-B-32::openai                        with weight 1, like any other
    starter-second:0.5:8                    with weight 0.5, looking at 8 cutouts
    starter-second:{0: 0, 50%: 1 hold}      only in the second half

As in prompts, numbers are read from the right and only when they are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vqclip.errors import ConfigError, suggest
from vqclip.language import schedules
from vqclip.language.expressions import NUMBER
from vqclip.language.lexer import lex_text, split, strip, text_of
from vqclip.language.prompt import Prompt
from vqclip.language.prompt_parser import ENDLESS
from vqclip.language.prompts import prompts_to_text
from vqclip.language.schedules import Schedule


@dataclass(frozen=True)
class PerceptorSpec:
    """An entry of the setting `perceptors`.

    Args:
        name: of the perceptor: `model::weights`, a bundled one, or a folder.
        weight: the weight of its losses, 0 or more, or a schedule.
        cutouts: its number of cutouts in a step; None for `cutouts.count`.
    """

    name: str
    weight: float | Schedule = 1.0
    cutouts: int | None = None


def parse_perceptor(text: str) -> PerceptorSpec:
    """Parse an entry of `perceptors`.

    Raises:
        ConfigError: if it has no name, or a number that is not valid.

    >>> parse_perceptor("ViT-B-32::openai:0.5:8")
    PerceptorSpec(name='ViT-B-32::openai', weight=0.5, cutouts=8)
    """
    fields = split(lex_text(text.replace("\\", "\\\\")), ":", outside="{")
    found: list[str] = []
    while len(fields) > 1 and len(found) < 2:
        field = text_of(strip(fields[-1]))
        scheduled = field.startswith("{") and field.endswith("}")
        if not (scheduled or NUMBER.fullmatch(field)):
            break
        found.insert(0, field)
        fields.pop()
        if scheduled:
            break
    name = ":".join(map(text_of, fields)).strip()
    last = text_of(strip(fields[-1]))
    if len(fields) > 1 and ENDLESS.fullmatch(last):
        raise ConfigError(
            f"perceptors: {text!r} ends in {last}, which is not a number; write a weight, such "
            f"as {text_of(fields[0]).strip() or 'starter'}:0.5"
        )
    if re.search(r":\s*\{", name):
        raise ConfigError(
            f"perceptors: {text!r} has a schedule without its closing brace, or something else "
            "after it; write the schedule in braces after the name, and then at most a number "
            "of cutouts: starter:{0: 0, 50%: 1}:8"
        )
    bundled = re.fullmatch(r"(starter(?:-second)?):([^:].*|)", name)
    if bundled:  # no folder, nor a model of open_clip, is called so
        raise ConfigError(
            f"perceptors: {text!r} gives {bundled[1]} the weight {bundled[2]!r}, which is not a "
            f"number; write one, such as {bundled[1]}:0.5"
        )
    if not name:
        raise ConfigError(f"perceptors: {text!r} has no name; write one, such as starter:0.5")
    weight: float | Schedule = 1.0
    if found and found[0].startswith("{"):
        try:
            weight = schedules.parse_schedule(found[0][1:-1])
        except ConfigError as error:
            raise ConfigError(f"perceptors: {name}: {error}") from error
    elif found:
        weight = float(found[0])
    least = min(weight.numbers, default=0.0) if isinstance(weight, Schedule) else weight
    if not 0 <= least < float("inf"):
        raise ConfigError(
            f"perceptors: {name} has the weight {least:g}; it must be 0 or more. To push away "
            f"from something, give a prompt a negative weight: fog:-0.5 for({name})"
        )
    return PerceptorSpec(name, weight, _cutout_count(name, found[1]) if len(found) > 1 else None)


def perceptor_names(entries: Sequence[str]) -> list[str]:
    """The names of the perceptors in the entries of `perceptors`."""
    return [parse_perceptor(entry).name for entry in entries]


def check_readers(prompts: Sequence[Prompt], names: Sequence[str]) -> None:
    """Check that prompts name existing perceptors, and that each perceptor reads a prompt.

    Raises:
        ConfigError: that names the perceptor.
    """
    for prompt in prompts:
        for name in prompt.perceptors:
            if name not in names:
                raise ConfigError(
                    f"'{prompts_to_text([prompt])}' is for {name!r}{suggest(name, names)}; "
                    f"this run has the perceptors {', '.join(names)}"
                )
    idle = [
        name
        for name in names
        if all(prompt.perceptors and name not in prompt.perceptors for prompt in prompts)
    ]
    if idle:
        raise ConfigError(
            f"no prompt is for the perceptor {idle[0]}; leave it out of perceptors, or give it "
            f"one: a fox for({idle[0]})"
        )


def _cutout_count(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ConfigError(
            f"perceptors: {name} has {text} as its number of cutouts; write a whole number, "
            "such as 16"
        )
    return int(text)
