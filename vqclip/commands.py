"""What each subcommand does. torch and the models are imported only once the words make sense."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip import pictures, places, prompts, school, shelf, sketchbook
from vqclip import presets as preset_files
from vqclip.config import RunConfig, describe, to_dict
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.models import needs
from vqclip.screen import Screen, table

if TYPE_CHECKING:
    from vqclip.record.provenance import Provenance

OVERRIDE = re.compile(r"[A-Za-z][A-Za-z_]*(\.[A-Za-z_]+)*=")
SHORT = ("size", "steps", "seed", "init", "out")  # options that are another way to say key=value


@dataclass
class Progress:
    """How far a command came, and with what; the border reads it when something goes wrong."""

    started: bool = False
    folder: Path | None = None
    config: RunConfig | None = None


@dataclass(frozen=True)
class Before:
    """The picture that is made again: its notes, and the folder in which it lies."""

    notes: Provenance
    folder: Path


def generate(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw a picture from a prompt (the command when none is named)."""
    run(_config(options), screen, progress, options.command)


def again(options: Any, screen: Screen, progress: Progress) -> None:
    """Make a picture again from the notes in it, with other settings if you like."""
    first, overrides = _words(options.words)
    if first is None:
        raise ConfigError(
            "name the picture to make again: vqclip again outputs/0001-a-fox/final.png; "
            "to draw the word itself: vqclip generate again"
        )
    from vqclip.record import provenance

    notes = provenance.read(Path(first))
    base = notes.config | {"prompts": notes.prompt, "seed": notes.seed}
    config = preset_files.load(base=base, overrides=_short(options) + overrides)
    place = Path(first) if os.path.isdir(first) else Path(first).parent
    run(config, screen, progress, options.command, Before(notes, place))


def show(options: Any, screen: Screen, progress: Progress) -> None:
    """Show what made a picture: prompt, seed, settings, models, versions."""
    from vqclip.record import provenance

    notes = provenance.read(Path(options.picture))
    if options.json:
        screen.event("provenance", **json.loads(notes.to_json()))
        return
    usual = _flat(to_dict(preset_files.load(notes.prompt), everywhere=False))
    defaults, shown = (
        {key: str(_plain(value)) for key, value in flat.items()}
        for flat in (usual, _flat(notes.config))
    )
    changed = [(f"  {key}", value) for key, value in shown.items() if value != defaults.get(key)]
    lines = [f"prompt  {notes.prompt}", f"seed    {notes.seed}", "", "settings that differ:"]
    lines.append(table(changed) or "  none")
    lines += ["", "models (sha256):", table([(f"  {k}", v) for k, v in notes.models.items()])]
    lines += ["", "versions:", table([(f"  {k}", v) for k, v in notes.versions.items()])]
    print("\n".join(lines))


def plan(options: Any, screen: Screen, progress: Progress) -> None:
    """Say what a run would do, load and cost, and run nothing.

    Printed: the prompts as they are understood, every setting, the sizes and steps, the device,
    what would have to be downloaded, and about how much memory and time it would take.
    """
    config = _config(options)
    wishes = prompts.parse(config.prompts)
    from vqclip import plan as planning

    estimate = planning.estimate(config)
    if options.json:
        screen.event("plan", config=to_dict(config), **dataclasses.asdict(estimate))
        return
    print("\n".join(f"  {line}" for line in prompts.echo(wishes)))
    print(table([(f"  {k}", str(_plain(v))) for k, v in _flat(to_dict(config)).items()]))
    print(planning.in_words(estimate))


def dream(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw drafts of a prompt in seconds, the best first; nothing is optimised."""
    config = _config(options)
    places.require(Path(config.out))
    sketchbook.draw(config, screen)


def presets(options: Any, screen: Screen, progress: Progress) -> None:
    """List the presets."""
    found = preset_files.presets()
    for name, about in found.items():
        screen.event("preset", name=name, about=about)
    screen.result(table(list(found.items())))


def models(options: Any, screen: Screen, progress: Progress) -> None:
    """List, fetch or import models, or say where they are."""
    shelf.ACTIONS[options.action](options, screen)


def train(options: Any, screen: Screen, progress: Progress) -> None:
    """Train by a config: the starter models' own, or a VQGAN on your pictures."""

    def started(folder: Path) -> None:
        progress.started, progress.folder = True, folder

    school.train(options.words, screen, started, options.command)


def run(
    config: RunConfig,
    screen: Screen,
    progress: Progress,
    command: Sequence[str] = (),
    before: Before | None = None,
) -> None:
    """Draw `config`'s picture into a new run folder.

    Args:
        command: the words that started the run, for `run.json`.
        before: the picture that is made again, to compare the models with.
    """
    progress.config = config
    beside = None if before is None else before.folder
    began = time.monotonic()
    wishes = prompts.parse(config.prompts)
    # What is absent is refused before torch is imported.
    needs.require(config.vqgan, config.perceptors)
    pictures.require(config, wishes, beside)
    places.require(Path(config.out))
    for line in prompts.echo(wishes):
        screen.say(f"  {line}")
    from vqclip import jury, session
    from vqclip.record import folder

    ready = session.build(config, lambda words: screen.say(f"{words} …"), beside)
    for note in [*ready.notes, *_changed(before, ready.models)]:
        screen.say(f"note: {note}")
    place = folder.new_run(Path(config.out), wishes[0].body)
    progress.folder = place
    film = _film(config, place, ready.size)
    screen.say(f"seed {ready.seed}, {ready.size[0]}x{ready.size[1]}, into {place}")
    screen.event(
        "start",
        run=str(place),
        from_step=0,
        steps=config.steps,
        seed=ready.seed,
        size=list(ready.size),
        prompts=prompts.show(wishes),
    )
    progress.started = True
    kept = folder.keep(
        ready.play(),
        place,
        provenance=ready.provenance(),
        draw_final=ready.final,
        every=config.previews,
        film=film,
        film_every=config.film.every,
        command=command,
    )
    with closing(kept), closing(screen.watch(kept, config.steps)) as watched:
        for _ in watched:
            pass
    if jury.available(config.perceptors) and prompts.texts(wishes):
        verdict = jury.judge(ready.final(), prompts.wished(wishes))
        folder.add_notes(place, verdict=dataclasses.asdict(verdict))
        screen.event("verdict", **dataclasses.asdict(verdict))
        screen.say(verdict.in_words())
    seconds = round(time.monotonic() - began, 1)
    final = place / "final.png"
    screen.event("done", run=str(place), final=str(final), seconds=seconds)
    screen.say(f"done in {seconds:.0f} s")
    screen.result(str(final))


def _changed(before: Before | None, models: dict[str, str]) -> Iterator[str]:
    """Say what is not as it was when the picture was made."""
    if before is None:
        return
    then = before.notes.models
    pair = [{k: v for k, v in each.items() if not _is_picture(k)} for each in (then, models)]
    if pair[0] != pair[1]:
        yield "the models are not those that made the picture; it will differ"
    for name, digest in models.items():
        if _is_picture(name) and then.get(name, digest) != digest:
            yield f"{name.removeprefix('picture ')} has changed since; the picture will differ"


def _is_picture(name: str) -> bool:
    """Whether an entry of a run's models is a picture that the run reads."""
    return name.startswith("picture ")


def _film(config: RunConfig, place: Path, size: tuple[int, int]) -> Any:
    from vqclip.record import video

    kind = config.film.format
    if kind == "none":
        return None
    name = "frames" if kind == "frames" else f"film.{kind}"
    return video.open_film(
        place / name, fps=config.film.fps, quality=config.film.quality, size=size
    )


def _config(options: Any) -> RunConfig:
    """The settings that the words of `generate` and `plan` ask for."""
    first, overrides = _words(options.words)
    file = None
    if first is not None and first.endswith((".yaml", ".yml")):
        if os.path.isfile(first):
            file, first = Path(first), None
        elif not options.named_generate and not re.search(r"\s", first):
            near = [str(p) for kind in ("*.yaml", "*.yml") for p in Path().glob(kind)]
            raise ConfigError(
                f"there is no run file {first}{suggest(first, near)}; check its name, or to "
                f"draw these words as a prompt: vqclip generate {first}"
            )
    second = next((text for text in overrides if text.startswith("prompts=")), None)
    if first is not None and second is not None:
        raise ConfigError(
            f"there are two prompts, {first!r} and {second!r}; join them with | into one"
        )
    if options.film and not any(text.startswith("film.format=") for text in overrides):
        overrides.insert(0, "film.format=mp4")
    config = preset_files.load(
        first, ",".join(options.preset), file=file, overrides=_short(options) + overrides
    )
    if first == "" or not config.prompts.strip():
        raise PromptError('there is no prompt; write one: vqclip "a red balloon over the sea"')
    return config


def _words(words: list[str]) -> tuple[str | None, list[str]]:
    """Tell the prompt from the settings: (the first bare word, the key=value words).

    Where no word is bare, one that holds spaces and begins like no setting is the prompt:
    "E=mc2 on a blackboard".
    """
    bare = [word for word in words if not OVERRIDE.match(word)]
    if len(bare) > 1:
        raise ConfigError(
            f"{bare[1]!r} stands alone after {bare[0]!r}; put the prompt in quotes: "
            f'"{" ".join(bare)}"'
        )
    if not bare:
        bare = [word for word in words if re.search(r"\s", word) and not _is_setting(word)][:1]
    rest = list(words)
    if bare:
        rest.remove(bare[0])
    return (bare[0] if bare else None), rest


def _is_setting(word: str) -> bool:
    """Whether key=value has the key of a setting, or of a group of settings."""
    key = word.partition("=")[0]
    return any(key in (s.key, s.key.partition(".")[0]) for s in describe())


def _short(options: Any) -> list[str]:
    """`--size 64x64` as `size=64x64`."""
    given = [(key, getattr(options, key, None)) for key in SHORT]
    given.append(("dream.count", getattr(options, "count", None)))
    return [f"{key}={value}" for key, value in given if value is not None]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _plain(value: Any) -> Any:
    """A value as `describe` shows defaults."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return ", ".join(
            " × ".join(map(str, v.values())) if isinstance(v, dict) else str(v) for v in value
        )
    return value
