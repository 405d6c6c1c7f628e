"""Defaults that depend on other settings, and values of `auto`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from vqclip.config import layout_settings
from vqclip.config.draw_settings import drawer_names, uses_vqgan
from vqclip.config.schema import MOST_FRAMES, RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.steps.film_seconds import settle_stretch
from vqclip.errors import ConfigError, PromptError
from vqclip.language.prompt_types import positive_texts
from vqclip.language.prompts import parse_prompts
from vqclip.media.paths import FPS

# From a draft, which is a picture already, a run needs a fifth of the steps that random codes
# need, at a lower rate. Growth from a smaller picture would lose its outlines, and the init loss
# keeps its plain background.
DRAFT_DEFAULTS: dict[str, Any] = {
    "steps": 60,
    "growth": [],
    "optimiser": {"rate": 0.1},
    "losses": {"init": 3.0},
}


# The things of a composition are finished before they are laid (`run.start_pictures.refinement`),
# which takes a third of the time. What is left is to join them.
COMPOSITION_DEFAULTS: dict[str, Any] = DRAFT_DEFAULTS | {"steps": 35}


# The pyramid sharpens what the VQGAN drew, in half the time that the VQGAN's steps take. What the
# draft shows clearly it would draw over, if it were not held more firmly.
FINISHED_DRAFT_DEFAULTS: dict[str, Any] = DRAFT_DEFAULTS | {"steps": 90, "losses": {"init": 8.0}}


# Random codes have no composition: every cutout tends to show the whole subject, which fills the
# picture and runs over its edges. A border of one colour keeps the subject whole on a plain
# background, as in the pictures that the starter learnt from, and more of the run can go into
# details. Growth begins at 64 pixels, whatever the final size: a grid of 4x4 codes has no room
# for an eye, and what is missing at first hardly appears later.
RANDOM_CODES_DEFAULTS: dict[str, Any] = {
    "growth": [{"size": "64", "steps": "40%"}, {"size": "128", "steps": "25%"}],
    "losses": {"edges": 3.0},
}


# A frame of a source film is a picture already, so a few steps at a lower rate are enough.
SOURCE_FILM_DEFAULTS: dict[str, Any] = {"steps": 40, "growth": [], "optimiser": {"rate": 0.1}}


# Any other start keeps the defaults of the schema.
NO_DEFAULTS: dict[str, Any] = {}


# Other drawers than the VQGAN show a plain picture from the first step on, so they need no
# smaller sizes; each has a learning rate of its own.
OTHER_DRAWER_DEFAULTS: dict[str, Any] = {
    "steps": 100,
    "growth": [],
    "optimiser": {"rate": None},
}


# What they begin with at random needs a border as random codes do; a draft has its background.
OTHER_DRAWER_LOSSES: dict[str, dict[str, float]] = {
    "random": {"edges": 3.0},
    "dream": {"init": 0.5},
}


# Of palette, pytti's own losses of its Limited Palette. Cells and strokes have crisp edges, which
# much smoothness would blur. Lines on paper are anything but smooth, and have no draft's colours.
OWN_LOSSES: dict[str, dict[str, float]] = {
    "pixels": {"smoothness": 3.0},
    "mosaic": {"smoothness": 3.0},
    "palette": {"shades": 0.01, "unlike": 0.2, "smoothness": 3.0},
    "strokes": {"smoothness": 1.0},
    "lines": {"smoothness": 0.0, "edges": 5.0, "init": 0.0},
}


# A border of one colour would be an opaque one.
TRANSPARENT_LOSSES: dict[str, float] = {"edges": 0.0}


def resolve_auto(config: RunConfig) -> RunConfig:
    """Resolve init=auto and drawer=auto, and turn `length` and a retake's seconds into frames.

    drawer becomes "vqgan,pyramid" for a still of more than one step from a draft of one thing, if
    the VQGAN is the starter; else "vqgan". The things of a composition are finished one by one
    before they are laid, and look better if the VQGAN draws to the end. init becomes "source" if
    there is a source film; "random" for lines, and for a picture that tiles, since drafts show
    one thing on a plain ground; "dream", a draft, if a text prompt has a positive weight and the
    VQGAN is the starter, or another drawer begins; else "random".

    Raises:
        ConfigError: for a length of more frames than an animation may have.
    """
    if config.length > 0 and (config.fps or not config.source.film):
        frames = _frames(config.length, config.fps or FPS)
        config = dataclasses.replace(config, frames=frames, length=0.0)
    if config.retake.frames and config.frames:
        stretch = settle_stretch(config.retake.frames, config.frames, config.fps or FPS)
        retake = dataclasses.replace(config.retake, frames=stretch)
        config = dataclasses.replace(config, retake=retake)
    start = _resolve_init(config) if config.init == "auto" else config.init
    config = dataclasses.replace(config, init=start)
    if config.drawer.strip() != "auto":
        return config
    moving = bool(config.frames or config.length or config.source.film)
    several = moving or layout_settings.is_composed(config)
    chosen = _choose_drawer(config.init, config.vqgan, several, config.steps)
    return dataclasses.replace(config, drawer=chosen)


def free_drawer(config: RunConfig, notes: Mapping[str, Any], composed: bool = False) -> RunConfig:
    """Let drawer=auto choose anew for a picture that is drawn again, if it chose in its notes.

    Args:
        composed: whether it was a composition of several things.
    """
    source = notes.get("source", {})
    moving = bool(notes.get("frames") or source.get("film"))
    start = notes.get("init"), notes.get("vqgan")
    chosen = _choose_drawer(*start, moving or composed, notes.get("steps", 0))
    return dataclasses.replace(config, drawer="auto") if notes.get("drawer") == chosen else config


def _choose_drawer(init: Any, vqgan: Any, several: bool, steps: int) -> str:
    """What drawer=auto means, where init is resolved; of several frames or things, or of one."""
    finished = (init, vqgan) == ("dream", "starter") and not several and steps > 1
    return "vqgan,pyramid" if finished else "vqgan"


def _resolve_init(config: RunConfig) -> str:
    """What init=auto means."""
    if config.source.film:
        return "source"
    if config.tile != "none":
        return "random"
    try:
        words = positive_texts(parse_prompts(config.prompts))
    except PromptError:
        words = []  # empty or not valid, which is reported when the run is planned
    # Lines along a draft's outline keep its faults; those that begin anywhere become the forms.
    drafted = drawer_names(config.drawer)[0] != "lines"
    drafted &= config.vqgan == "starter" or not uses_vqgan(config.drawer)
    return "dream" if words and drafted else "random"


def _frames(seconds: float, fps: float) -> int:
    if seconds * fps > MOST_FRAMES:
        raise ConfigError(
            f"length is {seconds:g} seconds, at {fps:g} frames a second more than the "
            f"{MOST_FRAMES} frames that an animation may have; write {MOST_FRAMES / fps:.6g} or "
            "less"
        )
    return max(1, round(seconds * fps))


def defaults_for(
    init: Any,
    vqgan: Any,
    drawer: Any = "vqgan",
    *,
    composed: bool = False,
    alpha: bool = False,
    tile: Any = "none",
) -> dict[str, Any]:
    """The defaults for a start: settings that differ from the schema's, as nested dicts.

    Args:
        init: the setting, resolved (`resolve_auto`).
        vqgan: the name of the VQGAN.
        drawer: the setting.
        composed: whether it is a composition of several things.
        alpha: the setting `draw.alpha`.
        tile: the setting.
    """
    losses: dict[str, float] = {}
    for name in drawer_names(str(drawer)):
        losses = losses | OWN_LOSSES.get(name, {})
    losses = losses | TRANSPARENT_LOSSES if alpha else losses
    found = _defaults_for_start(init, vqgan, drawer, composed)
    losses = found.get("losses", {}) | losses
    if tile != "none":  # a border would be a seam
        losses = {name: weight for name, weight in losses.items() if name != "edges"}
    if losses == found.get("losses", {}):
        return found
    others = {key: value for key, value in found.items() if key != "losses"}
    return others | ({"losses": losses} if losses else {})


def _defaults_for_start(init: Any, vqgan: Any, drawer: Any, composed: bool) -> dict[str, Any]:
    """The same, by what is drawn at first."""
    if not str(drawer).startswith("vqgan"):
        if init == "source":
            return OTHER_DRAWER_DEFAULTS | {"steps": SOURCE_FILM_DEFAULTS["steps"]}
        losses = OTHER_DRAWER_LOSSES.get(str(init), {})
        return OTHER_DRAWER_DEFAULTS | ({"losses": losses} if losses else {})
    if init == "dream":
        if drawer != "vqgan":
            return FINISHED_DRAFT_DEFAULTS
        return COMPOSITION_DEFAULTS if composed else DRAFT_DEFAULTS
    if init == "source":
        return SOURCE_FILM_DEFAULTS
    return RANDOM_CODES_DEFAULTS if (init, vqgan) == ("random", "starter") else NO_DEFAULTS


def carry_over(
    notes: Mapping[str, Any], now: Mapping[str, Any], composed: bool = False
) -> Mapping[str, Any]:
    """The settings that carry over when a picture is drawn again from another start.

    Those that were only the defaults of its old start do not.

    Args:
        notes: the settings recorded in the picture.
        now: the defaults for the new start, as `defaults_for` gives them.
        composed: whether the picture was a composition of several things.
    """
    drawn = notes.get("draw")
    before = defaults_for(
        *(notes.get("init"), notes.get("vqgan"), notes.get("drawer", "vqgan")),
        composed=composed,
        alpha=isinstance(drawn, Mapping) and drawn.get("alpha") is True,
        tile=notes.get("tile", "none"),
    )
    return notes if before == now else _without(_without(notes, before), _schema_defaults(now))


def _schema_defaults(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The schema's defaults of these settings."""
    all_defaults = to_dict(RunConfig())
    return {
        key: {inner: all_defaults[key][inner] for inner in value}
        if isinstance(value, Mapping)
        else all_defaults[key]
        for key, value in keys.items()
    }


def _without(notes: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Notes without the settings that equal these defaults."""
    kept = {}
    for key, value in notes.items():
        if isinstance(value, Mapping):
            kept[key] = _without(value, defaults.get(key, {}))
        elif key not in defaults or value != defaults[key]:
            kept[key] = value
    return kept
