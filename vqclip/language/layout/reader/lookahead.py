"""Lookahead: the words that come next, where they decide what others mean."""

from __future__ import annotations

from collections.abc import Sequence

from vqclip.language.layout.reader.noun_phrases import NounPhraseReader
from vqclip.language.layout.reader.phrase_words import PUNCTUATION
from vqclip.language.layout.reader.vocabulary import load_vocabulary

# "On the left" and its like, with the relation to what is on the other side.
SIDES = {"on the left": "left", "to the left": "left"}
SIDES |= {"on the right": "right", "to the right": "right"}

ABREAST = frozenset({"side by side", "back to back", "head to head", "face to face"})
# Ends of phrases that place what was named last by what it belongs to.
ELIDED = {"in front": "front", "in back": "behind"}
# These do only after "with": a man with a child on his back does not lie on it.
CARRYING = frozenset({"on its back", "on his back", "on her back", "on their backs"})
ELIDED |= dict.fromkeys(CARRYING, "on")


def find_elided(closing: str, previous: str) -> str:
    """The relation to its owner of what comes before "in front", or "".

    Args:
        closing: the words.
        previous: the relation that was made last.
    """
    if closing in CARRYING and previous not in ("with", "holding"):
        return ""
    return ELIDED.get(closing, "")


class Lookahead:
    """Looks at words that are still to be read."""

    def __init__(self, words: Sequence[str], reader: NounPhraseReader) -> None:
        self.words = words
        self.reader = reader
        self.vocabulary = load_vocabulary()

    def begins_number(self, at: int) -> bool:
        return self.words[at : at + 2] in (["as", "many"], ["as", "much"])

    def is_told(self, at: int) -> bool:
        """Whether "is a cat" comes, which tells what is in the place that was said before."""
        be, after = (*self.words[at : at + 2], "", "")[:2]
        begins = self.vocabulary.is_a(after, "determiner") or after in self.vocabulary.numbers
        return begins and self.vocabulary.is_a(be, "be")

    def ends(self, at: int) -> bool:
        """Whether no noun comes at a word that a phrase of place could tell of."""
        after = self.words[at] if at < len(self.words) else "."
        ends = (
            after in PUNCTUATION
            or self.vocabulary.is_a(after, "conjunction")
            or self.vocabulary.is_a(after, "be")
        )
        return ends or after in self.vocabulary.verbs or after in self.vocabulary.prepositions

    def find_pronoun(self, at: int) -> str:
        """Whether "it" comes at a word, or soon after a noun; see `Discourse.find_placed`."""
        word = self.words[at] if at < len(self.words) else ""
        if word in ("it", "them", "which", "him", "her", "its"):
            return "pronoun"
        phrase = self.reader.read(at)
        after = self.words[phrase.end : phrase.end + 5] if phrase is not None else []
        soon = {"it", "them"} & set(after) or after[:2] == ["on", "top"]
        return "noun and pronoun" if soon else ""

    def has_pronoun(self, at: int) -> bool:
        """Whether "it" follows a verb before any other noun."""
        for word in self.words[at : at + 6]:
            if word in PUNCTUATION or word in ("a", "an", "the", "and", "with"):
                return False
            if word in ("it", "them", "which"):
                return True
        return False

    def begins_clause(self, at: int) -> bool:
        """Whether the words tell something new about the thing that was named before them."""
        word = self.words[at] if at < len(self.words) else ""
        if self.vocabulary.is_a(word, "be") or (
            word in self.vocabulary.verbs and not self.reader.is_noun(at)
        ):
            return True
        closing = self.vocabulary.closings.find(self.words, at)
        if closing and self.words[closing[2] : closing[2] + 1] != ["of"]:
            return closing[0] in SIDES
        found = self.vocabulary.prepositions.find(self.words, at)
        return found is not None and found[1].kind not in ("with", "skip", "together")
