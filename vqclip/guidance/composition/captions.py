"""Captions: the names under which the starter's prior draws things best.

A small prior draws what its captions named: its "sailboat" has sails, its "sailing boat" is a
heap. `models/starter/prior/captions.txt` lists such nouns. A thing in a colour is drafted without
it, and recoloured (see `tints`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vqclip.language.layout.reader.noun_phrases import add_article
from vqclip.language.layout.reader.vocabulary import load_vocabulary
from vqclip.language.palettes.colour_names import RGB
from vqclip.language.palettes.plain_colours import SHADES, find_plain_colour, shade_colour
from vqclip.language.prompt_types import apply_style_to_text
from vqclip.models.zoo import model_files

ARTICLES = ("a", "an", "the")
LONGEST = 3  # words of a thing without its adjectives
_PLACES = {"in", "on", "with", "by", "at", "of", "under", "over", "near", "from", "into"}
_STYLES = {"drawing", "painting", "sketch", "watercolour", "watercolor", "photo", "pattern"}
APART = _PLACES | _STYLES | {"sky", "sunset", "background"}  # what has one is not recoloured


@dataclass(frozen=True)
class Caption:
    """What is written for a noun.

    Args:
        text: in the noun's place.
        colour: that the thing is given afterwards, unless the prompt names another.
        unless: with one of these words before it, the noun stays.
    """

    text: str
    colour: str = ""
    unless: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DraftText:
    """The text of a draft.

    Args:
        text: the caption, with its colour; it ranks the drafts of a sentence's things.
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
        prompt: of the thing: "an old red car, watercolour". One that does not end in a noun of
            the captions stays, and so does one whose noun is the last word of a compound.
        captions: by nouns in the singular; the starter's unless given.

    >>> found = write_draft_text("an old red car", {"car": Caption("automobile")})
    >>> found.text, found.caption
    ('an old red automobile', 'an old automobile')
    """
    known = read_captions() if captions is None else captions
    thing, comma, style = prompt.partition(",")
    others = style.lower().split()
    if any(word in ARTICLES or find_plain_colour(word) for word in others):
        return DraftText(prompt, prompt)  # it names another thing
    found = _write_thing(thing, known)
    return replace(
        found, text=f"{found.text}{comma}{style}", caption=f"{found.caption}{comma}{style}"
    )


def _write_thing(prompt: str, known: Mapping[str, Caption]) -> DraftText:
    words = prompt.lower().rstrip(" .!").split()  # as CLIP reads them
    article = words.pop(0) if words[:1] and words[0] in ARTICLES else ""
    words, colour, at = _take_colour(words, known)
    before, caption = _find_caption(words, known)
    if not colour and (caption is None or not caption.colour):
        text = prompt if caption is None else _join(article, [*before, *caption.text.split()])
        return DraftText(text, text)
    if caption is None:
        plain = shown = words
    else:
        thing = caption.text.split()
        if not colour:
            colour, at = caption.colour, len(before)
        elif colour in thing:  # the name that it is drawn by has the colour
            text = _join(article, [*before, *thing])
            return DraftText(text, text)
        plain = [*before, *thing]
        shown = [
            *before,
            *(word for word in thing[:-1] if not find_plain_colour(word)),
            thing[-1],
        ]
    text = _join(article, [*shown[:at], colour, *shown[at:]])
    return DraftText(text, _join(article, plain), _read_colour(colour))


def _take_colour(words: list[str], known: Mapping[str, Caption]) -> tuple[list[str], str, int]:
    """Take the colour out of the words of one thing: the others, it, and its place among them.

    A colour that the captions name with the noun is left: a red fox has its own.
    """
    vocabulary = load_vocabulary()
    described = [w in vocabulary.adjectives or bool(find_plain_colour(w)) for w in words[:-1]]
    first = [*described, False].index(False)
    colours = [word for word in words[:first] if find_plain_colour(word)]
    thing = words[first:]
    is_one = len(thing) <= LONGEST and not (vocabulary.function_words.keys() | APART) & {*thing}
    named = any(
        " ".join(words[start:]) in known
        for start in range(first)
        if start == 0 or words[start - 1] not in SHADES  # a dark red rose is not as roses are
    )
    if len(colours) != 1 or not is_one or named:
        return words, "", 0
    at = words.index(colours[0])
    start = at - (at > 0 and words[at - 1] in SHADES)
    return words[:start] + words[at + 1 :], " ".join(words[start : at + 1]), start


def _read_colour(text: str) -> RGB | None:
    """Read a colour with its shade, "dark blue", or without."""
    *shade, name = text.split()
    colour = find_plain_colour(name)
    return shade_colour(colour, shade[0]) if shade and colour else colour


def _find_caption(
    words: list[str], known: Mapping[str, Caption]
) -> tuple[list[str], Caption | None]:
    """Find the caption of the longest noun at the end of words, and the words before it."""
    for start in range(len(words)):
        if found := known.get(" ".join(words[start:])):
            before = words[:start]
            # A cable car is no cable automobile.
            plain = load_vocabulary().adjectives.issuperset(before)
            if not plain or {*before} & (found.unless | {*found.text.split()}):
                return words, None
            return before, found
    return words, None


def _join(article: str, words: Sequence[str]) -> str:
    """The words with their article, which may have become "an"."""
    text = " ".join(words)
    return add_article(text) if article in ("a", "an") else f"{article} {text}".strip()


def read_captions() -> dict[str, Caption]:
    """Read the captions of the starter's prior: a noun → its caption; none without a file."""
    return _read_captions(model_files.starter_prior() / "captions.txt")


@cache
def _read_captions(path: Path) -> dict[str, Caption]:
    found: dict[str, Caption] = {}
    lines = path.read_text(encoding="utf-8") if path.is_file() else ""
    for nouns, text, unless in re.findall(r"^([^#\n]+?) = ([^!\n]+)(?: ! (.+))?$", lines, re.M):
        colour, _, rest = text.strip().rpartition(" + ")
        caption = Caption(rest, colour, frozenset(unless.split()))
        found |= dict.fromkeys(nouns.split(", "), caption)
    return found
