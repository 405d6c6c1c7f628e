r"""Prompt templates: `a {red|blue} fox`, one text for several prompts.

    template = "{" [ count " of " ] choice { "|" choice } "}"  |  "{" file.txt "}"

    {red|blue|green} fox          three runs
    {2 of ink|oil|chalk} of a fox   "ink, oil of a fox" and the two other pairs
    a {colours.txt} fox           a run for each line of the file

Choices may hold templates, and may be empty: `{old |}fox` is an old fox and a fox. White space
in a choice is kept, but two spaces in a row become one. Several templates are combined, the
last one changing fastest, also those of `negative` and of `style`; in a style, empty braces
are left alone, since `{}` stands for the prompt. `again` and `resume` make one picture, so
settings changed there cannot be templates.

Braces directly after a colon are a weight's schedule, and a text that is one JSON object is a
structured prompt. Both are left as they are, and so are braces that are escaped, in quotes or
without a partner. The notation is that of the dynamic-prompts extension for Stable Diffusion
front ends.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

from vqclip.errors import PictureError, PromptError
from vqclip.language import structured
from vqclip.language.assets import SearchPath
from vqclip.language.lexer import find_signs

MOST_PROMPTS = 1000  # prompts of one text, and lines of one file
MOST_BYTES = 2**20  # of one file
DEEPEST = 8  # templates within templates
_COUNT_OF = re.compile(r"\s*([0-9]{1,3})\s+of\s+(.*)", re.DOTALL)


def expand_prompt(text: str, assets: str = "", slot: bool = False) -> list[str]:
    r"""Expand the templates in a text: list all prompts that it stands for.

    Args:
        assets: a folder in which files of choices are searched for, after the working directory,
            as in the setting; "" for none.
        slot: whether braces without a choice are left alone: in a style, `{}` is the place of
            the prompt.

    Raises:
        PromptError: for a template without choices, or for more than 1000 prompts.
        PictureError: for a file that cannot be read.

    >>> expand_prompt("{red|blue} fox:{0: 1}")
    ['red fox:{0: 1}', 'blue fox:{0: 1}']
    >>> expand_prompt("{2 of a|b|c}")
    ['a, b', 'a, c', 'b, c']
    >>> expand_prompt(r"\{a|b\}")
    ['\\{a|b\\}']
    """
    return expand_templates(text, SearchPath.from_settings(assets), slot)


def expand_templates(text: str, search_path: SearchPath, slot: bool = False) -> list[str]:
    """Expand the templates in a text, where the search path is known; see `expand_prompt`."""
    if structured.read_structured(text) is not None:
        return [text]
    return _expand(text, search_path, slot, 0)


def read_lines(path: Path) -> list[str]:
    """Read a text file of prompts or choices, one a line, without empty lines and # comments.

    Raises:
        PictureError: if it cannot be read, or holds none, or too many.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise PictureError(
            f"the prompts in {path} cannot be read ({reason}); give a text file with one prompt "
            "a line"
        ) from error
    found = [line.strip() for line in text.splitlines()]
    found = [line for line in found if line and not line.startswith("#")]
    if not found or len(found) > MOST_PROMPTS or len(text) > MOST_BYTES:
        many = "no lines" if not found else f"more than {MOST_PROMPTS}"
        raise PictureError(
            f"{path} holds {many}; write from 1 to {MOST_PROMPTS} prompts, one a line"
        )
    return found


def _expand(text: str, search_path: SearchPath, slot: bool, depth: int) -> list[str]:
    """Expand the templates in a text, and those within them."""
    parts: list[list[str]] = []
    end = 0
    for start, after, bars in _templates(text):
        parts.append([text[end:start]])
        edges = [start, *bars, after - 1]
        choices = [text[a + 1 : b] for a, b in itertools.pairwise(edges)]
        found = _choices(choices, text[start:after], search_path, slot, depth)
        parts.append([_trim(each, text, start, after, depth) for each in found])
        end = after
    if math.prod(map(len, parts)) > MOST_PROMPTS:
        raise PromptError(
            f"the prompt makes {math.prod(map(len, parts))} prompts; at most {MOST_PROMPTS} are "
            "allowed at a time: remove some choices"
        )
    return [_join(each) for each in itertools.product(*parts, [text[end:]])]


def _trim(choice: str, text: str, start: int, after: int, depth: int) -> str:
    """Remove the white space of a choice that would stand at the edge of a part."""
    borders = {index for index, sign in find_signs(text) if sign in "|^:"}
    if depth == 0:
        borders |= {-1, len(text)}
    choice = choice.lstrip() if start - 1 in borders else choice
    return choice.rstrip() if after in borders else choice


def _join(parts: Sequence[str]) -> str:
    """Join parts; where two of them have white space at a seam, it is kept once."""
    found = ""
    for part in parts:
        found += part.lstrip() if found[-1:].isspace() else part
    return found


def _choices(
    choices: list[str], whole: str, search_path: SearchPath, slot: bool, depth: int
) -> list[str]:
    """List the texts that a template stands for."""
    if depth == DEEPEST:
        raise PromptError(
            f"the template {whole[:60]!r} is nested more than {DEEPEST} levels deep, or names a "
            "file that names itself"
        )
    count = 1
    counted = _COUNT_OF.fullmatch(choices[0])
    if counted is not None:
        count, choices = int(counted[1]), [counted[2], *choices[1:]]
    single = choices[0].strip()
    if len(choices) == 1 and single.lower().endswith(".txt"):
        choices = read_lines(search_path.find(single))
    elif len(choices) == 1 and counted is None and slot:
        return [whole]
    elif len(choices) == 1 and counted is None:
        if len(whole) <= 255 and "\0" not in whole and search_path.find(whole).exists():
            mend = rf"write \{{{single}\}}"
            raise PromptError(
                f"{whole} is a file or folder here, and braces are a template; {mend}"
            )
        raise PromptError(
            f"the template {whole[:60]!r} holds no choices; write some, {{red|blue}}, or "
            r"\{ and \} where braces are meant"
            "; the schedule of a weight directly follows its colon, a fox:{0: 0, 50%: 1}, and a "
            "structured prompt is one JSON object and nothing else"
        )
    found = [e for each in choices for e in _expand(each, search_path, slot, depth + 1)]
    if not 1 <= count <= len(found):
        raise PromptError(
            f"the template {whole[:60]!r} asks for {count} of {len(found)} choices; write from "
            f"1 to {len(found)}"
        )
    if math.comb(len(found), count) > MOST_PROMPTS:
        raise PromptError(
            f"the template {whole[:60]!r} makes {math.comb(len(found), count)} prompts; at most "
            f"{MOST_PROMPTS} are allowed at a time"
        )
    return [_join_choices(each) for each in itertools.combinations(found, count)]


def _join_choices(choices: Sequence[str]) -> str:
    """Join choices by commas, with white space around the whole only."""
    whole = ", ".join(choices)
    before, after = (len(whole) - len(e) for e in (whole.lstrip(), whole.rstrip()))
    inner = ", ".join(each.strip() for each in choices)
    return whole if not inner else whole[:before] + inner + whole[len(whole) - after :]


def _templates(text: str) -> list[tuple[int, int, list[int]]]:
    """Find the outermost templates: (start, index after the end, indices of their bars)."""
    opened: list[tuple[int, list[int]]] = []
    found: list[tuple[int, int, list[int]]] = []
    colons = {index for index, sign in find_signs(text) if sign == ":"}
    for index, sign in find_signs(text):
        if sign == "{":
            opened.append((index, []))
        elif sign == "|" and opened:
            opened[-1][1].append(index)
        elif sign == "}" and opened:
            start, bars = opened.pop()
            if start - 1 not in colons:
                found = [each for each in found if each[0] < start]
                found.append((start, index + 1, bars))
    return found
