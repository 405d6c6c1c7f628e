"""Noun phrases: a thing, its attributes and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from vqclip.language.layout.reader.number_comparisons import MOST, Order
from vqclip.language.layout.reader.phrase_words import Number, PhraseWords, Word
from vqclip.language.layout.reader.vocabulary import Noun

SEVERAL = 3  # of a plural that tells no number
FLAT = frozenset({"plate", "dish", "platter", "tray", "paper plate"})
CLOTHES = frozenset({"clothing", "garment"})
PARTS = frozenset({"part", "feature"})
# Compounds of these classes go by their last word, but for those that are kinds of their own.
GENERIC = frozenset({"vehicle", "container", "support", "animal", "food"})
SPECIFIC = frozenset({"wine glass", "dining table", "cutting board", "chopping board"})
# Doors and windows of buildings are things of their own; those of cars and ovens are not.
SEPARATE = frozenset({"door", "window", "gate", "arch", "column", "curtain", "balcony"})
LIKENESSES = frozenset({"statue", "sculpture", "figurine", "toy"})
WORN = frozenset(["wearing", "wears", "wore", "with", "of"])  # "glasses" after these are for eyes


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
        owner: "its" and the like before the noun.
        pronoun: "it" or "them", or the possessor in "its head".
        facets: what it says of place, time and weather.
        contents: what is in or on it, as in "a plate of spaghetti", and the relation.
        side: relation that "the top of" and the like make to this; None where there is none.
        comparison: with the number of other things.
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
    owner: str = ""
    pronoun: str = ""
    facets: dict[str, str] = field(default_factory=dict)
    contents: NounPhrase | None = None
    contents_relation: str = "inside"
    side: str | None = None
    comparison: Order | None = None
    absent: bool = False

    @property
    def is_setting(self) -> bool:
        return self.kind == "setting"


class NounPhraseReader(PhraseWords):
    """Reads noun phrases from the words of a sentence."""

    def read(self, start: int, depth: int = 0) -> NounPhrase | None:
        """The noun phrase that begins at a word, or None."""
        if self.vocabulary.is_a(self.word(start), "pronoun") and not (
            self.word(start) == "her" and self.begins_noun(start + 1)
        ):
            return NounPhrase(start + 1, pronoun=self.word(start))
        number = self.read_number(start)
        body, end = self.read_body(number.end, bool(number.determiner or number.counted))
        if not body:
            return None
        return self.read_complement(self.make_phrase(number, body, end), depth)

    def make_phrase(self, number: Number, body: list[Word], end: int) -> NounPhrase:
        body = self.replace_possessed(body)
        head = body[-1]
        words = [e.text for e in body[:-1] if not self.vocabulary.is_a(e.text, "filler")]
        noun = head.noun
        if head.text == "glasses" and not number.counted and self.word(end - 2) in WORN:
            noun = Noun("glasses", "glasses", "clothing")
        singular = (
            noun.singular if noun else make_singular(head.text) if head.plural else head.text
        )
        plural = head.plural
        if noun and noun.singular == noun.plural:
            plural = noun.kind == "animal" and not number.determiner
        owner = number.determiner if self.vocabulary.is_a(number.determiner, "possessive") else ""
        kind = noun.kind if noun else ""
        if kind in PARTS and number.determiner in ("each", "either"):
            owner = "its"  # "on each arm"
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
            owner=owner,
        )
        own_bed = singular == "bed" and kind == "support"  # only that of a truck is a part
        if (
            owner
            and not own_bed
            and (kind in PARTS or singular in self.vocabulary.parts_of_things)
        ):
            return replace(phrase, pronoun=owner, name=singular, prompt=add_article(singular))
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
        bare = not number.determiner and not counted and not plural
        without = is_mass or (bare and kind in ("food", "clothing", "garment"))
        described = " ".join([*words, singular])
        prompt = described if without else add_article(described)
        if kind == "sky" and number.determiner == "the" and not plural:
            prompt = f"the {described}"  # "the moon"
        return replace(
            phrase, name=name, prompt=prompt, count=count, vague=vague, counted=counted
        )

    def name_thing(self, body: list[Word], singular: str) -> str:
        """The name under which a thing is counted and its size looked up."""
        head = body[-1]
        before = next((entry for entry in body[-2::-1] if entry.noun), None)
        synonyms, nouns = self.vocabulary.synonyms, self.vocabulary.nouns.entries
        if singular in synonyms:
            return synonyms[singular]
        *modifiers, last = singular.split()
        if modifiers and head.noun and head.noun.kind in GENERIC and singular not in SPECIFIC:
            of_same_kind = nouns.get(last)
            if of_same_kind and of_same_kind.kind == head.noun.kind:  # "a coffee cup" is a cup
                return synonyms.get(last, last)
        if len(body) > 1 and before and before.noun and before.noun.kind != "setting":
            owner = synonyms.get(before.noun.singular, before.noun.singular)
            if head.noun is None and before is body[-2] and not singular.endswith(("er", "or")):
                return f"{owner} {singular}"
            if (
                head.noun
                and head.noun.kind in PARTS
                and (singular not in SEPARATE or before.noun.kind in ("vehicle", "container"))
            ):
                return owner  # "a toilet seat" has its place and size from the toilet
            if singular in LIKENESSES:
                return owner  # "a cow statue"
        return singular

    def replace_possessed(self, body: list[Word]) -> list[Word]:
        """The owner in place of a part of it: "a cow's back" is the cow."""
        head = body[-1]
        text = head.noun.singular if head.noun else head.text
        is_part = head.noun is None or head.noun.kind in PARTS
        if not is_part or (head.noun is None and text not in self.vocabulary.parts_of_things):
            return body
        for index in range(len(body) - 2, -1, -1):
            owner = body[index].text
            if owner.endswith("'s"):
                noun = self.vocabulary.find_singular(owner[:-2])
                return [*body[:index], Word(owner[:-2], noun, noun is not None)]
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
            one_thing = not inner.plural and inner.name.endswith("s")  # "a pair of scissors"
            count = pairs if one_thing else 2 * pairs
            return replace(inner, count=min(count, MOST), vague=False, counted=True)
        if measure is not None:
            if inner.counted and not inner.vague:
                return inner
            if head == "bunch" and inner.kind == "food" and phrase.count == 1:
                return self.measure_one(phrase, inner)  # grapes hang together
            if not inner.plural and inner.kind not in ("person", "animal", ""):
                return replace(inner, count=1)
            return replace(
                inner, count=int(measure), vague=head not in ("dozen", "trio"), counted=True
            )
        if phrase.is_setting:
            return phrase
        told = (inner.counted and not inner.vague) or head in FLAT
        if phrase.kind == "container" and told:
            relation = "on" if head in FLAT else "inside"
            return replace(phrase, end=inner.end, contents=inner, contents_relation=relation)
        if phrase.kind in PARTS and inner.name and phrase.name not in SEPARATE:
            return inner  # "the bumper of a car"
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


@cache
def make_singular(word: str) -> str:
    """The singular of a plural in s that the lists do not have."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if not word.endswith(("ves", "oes", "ses", "xes", "zes", "hes")):
        return word[:-1]
    import inflect  # takes two seconds, which few words need

    return str(inflect.engine().singular_noun(word) or word)
