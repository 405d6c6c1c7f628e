"""The words that the reader of sentences knows, from the lists in `words`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Generic, Literal, TypeVar

Value = TypeVar("Value")

VerbForm = Literal["base", "third", "participle", "past"]


class Phrases(Generic[Value]):
    """Phrases of one word or more, of which the longest that stands at a place is found."""

    def __init__(self, entries: dict[str, Value]) -> None:
        self.entries = entries
        self._longest: dict[str, int] = {}
        for phrase in entries:
            words = phrase.split()
            self._longest[words[0]] = max(self._longest.get(words[0], 0), len(words))

    def find(self, words: Sequence[str], at: int) -> tuple[str, Value, int] | None:
        """The longest phrase that begins at a word: itself, its value, and where it ends."""
        longest = min(self._longest.get(words[at], 0), len(words) - at) if at < len(words) else 0
        for length in range(longest, 0, -1):
            phrase = " ".join(words[at : at + length])
            if phrase in self.entries:
                return phrase, self.entries[phrase], at + length
        return None

    def __contains__(self, phrase: str) -> bool:
        return phrase in self.entries


@dataclass(frozen=True)
class Noun:
    """A noun of the lists.

    Args:
        singular: as it is written for one.
        plural: for several.
        kind: its class, such as "animal"; "setting" for places, times and weather.
    """

    singular: str
    plural: str
    kind: str


@dataclass(frozen=True)
class Preposition:
    """A phrase of place: the relation that it makes, and between whom.

    Args:
        kind: of the relation; or "with", "together", "skip", "style" or "material", which the
            reader settles: what comes after "made of" only describes.
        reverse: whether what is named first is the object.
        alone: whether no noun need follow.
    """

    kind: str
    reverse: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Verb:
    """A form of a verb.

    Args:
        base: the verb.
        kind: the relation between its doer and its object, reversed after "~"; "place" for
            none, "posture" for none of a creature.
        form: which form it is.
    """

    base: str
    kind: str
    form: VerbForm


def read_entries(name: str) -> Iterator[tuple[str, str]]:
    """The lines of a list as (words, what stands after "="), without comments."""
    for line in (files(__package__) / "words" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            words, _, value = line.partition("=")
            yield words.strip(), value.strip()


def make_plural(noun: str) -> str:
    """The regular plural of a noun: bus, buses; city, cities; cat, cats."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return noun[:-1] + "ies"
    return noun + "s"


def inflect_verb(base: str) -> dict[str, VerbForm]:
    """The regular forms of a verb."""
    stem = base[:-1] if base.endswith("e") and not base.endswith("ee") else base
    third = make_plural(base)
    past = base[:-1] + "ied" if third.endswith("ies") else stem + "ed"
    forms: dict[str, VerbForm] = {base: "base", third: "third", stem + "ing": "participle"}
    forms[past] = "past"
    if re.search(r"[^aeiou][aeiou][bdgklmnprt]$", base):
        forms |= {base + base[-1] + "ing": "participle", base + base[-1] + "ed": "past"}
    return forms


def name_form(form: str) -> VerbForm:
    if form.endswith("ing"):
        return "participle"
    return "third" if form.endswith("s") else "past"


class Vocabulary:
    """All lists, each read when it is first asked for."""

    @cached_property
    def function_words(self) -> dict[str, frozenset[str]]:
        """Words of the grammar: which kinds of words each is."""
        return {
            word: frozenset(kinds.split()) for word, kinds in read_entries("function_words.txt")
        }

    def is_a(self, word: str, *kinds: str) -> bool:
        """Whether a word of the grammar is of one of some kinds."""
        return not self.function_words.get(word, frozenset()).isdisjoint(kinds)

    @cached_property
    def nouns(self) -> Phrases[Noun]:
        """Things, and the ground of pictures, by their singulars and plurals."""
        found: dict[str, Noun] = {}
        kind = ""
        for entry, _ in read_entries("things.txt"):
            if entry.startswith("["):
                kind = entry.strip("[]")
                continue
            add_noun(found, entry, kind)
        for entry, _ in read_entries("settings.txt"):
            add_noun(found, entry, "setting")
        for entry, name in self.synonyms.items():
            if name in found:
                last = found.get(entry.split()[-1])  # "computer mouse" as "mouse"
                plural = last and entry.removesuffix(last.singular) + last.plural
                add_noun(found, f"{entry}, {plural or ''}", found[name].kind)
        return Phrases(found)

    @cached_property
    def settings(self) -> dict[str, dict[str, str]]:
        """What nouns and attributes say of place, time and weather."""
        found = {}
        for name in ("settings.txt", "setting_attributes.txt"):
            for entry, value in read_entries(name):
                facets = dict(facet.split() for facet in value.split(",") if facet.strip())
                found[entry.split(",")[0]] = facets
        return found

    @cached_property
    def attributes(self) -> Phrases[dict[str, str]]:
        """Attributes that say weather, time or place."""
        names = [entry for entry, _ in read_entries("setting_attributes.txt")]
        return Phrases({name: self.settings[name] for name in names})

    @cached_property
    def verbs(self) -> dict[str, Verb]:
        """Forms of verbs."""
        found: dict[str, Verb] = {}
        for entry, kind in read_entries("verbs.txt"):
            base, *irregular = entry.split()
            for form in irregular:
                found.setdefault(form, Verb(base, kind, name_form(form)))
            for form, name in inflect_verb(base).items():
                found.setdefault(form, Verb(base, kind, name))
        return found

    @cached_property
    def prepositions(self) -> Phrases[Preposition]:
        """Phrases of place."""
        found = {}
        for phrase, value in read_entries("relations.txt"):
            kind, alone = value.removesuffix("!").strip(), value.endswith("!")
            found[phrase] = Preposition(kind.lstrip("~"), kind.startswith("~"), alone)
        return Phrases(found)

    @cached_property
    def numbers(self) -> Phrases[tuple[int, bool]]:
        """Words that count: how many, and whether they leave it open."""
        return Phrases(
            {
                phrase: (int(value.lstrip("~")), value.startswith("~"))
                for phrase, value in read_entries("numbers.txt")
            }
        )

    @cached_property
    def measures(self) -> dict[str, str]:
        """Nouns before "of" that count or measure what comes after it."""
        return dict(read_entries("measures.txt"))

    @cached_property
    def parts_of_things(self) -> dict[str, str]:
        """Nouns before "of" that name a side of what comes after it."""
        return dict(read_entries("parts_of_things.txt"))

    @cached_property
    def pairs(self) -> frozenset[str]:
        """Nouns whose plural is a pair where no number is told."""
        return frozenset(entry for entry, _ in read_entries("pairs.txt"))

    @cached_property
    def ridden(self) -> frozenset[str]:
        """What a person on it rides."""
        return frozenset(entry for entry, _ in read_entries("ridden.txt"))

    @cached_property
    def synonyms(self) -> dict[str, str]:
        """Nouns that are looked up under another name."""
        return dict(read_entries("synonyms.txt"))

    @cached_property
    def scenery_things(self) -> dict[str, tuple[int, str]]:
        """What is drawn of a place that is named alone: how many, and the thing."""
        found = {}
        for name, value in read_entries("scenery_things.txt"):
            number, _, thing = value.partition(" ")
            found[name] = (int(number), thing) if number.isdigit() else (1, value)
        return found

    @cached_property
    def adjectives(self) -> frozenset[str]:
        """Adjectives and adverbs."""
        return frozenset(entry for entry, _ in read_entries("adjectives.txt"))

    @cached_property
    def abstract_nouns(self) -> frozenset[str]:
        """Nouns that name nothing to draw."""
        nouns = [entry for entry, _ in read_entries("abstract_nouns.txt")]
        return frozenset(nouns) | frozenset(map(make_plural, nouns))

    @cached_property
    def style(self) -> Phrases[str]:
        """Words about the whole picture."""
        return Phrases(dict(read_entries("style_words.txt")))

    @cached_property
    def openings(self) -> Phrases[str]:
        """What a sentence may begin with, and the style that it says."""
        return Phrases(dict(read_entries("openings.txt")))

    @cached_property
    def closings(self) -> Phrases[str]:
        """What says nothing of things."""
        return Phrases(dict(read_entries("closings.txt")))

    def knows(self, word: str) -> bool:
        """Whether a word is English as far as the lists go."""
        return (
            word in self.function_words
            or word.isdecimal()
            or word in self.nouns
            or word in self.adjectives
            or word in self.verbs
            or word in self.numbers
            or word in self.settings
            or word in self.prepositions
            or word in self.measures
            or word in self.abstract_nouns
            or word in self.style
        )

    def find_verb(self, word: str, *, after_noun: bool) -> Verb | None:
        """The verb of a word; after a noun also one that only looks like a verb."""
        if verb := self.verbs.get(word):
            return verb
        if not after_noun or word in self.nouns or not word.endswith(("ing", "ed", "s")):
            return None
        return None if self.knows(word) else Verb(word, "place", name_form(word))

    def find_singular(self, word: str) -> Noun | None:
        """The noun of a word, also where a regular plural was made wrongly: "benchs"."""
        if noun := self.nouns.entries.get(word):
            return noun
        if word.endswith("s") and (noun := self.nouns.entries.get(word[:-1])):
            return noun
        return None


def add_noun(found: dict[str, Noun], entry: str, kind: str) -> None:
    singular, _, plural = entry.partition(",")
    noun = Noun(singular, plural.strip() or make_plural(singular), kind)
    found.setdefault(noun.singular, noun)
    found.setdefault(noun.plural, noun)


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary, read once."""
    return Vocabulary()
