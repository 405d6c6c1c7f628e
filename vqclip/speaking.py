"""What do `vqclip help`, `explain` and `direction` do? They tell of the language."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip import compass, eyes, folders, pictures, prompts, schedules, structured, templates
from vqclip.compass import Direction
from vqclip.config import RunConfig
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.models import needs
from vqclip.requirements import require
from vqclip.schedules import Schedule
from vqclip.screen import Screen
from vqclip.wishes import Prompt

if TYPE_CHECKING:
    from vqclip.perceptors import OpenClipPerceptor
    from vqclip.tensors import Embedding

TOPICS = {
    "prompts": prompts,
    "templates": templates,
    "structured": structured,
    "schedules": schedules,
    "perceptors": eyes,
}


def topic(name: str) -> str:
    """What there is to say about a part of the language.

    Raises:
        ConfigError: if there is no such topic.
    """
    if name not in TOPICS:
        raise ConfigError(
            f"there is no help about {name!r}{suggest(name, TOPICS)}; there is about: "
            f"{', '.join(TOPICS)}, and about each command: vqclip COMMAND --help"
        )
    return textwrap.dedent((TOPICS[name].__doc__ or "").strip())


def explain(configs: Sequence[RunConfig], screen: Screen) -> None:
    """Say of each prompt what was understood, and of each perceptor what it will read.

    Raises:
        VqclipError: if a prompt cannot be read, or a perceptor cannot be loaded.
    """
    for config in configs:
        require(replace(config, init="random"))
    from vqclip import audience, reading
    from vqclip.models import learnt
    from vqclip.perceptors import load

    names = eyes.names(configs[0].perceptors)
    needs.require("starter", names, audience.look)
    perceptors = [replace(load(audience.perceptor_source(name)), name=name) for name in names]
    for config in configs:
        wishes = reading.styled(prompts.understood(config.prompts, config.negative), config.style)
        lines = [prompts.show(wishes), *(f"  {line}" for line in prompts.echo(wishes))]
        strays = prompts.strays(config.prompts, config.negative)
        lines += [f"note: {stray}" for stray in strays]
        screen.event("understood", prompt=prompts.show(wishes), notes=strays)
        where = folders.of(config.assets)
        for wish in wishes:
            screen.event("wish", **_told(wish, where))
        taught = reading.taught(wishes, config.style, where)
        for each in perceptors:
            perceptor = each.with_words(learnt.for_width(taught, each.width))
            for wish in wishes:
                if wish.kind != "text" or (wish.only and perceptor.name not in wish.only):
                    continue
                told = _read_by(perceptor, wish)
                screen.event("reading", prompt=prompts.show([wish]), **told)
                lines += list(_in_words(told))
        screen.result("\n".join(lines))


def _told(wish: Prompt, where: Sequence[Path]) -> dict[str, Any]:
    """What a wish is, in plain values; null for what it has not."""
    weight = wish.weight
    region: dict[str, Any] | None = None
    if wish.region is not None:
        mask = wish.region.mask
        region = {
            "place": wish.region.place,
            "outside": wish.region.outside,
            "box": wish.region.box,
            "mask": None if mask is None else str(folders.find(mask, where)),
        }
    several = pictures.files(wish.body, where) if wish.kind == "image" else []
    return {
        "prompt": prompts.show([wish]),
        "scene": wish.scene + 1,
        "kind": wish.kind,
        "body": wish.body,
        "weight": None if isinstance(weight, Schedule) else weight,
        "schedule": schedules.show(weight) if isinstance(weight, Schedule) else None,
        "stop": wish.rest if math.isfinite(wish.rest) else None,
        "region": region,
        "for": list(wish.only),
        "pictures": [str(path) for path in several],
    }


def _read_by(perceptor: OpenClipPerceptor, wish: Prompt) -> dict[str, Any]:
    """What a perceptor reads of a wish: its parts, their tokens, and what it does not know."""
    from vqclip import reading

    pieces = reading.spoken(wish, perceptor)
    parts = reading.chunks(pieces, perceptor)
    words = dict.fromkeys(
        word for piece in pieces if not piece.learnt for word in re.findall(r"\w+", piece.text)
    )
    split = {word: reading.tokens_of(word, perceptor) for word in words}
    return {
        "perceptor": perceptor.name,
        "room": perceptor.room,
        "parts": [
            {
                "text": "".join(piece.written for piece in part.pieces).strip(),
                "tokens": part.tokens,
                "attention": {p.written: p.attention for p in part.pieces if p.attention != 1},
            }
            for part in parts
        ],
        "put together": {word: told for word, told in split.items() if len(told) > 1},
        "unknown": [word for word in words if not reading.knows(word, perceptor)],
    }


def _in_words(told: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"{told['perceptor']} reads, up to {told['room']} tokens at a time:"
    for part in told["parts"]:
        yield f"  {part['tokens']:3d} tokens  {part['text']}"
        for text, attention in part["attention"].items():
            yield f"              {text.strip()!r} ×{schedules.digits(attention)}"
    if told["put together"]:
        rows = [f"{word} = {' + '.join(t)}" for word, t in told["put together"].items()]
        yield f"  put together from pieces: {', '.join(rows)}"
    if told["unknown"]:
        yield f"  it never learnt: {', '.join(told['unknown'])}"


def direction(
    there: str, lacking: str, name: str | None, perceptors: Sequence[str], screen: Screen
) -> Path:
    """Make a direction from two sets of words or pictures, and write it down.

    Args:
        there: words or pictures that have it, parted by "|"; a picture has an "@" before it.
        lacking: those that lack it.
        name: what to call it.
        perceptors: for whom it is worked out; of pictures, nobody else can use it.

    Raises:
        VqclipError: if a set, the name or a perceptor cannot be used, or the file not written.
    """
    if name is None:
        raise ConfigError("name the direction: vqclip direction A B --name sunny")
    path = compass.path_of(name)
    sets = [_set(text) for text in (there, lacking)]
    import torch

    from vqclip import audience, reading
    from vqclip.models import zoo
    from vqclip.perceptors import load
    from vqclip.record import images

    names = eyes.names(perceptors)
    needs.require("starter", names, audience.look)
    vectors = {}
    for each in names:
        screen.say(f"asking {each} …")
        perceptor = load(audience.perceptor_source(each))
        sides = [torch.cat([_embedded(word, perceptor) for word in words]) for words in sets]
        found = reading.difference(*sides)[0]
        vectors[zoo.sha256(perceptor.weights)] = [round(x, 6) for x in found.tolist()]
    path.parent.mkdir(exist_ok=True)
    made = Direction(sets[0], sets[1], vectors)
    images.write_whole(path, compass.to_json(made).encode())
    screen.event("direction", name=name, path=str(path))
    screen.say(f"use it as vector({name}), or the other way as vector({name}):-1")
    screen.result(str(path))
    return path


def _set(text: str) -> tuple[str, ...]:
    """Words and pictures of one side, as a prompt without weights."""
    found = prompts.parse(text)
    plain = all(
        wish == Prompt(wish.body, kind=wish.kind) and wish.kind in ("text", "image")
        for wish in found
    )
    if not plain:
        raise PromptError(
            f"a direction is made of words and pictures without weights, not of {text!r}; write "
            '"sunny | bright" or "@sunny/*.jpg"'
        )
    for wish in found:
        if wish.kind == "image":
            pictures.check_all(wish.body)
    return tuple(f"{'@' * (wish.kind == 'image')}{wish.body}" for wish in found)


def _embedded(word: str, perceptor: OpenClipPerceptor) -> Embedding:
    """Words or pictures as rows [N, D]."""
    import torch

    from vqclip.record import images

    if not word.startswith("@"):
        return perceptor.embed_text([word])
    with torch.no_grad():
        rows = [perceptor.embed_image(images.read(path)) for path in pictures.files(word[1:])]
    return torch.cat(rows)
