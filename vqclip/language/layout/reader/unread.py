"""Prompts that look like several things, for a note where none is understood."""

from __future__ import annotations

import unicodedata
from functools import cache

from vqclip.language.layout.reader.style import split_words
from vqclip.language.layout.reader.vocabulary import Phrases, read_entries

FEWEST_WORDS = 4
FEWEST_SIGNS = 4  # of a script that writes a word with one or two


def looks_composed(text: str) -> bool:
    """Whether a prompt looks like several things with places, in whatever language.

    >>> looks_composed("un chat sur une chaise"), looks_composed("a portrait of a lady")
    (True, False)
    """
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not unicodedata.name(each, "").startswith("LATIN") for each in letters)
    if foreign > len(letters) / 2:
        return foreign >= FEWEST_SIGNS
    words = [word for word in split_words(text) if word[0].isalnum()]
    joining = _load_joining_words()
    return len(words) >= FEWEST_WORDS and any(
        joining.find(words, at) is not None for at in range(1, len(words) - 1)
    )


@cache
def _load_joining_words() -> Phrases[str]:
    return Phrases(dict(read_entries("joining_words.txt")))
