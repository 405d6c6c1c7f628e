"""Sentences as they are read, and layouts, as dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vqclip.language.prompt_types import Box

SMALLEST = 0.1  # of the picture: a thing of a shorter side is not drawn so that it can be told

RelationKind = Literal[
    "on",  # the subject stands, lies or sits on the object, and touches it
    "above",  # the subject is higher
    "below",  # the subject is lower
    "left",  # the subject is to the left of the object
    "right",
    "beside",  # left or right, as the seed wants it
    "front",  # the subject is nearer, and may cover some of the object
    "behind",  # the subject is farther, and the object may cover some of it
    "between",  # the subject is between two objects (or two of the same kind)
    "inside",  # the subject is in the object: fish in a bowl
    "around",  # several subjects stand around the object
    "part",  # the object is a part of the subject: a house with a red door
    "wearing",  # the subject wears the object
    "holding",  # the subject holds or carries the object
    "riding",  # the subject rides the object, and is above it
    "with",  # together, in no order that the words tell
]


@dataclass(frozen=True)
class Mention:
    """A kind of thing that a sentence names.

    Args:
        name: its noun in the singular, without article and attributes: "palm tree".
        prompt: one such thing, with its attributes, as a prompt: "a tall green palm tree".
        count: how many of them, at least 1.
        vague: whether the words leave the number open ("many", "some", "a few").
    """

    name: str
    prompt: str
    count: int = 1
    vague: bool = False


@dataclass(frozen=True)
class Relation:
    """How the things of one mention lie to those of another.

    Args:
        kind: see `RelationKind`, which says which of the two is the subject.
        subject: index of a mention.
        objects: indices of one mention, or of two for "between".
    """

    kind: RelationKind
    subject: int
    objects: tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """The ground of a picture: where, when and in what weather; "" for what is not said.

    Args:
        place: "sea", "beach", "lake", "forest", "meadow", "hills", "mountains", "desert", "road",
            "street", "city", "garden", "room", "underwater", "space", "sky" or "snow".
        time: "dawn", "day", "sunset" or "night".
        weather: "rain", "snow", "fog" or "storm".
        text: the words that say it, such as "by the sea at night".
    """

    place: str = ""
    time: str = ""
    weather: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.place or self.time or self.weather)


@dataclass(frozen=True)
class Sentence:
    """What a sentence says.

    Args:
        mentions: its things, in the order of the words.
        relations: between them.
        setting: the ground.
        style: words about the whole picture, such as "watercolour"; "" for none.
    """

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()
    setting: Setting = field(default_factory=Setting)
    style: str = ""


@dataclass(frozen=True)
class Thing:
    """One thing in its place.

    Args:
        name: its noun in the singular: "palm tree".
        prompt: what is drawn there: "a palm tree".
        box: left, top, width and height, as shares of the picture.
        part: whether it is a part of the thing before it that is no part: a door of a house.
    """

    name: str
    prompt: str
    box: Box
    part: bool = False


@dataclass(frozen=True)
class Layout:
    """Where everything of a sentence goes.

    Args:
        things: from the farthest to the nearest; later ones may cover earlier ones.
        setting: the ground.
        style: words about the whole picture; "" for none.
    """

    things: tuple[Thing, ...]
    setting: Setting = field(default_factory=Setting)
    style: str = ""
