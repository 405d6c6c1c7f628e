"""Captions: the names under which the starter's prior draws things best.

A small prior draws what its captions named: its "sailboat" has sails, its "sailing boat" is a
heap. `models/starter/prior/captions.txt` lists such nouns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from vqclip.language.layout.reader.noun_phrases import add_article
from vqclip.language.layout.reader.vocabulary import load_vocabulary
from vqclip.models.zoo import model_files

ARTICLES = ("a", "an", "the")


@dataclass(frozen=True)
class Caption:
    """What is written for a noun.

    Args:
        text: in the noun's place.
        unless: with one of these words before it, the noun stays.
    """

    text: str
    unless: frozenset[str] = frozenset()


def write_caption(prompt: str, captions: Mapping[str, Caption] | None = None) -> str:
    """Write the caption under which a prompt of one thing is drafted.

    Args:
        prompt: of the thing: "an old car". One that does not end in a noun of the captions
            stays, and so does one whose noun is the last word of a compound.
        captions: by nouns in the singular; the starter's unless given.

    >>> write_caption("an old car", {"car": Caption("automobile")})
    'an old automobile'
    """
    known = read_captions() if captions is None else captions
    words = prompt.split()
    for start in range(len(words)):  # the longest noun first
        if found := known.get(" ".join(words[start:])):
            before = words[:start]
            break
    else:
        return prompt
    article = before.pop(0) if before[:1] and before[0] in ARTICLES else ""
    # A cable car is no cable automobile.
    plain = load_vocabulary().adjectives.issuperset(before)
    if not plain or {*before} & (found.unless | {*found.text.split()}):
        return prompt
    text = " ".join([*before, found.text])
    return add_article(text) if article in ("a", "an") else f"{article} {text}".strip()


@cache
def read_captions() -> dict[str, Caption]:
    """Read the captions of the starter's prior: a noun → its caption; none without a file."""
    found: dict[str, Caption] = {}
    path = model_files.starter_prior() / "captions.txt"
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    for nouns, text, unless in re.findall(r"^([^#\n]+?) = ([^!\n]+)(?: ! (.+))?$", lines, re.M):
        caption = Caption(text.strip(), frozenset(unless.split()))
        found |= dict.fromkeys(nouns.split(", "), caption)
    return found
