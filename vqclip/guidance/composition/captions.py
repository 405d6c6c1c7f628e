"""Captions: the names under which the starter's prior draws things best.

A small prior draws what its captions named: its "automobile" has windows and wheels, its "car" is
a bar. `models/starter/prior/captions.txt` lists such nouns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from vqclip.language.layout.reader.noun_phrases import add_article
from vqclip.language.layout.reader.vocabulary import load_vocabulary
from vqclip.models.zoo import model_files


@dataclass(frozen=True)
class Caption:
    """What is written for a noun.

    Args:
        text: in the noun's place.
        unless: with one of these words before it, the noun stays.
    """

    text: str
    unless: frozenset[str] = frozenset()


def write_caption(prompt: str, name: str, captions: Mapping[str, Caption] | None = None) -> str:
    """Write the caption under which a thing is drafted.

    Args:
        prompt: of the thing: "an old car".
        name: its noun in the singular: "car". A prompt that ends in another word stays, and so
            does one whose noun is the last word of a compound.
        captions: by nouns; the starter's unless given.

    >>> write_caption("an old car", "car", {"car": Caption("automobile")})
    'an old automobile'
    """
    found = (read_captions() if captions is None else captions).get(name)
    article, *words = prompt.split(" ") if " " in prompt else ("", prompt)
    if found is None or words[-1] != name or found.unless & {article, *words[:-1]}:
        return prompt
    # A coffee table is no coffee desk.
    plain = load_vocabulary().adjectives.issuperset(words[:-1])
    if not plain or {*words[:-1]} & {*found.text.split()}:
        return prompt
    text = " ".join([*words[:-1], found.text])
    return add_article(text) if article in ("a", "an") else f"{article} {text}".strip()


@cache
def read_captions() -> dict[str, Caption]:
    """Read the captions of the starter's prior: a noun → its caption."""
    found: dict[str, Caption] = {}
    lines = (model_files.starter_prior() / "captions.txt").read_text(encoding="utf-8")
    for nouns, text, unless in re.findall(r"^([^#\n]+?) = ([^!\n]+)(?: ! (.+))?$", lines, re.M):
        caption = Caption(text.strip(), frozenset(unless.split()))
        found |= dict.fromkeys(nouns.split(", "), caption)
    return found
