"""Sizes of things, the places where they belong, and those of their parts and clothes.

The tables are plain files in `words/`, which say themselves how they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TypeVar

_Entry = TypeVar("_Entry")

PAIRS = ("eye", "ear", "wing", "arm", "leg", "hand", "horn", "antler", "shoe", "boot", "glove")
STRETCH = 1.35  # a box may be so much wider or taller than its thing
_ROUND_STRETCH = 1.1
_GIANT = 3.0  # times the length of its like
_GIANTS = frozenset({"giant", "gigantic", "enormous", "huge", "colossal", "massive", "immense"})
_MINIATURES = frozenset({"tiny", "miniature", "mini", "minuscule", "toy"})
WIDE_STRETCH = 2.5  # of views and grounds, which have no shape of their own


@dataclass(frozen=True)
class ThingSize:
    """The size of a kind of thing, and how other things are placed to it.

    Args:
        length: of its longer side, in metres.
        aspect: width of its box by its height.
        place: see `words/sizes.txt`, as for all below.
        depth: how far below its upper edge a thing on it touches it, as a share of its height.
        inside: how things in it are seen.
        held: "high" if it is held above the head.
        under: where things beneath it stand: "side", "middle", or "" if it has no room beneath.
        carries: whether several things stand on it.
        stretch: how much wider or taller its box may be than `aspect` says.
        solid: whether things behind it are hidden.
    """

    length: float = 1.0
    aspect: float = 1.0
    place: str = "ground"
    depth: float = 0.15
    inside: str = ""
    held: str = ""
    under: str = ""
    carries: bool = False
    stretch: float = STRETCH
    solid: bool = True

    @property
    def mean_side(self) -> float:
        """The side of a square of the same area, in metres."""
        return self.length * min(self.aspect, 1 / self.aspect) ** 0.5

    @property
    def is_wide(self) -> bool:
        """Whether it is a view or a ground, as wide as the picture."""
        return self.place == "far" or (self.place == "flat" and not self.carries)

    @property
    def height(self) -> float:
        """In metres."""
        return self.length * min(1.0, 1 / self.aspect)


@dataclass(frozen=True)
class PartPlace:
    """Where a part is, in shares of its thing: centre, size, and the width of several of them."""

    x: float = 0.5
    y: float = 0.5
    width: float = 0.36
    height: float = 0.36
    spread: float = 0.8


@dataclass(frozen=True)
class WornPlace:
    """Where something is worn, and the size of its longer side by the wearer's mean side."""

    where: str = "body"
    size: float = 0.55


def size_of(name: str, prompt: str = "") -> ThingSize:
    """Return the size of a thing; of an unknown one, that of its last known words, or a default.

    Args:
        name: a noun in the singular: "coffee table".
        prompt: may say that it is far larger or smaller than its like: "a giant turtle".
    """
    size = _find(_sizes(), name) or _DEFAULT
    words = set(prompt.lower().split())
    factor = _GIANT if words & _GIANTS else 1 / _GIANT if words & _MINIATURES else 1.0
    return size if factor == 1 else replace(size, length=factor * size.length)


def is_noun_of_size(name: str) -> bool:
    """Whether the table of sizes names this very noun, in the singular."""
    return name.lower() in _sizes()


def find_part(name: str) -> PartPlace | None:
    """Return where a part is on its thing, or None if it is not in the table."""
    return _find(_parts(), name)


def find_worn(name: str) -> WornPlace | None:
    """Return where something is worn, or None if it is not in the table."""
    return _find(_worn(), name)


_DEFAULT = ThingSize()


def _find(table: dict[str, _Entry], name: str) -> _Entry | None:
    words = name.lower().split()
    for start in range(len(words)):
        last = " ".join(words[start:])
        # Names are singular by contract; a plural that came through is worth a second look.
        if found := table.get(last) or table.get(last.removesuffix("s")):
            return found
    return None


def _read(name: str) -> list[tuple[list[str], list[str]]]:
    """Read a table as pairs of nouns and fields."""
    text = (files(__package__) / "words" / name).read_text(encoding="utf-8")
    entries = [line.split(":", 1) for line in text.splitlines() if line and line[0] != "#"]
    return [([n.strip() for n in nouns.split(",")], fields.split()) for nouns, fields in entries]


@cache
def _sizes() -> dict[str, ThingSize]:
    table = {}
    for nouns, (length, aspect, place, *rest) in _read("sizes.txt"):
        keys = dict(field.split("=") for field in rest)
        wide = place == "far" or (place == "flat" and "many" not in keys)
        stretch = WIDE_STRETCH if wide else STRETCH
        size = ThingSize(
            float(length),
            float(aspect),
            place,
            depth=float(keys.get("on", _DEFAULT.depth)),
            inside=keys.get("in", ""),
            held=keys.get("held", ""),
            under=keys.get("under", ""),
            carries="many" in keys,
            stretch=_ROUND_STRETCH if "round" in keys else stretch,
            solid="solid" not in keys,
        )
        table.update(dict.fromkeys(nouns, size))
    return table


@cache
def _parts() -> dict[str, PartPlace]:
    return {
        noun: PartPlace(*map(float, fields))
        for nouns, fields in _read("parts.txt")
        for noun in nouns
    }


@cache
def _worn() -> dict[str, WornPlace]:
    return {
        noun: WornPlace(where, float(size))
        for nouns, (where, size) in _read("worn.txt")
        for noun in nouns
    }
