"""The steps of a run that may be steered: requests are followed between two of them.

A change of settings is what `vqclip resume` does, within one process: the run stops, saves, and
goes on from its checkpoint with other settings. So a steered run can be killed, resumed and made
again like any other.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip import session
from vqclip.cli.output import Console, Progress
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import format_value
from vqclip.drawers import filtered
from vqclip.errors import VqclipError
from vqclip.guidance import zero_shot
from vqclip.language import prompt_types
from vqclip.media.files import unwritable_error
from vqclip.media.images import save_png
from vqclip.models.memory import release_memory
from vqclip.models.model_cache import keep_models
from vqclip.run import recording
from vqclip.run import resume as run_resume
from vqclip.run.record import steering, writer
from vqclip.run.record.interrupts import Interrupt, catch_interrupts
from vqclip.run.record.steering import SteeringReply, SteeringRequest

if TYPE_CHECKING:
    from vqclip.guidance.zero_shot import Verdict
    from vqclip.media.film_assembly import Film
    from vqclip.optimisation_loop import Step
    from vqclip.run.preflight import Request
    from vqclip.run.resume import ResumePoint
    from vqclip.run.runner import Runner
    from vqclip.tensors import Image

Preparation = Callable[[RunConfig, Console, Progress, None, "ResumePoint | None"], "Request"]
StepWatch = Callable[["Runner", "Image"], None]  # called after each step; may end the run
KEPT = "kept"  # the folder of pictures that are kept from the middle of a run
_POLL = 0.2  # seconds


@dataclass
class SteeredRun:
    """A run that is being drawn into its folder, which is locked.

    Attributes:
        point: where it stopped before, if it goes on.
        prepare: makes the request of changed settings.
        watch: called after each step with its picture; what it raises ends the run, which is
            saved.
        image: the picture of the last step, [1, 3, H, W] in [0, 1].
        verdicts: what the second CLIP said of the finished picture.
        is_ready: whether `ready` can take steps, and has not stopped.
    """

    request: Request
    ready: Runner
    place: Path
    film: Film | None
    point: ResumePoint | None
    screen: Console
    progress: Progress
    command: Sequence[str]
    prepare: Preparation
    watch: StepWatch | None = None
    image: Image | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    is_ready: bool = True

    def play(self) -> None:
        """Take the steps, write them down, and follow requests between them.

        Raises:
            KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
        """
        steering.mark_paused(self.place, False)  # of a process that was killed while it waited
        with catch_interrupts() as asked, ExitStack() as stack:
            stack.callback(self._note_signal, asked)
            due = self._find_due() if self.point is not None else []
            while True:
                if due:  # who steers once steers again, and then the models are there
                    stack.enter_context(keep_models())
                    self._follow(due, asked)
                if asked:
                    break
                due = self._take_steps(asked)
                if not due:
                    break
        if asked and not self.ready.is_complete:
            self._tell_stop()
            raise KeyboardInterrupt
        steering.end_steering(self.place, self.ready.done)
        for verdict in self.verdicts:
            self.screen.event("verdict", **dataclasses.asdict(verdict))
            self.screen.say(verdict.describe())

    def _take_steps(self, asked: Interrupt) -> list[SteeringRequest]:
        """Take steps up to the end, a signal, or requests that are due, which are returned.

        If they are not empty, or somebody asked to stop, the run is saved.
        """
        ready, screen = self.ready, self.screen
        frames = 0 if ready.feedback is None else ready.feedback.frames
        kept = writer.record_steps(ready.play(), self.place, self._options())
        shown = screen.watch(kept, ready.total, ready.done, frames)
        with closing(kept), closing(shown) as watched:
            for step in watched:
                self._tell_trouble(step)
                self._tell_plateau()
                self.image = step.image
                if self.watch is not None:
                    self.watch(self.ready, step.image)
                if due := self._find_due():
                    return due
                if asked and not ready.is_complete:
                    break
        return []

    def _options(self) -> writer.RecordOptions:
        """What is written down of the steps, and when."""
        intervals, ready = self.request.intervals, self.ready
        return writer.RecordOptions(
            provenance=ready.provenance,
            draw_final=ready.final_picture,
            export=ready.export,
            look=self._look,
            every=intervals.previews,
            film=self.film,
            film_every=0 if ready.config.frames else intervals.film,
            save=self._save,
            save_every=intervals.checkpoint,
            first=ready.done,
            prepared=ready.prepared,
            command=self.command,
            repeat=ready.drawer.repeat,
        )

    def _save(self) -> None:
        """Write a checkpoint."""
        film, progress = self.film, None if self.point is None else self.point.film
        if film is not None:
            progress = run_resume.FilmProgress(film.folder.name, film.count, self.ready.done)
        run_resume.write_resume_point(self.ready, self.place, self.ready.state(), progress)

    def _look(self, image: Image) -> dict[str, object]:
        """Ask a CLIP that took no part what it makes of the picture, if there is one to ask.

        The last picture of a stretch is not asked about: what the animation ends with is shown
        when the stretches are joined.
        """
        if self.point is not None and self.point.until is not None:
            return {}
        parsed = self.request.parsed_prompts
        judged = zero_shot.judge_available(self.request.names)
        if not (judged and prompt_types.positive_texts(parsed)):
            return {}
        try:
            verdict = zero_shot.judge_picture(
                filtered.lay_on_white(image),
                prompt_types.draft_text(parsed),
                words=self.ready.words,
            )
        except VqclipError as error:  # a picture is not lost because nobody can judge it
            self.screen.say(f"note: the picture could not be judged: {error}")
            return {}
        self.verdicts.append(verdict)
        return {"verdict": dataclasses.asdict(verdict)}

    def _find_due(self) -> list[SteeringRequest]:
        """The requests that are due now, without those that need no stop, which are followed.

        After the last step only changes are due that a run makes again: live ones are too late.
        """
        ready, found = self.ready, []
        for each in steering.find_due(self.place, self.ready.done):
            if each.kind == "keep":
                self._keep(each)
            elif each.step is not None or not ready.is_complete:
                found.append(each)
        return found

    def _follow(self, due: Sequence[SteeringRequest], asked: Interrupt) -> None:
        """Follow requests, and get ready to go on from the checkpoint.

        While the run is paused, it waits here.
        """
        self.point, self.is_ready, paused = run_resume.find_resume_point(self.place), False, False
        while due or paused:
            for each in due:
                if each.kind == "change":
                    self._change(each)
                    continue
                if each.kind == "pause" and not paused:
                    release_memory()  # for what is drawn meanwhile
                    self._tell("paused", f"paused after step {self.ready.done}")
                    self.screen.say(f"to go on: vqclip steer {self.place} --continue")
                paused = each.kind == "pause"
                steering.mark_paused(self.place, paused)
                steering.answer_request(each, SteeringReply(self.ready.done))
            if asked:
                steering.mark_paused(self.place, False)
                return
            if paused:
                time.sleep(_POLL)
            due = self._find_due() if paused else []
        if not self.is_ready:
            self._go_on({})

    def _change(self, request: SteeringRequest) -> None:
        """Go on from the checkpoint with other settings, if they can be used."""
        done, refused = self.ready.done, ""
        try:
            self._go_on(request.settings)
        except (VqclipError, ValueError, TypeError, AttributeError) as error:
            # A request may have been written by hand; whatever it holds, the run goes on.
            refused = str(error)
            self.screen.say(f"note: the change after step {done} is left out: {refused}")
        else:
            told = ", ".join(f"{k}={format_value(v)}" for k, v in request.settings.items())
            values = {"step": done, "settings": request.settings}
            self._tell("steered", f"from step {done + 1} on: {told}", **values)
        steering.answer_request(request, SteeringReply(done, refused))

    def _go_on(self, values: dict[str, Any]) -> None:
        """Get ready to go on from the checkpoint.

        Args:
            values: dotted key → another value of a setting, from here on.

        Raises:
            VqclipError: if a setting, or a file that it names, cannot be used.
        """
        assert self.point is not None
        quiet = Console(quiet=True)
        config = run_resume.resumed_settings(self.point, values=values)
        request = self.prepare(config, quiet, self.progress, None, self.point)
        ready = session.build_runner(request, quiet.say, self.point)
        self.film = recording.begin_film(request, self.place, ready.size, self.point)
        self.request, self.ready = request, ready
        if len(ready.changes) > len(self.point.notes.changes):  # what is asked for now holds
            point = self.point
            run_resume.write_resume_point(ready, self.place, point.state, point.film)
            self.point = run_resume.find_resume_point(self.place)
            # A paused run takes no step yet, and is looked at, and steered again, by its notes.
            writer.note_settings(self.place, ready.provenance())
        self.is_ready = True

    def _keep(self, request: SteeringRequest) -> None:
        """Keep the picture of the last step."""
        done, image = self.ready.done, self.image
        if image is None:
            reply = SteeringReply(done, refused="no step has been taken yet")
        else:
            reply = self._save_kept(image)
        steering.answer_request(request, reply)

    def _save_kept(self, image: Image) -> SteeringReply:
        """Save a picture that is kept, beside those that were kept before."""
        done, folder = self.ready.done, self.place / KEPT
        if folder.is_symlink():
            return SteeringReply(done, refused=f"{folder} is a link; remove it, or rename it")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable_error(folder, error) from error
        names = (f"{done:05d}{f'-{n}' * (n > 1)}.png" for n in itertools.count(1))
        path = folder / next(name for name in names if not os.path.lexists(folder / name))
        save_png(path, image, self.ready.provenance())
        self._tell("kept", f"kept {path}", path=str(path))
        return SteeringReply(done, kept=f"{KEPT}/{path.name}")

    def _tell(self, name: str, words: str, **values: Any) -> None:
        """Tell scripts and people that a request was followed."""
        self.screen.event(name, run=str(self.place), **({"step": self.ready.done} | values))
        self.screen.say(words)

    def _tell_trouble(self, step: Step) -> None:
        """Say what had to be done for a step to succeed."""
        if step.failed:
            self.screen.say(
                f"step {step.index} gave values that are not finite at first; the learning rate "
                "is lower now"
            )
        if step.memory_saving:
            self.screen.say(
                f"memory ran out at step {step.index}; {step.memory_saving} from here on"
            )

    def _tell_plateau(self) -> None:
        """Say that the judge sees no further gain, if that is so since this step."""
        found, plateau = self.ready.find_stop(), self.ready.plateau
        if plateau is None or found is None or found[0] != self.ready.done:
            return
        step, last = found
        after = "the run ends" if last == self.ready.total else f"on to step {last + 1}"
        values = {"step": step, "of": last, "score": round(plateau.scores[-1][1], 4)}
        self._tell(
            "plateau",
            f"{plateau.perceptor.name} sees no gain in {plateau.patience} steps: {after} after "
            f"step {step}",
            **values,
        )

    def _note_signal(self, asked: Interrupt) -> None:
        """Tell whoever began the run of a signal, also of one that came in its last step."""
        self.progress.signal = asked.signal

    def _tell_stop(self) -> None:
        """Say that the run stopped, and how to continue it."""
        ready = self.ready
        self.screen.event("stopped", run=str(self.place), step=ready.done)
        self.screen.say(
            f"stopped after step {ready.done} of {ready.total}, and saved; to continue: vqclip "
            f"resume {self.place}"
        )
