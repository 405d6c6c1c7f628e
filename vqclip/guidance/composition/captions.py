"""Captions: the names under which the starter's prior draws things best.

A small prior draws what its captions named: its "sailboat" has sails, its "sailing boat" is a
heap. `models/starter/prior/captions.txt` lists such nouns. A thing in a colour is drafted without
it, and recoloured (see `tints`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vqclip.language.layout.reader.noun_phrases import add_article
from vqclip.language.layout.reader.vocabulary import load_vocabulary
from vqclip.language.palettes.colour_names import RGB
from vqclip.language.palettes.plain_colours import find_plain_colour
from vqclip.language.prompt_types import apply_style_to_text
from vqclip.models.zoo import model_files

ARTICLES = ("a", "an", "the")
LONGEST = 3  # words of a thing without its adjectives


@dataclass(frozen=True)
class Caption:
    """What is written for a noun.

    Args:
        text: in the noun's place.
        unless: with one of these words before it, the noun stays.
    """

    text: str
    unless: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DraftText:
    """The text of a draft.

    Args:
        text: that ranks: the caption, with its colour.
        caption: what the prior reads.
        colour: that the thing is given afterwards, or None.
    """

    text: str
    caption: str
    colour: RGB | None = None

    def apply_style(self, style: str) -> DraftText:
        """Put a style around both texts; see `prompt_types.apply_style_to_text`."""
        text, caption = (apply_style_to_text(each, style) for each in (self.text, self.caption))
        return replace(self, text=text, caption=caption)


def write_draft_text(prompt: str, captions: Mapping[str, Caption] | None = None) -> DraftText:
    """Write the text of a draft of a prompt of one thing, with a style after a comma or none.

    Args:
        prompt: of the thing: "an old red car, watercolour".
        captions: see `write_caption`.

    >>> found = write_draft_text("an old red car", {"car": Caption("automobile")})
    >>> found.text, found.caption
    ('an old red automobile', 'an old automobile')
    """
    known = read_captions() if captions is None else captions
    thing, comma, style = prompt.partition(",")
    if not {*ARTICLES}.isdisjoint(style.split()):  # it names another thing
        return DraftText(prompt, prompt)
    found = _split_colour(thing, known)
    return replace(
        found, text=f"{found.text}{comma}{style}", caption=f"{found.caption}{comma}{style}"
    )


def _split_colour(prompt: str, known: Mapping[str, Caption]) -> DraftText:
    """Write the text of a draft without the colour, where the prompt gives its thing one."""
    words = prompt.split()
    article = words.pop(0) if words[:1] and words[0] in ARTICLES else ""
    vocabulary = load_vocabulary()
    described = [w in vocabulary.adjectives or bool(find_plain_colour(w)) for w in words[:-1]]
    first = [*described, False].index(False)
    before, thing = words[:first], words[first:]
    colours = [word for word in before if find_plain_colour(word)]
    is_one = len(thing) <= LONGEST and vocabulary.function_words.keys().isdisjoint(thing)
    # A noun may have its colour in it: a black bird is one of the emoji.
    named = any(" ".join(words[start:]) in known for start in range(first))
    if len(colours) != 1 or not is_one or named:
        caption = write_caption(prompt, known)
        return DraftText(caption, caption)
    at = before.index(colours[0])
    plain = write_caption(" ".join(words[:at] + words[at + 1 :]), known).split()
    text, caption = (
        _put_article(article, " ".join(each))
        for each in ([*plain[:at], colours[0], *plain[at:]], plain)
    )
    return DraftText(text, caption, find_plain_colour(colours[0]))


def _put_article(article: str, text: str) -> str:
    """The text with its article, which may have become "an"."""
    return add_article(text) if article in ("a", "an") else f"{article} {text}".strip()


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
    return _put_article(article, " ".join([*before, found.text]))


def read_captions() -> dict[str, Caption]:
    """Read the captions of the starter's prior: a noun → its caption; none without a file."""
    return _read_captions(model_files.starter_prior() / "captions.txt")


@cache
def _read_captions(path: Path) -> dict[str, Caption]:
    found: dict[str, Caption] = {}
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    for nouns, text, unless in re.findall(r"^([^#\n]+?) = ([^!\n]+)(?: ! (.+))?$", lines, re.M):
        caption = Caption(text.strip(), frozenset(unless.split()))
        found |= dict.fromkeys(nouns.split(", "), caption)
    return found
