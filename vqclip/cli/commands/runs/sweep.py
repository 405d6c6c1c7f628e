"""The command sweep.

vqclip sweep foxes.yaml
vqclip sweep outputs/foxes
vqclip sweep foxes.yaml --plan
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli.commands import generate
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, VqclipError, suggest
from vqclip.media import files
from vqclip.models.model_cache import keep_models
from vqclip.run.preflight import check_run
from vqclip.sweep import sweep_folder
from vqclip.sweep.planned_runs import give_seed, plan_runs
from vqclip.sweep.sweep_file import is_sweep_file, read_sweep
from vqclip.sweep.sweep_folder import BROKEN, DONE, SHEET, TABLE, SweepFolder, SweepRun

if TYPE_CHECKING:
    from vqclip.run.resume import ResumePoint
    from vqclip.sweep.table import Result


@dataclass(frozen=True, kw_only=True)
class SweepOptions(CommonOptions):
    """The options of `sweep`."""

    asked: str
    out: str | None
    plan: bool


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
        "--plan", action="store_true", help="only say how many runs there are, and how long"
    )


def sweep(options: SweepOptions, screen: Console, progress: Progress) -> None:
    """Draw many runs over some settings, with a contact sheet."""
    folder = find_sweep(Path(options.asked), options.out, complete=not options.plan)
    if options.plan:
        from vqclip.cli.commands.runs import sweep_plan

        sweep_plan.tell_plan(folder, screen)
        return
    draw_sweep(folder, options, screen, progress)


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
    plans = plan_runs(read, check_run if complete else _pass_over)
    path = path or sweep_folder.sweep_path(read, out or plans[0].config.out)
    seed = None
    if any(plan.config.seed is None for plan in plans):
        seed = sweep_folder.noted_seed(path)
        if seed is None:
            from vqclip.models.device import pick_seed

            seed = pick_seed(None)
        plans = give_seed(plans, seed)
    files.require_folder(path)
    return sweep_folder.open_folder(path, read, plans, seed)


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
    board, total = Board(folder), len(folder.runs)
    missing = folder.missing
    screen.event("sweep", folder=str(folder.path), runs=total, done=total - len(missing))
    screen.say(_greeting(folder, len(missing)))
    for name in folder.left:
        screen.say(f"note: {folder.path / name} is not asked for any more; it stays as it is")
    artist = RunArtist(folder, options, screen, progress)
    try:
        board.write(last=not missing)
        with keep_models():
            busy = draw_missing(folder, board, artist.draw, artist.fail, reraise=options.debug)
    except KeyboardInterrupt:
        screen.say(f"to go on: vqclip sweep {folder.path}")
        raise
    finally:
        progress.started, progress.folder = True, folder.path
        results = board.write(last=True)
    if busy:
        screen.say(f"note: {len(busy)} of them are being drawn by another vqclip")
    _end(folder, results, screen)


def _greeting(folder: SweepFolder, missing: int) -> str:
    total = len(folder.runs)
    if not missing:
        return f"all {total} runs are drawn already, in {folder.path}"
    here = f", {total - missing} of them drawn already" if missing < total else ""
    return f"{total} runs{here}, into {folder.path}"


def _end(folder: SweepFolder, results: list[Result], screen: Console) -> None:
    """Say what a sweep has come to."""
    states = [result.state for result in results]
    sheet = folder.path / SHEET
    screen.event(
        "swept",
        folder=str(folder.path),
        sheet=str(sheet),
        table=str(folder.path / TABLE),
        runs=len(states),
        done=states.count(DONE),
        failed=states.count(BROKEN),
    )
    best = _best(folder, results)
    if best is not None:
        screen.say(best)
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


def _best(folder: SweepFolder, results: list[Result]) -> str | None:
    """Say which run the second judge likes best, if it judged several of one prompt."""
    if len({run.plan.config.prompts for run in folder.runs}) > 1:
        return None  # whose scores cannot be compared
    judged = [
        (result.score, run)
        for run, result in zip(folder.runs, results, strict=True)
        if result.score is not None
    ]
    if len(judged) < 2:
        return None
    score, run = max(judged, key=lambda each: each[0])
    return f"the second judge likes {run.folder.name} best: {score:.2f} ({run.plan.describe()})"


@dataclass(frozen=True)
class RunArtist:
    """Draws the runs of a sweep, and says so in a line each."""

    folder: SweepFolder
    options: SweepOptions
    screen: Console
    progress: Progress

    def draw(self, run: SweepRun, point: ResumePoint | None) -> None:
        """Draw a run into its folder, which is locked."""
        import torch

        from vqclip.run import resume as run_resume

        plan, total = run.plan, len(self.folder.runs)
        values: dict[str, Any] = dict(plan.values)
        self.screen.event(
            *("run",), number=plan.number, of=total, values=values, folder=str(run.folder)
        )
        self.screen.say(f"{plan.number} of {total}: {plan.describe()}")
        config, quiet = plan.config, RunConsole(self.screen.json, self.screen.quiet)
        threads = torch.get_num_threads()
        try:
            if point is not None:
                config = run_resume.resumed_settings(point, [])
            request = generate.prepare_run(config, quiet, self.progress, point=point)
            command = self.options.command
            generate.draw_run(
                *(request, quiet, self.progress, command), point=point, place=run.folder
            )
        finally:
            torch.set_num_threads(threads)  # another run may have set its own

    def fail(self, run: SweepRun, error: str) -> None:
        """Say that a run failed."""
        self.screen.event("failed", number=run.plan.number, folder=str(run.folder), error=error)
        self.screen.say(f"note: run {run.plan.number} failed: {error}")


class RunConsole(Console):
    """The output of a run of a sweep: bars, events and notes, and not what every run says."""

    def say(self, words: str) -> None:
        """Tell people something, if it is a note."""
        if words.startswith("note:"):
            super().say(words)

    def result(self, words: str, *, exact: bool = False) -> None:
        """Print nothing: the sweep's result is its sheet."""


def names_a_sweep(words: list[str]) -> str | None:
    """The sweep file among the words of another command, if it is one."""
    for word in words:
        path = Path(word)
        if path.suffix.lower() in (".yaml", ".yml") and path.is_file() and is_sweep_file(path):
            return word
    return None
