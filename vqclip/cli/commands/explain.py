"""The commands explain, direction and help."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli import prompt_arguments, settings_search
from vqclip.cli.options import CommonOptions, PromptOptions
from vqclip.cli.output import Console, Progress
from vqclip.cli.sketches.layout_sketch import LayoutSketches, layout_values
from vqclip.config import draw_settings, layout_settings, loading, perceptor_spec
from vqclip.config.checking import picture_checks
from vqclip.config.checking.prompt_notes import list_prompt_notes
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.language import (
    expressions,
    lexer,
    prompt_templates,
    prompts,
    schedules,
    structured,
)
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.language.directions.direction_files import Direction
from vqclip.language.layout.layout_prompts import add_things
from vqclip.language.prompt_types import Prompt, apply_style
from vqclip.language.schedules import Schedule
from vqclip.language.units import step_counts
from vqclip.media import paths
from vqclip.models.zoo import model_files
from vqclip.run.preflight import check_run

if TYPE_CHECKING:
    from vqclip.guidance.perceptor import OpenClipPerceptor
    from vqclip.tensors import Embedding


TOPICS = {
    "prompts": prompts,
    "templates": prompt_templates,
    "structured": structured,
    "schedules": schedules,
    "units": step_counts,
    "perceptors": perceptor_spec,
    "drawers": draw_settings,
}


def topic(name: str) -> str:
    """What there is to say about a part of the language.

    Raises:
        ConfigError: if there is no such topic.
    """
    if name not in TOPICS:
        raise ConfigError(
            f"there is no help about {name!r}{suggest(name, [*TOPICS, 'settings'])}; there is "
            f"about: {', '.join(TOPICS)}, settings, and about each command: vqclip COMMAND --help"
        )
    return textwrap.dedent((TOPICS[name].__doc__ or "").strip())


def explain_prompts(
    configs: Sequence[RunConfig], screen: Console, sketch: str | None = None
) -> None:
    """Say of each prompt what was understood, and of each perceptor what it will read.

    Args:
        sketch: a file for a picture of the layouts.

    Raises:
        VqclipError: if a prompt or a file cannot be read, or a perceptor cannot be loaded.
    """
    sketches = LayoutSketches(sketch)
    for config in configs:
        check_run(replace(config, init="random"))
    from vqclip.guidance import prompt_embedding
    from vqclip.guidance.losses.loss_files import read_loss_files
    from vqclip.guidance.perceptor import load_perceptor
    from vqclip.models import clip
    from vqclip.models.device import pick_device
    from vqclip.models.zoo import word_embedding
    from vqclip.run import init_image

    for config in configs:
        read_loss_files(config, SearchPath.from_settings(config.assets))
    names = perceptor_spec.perceptor_names(configs[0].perceptors)
    model_files.require_models("starter", names, clip.is_absent)
    device = pick_device(configs[0].device)
    perceptors = [load_perceptor(name, device=device) for name in names]
    for config in configs:
        written = prompts.parse_with_negative(config.prompts, config.negative)
        layouts = layout_settings.plan_layouts(config, written)
        parsed = apply_style(add_things(written, layouts), config.style)
        lines = [
            lexer.fold_lines(prompts.prompts_to_text(parsed)),
            *(f"  {line}" for line in prompts.describe_prompts(parsed)),
        ]
        search_path = SearchPath.from_settings(config.assets)
        taught = prompt_embedding.read_learnt_words(parsed, config.style, search_path)
        strays = [
            *layout_settings.describe_layouts(config, written, layouts),
            *list_prompt_notes(config, search_path),
            *init_image.check_masks(parsed, search_path),
            *picture_checks.note_overlay(config, search_path),
            *picture_checks.describe_cropped(parsed, search_path),
            *word_embedding.unknown_word_notes(
                taught, {each.name: each.width for each in perceptors}
            ),
        ]
        lines += [f"note: {stray}" for stray in strays]
        screen.event(
            "understood",
            prompt=prompts.prompts_to_text(parsed),
            notes=strays,
            **layout_values(layouts),
        )
        screen.result("\n".join(lines))
        sketches.show(config, layouts, screen)
        lines = []
        for prompt in parsed:
            screen.event("wish", **_told(prompt, search_path))
        for each in perceptors:
            perceptor = each.with_fitting_words(taught)
            for prompt in parsed:
                if not prompt.has_words or (
                    prompt.perceptors and perceptor.name not in prompt.perceptors
                ):
                    continue
                told = _read_by(perceptor, prompt)
                screen.event("reading", prompt=prompts.prompts_to_text([prompt]), **told)
                lines += list(_in_words(told))
        if lines:
            screen.result("\n".join(lines))
    sketches.write(screen)


def _told(prompt: Prompt, search_path: SearchPath) -> dict[str, Any]:
    """A parsed prompt as plain values; null for what it does not have."""
    weight = prompt.weight
    region: dict[str, Any] | None = None
    if prompt.region is not None:
        mask = prompt.region.mask
        region = {
            "place": prompt.region.place,
            "outside": prompt.region.outside,
            "box": prompt.region.box,
            "mask": None if mask is None else str(search_path.find(mask)),
        }
    several = paths.find_images(prompt.body, search_path) if prompt.has_pictures else []
    return {
        "prompt": prompts.prompts_to_text([prompt]),
        "scene": prompt.scene + 1,
        "kind": prompt.kind,
        "body": prompt.body,
        "weight": None if isinstance(weight, Schedule) else weight,
        "schedule": schedules.schedule_to_text(weight) if isinstance(weight, Schedule) else None,
        "stop": prompt.effective_stop if math.isfinite(prompt.effective_stop) else None,
        "region": region,
        "for": list(prompt.perceptors),
        "pictures": [str(path) for path in several],
    }


def _read_by(perceptor: OpenClipPerceptor, prompt: Prompt) -> dict[str, Any]:
    """What a perceptor reads of a prompt: its parts, their tokens, and what it does not know."""
    from vqclip.guidance import prompt_embedding

    pieces = prompt_embedding.choose_text(prompt, perceptor)
    parts = [
        part
        for text in prompt_embedding.list_texts(prompt, perceptor)
        for part in prompt_embedding.split_text(text, perceptor)
    ]
    words = dict.fromkeys(
        word for piece in pieces if not piece.learnt for word in re.findall(r"\w+", piece.text)
    )
    split = {word: prompt_embedding.split_word(word, perceptor) for word in words}
    return {
        "perceptor": perceptor.name,
        "room": perceptor.token_room,
        "parts": [
            {
                "text": "".join(piece.to_text for piece in part.pieces).strip(),
                "tokens": part.tokens,
                "attention": {p.to_text: p.attention for p in part.pieces if p.attention != 1},
            }
            for part in parts
        ],
        "put together": {word: told for word, told in split.items() if len(told) > 1},
        "unknown": [word for word in words if not prompt_embedding.knows_word(word, perceptor)],
    }


def _in_words(told: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"{told['perceptor']} reads, up to {told['room']} tokens at a time:"
    for part in told["parts"]:
        yield f"  {part['tokens']:3d} tokens  {lexer.fold_lines(part['text'])}"
        for text, attention in part["attention"].items():
            times = expressions.format_number(attention)
            yield f"              {lexer.fold_lines(text)!r} ×{times}"
    if told["put together"]:
        rows = [f"{word} = {' + '.join(t)}" for word, t in told["put together"].items()]
        yield f"  split into pieces: {', '.join(rows)}"
    if told["unknown"]:
        yield f"  it never learnt: {', '.join(told['unknown'])}"


def make_direction(
    there: str, lacking: str, name: str | None, config: RunConfig, screen: Console
) -> Path:
    """Make a direction from two sets of words or pictures, and write it down.

    Args:
        there: words or pictures that have it, parted by "|"; a picture has an "@" before it.
        lacking: those that lack it.
        name: what to call it.
        config: names the perceptors for whom it is worked out (of pictures, nobody else can use
            it), the device and the precision; "auto" is fp32, since the numbers are kept.

    Raises:
        VqclipError: if a set, the name or a perceptor cannot be used, or the file not written.
    """
    if name is None:
        raise ConfigError("name the direction: vqclip direction A B --name sunny")
    path = direction_files.build_direction_path(name)
    sets = [_set(text) for text in (there, lacking)]
    import torch

    from vqclip.guidance import prompt_embedding
    from vqclip.guidance.perceptor import load_perceptor
    from vqclip.media import files
    from vqclip.models import clip
    from vqclip.models.device import pick_device

    names = perceptor_spec.perceptor_names(config.perceptors)
    model_files.require_models("starter", names, clip.is_absent)
    device, vectors = pick_device(config.device), {}
    precision = "fp32" if config.precision == "auto" else config.precision
    for each in names:
        screen.say(f"asking {each} …")
        perceptor = load_perceptor(each, device=device, precision=precision)
        sides = [torch.cat([_embedded(word, perceptor) for word in words]) for words in sets]
        found = prompt_embedding.direction_between(*sides)[0]
        vectors[model_files.file_sha256(perceptor.weights)] = [
            round(x, 6) for x in found.tolist()
        ]
    path.parent.mkdir(exist_ok=True)
    made = Direction(sets[0], sets[1], vectors)
    files.write_whole(path, direction_files.direction_to_json(made).encode())
    screen.event("direction", name=name, path=str(path))
    screen.say(f"use it as vector({name}), or the other way as vector({name}):-1")
    screen.result(str(path), exact=True)
    return path


def _set(text: str) -> tuple[str, ...]:
    """Words and pictures of one side, as a prompt without weights."""
    found = prompts.parse_prompts(text)
    plain = all(
        prompt == Prompt(prompt.body, kind=prompt.kind) and prompt.kind in ("text", "image")
        for prompt in found
    )
    if not plain:
        raise PromptError(
            f"a direction is made of words and pictures without weights, not of {text!r}; write "
            '"sunny | bright" or "@sunny/*.jpg"'
        )
    for prompt in found:
        if prompt.kind == "image":
            paths.check_images(prompt.body, SearchPath.current())
    return tuple(f"{'@' * (prompt.kind == 'image')}{prompt.body}" for prompt in found)


def _embedded(word: str, perceptor: OpenClipPerceptor) -> Embedding:
    """Words or pictures as rows [N, D]."""
    import torch

    from vqclip.media import images

    if not word.startswith("@"):
        return perceptor.embed_text([word])
    with torch.no_grad():
        rows = [
            perceptor.embed_image(images.read_picture(path))
            for path in paths.find_images(word[1:], SearchPath.current())
        ]
    return torch.cat(rows)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(PromptOptions):
    """The options of `explain`."""

    sketch: str | None


@dataclass(frozen=True, kw_only=True)
class DirectionOptions(CommonOptions):
    """The options of `direction`."""

    words: list[str]
    as_name: str | None


@dataclass(frozen=True, kw_only=True)
class HelpOptions(CommonOptions):
    """The options of `help`."""

    topic: str
    about: list[str]


def explain(options: ExplainOptions, screen: Console, progress: Progress) -> None:
    """Show how a prompt is understood, and what each CLIP reads."""
    explain_prompts(prompt_arguments.read_configs(options), screen, options.sketch)


def direction(options: DirectionOptions, screen: Console, progress: Progress) -> None:
    """Make a direction for vector(NAME) from words or pictures."""
    words = [word for word in options.words if not prompt_arguments.OVERRIDE.match(word)]
    if len(words) != 2:
        raise ConfigError(
            'write two arguments, what has it and what lacks it: vqclip direction "a sunny day '
            '| bright light" "a rainy day | dusk" --name sunny'
        )
    overrides = [word for word in options.words if prompt_arguments.OVERRIDE.match(word)]
    config = loading.load_config("a picture", overrides=overrides)
    make_direction(words[0], words[1], options.as_name, config, screen)


def help(options: HelpOptions, screen: Console, progress: Progress) -> None:
    """Explain the language of prompts, a setting or a command."""
    if options.topic == "settings":
        settings_search.show(options.about, screen)
        return
    if options.about:
        raise ConfigError(
            f"{options.about[0]!r} after {options.topic!r} is one word too many; ask for help "
            "about one thing at a time (see vqclip help --help)"
        )
    screen.result(topic(options.topic))
