"""Sentences from a small grammar, and texts of any kind: always an answer, and soon."""

from __future__ import annotations

import random
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vqclip.language.layout.layout_types import Sentence
from vqclip.language.layout.reader.sentence_reader import MOST_WORDS, read_sentence
from vqclip.language.layout.reader.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
THINGS = sorted(
    {noun.singular for noun in VOCABULARY.nouns.entries.values() if noun.kind == "animal"}
    - VOCABULARY.synonyms.keys()
)
PLURALS = sorted(
    {noun.plural for noun in VOCABULARY.nouns.entries.values() if noun.kind == "vehicle"}
)
NUMBERS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
PLACES = {
    "on": "on", "on top of": "on", "above": "above", "over": "above", "under": "below",
    "below": "below", "beneath": "below", "beside": "beside", "next to": "beside",
    "to the left of": "left", "to the right of": "right", "in front of": "front",
    "behind": "behind", "sitting next to": "beside", "that is under": "below",
    "standing behind": "behind", "is sleeping beside": "beside",
}  # fmt: skip
COLOURS = ("", "red ", "small black ", "very old ", "spotted and striped ")

# Bits that sentences are made of, for the sentences that make no sense.
BITS = [
    *list(VOCABULARY.prepositions.entries)[:60],
    *list(VOCABULARY.verbs)[:80],
    *list(VOCABULARY.closings.entries)[:30],
    *THINGS[:40],
    *PLURALS[:20],
    *NUMBERS,
    "a", "the", "of", "and", ",", ".", "it", "them", "its", "which", "that", "is", "more", "than",
    "as many", "as", "no", "each other", "with", "between", "the number of", "blorp", "zibs",
    "flurging", "it's", "99", "é",
]  # fmt: skip


def check(sentence: Sentence | None) -> None:
    """Whether all indices and numbers of a sentence make sense."""
    if sentence is None:
        return
    count = len(sentence.mentions)
    assert count
    for mention in sentence.mentions:
        assert mention.name and mention.prompt and 1 <= mention.count <= 12
    for relation in sentence.relations:
        assert 0 <= relation.subject < count and relation.subject not in relation.objects
        assert all(0 <= index < count for index in relation.objects)
        assert len(relation.objects) == (2 if relation.kind == "between" else 1)
    assert len(set(sentence.relations)) == len(sentence.relations)


@given(
    st.sampled_from(THINGS),
    st.sampled_from(PLURALS),
    st.sampled_from(sorted(NUMBERS)),
    st.sampled_from(sorted(PLACES)),
    st.sampled_from(COLOURS),
    st.sampled_from(COLOURS),
)
@settings(max_examples=300, deadline=None)
def test_sentences_of_the_grammar_are_read(
    thing: str, plural: str, number: str, place: str, first: str, second: str
) -> None:
    sentence = read_sentence(f"a {first}{thing} {place} {number} {second}{plural}")
    assert sentence is not None
    check(sentence)
    one, several = sentence.mentions
    assert (one.count, several.count) == (1, NUMBERS[number])
    assert one.name in thing
    assert first.strip() in one.prompt and second.strip() in several.prompt
    assert [(r.kind, r.subject, r.objects) for r in sentence.relations] == [
        (PLACES[place], 0, (1,))
    ]


@example(["it's", "cabs", "on", "on fire"])
@given(st.lists(st.sampled_from(BITS), max_size=40))
@settings(max_examples=400, deadline=None)
def test_words_in_any_order_are_read_or_not(bits: list[str]) -> None:
    check(read_sentence(" ".join(bits)))


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_not(text: str) -> None:
    check(read_sentence(text))


def test_ten_thousand_texts_take_a_millisecond_a_word_at_most() -> None:
    generator = random.Random(22)
    characters = "abcdefghij  ,.'\"-–0123ÄÖé猫🦊\n\t()[]|^:;~@#%&*{}"
    texts = [
        "".join(generator.choices(characters, k=generator.randint(0, 120))) for _ in range(5000)
    ]
    texts += [" ".join(generator.choices(BITS, k=generator.randint(1, 40))) for _ in range(5000)]
    words = sum(len(text.split()) for text in texts)
    start = time.process_time()
    for text in texts:
        check(read_sentence(text))
    assert (time.process_time() - start) / words < 0.001


def test_long_texts_are_refused_at_once() -> None:
    long = "a cat on a chair next to a dog and " * 2000
    start = time.process_time()
    assert len(long.split()) > MOST_WORDS and read_sentence(long) is None
    for text in ("a " * 79, "of " * 79, "cat of " * 39, "a cat with " * 26, "very old " * 39):
        check(read_sentence(text))
    assert time.process_time() - start < 1
