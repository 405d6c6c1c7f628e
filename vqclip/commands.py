"""What each subcommand does. torch and the models are imported only once the words make sense."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqclip import (
    asking,
    editing,
    finding,
    folders,
    judging,
    places,
    plotting,
    primer,
    prompts,
    school,
    shelf,
    sketchbook,
    speaking,
    staging,
    watching,
)
from vqclip import presets as preset_files
from vqclip.config import RunConfig, to_dict
from vqclip.drawing import Before, Progress, draw
from vqclip.errors import ConfigError
from vqclip.layers import flat
from vqclip.requirements import require, require_files
from vqclip.screen import Screen, table
from vqclip.watching import FLOW

INVERT = ("token", "init", "vectors", "perceptors", "kind", "steps", "out")  # and of `invert`


def generate(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw a picture from a prompt (the command when none is named)."""
    _draw_all(asking.configs(options), options, screen, progress)


def animate(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw an animation: a camera, a story, or over a film of your own."""
    asking.require_frames([*asking.short(options), *options.words])
    found = [asking.animated(config) for config in asking.configs(options)]
    _draw_all(found, options, screen, progress)


def _draw_all(
    found: Sequence[RunConfig], options: Any, screen: Screen, progress: Progress
) -> None:
    """Draw what some settings stand for, one after another."""
    for config in found if len(found) > 1 else []:
        require(config)  # what the last one lacks is said before the first is drawn
    for number, config in enumerate(found, start=1):
        if len(found) > 1:
            texts = {key: getattr(config, key) for key in preset_files.TEMPLATED}
            screen.event("variant", number=number, of=len(found), **texts)
            screen.say(f"{number} of {len(found)}:")
            progress.started, progress.folder = False, None
        draw(config, screen, progress, options.command)


def again(options: Any, screen: Screen, progress: Progress) -> None:
    """Make a picture again from the notes in it, with other settings if you like."""
    first, overrides = asking.parted(options.words)
    if first is None:
        raise ConfigError(
            "name the picture to make again: vqclip again outputs/0001-a-fox/final.png; "
            "to draw the word itself: vqclip generate again"
        )
    from vqclip.record import provenance

    notes = provenance.read(Path(first))
    base = notes.config | {"prompts": notes.prompt, "seed": notes.seed}
    place = Path(first) if os.path.isdir(first) else Path(first).parent
    short = asking.short(options)
    if ":" in (options.frames or ""):
        short.append(f"retake.of={place}")
    config = preset_files.load(base=base, overrides=short + overrides)
    draw(config, screen, progress, options.command, Before(notes, place))


def resume(options: Any, screen: Screen, progress: Progress) -> None:
    """Go on with a run that was stopped, killed or is to take more steps."""
    first, overrides = asking.parted(options.words)
    if first is None:
        raise ConfigError(
            "name the run to go on with: vqclip resume outputs/0001-a-fox; "
            "to draw the word itself: vqclip generate resume"
        )
    from vqclip import resume as resuming
    from vqclip.record import rooms

    folder = resuming.room(Path(first))
    with rooms.alone(folder):  # before anything is read that somebody else may be writing
        point = resuming.find(folder)
        config = resuming.settings(point, overrides)
        draw(config, screen, progress, options.command, point=point)


def show(options: Any, screen: Screen, progress: Progress) -> None:
    """Show what made a picture: prompt, seed, settings, models, versions."""
    from vqclip.record import provenance

    notes = provenance.read(Path(options.picture))
    if options.json:
        screen.event("provenance", **json.loads(notes.to_json()))
        return
    usual = flat(to_dict(preset_files.load(notes.prompt), everywhere=False))
    defaults, shown = (
        {key: str(_plain(value)) for key, value in lines.items()}
        for lines in (usual, flat(notes.config))
    )
    changed = [(f"  {key}", value) for key, value in shown.items() if value != defaults.get(key)]
    lines = [f"prompt  {notes.prompt}", f"seed    {notes.seed}", "", "settings that differ:"]
    lines.append(table(changed) or "  none")
    for change in notes.changes:
        before = ", ".join(f"{key}={_plain(value)}" for key, value in change["settings"].items())
        lines += ["", f"changed on the way: up to step {change['step']} it was {before}"]
    lines += ["", "models (sha256):", table([(f"  {k}", v) for k, v in notes.models.items()])]
    lines += ["", "versions:", table([(f"  {k}", v) for k, v in notes.versions.items()])]
    print("\n".join(lines))


def diff(options: Any, screen: Screen, progress: Progress) -> None:
    """Say which prompt, seed, settings, models and versions of two pictures differ."""
    from vqclip import differences
    from vqclip.record import provenance

    pair = [provenance.read(Path(each)) for each in (options.first, options.second)]
    found = differences.differences(*pair)
    if options.json:
        screen.event("diff", differences=[dataclasses.asdict(each) for each in found])
        return
    if not found:
        print("made in the same way: prompt, seed, settings, models and versions are equal")
        return
    rows = [("", str(options.first), str(options.second))]
    for each in found:
        name = f"{each.kind} {each.name}" if each.kind != each.name else each.kind
        rows.append((name, _side(each.kind, each.first), _side(each.kind, each.second)))
    print(table(rows))


def plan(options: Any, screen: Screen, progress: Progress) -> None:
    """Say what a run would do, load and cost, and run nothing.

    Printed: the prompts as they are understood, every setting, the sizes and steps, the device,
    what would have to be downloaded, and about how much memory and time it would take.
    """
    for config in asking.configs(options):
        _plan(config, options, screen)


def _plan(config: RunConfig, options: Any, screen: Screen) -> None:
    wishes = prompts.understood(config.prompts, config.negative)
    staging.check(config)
    require_files(config, wishes)
    notes: list[str] = []
    if config.frames or config.source.film:
        from vqclip import hints, itinerary

        asked, where = config, folders.of(config.assets)
        config = itinerary.bounded(config, where)
        notes = list(hints.hints(asked, config, where))
    prompts.check_scenes(
        wishes, config.frames or config.steps, "frames" if config.frames else "steps"
    )
    from vqclip import plan as planning

    estimate = planning.estimate(config)
    if options.json:
        screen.event("plan", config=to_dict(config), **dataclasses.asdict(estimate))
        return
    print("\n".join(f"  {line}" for line in prompts.echo(wishes)))
    for note in [*prompts.strays(config.prompts, config.negative), *notes]:
        print(f"note: {note}")
    print(table([(f"  {k}", str(_plain(v))) for k, v in flat(to_dict(config)).items()]))
    print(planning.in_words(estimate))


def dream(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw drafts of a prompt in seconds, the best first; nothing is optimised."""
    for config in asking.configs(options):
        places.require(Path(config.out))
        sketchbook.draw(config, screen)


def explain(options: Any, screen: Screen, progress: Progress) -> None:
    """Say how a prompt is understood, and what each perceptor will read."""
    speaking.explain(asking.configs(options), screen)


def direction(options: Any, screen: Screen, progress: Progress) -> None:
    """Make a direction for vector(NAME) from two sets of words or pictures."""
    words = [word for word in options.words if not asking.OVERRIDE.match(word)]
    if len(words) != 2:
        raise ConfigError(
            "write what has it, then what lacks it: vqclip direction "
            '"a sunny day | bright light" "a rainy day | dusk" --name sunny'
        )
    overrides = [word for word in options.words if asking.OVERRIDE.match(word)]
    config = preset_files.load("a picture", overrides=overrides)
    speaking.direction(words[0], words[1], options.as_name, config.perceptors, screen)


def help(options: Any, screen: Screen, progress: Progress) -> None:
    """Explain a part of the language: prompts, templates, structured, schedules, perceptors."""
    print(speaking.topic(options.topic))


def plot(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw what schedules do, in the terminal or as a picture."""
    plotting.plot(options, screen)


def presets(options: Any, screen: Screen, progress: Progress) -> None:
    """List the presets."""
    found = preset_files.presets()
    for name, about in found.items():
        screen.event("preset", name=name, about=about)
    screen.result(table(list(found.items())))


def models(options: Any, screen: Screen, progress: Progress) -> None:
    """List, fetch, import, verify or remove models, or say where they are."""
    shelf.ACTIONS[options.action](options, screen)


def train(options: Any, screen: Screen, progress: Progress) -> None:
    """Train by a config: the starter models' own, or a VQGAN on your pictures."""

    def started(folder: Path) -> None:
        progress.started, progress.folder = True, folder

    school.train(options.words, screen, started, options.command)


def classify(options: Any, screen: Screen, progress: Progress) -> None:
    """Say which of some labels is in each picture, by CLIP."""
    judging.classify(options, screen, progress)


def score(options: Any, screen: Screen, progress: Progress) -> None:
    """Say how well words fit each picture, by CLIP; or how steady a film is."""
    if options.of_film is not None:
        watching.score(options, screen)
    elif options.source is not None or options.flow != FLOW:
        raise ConfigError("--source and --flow belong to --film: vqclip score --film FILM")
    else:
        judging.score(options, screen, progress)


def search(options: Any, screen: Screen, progress: Progress) -> None:
    """Find the pictures of a folder that fit words, or another picture, best."""
    finding.search(options, screen, progress)


def film(options: Any, screen: Screen, progress: Progress) -> None:
    """Make a film, or a contact sheet, of a run, a folder, pictures or another film."""
    editing.film(options, screen, progress)


def invert(options: Any, screen: Screen, progress: Progress) -> None:
    """Learn a word of your own from a few pictures: <my-cat>."""
    photos = [
        word for word in options.words if os.path.exists(word) or not asking.OVERRIDE.match(word)
    ]
    overrides = [word for word in options.words if word not in photos]
    given = [(key, getattr(options, key)) for key in INVERT]
    short = [f"{key}={value}" for key, value in given if value is not None]
    primer.invert(photos, primer.settings(short + overrides), screen, progress)


def _side(kind: str, value: Any) -> str:
    """One picture's side of a difference, on a line; checksums are cut short."""
    if kind == "changes":  # [{"step": 40, "settings": {"prompts": …}}, …]
        parts = [f"{', '.join(each['settings'])} at step {each['step']}" for each in value]
        return "; ".join(parts) or "none"
    text = str(_plain(value))
    return text[:12] if kind == "model" else text


def _plain(value: Any) -> Any:
    """A value as `describe` shows defaults."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(
            " × ".join(map(str, v.values())) if isinstance(v, dict) else str(v) for v in value
        )
    return value
