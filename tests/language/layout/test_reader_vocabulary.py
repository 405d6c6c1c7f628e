"""The word lists of the reader of sentences."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import get_args

import inflect
import pytest

from vqclip.language.layout.layout_types import RelationKind
from vqclip.language.layout.reader.noun_phrases import make_singular
from vqclip.language.layout.reader.vocabulary import load_vocabulary, read_entries

LISTS = sorted(path.name for path in (files("vqclip.language.layout.reader") / "words").iterdir())
PLACES = [
    "sea",
    "beach",
    "lake",
    "forest",
    "meadow",
    "hills",
    "mountains",
    "desert",
    "road",
    "street",
    "city",
    "garden",
    "room",
    "underwater",
    "space",
    "sky",
    "snow",
]
SAYINGS = {
    "place": set(PLACES),
    "time": {"dawn", "day", "sunset", "night"},
    "weather": {"rain", "snow", "fog", "storm"},
}
# Plurals that are right, and that inflect makes otherwise.
BESIDES_INFLECT = {
    "gentleman", "hoof", "gecko", "tuxedo", "banjo", "burrito", "flamingo", "gazebo", "tokyo",
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_says_what_it_is_and_has_each_entry_once(name: str) -> None:
    path = files("vqclip.language.layout.reader") / "words" / name
    assert path.read_text(encoding="utf-8").startswith("# ")
    entries = Counter(entry.split(",")[0] for entry, _ in read_entries(name))
    entries = (
        Counter(e.split()[0] for e, _ in read_entries(name)) if name == "verbs.txt" else entries
    )
    assert [entry for entry, count in entries.items() if count > 1] == []


def test_plurals_are_those_of_inflect() -> None:
    engine = inflect.engine()
    nouns = set(load_vocabulary().nouns.entries.values())
    wrong = [
        (noun.singular, noun.plural)
        for noun in nouns
        if noun.singular != noun.plural
        and noun.plural != engine.plural_noun(noun.singular)  # type: ignore[arg-type]
        and not BESIDES_INFLECT & set(noun.singular.split())
    ]
    assert wrong == []


def test_relations_are_of_known_kinds() -> None:
    kinds = {*get_args(RelationKind), "together", "without", "skip", "setting", "style"}
    kinds |= {"material", "eating"}
    vocabulary = load_vocabulary()
    assert {place.kind for place in vocabulary.prepositions.entries.values()} <= kinds
    verbs = {verb.kind.lstrip("~") for verb in vocabulary.verbs.values()}
    assert verbs <= kinds | {"place", "posture"}


def test_settings_say_what_a_setting_may_say() -> None:
    for noun, facets in load_vocabulary().settings.items():
        for facet, value in facets.items():
            assert value in SAYINGS[facet], noun


def test_synonyms_are_of_things() -> None:
    vocabulary = load_vocabulary()
    for word, name in vocabulary.synonyms.items():
        assert name in vocabulary.nouns and name not in vocabulary.synonyms, word


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("zorbles", "zorble"), ("gazelles", "gazelle"), ("quackeries", "quackery"),
     ("loaves", "loaf"), ("torches", "torch")],
)  # fmt: skip
def test_a_plural_that_no_list_has_is_understood(plural: str, singular: str) -> None:
    assert make_singular(plural) == singular
