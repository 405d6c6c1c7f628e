"""The command train, with its monitor.

vqclip train                                        lists the configs
vqclip train own_vqgan pictures=FOLDER name=mine    the same command again goes on
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError, ModelError, PictureError, suggest
from vqclip.media import files
from vqclip.models.zoo import model_files
from vqclip.training import recipes as training_recipes
from vqclip.training.settings import TrainingRecipe, VqganRecipe

SHELVED = "shelved.json"  # under which name, and which file, a training's VQGAN is in the zoo
SETTING = re.compile(r"\s*[A-Za-z]\w*\s*=")  # bf16= has digits


Started = Callable[[Path], None]


def run_trainings(
    words: Sequence[str],
    screen: Console,
    started: Started,
    command: Sequence[str] = (),
) -> None:
    """Train by configs, those first whose results others of them read; without any, list them.

    Args:
        words: configs by name or file, and `key=value`, which holds for all that have such
            a setting.
        started: is called with the folder when the first step is about to be taken.
        command: the words that started it, to say how to go on.

    Raises:
        VqclipError: if the settings do not fit, or a training cannot be done.
        KeyboardInterrupt: once all is saved, if somebody asked to stop.
    """
    overrides = [word for word in words if SETTING.match(word)]
    names = [word for word in words if not SETTING.match(word)]
    if not names:
        if overrides:
            raise ConfigError(
                f"{overrides[0]} is a setting, but of which training? Name one: vqclip train "
                f"{next(iter(training_recipes.list_recipes()))} {overrides[0]} "
                "(vqclip train lists them)"
            )
        _list(screen)
        return
    known = training_recipes.list_recipes()
    strange = next(
        (n for n in names if n not in known and not n.lower().endswith(training_recipes.FILES)),
        None,
    )
    if strange is not None:
        raise ConfigError(
            f"no training is called {strange!r}{suggest(strange, known)} (one of: "
            f'{", ".join(known)}); to draw the words: vqclip "train {" ".join(names)}"'
        )
    recipes = training_recipes.read_recipes(names, overrides)
    folders = [Path(recipe.out) for recipe in recipes]
    twice = next((out for out in folders if folders.count(out) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"two trainings would write to {twice}; run them as two commands, each with its own "
            "out="
        )
    for recipe in recipes:
        _require(recipe)
    *before, last = training_recipes.sort_by_need(recipes)
    for recipe in before:
        if not _train(recipe, screen, started, command):
            screen.say(
                "the trainings after it were not started; to continue, run the same command again"
            )
            return
    _train(last, screen, started, command)


def _list(screen: Console) -> None:
    """Name the configs that come with vqclip, with the first sentence of each."""
    found = training_recipes.list_recipes()
    for name, about in found.items():
        screen.event("training", name=name, about=about)
    screen.table(list(found.items()))
    screen.result("\nyour own pictures: vqclip train own_vqgan pictures=FOLDER name=mine")


def _require(recipe: TrainingRecipe) -> None:
    """Refuse what can be told to fail before torch is imported."""
    files.require_folder(Path(recipe.out), "out=")
    if not isinstance(recipe, VqganRecipe):
        return
    if recipe.name:
        _refuse_taken(recipe)
    archives = Path(recipe.data) / "illustrations.jsonl"
    if not recipe.pictures and not archives.is_file():
        raise PictureError(
            f"there is nothing to learn from: {archives} does not exist; give a folder of your "
            "own pictures with pictures=FOLDER, or that of the archives with data=DIR"
        )


def _refuse_taken(recipe: VqganRecipe) -> None:
    """Refuse a name that the zoo knows, unless this same training gave it."""
    row = next((row for row in model_files.list_models() if row.name == recipe.name), None)
    if row is None or _shelved(recipe):
        return
    raise ModelError(
        f"there is already a model called {recipe.name!r}; choose another name="
        + (
            f", or delete {model_files.cache_dir() / recipe.name} first"
            if row.kind == "own"
            else ""
        )
    )


def _shelved(recipe: VqganRecipe) -> bool:
    """Whether what the zoo has under this name is what this training put there."""
    note = Path(recipe.out, SHELVED)
    if not note.is_file():
        return False
    try:
        weights = model_files.find_vqgan(recipe.name).weights
    except ModelError:
        return False
    known = {"name": recipe.name, "sha256": model_files.file_sha256(weights)}
    return bool(json.loads(note.read_text(encoding="utf-8")) == known)


def _train(
    recipe: TrainingRecipe, screen: Console, started: Started, command: Sequence[str]
) -> bool:
    """Train, and tell whether it came to its end before its `minutes` did."""
    began = time.monotonic()
    screen.say(f"{recipe.recipe}, into {recipe.out} …")

    board = _TrainingMonitor(screen, started)
    try:
        run = training_recipes.train(recipe, board.tell)
    finally:
        board.close()
    seconds = round(time.monotonic() - began, 1)
    if run.interrupted:
        screen.event("stopped", out=str(run.out), step=run.step, seconds=seconds)
        again = f": {shlex.join(['vqclip', *command[1:]])}" if command else ""
        screen.say(
            f"stopped after step {run.step}, and saved; to continue, run the same command "
            f"again{again}"
        )
        raise KeyboardInterrupt
    if isinstance(recipe, VqganRecipe) and recipe.name:
        _shelve(recipe, screen)
    screen.event("done", out=str(run.out), step=run.step, seconds=seconds)
    ended = run.step >= board.steps
    if ended:
        screen.say(f"done: {run.step} steps, {seconds:.0f} s")
    else:
        screen.say(
            f"its time limit (minutes) is over: {run.step} of {board.steps} steps, "
            f"{seconds:.0f} s"
        )
    screen.result(str(run.out), exact=True)
    return ended


def _shelve(recipe: VqganRecipe, screen: Console) -> None:
    """Take a training's VQGAN into the zoo, as `vqclip models import` would."""
    from vqclip.models import vqgan

    out = Path(recipe.out)
    config, weights = out / "vqgan.yaml", out / "vqgan.safetensors"
    vqgan.open_vqgan(config, weights)  # refused before it is taken in
    _refuse_taken(recipe)  # somebody may have taken the name while it was trained
    shutil.rmtree(
        model_files.cache_dir() / recipe.name, ignore_errors=True
    )  # an earlier one of its own
    from vqclip.models.zoo import download

    found = download.import_model(weights, config, recipe.name)
    note = {"name": recipe.name, "sha256": model_files.file_sha256(found.weights)}
    (out / SHELVED).write_text(json.dumps(note) + "\n", encoding="utf-8")
    row = next(row for row in model_files.list_models() if row.name == recipe.name)
    screen.event("model", **dataclasses.asdict(row), path=str(found.weights))
    screen.say(f'listed as {recipe.name}; to use it: vqclip "a fox" vqgan={recipe.name}')


class _TrainingMonitor:
    """Where a training's events are shown: as a bar and lines, or as objects."""

    def __init__(self, screen: Console, started: Started) -> None:
        self.screen, self.started = screen, started
        self.bar: Any = None
        self.steps = 0

    def tell(self, name: str, /, **values: Any) -> None:
        """Show an event."""
        self.screen.event(name, **values)
        if name == "start":
            self.started(Path(values["out"]))
            self.steps = values["steps"]
            self.bar = self.screen.bar(values["steps"], values["step"])
            self._say(f"on {values['device']}, from step {values['step']} to {values['steps']}")
        elif name == "step" and self.bar is not None:
            loss = "" if values["loss"] is None else f"loss {values['loss']:.3f}, "
            left = _clock(values["left"])
            self.bar.set_postfix_str(
                f"{loss}{values['seconds']:.2g} s a step, {left} left", False
            )
            self.bar.update(values["step"] - self.bar.n)
        elif name == "skipped":
            self._say(f"skipped {values['file']}: {values['reason']}")
        elif name == "pictures":
            self._say(f"{values['count']} pictures in {values['folder']}")
        elif name == "report":
            words = (f"{key} {value}" for key, value in values.items())
            self._say(", ".join(words))
        elif name == "sheet":
            self._say(f"samples: {values['path']}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()

    def _say(self, words: str) -> None:
        if self.bar is not None:
            self.bar.clear()
        self.screen.say(words)
        if self.bar is not None:
            self.bar.refresh()


def _clock(seconds: float) -> str:
    """A time in minutes and seconds, or hours and minutes.

    >>> _clock(5), _clock(754), _clock(9000)
    ('5 s', '12 min 34 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(CommonOptions):
    """The options of `train`."""

    words: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} [CONFIG …]  [--option …] [key=value …]"
    parser.add_argument(
        "words", nargs="*", metavar="CONFIG", help="a name, or FILE.yaml; none: list them"
    )


def train(options: TrainOptions, screen: Console, progress: Progress) -> None:
    """Train a VQGAN on your pictures, or the starter models."""

    def started(folder: Path) -> None:
        progress.started, progress.folder = True, folder

    run_trainings(options.words, screen, started, options.command)
