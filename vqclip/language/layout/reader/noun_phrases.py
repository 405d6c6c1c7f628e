"""Noun phrases: a thing, its attributes and how many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from vqclip.language.layout.reader.vocabulary import (
    BE,
    CLAUSES,
    CONJUNCTIONS,
    DETERMINERS,
    POSSESSIVES,
    PRONOUNS,
    RELATIVES,
    Noun,
    Vocabulary,
    load_vocabulary,
)

MOST = 12  # of one kind; more is a crowd
SEVERAL = 3  # of a plural that tells no number
APPROXIMATE = frozenset(
    [
        "about",
        "around",
        "nearly",
        "over",
        "exactly",
        "only",
        "just",
        "almost",
        "at",
        "least",
        "most",
    ]
)
FLAT = frozenset({"plate", "dish", "platter", "tray", "paper plate"})
WORN = frozenset(["wearing", "wears", "wore", "with", "of"])  # "glasses" after these are for eyes
PUNCTUATION = frozenset(",.;:!?")


@dataclass(frozen=True)
class NounPhrase:
    """A noun phrase that was read.

    Args:
        end: index of the word after it.
        name: its noun in the singular; "" for a pronoun, or where nothing is to be drawn.
        prompt: one such thing with its attributes.
        kind: class of the noun, such as "animal"; "" for one that the lists do not have.
        count: how many.
        vague: whether the words leave the number open.
        counted: whether they say one.
        plural: whether the noun is in the plural.
        pronoun: "it" or "them", or the possessor in "its head".
        facets: what it says of place, time and weather.
        contents: what is in or on it, as in "a plate of spaghetti", and the relation.
        side: relation that "the top of" and the like make to this; None where there is none.
        comparison: "more", "fewer" or "equal" to another number.
    """

    end: int
    name: str = ""
    prompt: str = ""
    kind: str = ""
    count: int = 1
    vague: bool = False
    counted: bool = False
    plural: bool = False
    determined: bool = False
    pronoun: str = ""
    facets: dict[str, str] = field(default_factory=dict)
    contents: NounPhrase | None = None
    contents_relation: str = "inside"
    side: str | None = None
    comparison: str = ""
    absent: bool = False

    @property
    def is_setting(self) -> bool:
        return self.kind == "setting"


@dataclass(frozen=True)
class _Number:
    end: int
    count: int = 1
    vague: bool = False
    counted: bool = False
    determiner: str = ""
    comparison: str = ""
    absent: bool = False


@dataclass(frozen=True)
class _Word:
    text: str
    noun: Noun | None
    known: bool
    plural: bool = False


class NounPhraseReader:
    """Reads noun phrases from the words of a sentence."""

    def __init__(self, words: Sequence[str], vocabulary: Vocabulary | None = None) -> None:
        self.words = words
        self.vocabulary = vocabulary or load_vocabulary()

    def word(self, at: int) -> str:
        return self.words[at] if 0 <= at < len(self.words) else ""

    def read(self, start: int, depth: int = 0) -> NounPhrase | None:
        """The noun phrase that begins at a word, or None."""
        if self.word(start) in PRONOUNS and not (
            self.word(start) == "her" and self.begins_noun(start + 1)
        ):
            return NounPhrase(start + 1, pronoun=self.word(start))
        number = self.read_number(start)
        body, end = self.read_body(number.end, bool(number.determiner or number.counted))
        if not body:
            return None
        return self.read_complement(self.make_phrase(number, body, end), depth)

    def begins_noun(self, at: int) -> bool:
        """Whether a word may begin or continue a noun phrase after a determiner."""
        word = self.word(at)
        return bool(word) and not (
            word in PUNCTUATION
            or word in BE
            or word in CONJUNCTIONS
            or word in RELATIVES
            or word in PRONOUNS
            or word in DETERMINERS
            or (word in self.vocabulary.prepositions and not self.is_noun(at))
        )

    def is_noun(self, at: int) -> bool:
        return self.vocabulary.nouns.find(self.words, at) is not None

    def read_number(self, start: int) -> _Number:
        """Determiners and numbers at a word: "the", "all three", "a few", "two or three", "12"."""
        at, number, found = start, _Number(start), self.vocabulary.numbers
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
                comparison = "more" if word == "more" else "fewer"
                number = replace(number, comparison=comparison, counted=True, vague=True)
                at += 1
            elif word == "no" and at == start:
                number, at = replace(number, absent=True, determiner=word), at + 1
            elif word in APPROXIMATE and self.skip_approximate(at):
                at = self.skip_approximate(at)
            elif word.isdigit() and len(word) < 5:
                value = max(int(word), 1)
                number = replace(number, count=value, counted=True)
                at += 1
            elif match := found.find(self.words, at):
                phrase, (value, vague), end = match
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
            elif word in DETERMINERS and (word != "that" or self.begins_noun(at + 1)):
                number, at = replace(number, determiner=word), at + 1
            elif word == "of" and number.counted and self.follows_of(at + 1):
                at += 1
            else:
                break
        return replace(number, end=at)

    def skip_approximate(self, at: int) -> int:
        """The index after "about", "at least" and the like before a number, or 0."""
        while self.word(at) in APPROXIMATE:
            at += 1
        word = self.word(at)
        is_number = word.isdigit() or (
            word in self.vocabulary.numbers and word not in ("a", "an")
        )
        return at if is_number else 0

    def follows_of(self, at: int) -> bool:
        word = self.word(at)
        return word in DETERMINERS or word.isdigit() or word in self.vocabulary.numbers

    def read_body(self, start: int, determined: bool) -> tuple[list[_Word], int]:
        """Attributes and nouns up to the end of the phrase; the last of them is its noun."""
        body: list[_Word] = []
        at = start
        while at < len(self.words):
            found = self.read_word(body, at, determined)
            if found is None:
                break
            entry, at = found
            body.append(entry)
        while body and body[-1].noun is None and self.is_attribute(body[-1].text):
            at -= len(body.pop().text.split())
        if body and not determined and body[-1].noun is None and not self.measures(at):
            return [], start  # a word that is not known, without an article
        if len(body) == 1 and not determined and body[0].text in self.vocabulary.adjectives:
            plain = body[0].noun is not None and body[0].plural
            if not plain and (self.word(start - 1) in BE or at == len(self.words)):
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

    def read_word(self, body: list[_Word], at: int, determined: bool) -> tuple[_Word, int] | None:
        word, vocabulary = self.words[at], self.vocabulary
        has_noun = any(entry.noun or not self.is_attribute(entry.text) for entry in body)
        if word in (",", "and", "&"):
            joins = body and self.joins_attributes(body, at)
            return (_Word(word, None, True), at + 1) if joins else None
        if word in PUNCTUATION or word in BE or word in PRONOUNS or word in RELATIVES:
            return None
        if word in CLAUSES or word in CONJUNCTIONS or word in ("to", "than"):
            return None
        if word in DETERMINERS or (word in vocabulary.numbers and word not in ("single", "lone")):
            return None
        if found := vocabulary.attributes.find(self.words, at):
            return _Word(found[0], None, True), found[2]
        if found_noun := vocabulary.nouns.find(self.words, at):
            text, noun, end = found_noun
            if end == at + 1 and has_noun and self.is_verb_here(body, at):
                return None
            return _Word(text, noun, True, text == noun.plural), end
        if preposition := vocabulary.prepositions.find(self.words, at):
            if preposition[2] > at + 1 or word not in vocabulary.adjectives or has_noun:
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
        if word.endswith("'s") or word.endswith("’s"):
            return _Word(word, None, True), at + 1
        if noun_found := vocabulary.find_singular(word):
            return _Word(word, noun_found, True, True), at + 1
        if word == "of":
            return None
        if has_noun and word in vocabulary.adjectives and not self.continues(at + 1):
            return None
        if has_noun and word.endswith("ly"):
            return None
        known = vocabulary.knows(word)
        return _Word(word, None, known, plural=not known and is_plural(word)), at + 1

    def continues(self, at: int) -> bool:
        """Whether a noun follows, maybe after more attributes."""
        while at < len(self.words):
            if self.is_noun(at):
                return True
            if self.words[at] not in self.vocabulary.adjectives:
                return False
            at += 1
        return False

    def joins_attributes(self, body: list[_Word], at: int) -> bool:
        """Whether "and" or a comma stands between two attributes: "black and white cat"."""
        before, after = body[-1], self.word(at + 1)
        adjectives = self.vocabulary.adjectives
        if before.text not in adjectives and not (before.text.endswith("ed") and not before.noun):
            return False
        if before.noun and self.words[at] == ",":
            return False
        after_is_attribute = after in adjectives or after in self.vocabulary.verbs
        return after_is_attribute and self.continues(at + 2)

    def is_verb_here(self, body: list[_Word], at: int) -> bool:
        """Whether a word that comes after a noun is its verb, rather than a part of a compound."""
        word, after = self.words[at], self.word(at + 1)
        vocabulary = self.vocabulary
        before = body[-1]
        entry = vocabulary.verbs.get(word)
        breaks = (
            not after
            or after in PUNCTUATION
            or after in DETERMINERS
            or after in PRONOUNS
            or after in CONJUNCTIONS
            or after in CLAUSES
            or after in BE
            or after in ("to", "there")
            or after in vocabulary.prepositions
            or after in vocabulary.numbers
            or after.endswith("ly")
            or vocabulary.verbs.get(after, ("", "", ""))[2] == "participle"
            or (after in vocabulary.adjectives and not self.is_noun(at + 1))
            or vocabulary.closings.find(self.words, at + 1) is not None
            or vocabulary.prepositions.find(self.words, at + 1) is not None
        )
        if entry is None:
            if word in vocabulary.nouns or word in vocabulary.adjectives:
                return False
            return breaks and bool(after) and word.endswith(("ing", "ed")) and bool(before.noun)
        form = entry[2]
        is_noun = self.is_noun(at)
        if word in vocabulary.adjectives and not is_noun and form != "participle":
            return breaks and bool(after)
        if form == "participle":
            return not is_noun or (bool(after) and after in DETERMINERS)
        if form == "past":
            return breaks or not self.is_noun(at + 1) or (before.plural and not is_noun)
        if form == "third":
            if not is_noun:
                return True
            return breaks and bool(after) and not before.plural and after not in PUNCTUATION
        if is_noun:  # "two birds fish in", but "two tennis rackets"
            several = before.plural or self.is_joined(at)
            return several and breaks and bool(after) and after not in CONJUNCTIONS
        return before.plural or (breaks and bool(after))

    def is_joined(self, at: int) -> bool:
        """Whether the noun before a word is the second of two: "a dog and a cat stand"."""
        for word in reversed(self.words[max(at - 5, 0) : at]):
            if word == "and":
                return True
            if word in PUNCTUATION or word in self.vocabulary.prepositions:
                return False
        return False

    def make_phrase(self, number: _Number, body: list[_Word], end: int) -> NounPhrase:
        body = self.replace_possessed(body)
        head = body[-1]
        words = [entry.text for entry in body[:-1]]
        noun = head.noun
        if head.text == "glasses" and not number.counted and self.word(end - 2) in WORN:
            noun = Noun("glasses", "glasses", "clothing")
        singular = (
            noun.singular if noun else make_singular(head.text) if head.plural else head.text
        )
        plural = head.plural
        if noun and noun.singular == noun.plural:
            plural = noun.kind == "animal" and not number.determiner
        owner = number.determiner if number.determiner in POSSESSIVES else ""
        kind = noun.kind if noun else ""
        facets: dict[str, str] = {}
        for entry in reversed(body):
            if entry.noun is None or entry.noun.kind == "setting":
                key = entry.noun.singular if entry.noun else entry.text
                facets = self.vocabulary.settings.get(key, {}) | facets
        phrase = NounPhrase(
            end,
            kind=kind,
            facets=facets,
            plural=plural,
            determined=bool(number.determiner or number.counted),
            comparison=number.comparison,
            absent=number.absent,
        )
        if kind in ("part", "feature") and owner:
            return replace(phrase, pronoun=owner, name=singular)
        if noun is None and singular in self.vocabulary.abstract_nouns:
            described = add_article(" ".join([*words, singular]))
            return replace(phrase, prompt=described, count=number.count, counted=number.counted)
        name = self.name_thing(body, singular)
        count, vague, counted = number.count, number.vague, number.counted
        if plural and not counted:
            two = number.determiner == "both" or singular in self.vocabulary.pairs
            count, vague = (2, False) if two else (SEVERAL, True)
        if counted and vague and not plural:
            uncountable = (
                noun is None or noun.plural == noun.singular or kind in ("food", "plant")
            )
            if not number.comparison and uncountable and kind != "animal":
                count = 1
        if count > MOST:
            count, vague = MOST, True
        is_mass = noun is not None and noun.singular == noun.plural and kind != "animal"
        without = is_mass or (
            not number.determiner and not counted and not plural and kind == "food"
        )
        described = " ".join([*words, singular])
        prompt = described if without else add_article(described)
        return replace(
            phrase, name=name, prompt=prompt, count=count, vague=vague, counted=counted
        )

    def name_thing(self, body: list[_Word], singular: str) -> str:
        """The name under which a thing is counted and its size looked up."""
        head, before = body[-1], body[-2] if len(body) > 1 else None
        synonyms, nouns = self.vocabulary.synonyms, self.vocabulary.nouns.entries
        if singular in synonyms:
            return synonyms[singular]
        *modifiers, last = singular.split()
        if modifiers and head.noun and last in nouns and nouns[last].kind == head.noun.kind:
            of_noun = nouns.get(" ".join(modifiers))
            if of_noun and of_noun.kind != "setting":  # "a coffee cup" is a cup
                return synonyms.get(last, last)
        joins = head.noun is None or head.noun.kind in ("part", "feature")
        if joins and before and before.noun and before.noun.kind != "setting":
            if head.noun is None and singular.endswith(("er", "or")):
                return singular  # "a cat scratcher" is no cat
            return f"{before.noun.singular} {singular}"
        return singular

    def replace_possessed(self, body: list[_Word]) -> list[_Word]:
        """The owner in place of a part of it: "a cow's back" is the cow."""
        head = body[-1]
        text = head.noun.singular if head.noun else head.text
        is_part = head.noun is not None and head.noun.kind in ("part", "feature")
        if not is_part and text not in self.vocabulary.parts_of_things:
            return body
        for index in range(len(body) - 2, -1, -1):
            owner = body[index].text
            if owner.endswith("'s"):
                noun = self.vocabulary.find_singular(owner[:-2])
                return [*body[:index], _Word(owner[:-2], noun, noun is not None)]
        return body

    def read_complement(self, phrase: NounPhrase, depth: int) -> NounPhrase:
        """What "of" adds: "a slice of pizza", "two glasses of water", "the roof of a car"."""
        if self.word(phrase.end) != "of" or depth > 3:
            return phrase
        inner = self.read(phrase.end + 1, depth + 1)
        if inner is None or inner.pronoun:
            if inner and inner.pronoun and phrase.name in self.vocabulary.parts_of_things:
                side = self.vocabulary.parts_of_things[phrase.name]
                return replace(inner, side=side)
            return phrase
        head = self.head_before_of(phrase)
        measure = self.vocabulary.measures.get(head)
        if measure is None and head in self.vocabulary.parts_of_things:
            return replace(inner, side=self.vocabulary.parts_of_things[head])
        if measure == "one":
            return self.measure_one(phrase, inner)
        if measure == "pair":
            pairs = phrase.count if phrase.counted else SEVERAL if phrase.plural else 1
            one_thing = inner.kind == "clothing" and not inner.plural
            count = pairs if one_thing else 2 * pairs
            return replace(inner, count=min(count, MOST), vague=False, counted=True)
        if measure is not None:
            if inner.counted and not inner.vague:
                return inner
            if not inner.plural and inner.kind not in ("person", "animal", ""):
                return replace(inner, count=1)
            return replace(
                inner, count=int(measure), vague=head not in ("dozen", "trio"), counted=True
            )
        if phrase.is_setting:
            return phrase
        if phrase.kind == "container" or head in ("package", "box"):
            if (inner.counted and not inner.vague) or head in FLAT:
                relation = "on" if head in FLAT else "inside"
                return replace(phrase, end=inner.end, contents=inner, contents_relation=relation)
        words = " ".join(self.words[phrase.end : inner.end])
        return replace(phrase, end=inner.end, prompt=f"{phrase.prompt} {words}")

    def head_before_of(self, phrase: NounPhrase) -> str:
        word = self.word(phrase.end - 1)
        if word in self.vocabulary.measures or word in self.vocabulary.parts_of_things:
            return word
        noun = self.vocabulary.find_singular(word)
        if noun:
            return noun.singular
        return word.removesuffix("s")

    def measure_one(self, phrase: NounPhrase, inner: NounPhrase) -> NounPhrase:
        count = phrase.count if phrase.counted or phrase.plural else 1
        vague = phrase.vague
        if inner.counted and not inner.vague and count == 1:
            return inner
        head = " ".join(self.words[phrase.end : inner.end])
        start = phrase.prompt or add_article(self.word(phrase.end - 1).removesuffix("s"))
        return replace(
            inner, prompt=f"{start} {head}", count=count, vague=vague, counted=phrase.counted
        )


def add_article(text: str) -> str:
    """ "a" or "an" before a noun and its attributes."""
    sounds_like_vowel = text[:1] in set("aeio") or (
        text[:1] == "u" and text[:3] not in ("uni", "use")
    )
    return f"{'an' if sounds_like_vowel else 'a'} {text}"


def is_plural(word: str) -> bool:
    """Whether a word that the lists do not have looks like a plural."""
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "'s"))


@cache
def make_singular(word: str) -> str:
    """The singular of a plural that the lists do not have."""
    return str(_load_inflect().singular_noun(word) or word)


@cache
def _load_inflect() -> Any:
    """The library of plurals, without the checks of types that take it two seconds to make."""
    import typeguard

    check = typeguard.typechecked
    typeguard.typechecked = lambda function: function  # type: ignore[assignment]
    try:
        import inflect
    finally:
        typeguard.typechecked = check
    return inflect.engine()
