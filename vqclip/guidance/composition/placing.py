"""Placing: where a silhouette lies in its box, and what it stands on.

A box is for a thing of the usual shape; a silhouette has a shape of its own. It is fitted into
the box, stretched a little at most, and then what was planned to touch is moved until it does.

Boxes here are left, top, width and height in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vqclip.guidance.composition.scenery import HEADWEAR, is_aloft, last_word
from vqclip.guidance.composition.silhouettes import Silhouette
from vqclip.language.layout.layout_types import Thing
from vqclip.language.prompt_types import Box

STRETCH = 1.25  # the most that one side of a silhouette is stretched by
ROOM = 0.03  # of the picture: how far a box may reach out of the one that it is in
TOUCH = 0.03  # of the picture: planned boxes so near each other touch
DEPTH = 0.6  # of the lower box: a thing that ends farther down stands before it, not on it
OVERLAP = 0.06  # of the upper thing's height: how far it sinks into what it stands on
HEAD = 0.12  # of the height: the top of a silhouette, where a hat goes


@dataclass(frozen=True)
class Place:
    """A thing in its place.

    Args:
        thing: of the layout.
        silhouette: what is drawn of it.
        box: left, top, width and height of the silhouette, in pixels.
        host: index of the place that it lies within, such as that of the house of a door.
        on: index of the place that it stands on.
    """

    thing: Thing
    silhouette: Silhouette
    box: Box
    host: int | None = None
    on: int | None = None

    @property
    def is_standing(self) -> bool:
        """Whether it stands on the ground."""
        return self.host is None and self.on is None and not is_aloft(self.thing)

    @property
    def bottom(self) -> float:
        """Its lower edge, in pixels."""
        return self.box[1] + self.box[3]


def fit_box(aspect: float, box: Box, *, standing: bool) -> Box:
    """Fit a shape into a box: as large as fits, in the middle, on its bottom if it stands.

    Args:
        aspect: its width by its height.
    """
    left, top, width, height = box
    share = (width / height) / aspect  # above 1: the box is wider
    aspect *= min(share, STRETCH) if share > 1 else max(share, 1 / STRETCH)
    wide, high = min(width, height * aspect), min(height, width / aspect)
    return (
        left + (width - wide) / 2,
        top + (height - high) * (1 if standing else 0.5),
        wide,
        high,
    )


def place_things(
    things: Sequence[Thing], silhouettes: Sequence[Silhouette], width: int, height: int
) -> list[Place]:
    """Place things, each by its silhouette.

    Args:
        things: from the farthest to the nearest.
        silhouettes: one for each thing.
        width, height: of the picture, in pixels.
    """
    places: list[Place] = []
    for number, (thing, silhouette) in enumerate(zip(things, silhouettes, strict=True)):
        host = _find_host(things, number)
        box = _to_pixels(thing.box, width, height)
        if host is not None:
            box = _move_along(box, _to_pixels(things[host].box, width, height), places[host].box)
        standing = host is None and not is_aloft(thing)
        fitted = fit_box(silhouette.aspect, box, standing=standing)
        places.append(Place(thing, silhouette, fitted, host))
    # From the lowest up, so that what stands on something that moves is moved after it.
    for number in sorted(range(len(places)), key=lambda n: -_bottom(things[n])):
        lower = _find_support(things, number)
        if lower is not None and places[number].host is None:
            _stand_on(places, number, lower)
    return [replace(each, box=_keep_inside(each.box, width, height)) for each in places]


def list_feet(things: Sequence[Thing]) -> list[float]:
    """List the lower edges, in heights, of planned boxes of things that stand on the ground."""
    return [
        min(_bottom(thing), 1.0)
        for number, thing in enumerate(things)
        if not is_aloft(thing)
        and _find_host(things, number) is None
        and _find_support(things, number) is None
    ]


def _to_pixels(box: Box, width: int, height: int) -> Box:
    left, top, wide, high = box
    return left * width, top * height, wide * width, high * height


def _bottom(thing: Thing) -> float:
    return thing.box[1] + thing.box[3]


def _find_host(things: Sequence[Thing], number: int) -> int | None:
    """The thing before, in whose box that of a thing lies; the one that a part belongs to."""
    thing = things[number]
    before = range(number - 1, -1, -1)
    if thing.part:
        return next((n for n in before if not things[n].part), None)
    left, top, width, height = thing.box
    for n in before:
        x, y, wide, high = things[n].box
        within = (
            left >= x - ROOM
            and top >= y - ROOM
            and left + width <= x + wide + ROOM
            and top + height <= y + high + ROOM
        )
        if within and width * height < 0.7 * wide * high and not things[n].part:
            return n
    return None


def _move_along(box: Box, planned: Box, found: Box) -> Box:
    """Move a box that lies in a planned one to where it lies in the one that was found."""
    across, down = found[2] / planned[2], found[3] / planned[3]
    return (
        found[0] + (box[0] - planned[0]) * across,
        found[1] + (box[1] - planned[1]) * down,
        box[2] * across,
        box[3] * down,
    )


def _find_support(things: Sequence[Thing], number: int) -> int | None:
    """The thing on which one stands by the plan: highest under its bottom, and not beside it."""
    upper = things[number]
    left, top, width, _ = upper.box
    found: list[tuple[float, int]] = []
    for n, lower in enumerate(things):
        x, y, wide, high = lower.box
        shared = min(left + width, x + wide) - max(left, x)
        if (
            n != number
            and not is_aloft(upper)
            and not lower.part
            and not upper.part
            and top < y
            and y - TOUCH <= _bottom(upper) <= y + DEPTH * high
            and shared >= 0.5 * min(width, wide)
        ):
            found.append((-shared, n))
    return min(found)[1] if found else None


def _stand_on(places: list[Place], number: int, lower: int) -> None:
    """Move a thing, with what lies in it, so that it touches what it stands on."""
    upper, under = places[number], places[lower]
    left, top, wide, high = upper.box
    if last_word(upper.thing.name) in HEADWEAR:
        left = _head(under) - wide / 2
    surface = _surface(under, left + 0.2 * wide, left + 0.8 * wide)
    down = max(surface + OVERLAP * high - (top + high), -top)
    across = left - upper.box[0]
    places[number] = replace(upper, box=(left, top + down, wide, high), on=lower)
    for n, each in enumerate(places):
        if each.host == number:
            x, y, *_ = each.box
            places[n] = replace(each, box=(x + across, y + down, each.box[2], each.box[3]))


def _profile(place: Place) -> Tensor:
    """The highest opaque point in each column of a silhouette, as a share of its height; [w]."""
    there = place.silhouette.alpha[0, 0] > 0.5
    first = there.float().argmax(0) / there.shape[0]
    return torch.where(there.any(0), first, torch.ones(()))


def _surface(place: Place, first: float, last: float) -> float:
    """The height, in pixels, on which a thing between two columns would stand."""
    left, top, wide, high = place.box
    profile = _profile(place)
    columns = len(profile)
    start = min(max(0, int((first - left) / wide * columns)), columns - 1)
    end = min(max(start + 1, round((last - left) / wide * columns)), columns)
    return top + high * float(profile[start:end].quantile(0.3))


def _head(place: Place) -> float:
    """The middle, in pixels, of a silhouette's topmost part."""
    left, _, wide, _ = place.box
    profile = _profile(place)
    high = (profile <= profile.min() + HEAD).nonzero().float()
    return left + wide * float(high.mean() + 0.5) / len(profile)


def _keep_inside(box: Box, width: int, height: int) -> Box:
    """Move a box into the picture."""
    left, top, wide, high = box
    return min(max(0, left), width - wide), min(max(0, top), height - high), wide, high
