"""The reader of sentences: English to things, numbers, relations and ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from vqclip.language.layout.layout_types import (
    Mention,
    Relation,
    RelationKind,
    Sentence,
)
from vqclip.language.layout.reader.clause_reader import ClauseReader
from vqclip.language.layout.reader.noun_phrases import NounPhrase, NounPhraseReader
from vqclip.language.layout.reader.number_comparisons import (
    Comparison,
    Order,
    adjust_counts,
    cut_statements,
)
from vqclip.language.layout.reader.scenery import draw_scenery
from vqclip.language.layout.reader.style import split_style, split_words
from vqclip.language.layout.reader.vocabulary import load_vocabulary

MOST_WORDS = 80
MOST_THINGS = 40
LOOSE = ("with", "together")


def read_sentence(text: str) -> Sentence | None:
    """Read an English sentence, or return None if it is not understood as several things.

    None stands for one thing alone without a setting, other languages, and whatever names nothing
    that has a place in a picture.
    """
    if text.count("\n") > 1:
        return None
    all_words = split_words(text)
    if not 1 < len(all_words) <= MOST_WORDS or not is_english(all_words):
        return None
    rest, statements = cut_statements(" ".join(all_words).replace(" ,", ","))
    words, style = split_style(split_words(rest))
    reader = ClauseReader(words)
    reader.read()
    draw_scenery(reader.said, reader.ground)
    comparisons = [*reader.comparisons, *read_statements(statements, reader.said.phrases)]
    comparisons += pair_equals(reader.said.phrases, comparisons)
    sentence = make_sentence(reader, comparisons, style)
    return sentence if names_several(sentence, reader.said.phrases, bool(comparisons)) else None


def is_english(words: Sequence[str]) -> bool:
    """Whether most words are in the lists, and none tells that somebody speaks."""
    letters = [word for word in words if word[0].isalpha()]
    vocabulary = load_vocabulary()
    told = " ".join(letters).replace("as if", "as").split()
    if not letters or any(vocabulary.is_a(word, "narration") for word in told):
        return False
    if sum(not word.isascii() for word in letters) > 1:
        return False
    known = sum(vocabulary.knows(w) or vocabulary.find_singular(w) is not None for w in letters)
    return known / len(letters) >= 0.6


def read_statements(
    statements: Sequence[tuple[Order, str, str]], phrases: list[NounPhrase]
) -> list[Comparison]:
    """Comparisons of "the number of cats is less than that of dogs", with the things by name."""
    found = []
    for order, *texts in statements:
        indices = []
        for text in texts:
            phrase = NounPhraseReader(split_words(text)).read(0)
            if phrase is None or not phrase.name:
                break
            names = [known.name for known in phrases]
            if phrase.name not in names:
                phrases.append(phrase)
                names.append(phrase.name)
            indices.append(names.index(phrase.name))
        if len(indices) == 2:
            found.append(Comparison(order, indices[0], indices[1]))
    return found


def pair_equals(phrases: Sequence[NounPhrase], known: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons with what was named before: "two dogs and as many cats", "and more cats"."""
    compared = {index for comparison in known for index in comparison[1:]}
    return [
        Comparison(phrase.comparison, index, index - 1)
        for index, phrase in enumerate(phrases)
        if index and phrase.comparison and index not in compared
    ]


def make_sentence(
    reader: ClauseReader, comparisons: Sequence[Comparison], style: str
) -> Sentence:
    mentions = [
        Mention(phrase.name, phrase.prompt, phrase.count, phrase.vague)
        for phrase in reader.said.phrases
    ]
    mentions = adjust_counts(mentions, comparisons, [p.counted for p in reader.said.phrases])
    relations = make_relations(reader.said.relations)
    return Sentence(tuple(mentions), tuple(relations), reader.ground.setting, style)


def make_relations(found: Sequence[tuple[str, int, tuple[int, ...]]]) -> list[Relation]:
    """The relations, each once; "with" only for things of which nothing more is told."""
    told = {
        frozenset((subject, *objects)) for kind, subject, objects in found if kind not in LOOSE
    }
    relations: list[Relation] = []
    for kind, subject, objects in found:
        kind = "with" if kind == "together" else kind
        loose = kind == "with" and frozenset((subject, *objects)) in told
        if kind in get_args(RelationKind) and subject not in objects and not loose:
            relation = Relation(kind, subject, objects)  # type: ignore[arg-type]
            if relation not in relations:
                relations.append(relation)
    return relations


def names_several(sentence: Sentence, phrases: Sequence[NounPhrase], compared: bool) -> bool:
    """Whether a sentence names more than one thing alone."""
    if not sentence.mentions or len(sentence.mentions) > MOST_THINGS:
        return False
    if len(sentence.mentions) > 1 or compared or sentence.setting:
        return True
    return phrases[0].counted
