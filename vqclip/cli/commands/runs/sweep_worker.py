"""The drawing of a sweep's runs: one after another, here or as a worker on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli.commands.runs import run_drawing
from vqclip.cli.commands.runs.sweep_finder import find_sweep
from vqclip.cli.output import Console, Progress
from vqclip.models.model_cache import keep_models
from vqclip.sweep.sweep_folder import SweepFolder, SweepRun

if TYPE_CHECKING:
    from vqclip.cli.commands.runs.steered_run import StepWatch
    from vqclip.run.resume import ResumePoint


def draw_share(folder: str, command: Sequence[str]) -> None:
    """Draw what is missing of a sweep, together with other workers.

    A run that fails is noted in its folder, and no reason to stop.

    Args:
        folder: of the sweep.
        command: the words that started the sweep, for `run.json`.

    Raises:
        VqclipError: if the sweep cannot be read, or its table not be written.
    """
    from vqclip.sweep.drawing import Board, draw_missing

    found = find_sweep(Path(folder), None)
    artist = RunArtist(found, command, Console(quiet=True), Progress())
    board = Board(found)
    with keep_models():
        draw_missing(found, board, artist.draw, artist.fail, wait=True)
    board.write(last=True)


@dataclass(frozen=True)
class RunArtist:
    """Draws the runs of a sweep, and says so in a line each.

    Args:
        watch: called after each step; what it raises ends the run, which is saved.
    """

    folder: SweepFolder
    command: Sequence[str]
    screen: Console
    progress: Progress
    watch: StepWatch | None = None

    def draw(self, run: SweepRun, point: ResumePoint | None) -> None:
        """Draw a run into its folder, which is locked."""
        import torch

        from vqclip.run import resume as run_resume

        plan, total = run.plan, self.folder.total
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
            request = run_drawing.prepare_run(
                config, quiet, self.progress, point=point, place=run.folder
            )
            run_drawing.draw_run(
                *(request, quiet, self.progress, self.command),
                point=point,
                place=run.folder,
                watch=self.watch,
            )
        finally:
            torch.set_num_threads(threads)  # another run may have set its own
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """End the sweep if somebody asked to stop in the last step of a run that is not the last.

        Raises:
            KeyboardInterrupt: then; the run itself is complete.
        """
        if self.progress.signal and (self.folder.missing or self.folder.unchosen):
            raise KeyboardInterrupt

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
