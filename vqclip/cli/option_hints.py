"""Suggestions for options that a command does not have: an option or a setting that it has."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from shlex import quote

from vqclip.cli.image_arguments import TAKEN
from vqclip.config.checking.suggestions import suggest_setting
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import suggest
from vqclip.training.settings import SCHEMAS, InversionConfig

PROMPTED = ("generate", "animate", "plan", "dream", "explain")  # the commands that take a prompt


def settings_of(command: str) -> list[str]:
    """The keys of the settings that a command takes as `key=value`."""
    every = [each.key for each in describe_settings()]
    if command in (*PROMPTED, "again", "resume"):
        return every
    if command in ("classify", "score", "search", "direction"):
        return list(TAKEN)
    schemas = {"invert": (InversionConfig,), "train": (*SCHEMAS.values(),)}.get(command, ())
    own = dict.fromkeys(each.key for schema in schemas for each in describe_settings(schema))
    return [key for key in every if key.startswith("film.")] if command == "film" else list(own)


def suggest_option(
    name: str, typed: Sequence[str], command: str, options: Mapping[str, str]
) -> str:
    """Suggest what to write in place of an option: "; did you mean --steps 100?", or "".

    Args:
        name: the option as it was typed, such as "--iterations".
        typed: the whole command line after the command.
        options: the command's options, each with the setting that it is, or "".
    """
    known, value = settings_of(command), value_after(name, typed)
    written = {key: option for option, key in options.items() if key in known}
    if hint := suggest_setting(name, value, known, written):
        return hint
    plain = name.lstrip("-").replace("-", "_")
    keys = [key for key in known if plain in (key, key.rpartition(".")[2])]
    keys = [key for key in keys if key == plain] or keys
    if keys:
        after = "…" if value is None else quote(value)
        return f"; did you mean the setting {' or '.join(f'{key}={after}' for key in keys)}?"
    if command in PROMPTED and re.match("-[^-]{2}", name):
        return '; a prompt that begins with a dash stands behind --, as in vqclip -- "-5 degrees"'
    return suggest(name, _alike(name, options))


def value_after(option: str, typed: Sequence[str]) -> str | None:
    """What was typed as the value of an option; two numbers are a width and a height.

    >>> value_after("-s", ["a fox", "-s", "256", "192"])
    '256x192'
    """
    for index, word in enumerate(typed):
        name, equals, value = word.partition("=")
        if name == option and equals:
            return value
        if word == option:
            after = typed[index + 1 : index + 3]
            if len(after) == 2 and all(re.fullmatch("[0-9]+", each) for each in after):
                return "x".join(after)
            if after and not re.match("-[^0-9.]", after[0]):
                return after[0]
            return None
    return None


def _alike(name: str, options: Collection[str]) -> list[str]:
    """The options with as many letters as `name` asks for: `-s` is no slip of `-h`."""
    return [option for option in options if option.startswith("--") and len(name) > 3]
