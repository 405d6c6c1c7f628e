"""The kinds of relations that phrases make, by what the things are."""

from __future__ import annotations

from vqclip.language.layout.reader.noun_phrases import CLOTHES, FLAT, PARTS, NounPhrase
from vqclip.language.layout.reader.vocabulary import load_vocabulary

ANIMATE = frozenset({"person", "animal"})
# Parts of a creature that hold what is in or on them.
HOLDING = frozenset({"mouth", "hand", "paw", "arm", "claw", "beak", "trunk", "lap", "finger"})
ENTERED_FROM_ABOVE = frozenset({"tree", "chair", "bed", "couch"})  # who is "in" it is on it
# What belongs to a building that is with it, though it can be a thing of its own.
ATTACHED = frozenset(
    {"roof", "rooftop", "stairs", "staircase", "railing", "step", "tower", "turret", "spire"}
    | {"steeple", "dome", "pillar", "clock"}
)
RISING = frozenset({"smoke", "steam"})
CARRIED = frozenset({"baby", "toddler", "child", "infant", "newborn", "kid"})
# Kinds of prepositions that make no relation themselves.
WITHOUT_RELATION = frozenset({"skip", "setting", "style", "material"})


def settle_relation(kind: str, first: NounPhrase, second: NounPhrase) -> tuple[str, bool]:
    """The relation that a phrase makes between two things.

    Args:
        kind: the relation that the phrase says; "with" is the one that says least.

    Returns:
        the kind, and whether the second thing is its subject.
    """
    if kind == "with":
        return settle_with(first, second)
    if kind == "holding" and first.kind == "container":
        return "inside", True
    if kind == "holding" and first.kind in ("support", "vehicle"):
        return "on", True
    if kind == "eating":
        return "holding" if second.kind in ("food", "held") else "front", False
    if kind == "holding" and first.kind in ANIMATE:
        if second.kind == "person" and second.name not in CARRIED:
            return "beside", False  # by the hand
        if second.kind in ("building", "support", "vehicle") or second.name.endswith("tree"):
            return "front", False  # hugging a tree
    if kind == "beside" and (first.kind == "sky") != (second.kind == "sky"):
        return "above", second.kind == "sky"  # howling at the moon
    wears = first.kind in ANIMATE and second.kind in CLOTHES
    if wears and kind in ("inside", "around"):
        return "wearing", False
    if kind == "inside" and (second.kind == "support" or second.name in ENTERED_FROM_ABOVE):
        return "on", False
    if kind == "on" and first.kind == "person" and second.name in load_vocabulary().ridden:
        return "riding", False
    if kind == "on" and first.kind in CLOTHES and second.kind in ANIMATE:
        return "wearing", True
    return kind, False


def settle_with(first: NounPhrase, second: NounPhrase) -> tuple[str, bool]:
    """What "with" says: a house with a door, a man with a hat, a table with a cup."""
    if second.kind in PARTS or (first.kind == "building" and second.name in ATTACHED):
        return "part", False
    if first.name.endswith("tree") and second.kind in ("food", "plant"):
        return "part", False
    if (second.kind == "sky" and first.kind != "sky") or second.name in RISING:
        return "above", True
    if first.kind in ANIMATE and second.kind in CLOTHES:
        return "wearing", False
    if first.kind == "person" and second.kind == "held":
        return "holding", False
    if first.kind == "container" and second.kind in ("food", "plant", "held", "animal"):
        return "on" if first.name in FLAT else "inside", True
    if first.kind == "support" and second.kind not in ("support", "building"):
        return "on", True
    return "with", False
