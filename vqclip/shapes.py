"""Prompts in the shapes that YAML has: a text, a list of parts, weights, or a structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqclip import structured
from vqclip.clock import length
from vqclip.errors import ConfigError
from vqclip.prompts import Prompt, show


def text(value: Any, key: str = "prompts") -> str:
    """A prompt as text, whether it is one, a list, `{body: weight}` verbatim, or a structure.

    Args:
        key: the setting that it is of, for messages.

    Raises:
        ConfigError: if it is none of these, or a weight is no number.
        PromptError: for a structure that says nothing.

    >>> text(["a fox", {"fog": -0.5}])
    'a fox | fog:-0.5'
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        told = any(each in value for each in structured.SAYING)
        if told and not all(map(_is_number, value.values())):
            return show(structured.translate(value))
        return show(_wish(body, weight, key) for body, weight in value.items())
    if isinstance(value, Sequence):
        return " | ".join(text(part, key) for part in value)
    raise ConfigError(f"{key} is {value!r}; it must be text in quotes, or a list of texts")


def scene(value: Any, where: str) -> str:
    """A scene as text; `{prompts: a fox, for: 2s}` says how long it takes.

    Args:
        where: what it was read from, for messages.

    Raises:
        ConfigError, PromptError: as for `text`; also for what is no length.
    """
    if not isinstance(value, Mapping) or "for" not in value or len(value) < 2:
        return text(value)
    rest = {key: inner for key, inner in value.items() if key != "for"}
    try:
        lasting = length(str(value["for"]))
    except ConfigError as error:
        raise ConfigError(f"{where}: scenes: for: {error}") from error
    words = text(rest["prompts"] if list(rest) == ["prompts"] else rest)
    return f"{words} | lasting({lasting.written})"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wish(body: Any, weight: Any, key: str) -> Prompt:
    if not _is_number(weight) or (isinstance(weight, int) and abs(weight) > 10**300):
        raise ConfigError(f"{key}: {body} has the weight {weight!r}; it must be a number")
    words = str(body).strip()
    if words.startswith("@"):
        return Prompt(words[1:].strip(), weight, kind="image")
    return Prompt(words, weight)
