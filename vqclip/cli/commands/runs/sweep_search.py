"""The drawing of a search: a sweep with `by: optuna`, whose runs are chosen one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vqclip.cli.commands.runs.steered_run import KEPT
from vqclip.cli.commands.runs.sweep_worker import RunArtist
from vqclip.cli.output import Console, Progress
from vqclip.drawers import filtered
from vqclip.errors import ConfigError
from vqclip.guidance import zero_shot
from vqclip.language.prompt_types import draft_text
from vqclip.language.prompts import parse_with_negative
from vqclip.media.files import unwritable_error
from vqclip.media.images import save_png
from vqclip.run.preflight import check_run
from vqclip.sweep.drawing import Board, draw_missing
from vqclip.sweep.sweep_folder import SweepFolder, SweepRun
from vqclip.sweep.tuning import search_folder, study
from vqclip.sweep.tuning.trials import Trial, find_marks, read_trials

if TYPE_CHECKING:
    from vqclip.run.resume import ResumePoint
    from vqclip.run.runner import Runner
    from vqclip.tensors import Image


class RunPruned(Exception):
    """The end of a run that is worse than the others at the same point; it is saved."""


@dataclass
class Search:
    """A search that is being drawn.

    Attributes:
        folder: it has one more run whenever one is chosen.
        board: of the same folder.
        trials: what is known before the run that is drawn.
    """

    folder: SweepFolder
    board: Board
    command: Sequence[str]
    screen: Console
    progress: Progress
    trials: Sequence[Trial] = field(default_factory=list)

    def play(self, *, reraise: bool) -> list[SweepRun]:
        """Draw the runs that are chosen and not drawn, then choose one and draw it, to the last.

        Returns:
            Those that others were drawing.

        Raises:
            VqclipError: if no further run can be found, or somebody else draws the search.
            KeyboardInterrupt: if somebody asked to stop; the tables are up to date then.
        """
        with _searched_alone(self.folder):
            while True:
                results = self.board.read()
                self.trials = read_trials(self.folder.runs, results)
                busy = draw_missing(
                    self.folder, self.board, self.draw, self.fail, reraise=reraise
                )
                if not self.folder.unchosen:
                    return busy
                results = self.board.read()
                self.folder = search_folder.choose_next(self.folder, results, check_run)
                self.board.folder = self.folder
                self.board.write()  # so that a search that is killed goes on with this run

    def draw(self, run: SweepRun, point: ResumePoint | None) -> None:
        """Draw a run, to its end or until it is pruned."""
        watch = RunJudge(run, self.folder, self.trials)
        artist = RunArtist(self.folder, self.command, self.screen, self.progress, watch)
        try:
            artist.draw(run, point)
        except RunPruned as pruned:
            marks = run.marks
            score, step = marks[max(marks)], watch.done
            self.screen.event(
                "pruned", number=run.plan.number, folder=str(run.folder), step=step, score=score
            )
            self.screen.say(str(pruned))
            artist.stop_if_asked()

    def fail(self, run: SweepRun, error: str) -> None:
        """Say that a run failed."""
        RunArtist(self.folder, self.command, self.screen, self.progress).fail(run, error)


@dataclass
class RunJudge:
    """Judges a run at its marks, and ends it if it is worse than the median of the others.

    Attributes:
        done: how many steps were taken when it was judged last.
    """

    run: SweepRun
    folder: SweepFolder
    trials: Sequence[Trial]
    done: int = 0

    def __call__(self, ready: Runner, image: Image) -> None:
        """Judge the picture of a step, if the run is at a mark.

        Raises:
            RunPruned: if it is worse than the others; its picture is kept.
        """
        mark = find_marks(ready.total).get(ready.done)
        if mark is None:
            return
        self.done, config = ready.done, self.run.plan.config
        text = draft_text(parse_with_negative(config.prompts, config.negative))
        seen = filtered.lay_on_white(image)
        score = zero_shot.judge_picture(seen, text, words=ready.words).score
        before = {each: found for each, found in self.run.marks.items() if each < mark}
        marks = {**before, mark: score}
        self.run.note_marks(marks)
        if not study.is_pruned(self.folder.sweep.axes, self.trials, marks):
            return
        kept = self.run.folder / KEPT / f"{ready.done:05d}.png"
        try:
            kept.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable_error(kept.parent, error) from error
        save_png(kept, image, ready.provenance(), overwrite=True)
        self.run.note_marks(marks, pruned=f"{KEPT}/{kept.name}")
        raise RunPruned(
            f"pruned after step {ready.done} of {ready.total}: score {score:.2f}, below the "
            "median of the others"
        )


@contextmanager
def _searched_alone(folder: SweepFolder) -> Iterator[None]:
    """Choose the runs while nobody else does: a choice needs the scores of all before it."""
    lock = FileLock(folder.path / ".search.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"{folder.path} is being drawn by another vqclip, and a search chooses one run after "
            "another; wait until that one has ended"
        ) from error
    except OSError as error:
        raise unwritable_error(folder.path, error) from error
    try:
        yield
    finally:
        lock.release()
