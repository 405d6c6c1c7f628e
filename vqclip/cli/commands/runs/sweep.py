"""The command sweep.

vqclip sweep foxes.yaml
vqclip sweep outputs/foxes
vqclip sweep foxes.yaml --plan
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli.commands.runs import sweep_plan
from vqclip.cli.commands.runs.sweep_finder import find_sweep
from vqclip.cli.commands.runs.sweep_worker import RunArtist, draw_share
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError, VqclipError, pick
from vqclip.models.model_cache import keep_models
from vqclip.sweep.engines import ray_cluster, slurm
from vqclip.sweep.engines.engine_settings import require_engine
from vqclip.sweep.sweep_folder import BROKEN, DONE, PRUNED, SHEET, TABLE, SweepFolder, SweepRun

if TYPE_CHECKING:
    from vqclip.sweep.drawing import Board
    from vqclip.sweep.table import Result

ENGINES = ("local", "slurm", "ray")


@dataclass(frozen=True, kw_only=True)
class SweepOptions(CommonOptions):
    """The options of `sweep`."""

    asked: str
    out: str | None
    plan: bool
    on: str


class RunsFailed(VqclipError):
    """Some runs of a sweep, which failed while the others were drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.add_argument(
        "asked", metavar="FILE", help="a sweep file, FILE.yaml, or the folder of a sweep"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the folder in which the sweep's folder is made (outputs)"
    )
    parser.add_argument(
        "--on",
        default="local",
        metavar="ENGINE",
        help="local (this process), slurm (an array job) or ray (a cluster)",
    )
    parser.add_argument(
        "--plan", action="store_true", help="only say how many runs there are, and how long"
    )


def sweep(options: SweepOptions, screen: Console, progress: Progress) -> None:
    """Draw many runs over some settings, with a contact sheet."""
    pick(dict.fromkeys(ENGINES), options.on, "engine of sweeps (--on)")
    require_engines(options.on)
    folder = find_sweep(Path(options.asked), options.out, complete=not options.plan)
    if options.plan:
        sweep_plan.tell_plan(folder, screen)
        return
    _refuse_search_elsewhere(folder, options.on)
    if options.on == "slurm":
        submit_sweep(folder, options, screen, progress)
    else:
        if options.on == "ray":
            ray_cluster.check_address(folder.sweep.ray.address)
        draw_sweep(folder, options, screen, progress)


def require_engines(name: str) -> None:
    """Refuse an engine that is not here."""
    if name == "slurm":
        slurm.require_slurm()
    elif name == "ray":
        require_engine("ray", "ray")


def _refuse_search_elsewhere(folder: SweepFolder, engine: str) -> None:
    """Refuse a search on a cluster: it chooses a run by the scores of those before it."""
    if folder.sweep.is_search and engine != "local":
        raise ConfigError(
            f"--on {engine} draws runs side by side, and by: optuna chooses each one by the "
            f"scores of those before it; leave out --on {engine}, or write by: latin"
        )


def submit_sweep(
    folder: SweepFolder, options: SweepOptions, screen: Console, progress: Progress
) -> None:
    """Submit what is missing of a sweep as an array job of Slurm."""
    from vqclip.sweep.drawing import Board

    folder.begin()
    missing = len(folder.missing)
    results = Board(folder).write(last=True)
    if not missing:
        _end(folder, results, screen)
        return
    progress.folder = folder.path
    settings = folder.sweep.slurm
    jobs = slurm.submit_array(folder.path, missing, draw_share, settings, options.command)
    number = str(jobs[0].job_id).partition("_")[0]
    screen.event(
        *("submitted",), folder=str(folder.path), job=number, tasks=len(jobs), runs=missing
    )
    screen.say(
        f"job {number}: {len(jobs)} task{'s' * (len(jobs) != 1)} for {missing} "
        f"run{'s' * (missing != 1)}, into {folder.path}; how far they are: "
        f"vqclip sweep {folder.path} --plan"
    )
    screen.result(str(folder.path / SHEET), exact=True)


def draw_sweep(
    folder: SweepFolder, options: SweepOptions, screen: Console, progress: Progress
) -> None:
    """Draw what is missing of a sweep.

    Raises:
        RunsFailed: if some runs could not be drawn.
        KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
    """
    from vqclip.sweep.drawing import Board, draw_missing

    folder.begin()
    progress.started, progress.folder = True, folder.path
    board, total = Board(folder), folder.total
    missing = len(folder.missing) + len(folder.unchosen)
    screen.event("sweep", folder=str(folder.path), runs=total, done=total - missing)
    screen.say(_greeting(folder, missing))
    for name, why in folder.left.items():
        screen.say(f"note: {folder.path / name} {why}")
    busy: list[SweepRun] = []
    try:
        board.write(last=not missing)
        if options.on == "ray" and missing:
            _draw_elsewhere(folder, board, missing, options)
        elif folder.sweep.is_search:
            with keep_models():
                busy = _search(folder, board, options, screen, progress)
        else:
            artist = RunArtist(folder, options.command, screen, progress)
            with keep_models():
                busy = draw_missing(
                    folder, board, artist.draw, artist.fail, reraise=options.debug
                )
    except KeyboardInterrupt:
        screen.say(f"to go on: vqclip sweep {folder.path}")
        raise
    finally:
        progress.started, progress.folder = True, folder.path
        results = board.write(last=True)
    if busy:
        are = "is" if len(busy) == 1 else "are"
        screen.say(f"note: {len(busy)} of them {are} being drawn by another vqclip")
    _end(board.folder, results, screen)


def _search(
    folder: SweepFolder, board: Board, options: SweepOptions, screen: Console, progress: Progress
) -> list[SweepRun]:
    """Draw a search, whose runs are chosen one by one."""
    from vqclip.cli.commands.runs.sweep_search import Search

    search = Search(folder, board, options.command, screen, progress)
    return search.play(reraise=options.debug)


def _draw_elsewhere(
    folder: SweepFolder, board: Board, missing: int, options: SweepOptions
) -> None:
    """Let workers of a Ray cluster draw what is missing."""
    settings = folder.sweep.ray
    ray_cluster.draw_on_ray(
        folder.path, missing, draw_share, settings, options.command, board.write
    )


def _greeting(folder: SweepFolder, missing: int) -> str:
    total = folder.total
    if not missing:
        told = "the run is" if total == 1 else f"all {total} runs are"
        return f"{told} drawn already, in {folder.path}"
    here = f", {total - missing} of them drawn already" if missing < total else ""
    return f"{total} run{'s' * (total != 1)}{here}, into {folder.path}"


def _end(folder: SweepFolder, results: list[Result], screen: Console) -> None:
    """Say what a sweep has come to."""
    states = [result.state for result in results]
    sheet = folder.path / SHEET
    _tell_best(folder, results, screen)
    screen.event(
        "swept",
        folder=str(folder.path),
        sheet=str(sheet),
        table=str(folder.path / TABLE),
        runs=len(states),
        done=states.count(DONE),
        failed=states.count(BROKEN),
        **({"pruned": states.count(PRUNED)} if folder.sweep.is_search else {}),
    )
    if failed := states.count(BROKEN):
        number, first = next(
            (run.plan.number, result.error)
            for run, result in zip(folder.runs, results, strict=True)
            if result.state == BROKEN
        )
        raise RunsFailed(
            f"{failed} of {len(states)} runs failed, the first one, run {number}: {first}; the "
            f"others are on {sheet}. The same command tries those that failed again"
        )
    screen.result(str(sheet), exact=True)


def _tell_best(folder: SweepFolder, results: list[Result], screen: Console) -> None:
    """Say which run the second judge likes best, if it judged several of one prompt."""
    if len({run.plan.config.prompts for run in folder.runs}) > 1:
        return  # whose scores cannot be compared
    judged = [
        (result.score, run)
        for run, result in zip(folder.runs, results, strict=True)
        if result.score is not None and result.state == DONE
    ]
    is_search = folder.sweep.is_search
    if len(judged) < 2 - is_search:
        return
    score, run = max(judged, key=lambda each: each[0])
    if is_search:
        values = dict(run.plan.values)
        told = {"number": run.plan.number, "folder": str(run.folder), "values": values}
        screen.event("best", **told, score=score)
    screen.say(
        f"the second judge likes {run.folder.name} best: {score:.2f} ({run.plan.describe()})"
    )
