"""The sweep that a word names: a sweep file, or the folder of a sweep."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from glob import escape
from pathlib import Path

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, suggest
from vqclip.media import files
from vqclip.run.preflight import check_run
from vqclip.sweep import sweep_folder
from vqclip.sweep.planned_runs import give_seed, plan_runs
from vqclip.sweep.sweep_file import is_sweep_file, read_sweep
from vqclip.sweep.sweep_folder import SweepFolder
from vqclip.sweep.tuning import search_folder


def find_sweep(asked: Path, out: str | None, *, complete: bool = True) -> SweepFolder:
    """Read a sweep file, or the one in a sweep's folder, and find its folder and its runs.

    Args:
        out: the folder of all runs; None leaves what the settings say.
        complete: whether the models have to be here.

    Raises:
        VqclipError: if it cannot be read, or one of its runs cannot be drawn.
    """
    path = None
    if asked.is_dir():
        if out is not None:
            raise ConfigError(
                f"a sweep goes on in its own folder, {asked}; leave out --out {out}"
            )
        path = asked
        read = read_sweep(*sweep_folder.noted_source(asked))
    else:
        _require_file(asked)
        read = read_sweep(asked)
    check: Callable[[RunConfig], object] = _pass_over
    if complete:
        check = partial(_check_inside, path) if path else check_run
    if read.is_search:
        plans = search_folder.plan_probes(read, check, complete=complete)
    else:
        plans = plan_runs(read, check)
    named = out or plans[0].config.out
    if path is None and re.search("%[A-Z]+%", named):
        raise ConfigError(
            f"out is {named}, and the runs of a sweep lie in its own folder; write a name "
            "without %…%"
        )
    path = path or sweep_folder.sweep_path(read, named)
    seed = None
    if any(plan.config.seed is None for plan in plans):
        seed = sweep_folder.noted_seed(path)
        if seed is None:
            from vqclip.models.device import draw_seed

            seed = draw_seed()
            if complete:  # of two that begin at the same time, one picks
                seed = sweep_folder.claim_seed(path, seed)
        plans = give_seed(plans, seed)
    files.require_folder(path)
    if read.is_search:
        return search_folder.open_search(path, read, plans, seed)
    return sweep_folder.open_folder(path, read, plans, seed)


def _check_inside(folder: Path, config: RunConfig) -> None:
    """Refuse settings that cannot be drawn; a start picture may lie in the folder of its run."""
    name = config.init
    is_plain = name.endswith(".png") and Path(name).name == name
    found = next(iter(folder.glob(f"*/{escape(name)}")), None) if is_plain else None
    check_run(config, None if found is None else found.parent)


def _pass_over(config: RunConfig) -> None:
    """Check nothing: a plan says itself what is absent."""


def _require_file(asked: Path) -> None:
    """Refuse a name that is no file, with the nearest one that is."""
    near = sorted(str(each) for each in Path().glob("*.y*ml"))
    if not asked.exists():
        raise ConfigError(
            f"there is no sweep file {asked}{suggest(str(asked), near) or '; check its name'}"
        )
    if asked.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(
            f"{asked} is no sweep file; one is called NAME.yaml, and has base: and axes: "
            "(see vqclip help sweep)"
        )


def names_a_sweep(words: list[str]) -> str | None:
    """The sweep file among the words of another command, if it is one."""
    for word in words:
        path = Path(word)
        if path.suffix.lower() in (".yaml", ".yml") and path.is_file() and is_sweep_file(path):
            return word
    return None
