"""The command vary.

vqclip vary outputs/0001-a-fox
vqclip vary outputs/0002-vary-a-fox:3 outputs/0002-vary-a-fox:5 --count 12
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.cli.commands.runs import sweep
from vqclip.cli.commands.runs.sweep_finder import find_sweep
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError
from vqclip.media import files
from vqclip.models.model_cache import keep_models
from vqclip.sweep.family import family_folder, parents
from vqclip.sweep.sweep_folder import DONE, SweepFolder

_SETTING = re.compile(r"[a-z][a-z0-9_.]*\s*=")


@dataclass(frozen=True, kw_only=True)
class VaryOptions(CommonOptions):
    """The options of `vary`."""

    words: list[str]
    count: str
    seed: str
    out: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} PICTURE [PICTURE]  [--option …] [key=value …]"
    parser.add_argument(
        "words",
        nargs="+",
        metavar="PICTURE",
        help="a run, its PNG, or a number on a sheet of offspring: outputs/0002-vary-a-fox:3",
    )
    parser.add_argument("--count", default="8", metavar="N", help="how many offspring (8)")
    parser.add_argument(
        "--seed", default="0", metavar="N", help="another seed gives other offspring (0)"
    )
    parser.add_argument(
        "--out", default="outputs", metavar="DIR", help="where their folder is made (outputs)"
    )


def vary(options: VaryOptions, screen: Console, progress: Progress) -> None:
    """Draw offspring of one or two pictures, to choose from."""
    named, overrides = split_words(options.words)
    count = _whole(options.count, "--count", 1, family_folder.MOST)
    seed = _whole(options.seed, "--seed", 0, 2**63 - 1)
    found = [parents.read_parent(word) for word in named]
    family = family_folder.plan_family(found, overrides, seed, count)
    out = Path(options.out)
    files.require_folder(out)
    progress.started = True
    with keep_models():
        folder = find_sweep(family_folder.write_family(out, family), None)
        screen.say(_describe(family))
        sweep.draw_sweep(folder, _as_sweep(options, folder), screen, progress)
    _tell_next(folder, screen, seed)


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell pictures from settings.

    Raises:
        ConfigError: if no picture is named, or more than two.
    """
    overrides = [w for w in words if _SETTING.match(w) and not os.path.lexists(w)]
    named = [word for word in words if word not in overrides]
    if not named:
        raise ConfigError("name a picture to vary: vqclip vary outputs/0001-a-fox")
    if len(named) > 2:
        raise ConfigError(f"offspring have one or two parents, and these are {len(named)}")
    if any(word.partition("=")[0].strip() == "out" for word in overrides):
        raise ConfigError("write --out DIR in place of out=DIR")
    return named, overrides


def _whole(text: str, option: str, least: int, most: int) -> int:
    """Read a whole number."""
    if not re.fullmatch("[0-9]{1,19}", text) or not least <= int(text) <= most:
        upto = f"from {least} to {most}" if most < 10**6 else f"{least} or more"
        raise ConfigError(f"{option} {text}: write a whole number, {upto}")
    return int(text)


def _as_sweep(options: VaryOptions, folder: SweepFolder) -> sweep.SweepOptions:
    """The same as options of a sweep."""
    return sweep.SweepOptions(
        asked=str(folder.path),
        out=None,
        plan=False,
        on="local",
        json=options.json,
        quiet=options.quiet,
        debug=options.debug,
        command=options.command,
    )


def _describe(family: family_folder.Family) -> str:
    """Say what the offspring are like."""
    names = " and ".join(each.folder.absolute().name for each in family.parents)
    start = "from its picture" if len(family.parents) == 1 else "from a blend of both"
    start = start if family.starts else "from the start"
    config = family.config
    return f"offspring of {names}, {start}, as drafts: {config.size}, {config.steps} steps"


def _tell_next(folder: SweepFolder, screen: Console, seed: int) -> None:
    """Say how to go on from the sheet."""
    done = [run for run in folder.runs if run.state == DONE]
    if not done:
        return
    number, run = done[-1].plan.number, done[-1].folder
    screen.say(f"offspring of number {number}: vqclip vary {folder.path}:{number}")
    screen.say(f"in full: vqclip again {run} size=… steps=…; other offspring: --seed {seed + 1}")
