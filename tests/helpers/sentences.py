"""Sentences built by hand, for tests of what is made of them."""

from __future__ import annotations

from typing import cast

from vqclip.language.layout.layout_types import Mention, Relation, RelationKind, Sentence, Setting


def sentence(things: str, relations: str = "", place: str = "") -> Sentence:
    """Build a sentence: `sentence("2 cat, bed", "cat on bed")`.

    Args:
        things: nouns with or without a number; "2~ eye" if the words leave the number open.
        relations: subject, kind and object; "a between b & c".
        place: of the setting.
    """
    mentions = []
    for thing in filter(None, things.split(", ")):
        count, _, name = thing.partition(" ") if thing[0].isdigit() else ("1", "", thing)
        number = int(count.rstrip("~"))
        mentions.append(Mention(name, f"a {name}", number, count.endswith("~")))
    names = [m.name for m in mentions]
    found = []
    for relation in filter(None, relations.split(", ")):
        kind = next(k for k in relation.split() if k in RelationKind.__args__)  # type: ignore[attr-defined]
        subject, objects = relation.split(f" {kind} ")
        indices = tuple(names.index(name) for name in objects.split(" & "))
        found.append(Relation(cast(RelationKind, kind), names.index(subject), indices))
    return Sentence(tuple(mentions), tuple(found), Setting(place))
