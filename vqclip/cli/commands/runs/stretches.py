"""The drawing of an animation in stretches, side by side (`motion.parallel=true`).

The first frame is drawn as in any run; then every stretch of frames is a run of its own, here or
on a cluster; then they are joined. Each of the three goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli.commands.runs import run_drawing, sweep
from vqclip.cli.commands.runs.sweep_worker import RunConsole
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError, pick
from vqclip.media import files
from vqclip.models.model_cache import keep_models
from vqclip.run.record import run_folder
from vqclip.sweep.engines import ray_cluster, slurm
from vqclip.sweep.engines.engine_settings import RaySettings, SlurmSettings

if TYPE_CHECKING:
    from vqclip.cli.commands.runs.run_drawing import EarlierPicture
    from vqclip.run.preflight import Request
    from vqclip.run.record.noted_changes import Change
    from vqclip.run.resume import ResumePoint
    from vqclip.run.runner import Runner
    from vqclip.sweep.stretches.stretch_folder import Stretch, StretchFolder
    from vqclip.tensors import Image

MOST_WORKERS = 1000


@dataclass(frozen=True)
class Engine:
    """What draws stretches.

    Args:
        name: local, slurm or ray.
        workers: how many draw at a time; 0: as many as the engine has by default.
    """

    name: str = "local"
    workers: int = 0


class FirstFrameDrawn(Exception):
    """The end of what an animation in stretches draws by itself."""


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where stretches are drawn."""
    parser.add_argument(
        "--on",
        default="local",
        metavar="ENGINE",
        help="with motion.parallel: local (this process), slurm or ray",
    )
    parser.add_argument("--workers", metavar="N", help="how many draw at a time with --on")


def read_engine(name: str, workers: str | None) -> Engine:
    """Read the options of `add_engine`.

    Raises:
        ConfigError: if there is no such engine, it is not here, nobody answers at its address, or
            the number is none.
    """
    pick(dict.fromkeys(sweep.ENGINES), name, "engine (--on)")
    if workers is None:
        _require_engine(name)
        return Engine(name)
    if not re.fullmatch("[0-9]{1,4}", workers) or not 1 <= int(workers) <= MOST_WORKERS:
        raise ConfigError(f"--workers {workers}: write a whole number, from 1 to {MOST_WORKERS}")
    if name == "local":
        raise ConfigError("--workers is for --on slurm and --on ray; leave it out, or add one")
    _require_engine(name)
    return Engine(name, int(workers))


def _require_engine(name: str) -> None:
    """Refuse an engine that is not here, before a first frame is drawn for it in vain."""
    sweep.require_engines(name)
    if name == "ray":
        ray_cluster.check_address(os.environ.get("RAY_ADDRESS", ""))


def refuse_stretch(folder: Path) -> None:
    """Refuse to change or go on with a stretch by itself: others would not fit it.

    Raises:
        ConfigError: that names the animation.
    """
    if run := run_folder.find_animation(folder):
        raise ConfigError(
            f"{folder} is a stretch of {run}; to draw what is missing: vqclip resume {run}"
        )


def refuse_steering(folder: Path) -> None:
    """Refuse to steer an animation that is drawn in stretches, after its first frame.

    Raises:
        ConfigError: with what to do instead.
    """
    refuse_stretch(folder)
    config = files.read_object(folder / "run.json").get("config")
    motion = config.get("motion") if isinstance(config, dict) else None
    in_stretches = isinstance(motion, dict) and motion.get("parallel") is True
    if in_stretches and run_folder.stretches_file(folder).is_file():
        raise ConfigError(
            f"{folder} is drawn in stretches, which cannot be steered; stop it with Ctrl-C, and "
            f"go on one frame after another: vqclip resume {folder} motion.parallel=false"
        )


def draw_animation(
    request: Request,
    screen: Console,
    progress: Progress,
    command: Sequence[str] = (),
    before: EarlierPicture | None = None,
    point: ResumePoint | None = None,
    engine: Engine | None = None,
) -> None:
    """Draw the run of a request: in stretches if its settings say so, else as any other.

    Args:
        command, before, point: as for `run_drawing.draw_run`.
        engine: what draws stretches; None for this process.

    Raises:
        ConfigError: if an engine is asked for where there are no stretches.
        RunsFailed: if some stretches could not be drawn.
        KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
    """
    engine = Engine() if engine is None else engine
    config, plan = request.config, request.frames
    if not config.motion.parallel or plan is None:
        if engine.name != "local":
            raise ConfigError(
                f"--on {engine.name} draws stretches of frames side by side; write "
                "motion.parallel=true, or leave it out"
            )
    elif _has_stretches(request, point):
        with keep_models():
            _draw_in_stretches(request, screen, progress, command, before, point, engine)
        return
    elif point is None or point.state.done < plan.clock.steps:  # else only its film is left
        why = "one frame has no stretches"
        if config.frames > 1:
            why = "the frames that are left are drawn one after another"
        if engine.name != "local":
            raise ConfigError(f"{why}; leave --on {engine.name} out")
        screen.say(f"note: {why}, so motion.parallel changes nothing here")
    run_drawing.draw_run(request, screen, progress, command, before, point)


def _has_stretches(request: Request, point: ResumePoint | None) -> bool:
    """Whether frames are drawn in stretches: those after the first one, and no later ones."""
    assert request.frames is not None
    config, starts = request.config, request.frames.clock.starts
    if config.frames < 2 or (point is not None and point.state.done > starts[1]):
        return False
    if point is None or point.state.done < starts[1]:
        return True
    # One that was complete with its first frame goes on from there as any other.
    return point.notes.config.get("frames") != 1


def _draw_in_stretches(
    request: Request,
    screen: Console,
    progress: Progress,
    command: Sequence[str],
    before: EarlierPicture | None,
    point: ResumePoint | None,
    engine: Engine,
) -> None:
    """Draw the first frame, if it is not there, then the stretches, and join them."""
    assert request.frames is not None
    opening = request.frames.clock.starts[1]
    _refuse_later_changes(() if before is None else before.changes, opening)
    if point is not None and point.state.done == opening:
        _refuse_changes(request, point)
        progress.folder = point.folder
    else:

        def watch(runner: Runner, image: Image) -> None:
            if runner.done == opening:
                raise FirstFrameDrawn

        try:
            run_drawing.draw_run(request, screen, progress, command, before, point, watch=watch)
        except FirstFrameDrawn:
            screen.say("the first frame is drawn")
    folder = progress.folder
    assert folder is not None
    if progress.signal:  # it came in the last step of the first frame
        screen.event("stopped", run=str(folder), step=opening)
        screen.say(f"to go on: vqclip resume {folder}")
        raise KeyboardInterrupt
    with nullcontext() if point is not None else run_folder.locked_folder(folder):
        _draw_rest(folder, screen, progress, command, engine)


def _refuse_later_changes(changes: Sequence[Change], opening: int) -> None:
    """Refuse to make changes in mid-run again that come after the first frame."""
    for change in changes:
        if change.step >= opening:
            raise ConfigError(
                f"{', '.join(change.settings)} changed after step {change.step}, so frames are "
                "drawn one after another; add motion.parallel=false"
            )


def _refuse_changes(request: Request, point: ResumePoint) -> None:
    """Refuse other settings for an animation whose stretches may be drawn in part."""
    from vqclip.run.record.noted_changes import changed_settings

    for key in changed_settings(point.notes, request.config):
        raise ConfigError(
            f"{key} cannot change while an animation is drawn in stretches; to go on with it one "
            "frame after another, add motion.parallel=false"
        )


def _draw_rest(
    folder: Path, screen: Console, progress: Progress, command: Sequence[str], engine: Engine
) -> None:
    """Draw the stretches that are missing, and join them if all are drawn."""
    from vqclip.run import resume as run_resume
    from vqclip.sweep.stretches import joining, stretch_folder
    from vqclip.sweep.sweep_folder import BROKEN, DONE

    found = stretch_folder.plan_stretches(folder)
    found.begin()
    count, missing = len(found.stretches), len(found.missing)
    screen.event("stretches", run=str(folder), stretches=count, done=count - missing)
    here = f", {count - missing} of them drawn already" if missing < count else ""
    screen.say(f"{count} stretch{'es' * (count != 1)} of frames{here}, into {found.path}")
    if missing and engine.name == "slurm":
        _submit(found, missing, screen, command, engine)
        return
    try:
        if missing and engine.name == "ray":
            _draw_on_ray(found, missing, screen, command, engine)
        else:
            draw_stretches(found, command, screen, progress)
    except KeyboardInterrupt:
        screen.say(f"to go on: vqclip resume {folder}")
        raise
    finally:
        progress.started, progress.folder = True, folder
    failed = [each for each in found.stretches if each.state == BROKEN]
    if failed:
        raise sweep.RunsFailed(
            f"{len(failed)} of {count} stretches failed, the first one, {failed[0].describe()}: "
            f"{failed[0].error}"
        )
    assert all(each.state == DONE for each in found.stretches)
    for told in joining.list_differences(found):
        screen.say(f"note: {told}")
    joining.join_stretches(found)
    point = run_resume.find_resume_point(folder)
    quiet = RunConsole(screen.json, screen.quiet)
    config = run_resume.resumed_settings(point)
    request = run_drawing.prepare_run(config, quiet, progress, point=point)
    run_drawing.draw_run(request, quiet, progress, command, point=point)
    screen.say(f"{config.frames} frames, joined in {folder}")
    screen.picture(folder / "final.png")


def draw_stretches(
    found: StretchFolder, command: Sequence[str], screen: Console, progress: Progress
) -> None:
    """Draw the stretches that are missing, one after another; wait for those of others."""
    from vqclip.sweep.drawing import draw_missing

    artist = StretchArtist(found, command, screen, progress)
    draw_missing(found, NoTables(), artist.draw, artist.fail, wait=True)


def draw_share(folder: str, command: Sequence[str]) -> None:
    """Draw what is missing of an animation, together with other workers.

    A stretch that fails is noted in its folder, and no reason to stop.

    Args:
        folder: of the stretches.
        command: the words that started the animation, for `run.json`.

    Raises:
        VqclipError: if the stretches cannot be read.
    """
    from vqclip.sweep.stretches.stretch_folder import open_stretches

    with keep_models():
        draw_stretches(open_stretches(Path(folder)), command, Console(quiet=True), Progress())


class NoTables:
    """The tables of stretches, of which there are none: their folders tell everything."""

    def write(self) -> None:
        """Write nothing."""


@dataclass(frozen=True)
class StretchArtist:
    """Draws the stretches of an animation, and says so in a line each."""

    found: StretchFolder
    command: Sequence[str]
    screen: Console
    progress: Progress

    def draw(self, stretch: Stretch, begun: ResumePoint | None) -> None:
        """Draw a stretch into its folder, which is locked."""
        import torch

        from vqclip.run import resume as run_resume

        found, total = self.found, len(self.found.stretches)
        told = {"number": stretch.number, "of": total, "frames": [stretch.first, stretch.until]}
        self.screen.event("stretch", **told, folder=str(stretch.folder))
        self.screen.say(f"{stretch.number} of {total}: {stretch.describe()}")
        point, quiet = (
            found.find_point(stretch, begun),
            RunConsole(self.screen.json, self.screen.quiet),
        )
        threads = torch.get_num_threads()
        try:
            # What the animation reads is looked for beside it, not in the stretch's folder.
            beside = replace(point, folder=found.run)
            config = run_resume.resumed_settings(beside)
            request = run_drawing.prepare_run(config, quiet, self.progress, point=beside)
            run_drawing.draw_run(request, quiet, self.progress, self.command, point=point)
        finally:
            torch.set_num_threads(threads)  # another stretch may have set its own
        if self.progress.signal and found.missing:  # it came in the last step of the stretch
            raise KeyboardInterrupt

    def fail(self, stretch: Stretch, error: str) -> None:
        """Say that a stretch failed."""
        self.screen.event(
            "failed", number=stretch.number, folder=str(stretch.folder), error=error
        )
        self.screen.say(f"note: {stretch.describe()} failed: {error}")


def _submit(
    found: StretchFolder, missing: int, screen: Console, command: Sequence[str], engine: Engine
) -> None:
    """Submit what is missing as an array job of Slurm."""
    settings = SlurmSettings(tasks=engine.workers or SlurmSettings().tasks)
    jobs = slurm.submit_array(found.path, missing, draw_share, settings, command)
    number = str(jobs[0].job_id).partition("_")[0]
    told = {"job": number, "tasks": len(jobs), "stretches": missing}
    screen.event("submitted", run=str(found.run), **told)
    screen.say(
        f"job {number}: {len(jobs)} task{'s' * (len(jobs) != 1)} for {missing} stretches; when "
        f"they are drawn, join them: vqclip resume {found.run}"
    )
    screen.result(str(found.run), exact=True)


def _draw_on_ray(
    found: StretchFolder, missing: int, screen: Console, command: Sequence[str], engine: Engine
) -> None:
    """Let workers of a Ray cluster draw what is missing."""
    settings = RaySettings(os.environ.get("RAY_ADDRESS", ""), engine.workers)
    ray_cluster.check_address(settings.address)
    left = missing

    def watch() -> None:
        nonlocal left
        if (now := len(found.missing)) != left:
            left, total = now, len(found.stretches)
            screen.say(f"{total - now} of {total} stretches drawn")

    ray_cluster.draw_on_ray(found.path, missing, draw_share, settings, command, watch)
