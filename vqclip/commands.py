"""What each subcommand does. torch and the models are imported only once the words make sense."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip import presets as preset_files
from vqclip import prompts
from vqclip.config import NOISES, RunConfig, describe, to_dict
from vqclip.errors import ConfigError, OutputError, PictureError, PromptError
from vqclip.models import needs, zoo
from vqclip.models.catalogue import CHECKPOINTS
from vqclip.screen import Screen, table

if TYPE_CHECKING:
    from vqclip.record.provenance import Provenance

OVERRIDE = re.compile(r"[A-Za-z][A-Za-z_]*(\.[A-Za-z_]+)*=")
SHORT = ("size", "steps", "seed", "init", "out")  # options that are another way to say key=value


@dataclass
class Progress:
    """How far a command came; the border reads it to choose the exit code."""

    started: bool = False
    folder: Path | None = None


def generate(options: Any, screen: Screen, progress: Progress) -> None:
    """Draw a picture from a prompt (the command when none is named)."""
    run(_config(options), screen, progress)


def again(options: Any, screen: Screen, progress: Progress) -> None:
    """Make a picture again from the notes in it, with other settings if you like."""
    first, overrides = _words(options.words)
    if first is None:
        raise ConfigError(
            "name the picture to make again: vqclip again outputs/0001-a-fox/final.png"
        )
    from vqclip.record import provenance

    notes = provenance.read(Path(first))
    if not isinstance(notes.prompt, str):
        raise PictureError(f"{first}: its prompt is a structure that this edition cannot replay")
    base = notes.config | {"prompts": notes.prompt, "seed": notes.seed}
    config = preset_files.load(base=base, overrides=_short(options) + overrides)
    run(config, screen, progress, notes)


def show(options: Any, screen: Screen, progress: Progress) -> None:
    """Show what made a picture: prompt, seed, settings, models, versions."""
    from vqclip.record import provenance

    notes = provenance.read(Path(options.picture))
    if options.json:
        print(notes.to_json())
        return
    defaults = {s.key: s.default for s in describe()}
    flat = _flat(notes.config)
    shown = {key: str(_plain(value)) for key, value in flat.items()}
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


def presets(options: Any, screen: Screen, progress: Progress) -> None:
    """List the presets."""
    print(table(list(preset_files.presets().items())))


def models(options: Any, screen: Screen, progress: Progress) -> None:
    """List, fetch or import models, or say where they are."""
    if options.action == "list":
        rows = [
            (row.name, row.kind, zoo.readable(row.bytes), row.where, row.about)
            for row in zoo.listing()
        ]
        print(table([("name", "kind", "size", "where", "about"), *rows]))
        print("\nperceptors: starter (bundled), and every model::weights that open_clip knows")
        return
    if options.action == "where" and options.name is None:
        print(zoo.cache_dir())
        return
    if options.name is None:
        raise ConfigError(f"vqclip models {options.action} needs a name (see vqclip models list)")
    if options.action == "where":
        print(zoo.find(options.name).weights)
    elif options.action == "fetch":
        _fetch(options.name, screen)
    else:
        if options.config is None or options.as_name is None:
            raise ConfigError("write: vqclip models import FILE --config YAML --name NAME")
        from vqclip.models import vqgan

        vqgan.load(Path(options.config), Path(options.name))  # refused before it is taken in
        found = zoo.import_(Path(options.name), Path(options.config), options.as_name)
        screen.say(f"imported as {options.as_name}: vqgan={options.as_name}")
        print(found.weights)


def run(
    config: RunConfig, screen: Screen, progress: Progress, before: Provenance | None = None
) -> None:
    """Draw `config`'s picture into a new run folder.

    Args:
        before: the notes of the picture that is made again, to compare the models with.
    """
    began = time.monotonic()
    wishes = prompts.parse(config.prompts)
    # What is absent is refused before torch is imported.
    needs.require(config.vqgan, config.perceptors)
    pictures = [wish.body for wish in wishes if wish.kind == "image"]
    for name in [*pictures, *([] if config.init in ("random", *NOISES) else [config.init])]:
        _check_picture(name)
    _check_place(Path(config.out))
    for line in prompts.echo(wishes):
        screen.say(f"  {line}")
    from vqclip import session
    from vqclip.record import folder

    ready = session.build(config, lambda words: screen.say(f"{words} …"))
    for note in ready.notes:
        screen.say(f"note: {note}")
    if before is not None and before.models != ready.models:
        screen.say("note: the models are not those that made the picture; it will differ")
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
        command=sys.argv,
    )
    with closing(kept), closing(screen.watch(kept, config.steps)) as watched:
        for _ in watched:
            pass
    seconds = round(time.monotonic() - began, 1)
    final = place / "final.png"
    screen.event("done", run=str(place), final=str(final), seconds=seconds)
    screen.say(f"done in {seconds:.0f} s")
    screen.result(str(final))


def _check_picture(name: str) -> None:
    """Refuse a picture that cannot be opened; `vqclip.record.images.read` decodes it later."""
    from PIL import Image as pillow

    path = Path(name).expanduser()
    if not path.is_file() and path.suffix == "":
        names = ", ".join(("random", *NOISES))
        raise PictureError(f"{name} is neither a picture file nor, as init, one of: {names}")
    try:
        with pillow.open(path) as picture:
            picture.verify()
    except Exception as error:  # decoders raise whatever they stumble on
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise PictureError(f"{path} cannot be read ({reason}); try another file") from error


def _check_place(out: Path) -> None:
    """Refuse a folder that cannot be made or written."""
    place = out
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise OutputError(
            f"{place} is no folder, so no runs can be made in {out}; choose another --out"
        )
    if not os.access(place, os.W_OK):
        raise OutputError(f"{place} may not be written to; choose another --out")


def _film(config: RunConfig, place: Path, size: tuple[int, int]) -> Any:
    from vqclip.record import video

    kind = config.film.format
    if kind == "none":
        return None
    name = "frames" if kind == "frames" else f"film.{kind}"
    return video.open_film(
        place / name, fps=config.film.fps, quality=config.film.quality, size=size
    )


def _fetch(name: str, screen: Screen) -> None:
    """Download a VQGAN or a perceptor, with a bar."""
    if "::" in name:
        from vqclip import perceptors
        from vqclip.models import clips

        lacking = clips.absent(name)
        if lacking is not None:
            screen.say(f"{name}: {zoo.readable(lacking.bytes)}")
        perceptors.fetch(name)
        screen.say(f"{name} is here: perceptors={name}")
        return
    from tqdm import tqdm

    row = CHECKPOINTS.get(name)
    if row is not None:
        screen.say(f"{name}: {zoo.readable(row.bytes)}, licence: {row.licence}")
    with tqdm(unit="B", unit_scale=True, disable=screen.quiet, file=sys.stderr) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = zoo.fetch(name, progress)
    print(path)


def _config(options: Any) -> RunConfig:
    """The settings that the words of `generate` and `plan` ask for."""
    first, overrides = _words(options.words)
    file = None
    if first is not None and first.endswith((".yaml", ".yml")) and Path(first).is_file():
        file, first = Path(first), None
    if options.film and not any(text.startswith("film.format=") for text in overrides):
        overrides.insert(0, "film.format=mp4")
    config = preset_files.load(
        first, ",".join(options.preset), file=file, overrides=_short(options) + overrides
    )
    if first == "" or not config.prompts.strip():
        raise PromptError('there is no prompt; write one: vqclip "a red balloon over the sea"')
    return config


def _words(words: list[str]) -> tuple[str | None, list[str]]:
    """Tell the prompt from the settings: (the first bare word, the key=value words)."""
    bare = [word for word in words if not OVERRIDE.match(word)]
    if len(bare) > 1:
        raise ConfigError(
            f"{bare[1]!r} stands alone after {bare[0]!r}; put the prompt in quotes: "
            f'"{" ".join(bare)}"'
        )
    return (bare[0] if bare else None), [word for word in words if OVERRIDE.match(word)]


def _short(options: Any) -> list[str]:
    """`--size 64x64` as `size=64x64`."""
    given = ((key, getattr(options, key, None)) for key in SHORT)
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
