"""Scenery that is drawn as things beside the painted ground, such as a village."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vqclip.language.layout.reader.discourse import Discourse, OpenRelation
from vqclip.language.layout.reader.ground import Ground
from vqclip.language.layout.reader.noun_phrases import NounPhrase, NounPhraseReader
from vqclip.language.layout.reader.vocabulary import load_vocabulary
from vqclip.language.layout.sizes import size_of

OUTSIDE = frozenset({"front", "behind", "beside", "left", "right"})
# Settings that are buildings when seen from outside.
ENTERED = frozenset(
    {"restaurant", "diner", "store", "museum", "library", "gallery", "warehouse"}
    | {"train station", "bus station", "station", "subway station", "studio"}
)
ASIDE = frozenset({"waterfall", "cave"})  # seen from any ground
OWNING = frozenset({"it", "its", "his", "her", "their", "them", "top"})
SEEN = frozenset({"around", "with", "behind", "front", "above", "below"})
RISING = frozenset({"hills", "mountains"})  # things may be between them, and behind
TIMES = frozenset({"sunset", "sunrise"})


def find_drawn(
    phrase: NounPhrase,
    made: OpenRelation | None,
    after: Sequence[str],
    named: Sequence[NounPhrase] = (),
) -> NounPhrase | None:
    """A noun of scenery as a thing, where its relation tells that it is seen as one, or None.

    A car in front of a diner is not in it; who is beside a waterfall sees it; and the city of "a
    turtle with a city on its back" is no ground.

    Args:
        phrase: what was read.
        made: the relation that it closes.
        after: the two words after it.
        named: the phrases that were read before it.
    """
    if not phrase.is_setting or made is None or not made.subject:
        return None
    if made.kind in OUTSIDE and phrase.name in ENTERED:
        return replace(phrase, kind="building", facets={})
    number, thing = load_vocabulary().scenery_things.get(phrase.name, (0, ""))
    if phrase.facets.get("place") in RISING:
        if made.kind == "between":
            return replace(phrase, kind="object")
        if made.kind == "behind" and all(is_in_sky(named[index]) for index in made.subject):
            # Painted as the ground, it would be behind the sun that it should hide.
            facets = {key: value for key, value in phrase.facets.items() if key != "place"}
            return replace(phrase, kind="object", facets=facets)
    if not thing or phrase.name in TIMES:
        return None
    if made.kind == "below" and phrase.facets.get("place") == "sea":
        return None  # under water
    if number == 1 and made.kind not in ("inside", "setting", "skip", "with"):
        return replace(
            phrase, kind="object", facets={} if phrase.name in ASIDE else phrase.facets
        )
    if made.kind == "with" and after[:1] in (["on"], ["in"], ["inside"]) and after[-1] in OWNING:
        return replace(make_scenery(number, thing), end=phrase.end)
    return None


def is_in_sky(phrase: NounPhrase) -> bool:
    return size_of(phrase.name).place == "sky"


def draw_scenery(said: Discourse, ground: Ground) -> None:
    """Put things in the place of scenery that is named as one, such as a village."""
    vocabulary = load_vocabulary()
    scenery = vocabulary.scenery_things
    for index, phrase in enumerate(said.phrases):
        place = vocabulary.settings.get(phrase.name, {}).get("place")
        single = phrase.kind == "object" and place in RISING
        if phrase.name in scenery and phrase.count == 1 and not single:
            said.phrases[index] = make_scenery(*scenery[phrase.name])
    if said.phrases:
        draw_views(said, ground)
        return
    if len(ground.sceneries) < 2:
        return
    drawn = [make_scenery(*scenery[name]) for _, name in ground.sceneries if name in scenery]
    said.phrases += drawn
    kind = ground.sceneries[1][0]
    if len(drawn) == 2 and kind:
        said.relations.append((kind, 0, (1,)))


def make_scenery(count: int, thing: str) -> NounPhrase:
    phrase = NounPhraseReader(thing.split()).read(0)
    assert phrase is not None
    return replace(phrase, count=count, vague=count > 1)


def draw_views(said: Discourse, ground: Ground) -> None:
    """Put behind what is named the views that a ground has: "a lake surrounded by mountains"."""
    vocabulary = load_vocabulary()
    for kind, name in ground.sceneries[1:]:
        place = vocabulary.settings.get(name, {}).get("place", "")
        number, thing = vocabulary.scenery_things.get(name, (0, ""))
        if thing and kind in SEEN and place and place != ground.facets.get("place"):
            said.phrases.append(make_scenery(number, thing))
            said.relations.append(("behind", len(said.phrases) - 1, (0,)))
