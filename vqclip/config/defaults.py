"""Defaults that depend on other settings, and values of `auto`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from vqclip.config.describe import to_dict
from vqclip.config.schema import MOST_FRAMES, RunConfig
from vqclip.errors import ConfigError, PromptError
from vqclip.language.prompt import positive_texts
from vqclip.language.prompts import parse_prompts
from vqclip.media.paths import FPS

# A draft is a picture already: what begins with it needs a fifth of the way that random codes
# need, in smaller steps, and would lose its outlines in a smaller picture. Held on to, it keeps
# its calm ground.
FROM_A_DRAFT: dict[str, Any] = {
    "steps": 60,
    "growth": [],
    "optimiser": {"rate": 0.1},
    "losses": {"init": 3.0},
}


# Random codes have no composition, and every cutout would like to hold the whole thing: it fills
# the picture and runs over its edges. With a border of one colour it stands whole on plain
# ground, as things do in what the starter learnt from; and then more of the run can go into
# details. It begins at 64 pixels, however large or small it gets: a grid of 4x4 codes has no room
# for an eye, and what is not there at first hardly comes later.
FROM_RANDOM_CODES: dict[str, Any] = {
    "growth": [{"size": "64", "steps": "40%"}, {"size": "128", "steps": "25%"}],
    "losses": {"edges": 3.0},
}


# A film's own frame is a picture already, and whatever is drawn over it has little time for it.
FROM_A_FILM: dict[str, Any] = {"steps": 40, "growth": [], "optimiser": {"rate": 0.1}}


FROM_ANYTHING: dict[str, Any] = {}


def resolve_auto(config: RunConfig) -> RunConfig:
    """Decide what init=auto is, and how many frames are so many seconds.

    It is the first frame of a film that is drawn over; or a draft, if the starter VQGAN is to
    draw words; else random.

    Raises:
        ConfigError: for a length of more frames than an animation may have.
    """
    if config.length > 0 and (config.fps or not config.source.film):
        frames = _frames(config.length, config.fps or FPS)
        config = dataclasses.replace(config, frames=frames, length=0.0)
    if config.init != "auto":
        return config
    if config.source.film:
        return dataclasses.replace(config, init="source")
    try:
        words = positive_texts(parse_prompts(config.prompts))
    except PromptError:
        words = []  # empty, or unreadable: whoever draws it says so
    start = "dream" if words and config.vqgan == "starter" else "random"
    return dataclasses.replace(config, init=start)


def _frames(seconds: float, fps: float) -> int:
    if seconds * fps > MOST_FRAMES:
        raise ConfigError(
            f"length is {seconds:g} seconds, at {fps:g} frames a second more than the "
            f"{MOST_FRAMES} frames that an animation may have; write {MOST_FRAMES / fps:.6g} or "
            "less"
        )
    return max(1, round(seconds * fps))


def defaults_for(init: Any, vqgan: Any) -> dict[str, Any]:
    """What suits a way to begin, where it is not the defaults."""
    if init == "dream":
        return FROM_A_DRAFT
    if init == "source":
        return FROM_A_FILM
    return FROM_RANDOM_CODES if (init, vqgan) == ("random", "starter") else FROM_ANYTHING


def carry_over(notes: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    """What holds on of a picture's settings where it is made again from another start.

    Args:
        now: what suits the new one, as `defaults_for` gives it.
    """
    before = defaults_for(notes.get("init"), notes.get("vqgan"))
    return notes if before is now else _without(_without(notes, before), _usual(now))


def _usual(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of these settings."""
    every = to_dict(RunConfig())
    return {
        key: {inner: every[key][inner] for inner in value}
        if isinstance(value, Mapping)
        else every[key]
        for key, value in keys.items()
    }


def _without(notes: Mapping[str, Any], suited: Mapping[str, Any]) -> dict[str, Any]:
    """Notes without the settings that only suited a start which is no longer theirs."""
    kept = {}
    for key, value in notes.items():
        if isinstance(value, Mapping):
            kept[key] = _without(value, suited.get(key, {}))
        elif key not in suited or value != suited[key]:
            kept[key] = value
    return kept
