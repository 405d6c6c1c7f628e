"""Words that a shell took apart, since nobody put them in quotes, and how they are to be written.

A name with blanks, a prompt, or a list with a blank after its comma arrives as several words.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from vqclip.config.setting_descriptions import describe_settings
from vqclip.media.paths import FILM_SUFFIXES, IMAGE_SUFFIXES

LONGEST = 12  # words of a file's name that are looked for
TEXT_OPTIONS = (  # options whose value may hold blanks
    *("--init", "--out", "--preset", "--negative", "--source", "--sound", "--labels", "--image"),
    *("--templates", "--csv", "--sheet", "--links", "--film", "--config"),
)
LISTS = (".yaml", ".yml", ".txt", ".json")  # files of prompts and settings
_WEIGHTED = re.compile(r":[+-]?[0-9.]+\Z")
_BEGINNING = re.compile(r"@|--?[\w-]+=|[A-Za-z_]+(?:\.[A-Za-z_]+)*=|")


def find_split_name(typed: Sequence[str]) -> str | None:
    """Find a file whose name was typed in pieces, and write it as it should be.

    >>> find_split_name(["--init", "no", "such.png"]) is None
    True
    """
    for first in range(len(typed)):
        if re.match(r"--?[A-Za-z][\w-]*$", typed[first]):
            continue
        for after in range(min(len(typed), first + LONGEST), first + 1, -1):
            pieces = typed[first:after]
            beginning = _BEGINNING.match(pieces[0])
            lead = beginning[0] if beginning else ""
            name = _existing(" ".join(pieces).removeprefix(lead))
            if name is None or any(word.startswith("--") for word in pieces[1:]):
                continue
            quoted = quote_text(f"@{name}") if lead == "@" else lead + quote_text(name)
            option = typed[first - 1] if first else ""
            return f"{option} {quoted}" if re.match(r"--[a-z-]+$", option) else quoted
    return None


def quote_text(text: str) -> str:
    r"""Write text in quotes, as a shell reads it.

    >>> quote_text('a "fox"')
    '\'a "fox"\''
    """
    return quote(text) if re.search(r'["$`!]', text) else f'"{text}"'


def _existing(joined: str) -> str | None:
    """The name of a file that is this, but for the number of blanks; None if there is none."""
    if not joined or "\0" in joined:
        return None
    path = os.path.expanduser(joined)
    if os.path.lexists(path):
        return joined
    folder, name = os.path.split(path)
    try:
        there = os.listdir(folder or ".")
    except (OSError, UnicodeEncodeError):  # letters that the file system does not have
        return None
    found = next((each for each in there if " ".join(each.split()) == name), None)
    return None if found is None else joined.removesuffix(name) + found


def explain_words(bare: Sequence[str], typed: Sequence[str]) -> str:
    """Say how several words are to be written where one prompt is expected.

    Args:
        bare: the words that are neither options nor settings.
        typed: all words.
    """
    pair = f"{bare[0]!r} and {bare[1]!r} are separate words"
    keys = {each.key: each for each in describe_settings()}
    for word, after in itertools.pairwise(typed):
        if word in keys and "." in word and after in bare:
            return f"{pair}; write the setting as one word: {word}={after}"
    if told := _of_option(bare, typed):
        return told
    spaced = [word for word in bare if re.search(r"\s", word)]
    files = [word for word in bare if _is_file(word) and (spaced or not os.path.isdir(word))]
    prompts = [word for word in bare if word not in files]
    if files and prompts:
        return f"{pair}; {_with_file(' '.join(prompts), files[0])}"
    if files:
        return f"{pair}; write a command for each"
    parted = f"{quote_text(' | '.join(bare))} for {'both' if len(bare) == 2 else 'all'}"
    if len(spaced) > 1:  # each was in quotes
        return f"{pair}; write {parted} in one picture, or a command for each"
    more = f", or {parted} in one picture" if spaced else ""
    if bare[-1] in keys["film.format"].choices:
        more += f"; to set the film's format: film.format={bare[-1]}"
    if any(_WEIGHTED.search(word) for word in bare[:-1]):  # in the middle, it would be words
        return f"{pair}; write {parted} in one picture"
    return f"{pair}; put the prompt in quotes: {quote_text(' '.join(bare))}{more}"


def explain_name(bare: Sequence[str]) -> str:
    """Say how several words are to be written where one name is expected."""
    return (
        f"{bare[0]!r} and {bare[1]!r} are separate words; a name with blanks belongs in quotes: "
        f"{quote_text(' '.join(bare))}"
    )


def _of_option(bare: Sequence[str], typed: Sequence[str]) -> str:
    """How to write an option whose value is followed by the rest of it, or ""."""
    others = [word for word in bare if re.search(r"\s", word)]
    for index, word in enumerate(typed[:-1]):
        setting = re.match(r"(--)?[A-Za-z_.]+=\S", word)
        if word not in TEXT_OPTIONS and not setting:
            continue
        begin = index if setting else index + 1
        end = begin + 1
        while end < len(typed) and typed[end] in bare and typed[end] not in others:
            end += 1
        rest = [each for each in bare if each not in typed[begin + 1 : end]]
        if end > begin + 1 and rest:
            value = " ".join(typed[begin:end])
            key, _, inner = value.partition("=")
            quoted = f"{key}={quote_text(inner)}" if setting else f"{word} {quote_text(value)}"
            return f"{typed[end - 1]!r} stands alone; if it belongs to {word}: {quoted}"
    return ""


def _with_file(prompt: str, file: str) -> str:
    """What a prompt and a file may have been meant to be together."""
    name = quote_text(file) if re.search(r"\s", file) else file
    if file.lower().endswith(LISTS):
        if file.lower().endswith((".yaml", ".yml")):
            return f"a prompt for a run file is a setting: {name} prompts={quote_text(prompt)}"
        return f"the prompts are in {file} already; leave one of the two out"
    towards = f"to draw towards what it shows: {quote_text(f'{prompt} | @{file}:0.5')}"
    if os.path.isdir(file):
        return f"{file} is a folder; {towards}; to write into it: --out {name}"
    if file.lower().endswith(FILM_SUFFIXES):
        return f"to draw over a film: vqclip animate --source {name}"
    return f"to begin with the picture: --init {name}; {towards}"


def _is_file(word: str) -> bool:
    """Whether a word names a folder that there is, or a file that a run takes."""
    suffix = Path(word).suffix.lower()
    named = suffix in IMAGE_SUFFIXES or suffix in (*FILM_SUFFIXES, *LISTS)
    return "\0" not in word and (named or os.path.isdir(word))
