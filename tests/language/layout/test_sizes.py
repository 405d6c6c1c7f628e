"""The tables of sizes, parts and clothes."""

from __future__ import annotations

from collections import Counter

import pytest

from vqclip.language.layout import sizes
from vqclip.language.layout.sizes import ThingSize, find_part, find_worn, size_of


@pytest.mark.parametrize("table", ["sizes.txt", "parts.txt", "worn.txt"])
def test_a_noun_has_one_entry(table: str) -> None:
    nouns = Counter(noun for some, _ in sizes._read(table) for noun in some)
    assert [noun for noun, count in nouns.items() if count > 1] == []
    assert all(noun == noun.strip().lower() for noun in nouns)


def test_sizes_can_be() -> None:
    assert len(sizes._sizes()) > 400
    places = ["ground", "sky", "flying", "hanging", "water", "swimming", "wall", "far", "flat"]
    for noun, size in sizes._sizes().items():
        assert 0.02 < size.length <= 30, noun
        assert 0.3 < size.aspect <= 2.7, noun
        assert 0 < size.depth < 0.8, noun
        assert size.place in places, noun
        assert size.inside in ("", "within", "low", "high", "out", "dish", "among"), noun
        assert size.under in ("", "side", "middle"), noun


def test_parts_and_clothes_can_be() -> None:
    for noun, part in sizes._parts().items():
        assert 0 <= part.x <= 1 and -0.2 <= part.y <= 1, noun
        assert 0 < part.width <= 1.3 and 0 < part.height <= 1, noun
    where = ["head", "eyes", "mouth", "neck", "body", "legs", "feet", "hands", "back"]
    assert {worn.where for worn in sizes._worn().values()} == set(where)


def test_names_are_found_by_their_last_words() -> None:
    assert size_of("small wooden coffee table") == size_of("coffee table")
    assert size_of("Cats") == size_of("cat")
    assert size_of("table") != size_of("coffee table")
    assert size_of("zzz") == size_of("") == ThingSize()
    assert find_part("red door") == find_part("door")
    assert find_part("zzz") is None
    assert find_worn("top hat") is not None


def test_sizes_are_as_in_the_world() -> None:
    order = ["mouse", "cat", "dog", "man", "cow", "elephant", "house", "castle"]
    lengths = [size_of(name).length for name in order]
    assert lengths == sorted(lengths)
    assert size_of("palm tree").aspect < 1 < size_of("car").aspect


def test_words_make_things_large_and_small() -> None:
    turtle = size_of("turtle")
    assert size_of("turtle", "a giant turtle").length > 2 * turtle.length
    assert size_of("turtle", "a tiny turtle").length < turtle.length / 2
    assert size_of("turtle", "a green turtle") == turtle
