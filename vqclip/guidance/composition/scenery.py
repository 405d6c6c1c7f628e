"""Scenery: what of a layout is painted as the ground, and what stands on it."""

from __future__ import annotations

from dataclasses import replace

from vqclip.language.layout.layout_types import Layout, Setting, Thing
from vqclip.language.layout.reader.ground import WATER
from vqclip.language.prompt_types import Box


def _read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOST_ROOM = 0.8  # of the picture: what things take where a ground is to be seen
WIDE = 0.75  # a thing so wide, in shares of the picture, may be the ground itself
SCENERY = {
    "sea": "sea",
    "ocean": "sea",
    "wave": "sea",
    "water": "sea",
    "beach": "beach",
    "shore": "beach",
    "lake": "lake",
    "pond": "lake",
    "river": "lake",
    "forest": "forest",
    "wood": "forest",
    "jungle": "forest",
    "meadow": "meadow",
    "field": "meadow",
    "lawn": "meadow",
    "grass": "meadow",
    "hill": "hills",
    "mountain": "mountains",
    "mountains": "mountains",
    "desert": "desert",
    "road": "road",
    "path": "path",
    "trail": "path",
    "street": "street",
    "city": "city",
    "skyline": "city",
    "garden": "garden",
    "sky": "sky",
    "space": "space",
    "snow": "snow",
}
TIMES = {"sunset": "sunset", "sunrise": "dawn", "dawn": "dawn", "night": "night"}
AFLOAT = _read_words(
    "boat ship sailboat sail canoe kayak ferry yacht raft submarine fish whale dolphin shark "
    "duck swan surfer wave seal turtle octopus jellyfish buoy iceberg swimmer island"
)
ALOFT = _read_words(
    "sun moon star cloud comet planet rainbow kite balloon plane airplane aeroplane jet "
    "helicopter rocket ufo bat firework lightning lamp chandelier"
)
HEADWEAR = _read_words(
    "hat cap crown helmet beret bonnet turban sombrero tiara wig hood wreath bow"
)


def last_word(name: str) -> str:
    """The noun's last word: the kind of thing that it is."""
    return name.lower().split()[-1] if name.strip() else ""


def is_aloft(thing: Thing) -> bool:
    """Whether a thing hangs or flies, and so stands on nothing."""
    return last_word(thing.name) in ALOFT


def settle_setting(layout: Layout) -> tuple[Setting, tuple[bool, ...]]:
    """Settle what is painted as the ground.

    Returns:
        The setting with what its things add to it, and for each thing whether it is a part of
        the ground, and so no draft is laid there.
    """
    setting = layout.setting
    painted = []
    for thing in layout.things:
        setting, is_ground = _settle_thing(setting, thing)
        painted.append(is_ground)
    left = [t for t, is_ground in zip(layout.things, painted, strict=True) if not is_ground]
    ashore = [t for t in left if last_word(t.name) not in AFLOAT and not is_aloft(t)]
    if setting.place == "sea" and ashore and not any(last_word(t.name) in AFLOAT for t in left):
        setting = replace(setting, place="beach")  # a house does not stand in the sea
    return setting, tuple(painted)


def has_mountains(setting: Setting) -> bool:
    """Whether the ground is water with mountains behind it: "a lake surrounded by mountains"."""
    return setting.place in WATER and "mountain" in setting.text


def _settle_thing(setting: Setting, thing: Thing) -> tuple[Setting, bool]:
    """The setting with one more thing, and whether the thing is painted with it."""
    word = last_word(thing.name)
    if thing.part:
        return setting, False
    if word in TIMES and setting.time in ("", TIMES[word]):
        return replace(setting, time=TIMES[word]), True
    if word == "sun" and setting.time in ("sunset", "dawn"):
        return setting, True
    place = SCENERY.get(word)
    if place is None:
        return setting, False
    if place == "path" and setting.place in ("", "forest"):
        return replace(setting, place="path"), True
    if setting.place == place or (place == "mountains" and has_mountains(setting)):
        return setting, True
    if setting.place == "" and thing.box[2] >= WIDE:
        return replace(setting, place=place), True
    return setting, False


def make_room(layout: Layout) -> tuple[Thing, ...]:
    """Make the things of a layout smaller where they would hide its ground, all alike.

    What is painted as the ground stays as it is planned, and so do all things without a ground.
    """
    setting, painted = settle_setting(layout)
    boxes = [t.box for t, is_ground in zip(layout.things, painted, strict=True) if not is_ground]
    if not setting or not boxes:
        return layout.things
    top, left = min(box[1] for box in boxes), min(box[0] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    share = min(1.0, MOST_ROOM / max(bottom - top, 0.9 * (right - left)))
    middle, foot = (left + right) / 2, min(bottom, 0.95)

    def shrink(box: Box) -> Box:
        x, y = middle + (box[0] - middle) * share, foot + (box[1] - bottom) * share
        return x, y, box[2] * share, box[3] * share

    return tuple(
        each if is_ground else replace(each, box=shrink(each.box))
        for each, is_ground in zip(layout.things, painted, strict=True)
    )


def list_kinds(layout: Layout) -> list[Thing]:
    """List the things that drafts are drawn for; the first of several that have one prompt."""
    painted = settle_setting(layout)[1]
    found: dict[str, Thing] = {}
    for thing, is_ground in zip(layout.things, painted, strict=True):
        if not is_ground:
            found.setdefault(thing.prompt, thing)
    return list(found.values())
