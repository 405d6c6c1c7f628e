"""The words of a noun phrase: determiners, numbers, attributes and nouns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqclip.language.layout.reader.number_comparisons import Order
from vqclip.language.layout.reader.vocabulary import (
    Noun,
    Vocabulary,
    load_vocabulary,
)

PUNCTUATION = frozenset(",.;:!?")
BREAKING = ("determiner", "pronoun", "conjunction", "be")  # words that end a noun phrase
ONLY = ("single", "lone")  # numbers that are read as attributes


@dataclass(frozen=True)
class Number:
    """Determiners and numbers before a noun; see `NounPhrase` for what has the same name.

    Args:
        end: index of the word after them.
        determiner: the last of them, such as "the", "a" and "its".
    """

    end: int
    count: int = 1
    vague: bool = False
    counted: bool = False
    determiner: str = ""
    comparison: Order | None = None
    absent: bool = False


@dataclass(frozen=True)
class Word:
    """A word, or a compound noun, of a noun phrase.

    Args:
        text: as it is written.
        noun: of the lists.
        known: whether the lists have it.
        plural: whether it looks like one.
    """

    text: str
    noun: Noun | None
    known: bool
    plural: bool = False


class PhraseWords:
    """Reads the words of noun phrases, one by one."""

    def __init__(self, words: Sequence[str], vocabulary: Vocabulary | None = None) -> None:
        self.words = words
        self.vocabulary = vocabulary or load_vocabulary()

    def word(self, at: int) -> str:
        return self.words[at] if 0 <= at < len(self.words) else ""

    def begins_noun(self, at: int) -> bool:
        """Whether a word may begin or continue a noun phrase after a determiner."""
        word = self.word(at)
        return bool(word) and not (
            word in PUNCTUATION
            or self.vocabulary.is_a(word, *BREAKING, "relative")
            or (word in self.vocabulary.prepositions and not self.is_noun(at))
        )

    def is_noun(self, at: int) -> bool:
        return self.vocabulary.nouns.find(self.words, at) is not None

    def read_number(self, start: int) -> Number:
        """Determiners and numbers at a word: "the", "all three", "two or three", "12"."""
        at, number, found = start, Number(start), self.vocabulary.numbers
        while at < len(self.words):
            word = self.words[at]
            joined = " ".join(self.words[at : at + 4])
            if match := re.match(r"(?:the|an) (?:equal|same|identical) number of\b", joined):
                size = len(match[0].split())
                number = replace(number, comparison="equal", counted=True, vague=True)
                at += size
            elif joined.startswith(("as many ", "an equal number", "equal numbers of")):
                number = replace(number, comparison="equal", counted=True, vague=True)
                at += 2 if joined.startswith("as many") else 3
            elif word in ("more", "fewer", "less") and self.begins_noun(at + 1):
                order: Order = "more" if word == "more" else "fewer"
                number = replace(number, comparison=order, counted=True, vague=True)
                at += 1
            elif word == "no" and at == start:
                number, at = replace(number, absent=True, determiner=word), at + 1
            elif self.vocabulary.is_a(word, "approximate") and self.skip_approximate(at):
                at = self.skip_approximate(at)
            elif word.isdecimal() and len(word) < 5:
                value = max(int(word), 1)
                number = replace(number, count=value, counted=True)
                at += 1
            elif (counting := found.find(self.words, at)) and not self.is_two_people(counting):
                phrase, (value, vague), end = counting
                if phrase in ("a", "an"):
                    if number.counted or number.determiner:
                        break
                    number = replace(number, determiner=phrase)
                elif phrase in ("single", "lone"):
                    number = replace(number, determiner=number.determiner or phrase)
                else:
                    number = replace(number, count=value, vague=vague, counted=True)
                at = end
                if self.word(at) in ("or", "to") and self.word(at + 1) in found:
                    value, _ = found.entries[self.word(at + 1)]
                    number, at = replace(number, count=value, vague=True), at + 2
            elif self.vocabulary.is_a(word, "determiner") and (
                word != "that" or self.begins_noun(at + 1)
            ):
                number, at = replace(number, determiner=word), at + 1
            elif (
                word == "of"
                and self.follows_of(at + 1)
                and (number.counted or number.determiner in ("each", "all", "both"))
            ):
                at += 1
            else:
                break
        return replace(number, end=at)

    def is_two_people(self, counting: tuple[str, tuple[int, bool], int]) -> bool:
        """Whether "a couple" is not a number, as in "a couple dancing"."""
        phrase, _, end = counting
        verb = self.vocabulary.verbs.get(self.word(end))
        acts = verb is not None and verb.form in ("participle", "third")
        return phrase == "a couple" and (acts or not self.begins_noun(end))

    def skip_approximate(self, at: int) -> int:
        """The index after "about", "at least" and the like before a number, or 0."""
        while self.vocabulary.is_a(self.word(at), "approximate"):
            at += 1
        word = self.word(at)
        is_number = word.isdecimal() or (
            word in self.vocabulary.numbers and word not in ("a", "an")
        )
        return at if is_number else 0

    def follows_of(self, at: int) -> bool:
        word = self.word(at)
        return (
            self.vocabulary.is_a(word, "determiner")
            or word.isdecimal()
            or word in self.vocabulary.numbers
        )

    def read_body(self, start: int, determined: bool) -> tuple[list[Word], int]:
        """Attributes and nouns up to the end of the phrase; the last of them is its noun."""
        body: list[Word] = []
        at = start
        while at < len(self.words):
            found = self.read_word(body, at, determined)
            if found is None:
                break
            entry, at = found
            body.append(entry)
        while body and body[-1].noun is None and self.is_attribute(body[-1].text):
            is_verb = body[-1].text not in self.vocabulary.adjectives
            if (
                len(body) == 1
                and determined
                and is_verb
                and body[0].text in self.vocabulary.verbs
            ):
                break  # "a stack of books"
            at -= len(body.pop().text.split())
        if body and not determined and body[-1].noun is None and not self.measures(at):
            return [], start  # a word that is not known, without an article
        if len(body) == 1 and not determined and body[0].text in self.vocabulary.adjectives:
            plain = body[0].noun is not None and body[0].plural
            if not plain and (
                self.vocabulary.is_a(self.word(start - 1), "be") or at == len(self.words)
            ):
                return [], start
        return body, at

    def measures(self, end: int) -> bool:
        """Whether a phrase that ends at a word measures what comes after: "group of"."""
        head = self.word(end - 1)
        singular, vocabulary = head.removesuffix("s"), self.vocabulary
        known = {head, singular} & (
            vocabulary.measures.keys() | vocabulary.parts_of_things.keys()
        )
        return self.word(end) == "of" and bool(known)

    def is_attribute(self, text: str) -> bool:
        return (
            text in ("and", ",")
            or text in self.vocabulary.adjectives
            or text in self.vocabulary.attributes
            or text in self.vocabulary.verbs
            or text.endswith("ly")
        )

    def read_word(self, body: list[Word], at: int, determined: bool) -> tuple[Word, int] | None:
        word, vocabulary = self.words[at], self.vocabulary
        has_noun = any(entry.noun or not self.is_attribute(entry.text) for entry in body)
        if word in (",", "and", "&"):
            joins = body and self.joins_attributes(body, at)
            return (Word(word, None, True), at + 1) if joins else None
        if word in PUNCTUATION or vocabulary.is_a(word, *BREAKING, "clause", "relative"):
            return None
        if body and self.word(at + 1) == "than":
            return None  # "a flower taller than a house"
        if word in ("to", "than") or (word in vocabulary.numbers and word not in ONLY):
            return None
        if found := vocabulary.attributes.find(self.words, at):
            return Word(found[0], None, True), found[2]
        if found_noun := vocabulary.nouns.find(self.words, at):
            text, noun, end = found_noun
            if end == at + 1 and has_noun and self.is_verb_here(body, at):
                return None
            return Word(text, noun, True, text == noun.plural), end
        place = vocabulary.prepositions.find(self.words, at)
        if place and (place[2] > at + 1 or word not in vocabulary.adjectives or has_noun):
            return None
        if has_noun and self.is_verb_here(body, at):
            return None
        if (
            not has_noun
            and not determined
            and word in vocabulary.verbs
            and not self.is_noun(at + 1)
        ):
            return None
        if word.endswith("'s"):
            alone = not self.begins_noun(at + 1)  # "two banana's"
            owner = vocabulary.find_singular(word[:-2]) if alone else None
            return Word(word, owner, True, owner is not None), at + 1
        if noun_found := vocabulary.find_singular(word):
            return Word(word, noun_found, True, True), at + 1
        if word == "of":
            return None
        if has_noun and word in vocabulary.adjectives and not self.continues(at + 1):
            return None
        if has_noun and word.endswith("ly"):
            return None
        known = vocabulary.knows(word)
        return Word(word, None, known, plural=not known and is_plural(word)), at + 1

    def continues(self, at: int) -> bool:
        """Whether a noun follows, maybe after more attributes."""
        while at < len(self.words):
            if self.is_noun(at):
                return True
            if self.words[at] not in self.vocabulary.adjectives:
                return False
            at += 1
        return False

    def joins_attributes(self, body: list[Word], at: int) -> bool:
        """Whether "and" or a comma stands between two attributes: "black and white cat"."""
        before, after = body[-1], self.word(at + 1)
        adjectives = self.vocabulary.adjectives
        if before.text not in adjectives and not (before.text.endswith("ed") and not before.noun):
            return False
        if before.noun and self.words[at] == ",":
            return False
        after_is_attribute = after in adjectives or after in self.vocabulary.verbs
        return after_is_attribute and self.continues(at + 2)

    def is_verb_here(self, body: list[Word], at: int) -> bool:
        """Whether a word after a noun is its verb, rather than a part of a compound."""
        word, after = self.words[at], self.word(at + 1)
        vocabulary = self.vocabulary
        before = body[-1]
        entry = vocabulary.verbs.get(word)
        breaks = (
            not after
            or after in PUNCTUATION
            or vocabulary.is_a(after, *BREAKING, "clause")
            or after in ("to", "there")
            or after in vocabulary.prepositions
            or after in vocabulary.numbers
            or after.endswith("ly")
            or (
                after in vocabulary.verbs
                and vocabulary.verbs[after].form in ("participle", "third")
            )
            or (after in vocabulary.adjectives and not self.is_noun(at + 1))
            or vocabulary.closings.find(self.words, at + 1) is not None
            or vocabulary.prepositions.find(self.words, at + 1) is not None
        )
        if entry is None:
            if word in vocabulary.nouns or word in vocabulary.adjectives:
                return False
            if before.noun is None or not after:
                return False
            if word.endswith("ing") or (before.plural and not vocabulary.find_singular(word)):
                return True
            acts = before.noun.kind in ("person", "animal") and is_plural(word)
            return breaks and (word.endswith("ed") or acts)
        form = entry.form
        is_noun = self.is_noun(at)
        if word in vocabulary.adjectives and not is_noun and form != "participle":
            return breaks and bool(after)
        if form == "participle":
            return not is_noun or (bool(after) and self.vocabulary.is_a(after, "determiner"))
        if form == "past":
            return breaks or not self.is_noun(at + 1) or (before.plural and not is_noun)
        if form == "third":
            if not is_noun:
                return True
            if not after or after in PUNCTUATION:
                return False
            noun = before.noun
            if noun and noun.kind in (
                "person",
                "animal",
            ):  # "a dog drinks milk"
                return not before.plural or noun.singular == noun.plural
            parked = after in vocabulary.verbs and vocabulary.verbs[after].form == "past"
            return (breaks or parked) and not before.plural
        if is_noun:  # "two birds fish in", but "two tennis rackets"
            several = before.plural or self.is_joined(at)
            return (
                several
                and breaks
                and bool(after)
                and not self.vocabulary.is_a(after, "conjunction")
            )
        return before.plural or (breaks and bool(after))

    def is_joined(self, at: int) -> bool:
        """Whether the noun before a word is the second of two: "a dog and a cat stand"."""
        for word in reversed(self.words[max(at - 5, 0) : at]):
            if word == "and":
                return True
            if word in PUNCTUATION or word in self.vocabulary.prepositions:
                return False
        return False


def is_plural(word: str) -> bool:
    """Whether a word that the lists do not have looks like a plural."""
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s"))
