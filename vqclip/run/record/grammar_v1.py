r"""The prompt grammars of older pictures.

In grammar 1, of version 0.1, only `|`, `:`, `@` and the backslash were signs. In grammar 2, times
and ports were weights: `a train at 3:00`. A picture's notes say which grammar its prompt is
written in; `modernise_prompt` writes such a prompt in today's, with the same meaning. In
grammar 3 and before, label( ) and like( ) were words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from vqclip.errors import PromptError
from vqclip.language import prompts
from vqclip.language.expressions import NUMBER
from vqclip.language.prompt_parser import CALLS, ENDLESS, OLD_CALLS
from vqclip.language.prompt_types import Prompt

PROMPTS = ("prompts", "negative")  # the settings that are prompts
OLDEST = 3  # the oldest grammar that is noted today
_ESCAPE = re.compile(r"\\([|:@\\])")
_TOKEN = re.compile(r"\\[|:@\\]|.", re.DOTALL)


def modernise_prompt(text: str, grammar: int) -> str:
    r"""Write a prompt of an older grammar in today's; one that reads the same stays as it is.

    >>> modernise_prompt("a fox:2 | fog", 1), modernise_prompt("a (red) fox:2", 1)
    ('a fox:2 | fog', 'a \\(red\\) fox:2')
    >>> modernise_prompt("a train at 3:00", 2)
    'a train at 3:+0'
    """
    if grammar >= prompts.GRAMMAR or (grammar == OLDEST and _reads_the_same(text)):
        return text
    before = parse_grammar_v1(text) if grammar < 2 else prompts.parse_grammar(text, grammar)
    try:
        same = prompts.parse_prompts(text) == before
    except PromptError:
        same = False
    return text if same else prompts.prompts_to_text(before)


def modernise_settings(settings: dict[str, Any], grammar: int) -> dict[str, Any]:
    """The same settings with their prompts and, since grammar 2, what to avoid in today's."""
    keys = PROMPTS if grammar > 1 else PROMPTS[:1]
    found = {key: settings[key] for key in keys if key in settings and settings[key].strip()}
    return settings | {key: modernise_prompt(text, grammar) for key, text in found.items()}


def oldest_grammar(settings: Iterable[Mapping[str, Any]]) -> int:
    """The oldest grammar, from 3 on, in which prompts in settings read as they do today.

    It is what a picture's notes have, so that a vqclip that knows no newer grammar can read
    pictures that need none.
    """
    texts = (each[key] for each in settings for key in PROMPTS if key in each)
    return OLDEST if all(map(_reads_the_same, texts)) else prompts.GRAMMAR


def _reads_the_same(text: str) -> bool:
    """Whether a prompt means in grammar 3 what it means today."""
    plain = text.replace('"', "")  # which part no word
    if not any(f"{name}(" in plain for name in CALLS if name not in OLD_CALLS):
        return True
    try:
        return prompts.parse_grammar(text, OLDEST) == prompts.parse_prompts(text)
    except PromptError:  # in one of them at least it means nothing
        return False


def parse_grammar_v1(text: str) -> tuple[Prompt, ...]:
    """Read a prompt by the rules of grammar 1.

    Raises:
        PromptError: if no run can have had such a prompt.
    """
    return tuple(_part(raw.strip()) for raw in _split(text, "|"))


def _part(raw: str) -> Prompt:
    image = raw.startswith("@")
    fields = _split(raw[1:] if image else raw, ":")
    numbers: list[float] = []
    while len(fields) > 1 and len(numbers) < 2:
        field = fields[-1].strip()
        if not (NUMBER.fullmatch(field) or ENDLESS.fullmatch(field)):
            break
        numbers.insert(0, float(fields.pop()))
    body = _ESCAPE.sub(r"\1", ":".join(fields).strip())
    weight, stop = (*numbers, *(1.0, -math.inf)[len(numbers) :])
    return Prompt(body, weight, stop, "image" if image else "text")


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are not escaped; escapes stay as they are."""
    pieces = [""]
    for token in _TOKEN.findall(text):
        if token == separator:
            pieces.append("")
        else:
            pieces[-1] += token
    return pieces
