"""Arguments of commands that draw: `"a fox" key=value` into settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqclip.cli import unquoted_words
from vqclip.cli.options import AnimateOptions, GenerateOptions, PromptOptions
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings
from vqclip.config.sizes import final_size
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.language import assets, prompt_templates, prompts, structured

OVERRIDE = re.compile(r"[A-Za-z][A-Za-z_]*(\.[A-Za-z_]+)*=")
FRAMES = 60  # of an animation of which nobody says how long it is to be


def read_configs(options: PromptOptions) -> list[RunConfig]:
    """The settings that the words of `generate` and `plan` ask for, a run each."""
    first, overrides = split_prompt(options.words, options.command or options.words)
    drawn = options if isinstance(options, GenerateOptions) else None
    file = None
    if first is not None and first.lower().endswith((".yaml", ".yml")):
        if os.path.isfile(first):
            file, first = Path(first), None
        elif not options.named_generate and not re.search(r"\s", first):
            near = _list_files(".yaml", ".yml")
            raise ConfigError(
                f"there is no run file {first}{suggest(first, near) or '; check its name'}"
                f"{' Or,' if suggest(first, near) else ', or'} to draw these words as a prompt: "
                f"vqclip generate {first}"
            )
    second = next((text for text in overrides if text.startswith("prompts=")), None)
    if first is not None and second is not None:
        raise ConfigError(
            f"there are two prompts, {first!r} and {second!r}; join them with | into one"
        )
    if drawn and drawn.film and not any(text.startswith("film.format=") for text in overrides):
        overrides.insert(0, "film.format=mp4")
    listed: list[str | None] = [first]
    missing = first is not None and first.lower().endswith(".txt") and not os.path.isfile(first)
    if first and missing and not options.named_generate and not re.search(r"\s", first):
        near = _list_files(".txt")
        raise ConfigError(
            f"there is no file of prompts {first}{suggest(first, near) or '; check its name'}"
            f"{' Or,' if suggest(first, near) else ', or'} to draw these words as a prompt: "
            f"vqclip generate {first}"
        )
    file_of_prompts = Path(os.path.expanduser(first or ""))
    if file_of_prompts.suffix.lower() == ".txt" and os.path.isfile(file_of_prompts):
        listed = [*prompt_templates.read_lines(file_of_prompts)]
        if folder := assets.infer_assets(file_of_prompts):
            overrides.insert(0, f"assets={folder}")
    if first is not None and first.lower().endswith(".json") and os.path.isfile(first):
        listed = [_structure(Path(first))]
        if folder := assets.infer_assets(Path(first)):
            overrides.insert(0, f"assets={folder}")
    found = loading.load_each(
        listed,
        ",".join(options.presets()),
        file=file,
        overrides=_once(options.overrides(), overrides),
    )
    if first == "" or not all(config.prompts.strip() for config in found):
        raise PromptError('there is no prompt; write one: vqclip "a red balloon over the sea"')
    found = [as_draft(config) for config in found] if drawn and drawn.draft else found
    for config in found:
        prompts.parse_with_negative(
            config.prompts, config.negative
        )  # all of them, before the first run
    return found


def _list_files(*suffixes: str) -> list[str]:
    """The names of the files here that have one of the suffixes, in small letters or capitals."""
    return sorted(each for each in os.listdir() if each.lower().endswith(suffixes))


def _structure(path: Path) -> str:
    """The text of a file that holds a structured prompt."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read ({reason}); check the file") from error
    try:
        told = structured.read_object(text)
    except PromptError as error:
        raise PromptError(f"{path} {error}") from error
    # The notes hold JSON as it should be written; what is right already stays as it is.
    return text if _is_json(text, told) else json.dumps(told, ensure_ascii=False)


def _is_json(text: str, value: Any) -> bool:
    try:
        return bool(json.loads(text) == value)
    except (ValueError, RecursionError):
        return False


def _once(short: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Options and settings in one list.

    Raises:
        ConfigError: for a setting that an option says otherwise.
    """
    options = dict(text.split("=", 1) for text in short)
    words = {key.strip(): value for key, _, value in (text.partition("=") for text in overrides)}
    for key in (key for key in options if words.get(key, options[key]) != options[key]):
        raise ConfigError(
            f"{key} is given twice, as {options[key]} and as {words[key]}; leave one of them out"
        )
    return [*short, *overrides]


def require_frames(given: Sequence[str]) -> None:
    """Refuse an animation of no frames, among the settings that were typed."""
    told = [text for text in given if re.match(r"(frames|length)=", text)]
    nothing = [text for text in told if re.fullmatch(r"\w+=[0.]+", text)]
    if told == nothing:
        for text in nothing:
            raise ConfigError(
                f"{text} leaves nothing to draw; write frames=60 or length=5 (seconds), or for a "
                'still: vqclip "a fox"'
            )


def read_animations(options: AnimateOptions) -> list[RunConfig]:
    """The settings that the words of `animate` ask for, a run each; of 60 frames by default."""
    found = read_configs(options)
    if all(config.frames or config.source.film for config in found):
        return found
    # Other defaults, such as the drawer, are those of an animation only if it has frames.
    return read_configs(replace(options, frames=str(FRAMES)))


def as_draft(config: RunConfig) -> RunConfig:
    """The same, roughly: a quarter of the pixels, and a tenth of the steps."""
    width, height = final_size(config)
    size = f"{max(32, width // 2)}x{max(32, height // 2)}"
    each = config.motion.steps
    steps = 1 if isinstance(each, str) else max(1, round(each / 10))
    motion = replace(config.motion, steps=steps)
    return replace(config, size=size, aspect="", steps=max(1, config.steps // 10), motion=motion)


def split_prompt(
    words: list[str], typed: Sequence[str] = (), *, named: bool = False
) -> tuple[str | None, list[str]]:
    """Tell the prompt from the settings: (the first bare word, the key=value words).

    Where no word is bare, one that holds spaces and begins like no setting is the prompt:
    "E=mc2 on a blackboard".

    Args:
        typed: the whole command line, for messages.
        named: whether the name of a picture or a run is expected in place of a prompt.
    """
    bare = [word for word in words if not OVERRIDE.match(word)]
    if len(bare) > 1:
        if named:
            raise ConfigError(unquoted_words.explain_name(bare))
        raise ConfigError(unquoted_words.explain_words(bare, typed or words))
    if not bare:
        bare = [word for word in words if re.search(r"\s", word) and not _is_setting(word)][:1]
    rest = list(words)
    if bare:
        rest.remove(bare[0])
    return (bare[0] if bare else None), rest


def _is_setting(word: str) -> bool:
    """Whether key=value has the key of a setting, or of a group of settings."""
    key = word.partition("=")[0]
    return any(key in (s.key, s.key.partition(".")[0]) for s in describe_settings())
