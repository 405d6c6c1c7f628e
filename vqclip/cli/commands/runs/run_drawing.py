"""The drawing of a run by a command: its checks, its models, its steps, and what is said of it.

`prepare_run` checks everything before torch is imported; `draw_run` draws what it has checked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli.output import Console, Progress
from vqclip.config.schema import RunConfig
from vqclip.language import prompts
from vqclip.media import files
from vqclip.models.libraries.deferred_imports import defer_imports, pause_collection
from vqclip.run.preflight import Request, make_request, without_unused_assets
from vqclip.run.record.noted_changes import Change
from vqclip.run.record.noted_layouts import find_layouts

if TYPE_CHECKING:
    from vqclip.cli.commands.runs.steered_run import StepWatch
    from vqclip.media.film_assembly import Film
    from vqclip.run.record.provenance import Provenance
    from vqclip.run.resume import ResumePoint
    from vqclip.run.runner import Runner


@dataclass(frozen=True)
class EarlierPicture:
    """The picture that is made again.

    Args:
        notes: its notes.
        folder: where it lies.
        changes: those of its changes in mid-run that are made again.
    """

    notes: Provenance
    folder: Path
    changes: Sequence[Change] = ()


def prepare_run(
    config: RunConfig,
    screen: Console,
    progress: Progress,
    before: EarlierPicture | None = None,
    point: ResumePoint | None = None,
    place: Path | None = None,
) -> Request:
    """Check settings, and make the request of their run, before torch is imported.

    Args:
        before: the picture that is made again; its files are looked for beside it, too.
        point: where a run stopped that is to go on; its folder is locked already.
        place: the folder of a run of a sweep, in which its start picture may lie.

    Raises:
        VqclipError: for a setting or a file that cannot be used, or is absent.
    """
    progress.config = config
    files.require_folder(Path(config.out))
    beside = point.folder if point else before.folder if before else place
    begun = point is not None and "start" in point.state.tensors
    earlier = point or before
    noted = None if earlier is None else find_layouts(earlier.notes, config)
    request = make_request(
        *(config, screen.say, beside),
        begun=begun,
        clipped=point is None,
        noted=noted,
        first_steps=None if point is None else point.first_steps,
    )
    if point is None:  # what a run has noted stays as it is
        request = without_unused_assets(request, beside)
    progress.config = request.config
    return request


def draw_run(
    request: Request,
    screen: Console,
    progress: Progress,
    command: Sequence[str] = (),
    before: EarlierPicture | None = None,
    point: ResumePoint | None = None,
    place: Path | None = None,
    watch: StepWatch | None = None,
) -> None:
    """Draw the picture of a request, into a new run folder or on in an old one.

    Args:
        command: the words that started the run, for `run.json`.
        before: the picture that is made again, to compare the models with.
        point: where a run stopped that is to go on; its folder is locked already.
        place: the folder of a run of a sweep, locked already; None for the next in `out`.
        watch: called after each step; what it raises ends the run, which is saved.

    Raises:
        KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
    """
    began, config = time.monotonic(), request.config
    with pause_collection():
        from vqclip.models import device

    with device.use_deterministic(config.deterministic) as unsteady:
        place, film = _draw(request, screen, progress, command, before, point, place, watch)
    if unsteady:
        screen.say(
            f"note: torch has no deterministic {', '.join(unsteady)} here: if you make the "
            "picture again, it may differ very slightly"
        )
    seconds = round(max(0.0, time.monotonic() - began), 1)
    final = place / "final.png"
    there = None if film is None or not film.path.exists() else str(place / film.path.name)
    kept = None if film is None or not film.folder.exists() else str(place / film.folder.name)
    screen.event(
        "done",
        run=str(place),
        final=str(final),
        film=there,
        frames=kept,
        seconds=seconds,
    )
    screen.say(f"done in {seconds:.0f} s")
    if film is not None and config.frames:
        count, pace = film.shown
        long = f"{float(count / pace):.3g} s at {float(pace):.4g} a second"
        screen.say(f"{count} frame{'s' * (count != 1)}, {long}, in {there}")
    screen.picture(final)


def _draw(
    request: Request,
    screen: Console,
    progress: Progress,
    command: Sequence[str],
    before: EarlierPicture | None,
    point: ResumePoint | None,
    place: Path | None,
    watch: StepWatch | None,
) -> tuple[Path, Film | None]:
    """Load the models, and draw into the run's folder; give that and the film."""
    with defer_imports(), pause_collection(freeze=True):
        from vqclip import session
        from vqclip.cli.commands.runs.steered_run import SteeredRun
        from vqclip.models import clip
        from vqclip.run import recording
        from vqclip.run import resume as run_resume
        from vqclip.run.record import provenance, run_folder, steering

        clip.import_open_clip()

    config = request.config
    ready = session.build_runner(request, screen.say, point)
    compared = None if config.retake.of else before  # of a stretch, nothing is to be the same
    for note in [*ready.notes, *_changed(compared, ready)]:
        screen.say(f"note: {note}")
    title, there = request.parsed_prompts[0].body, point.folder if point else place
    place = there or run_folder.make_run_folder(Path(config.out), title, ready.seed)
    with nullcontext() if there else run_folder.locked_folder(place):
        progress.folder = place
        if before is not None:
            steering.schedule_changes(place, before.changes)
        film = recording.begin_film(request, place, ready.size, point)
        put_aside = run_folder.set_final_aside(place)
        computed = ready.provenance().computed
        size, where = "{}x{}".format(*ready.size), provenance.describe_computation(computed)
        screen.say(f"seed {ready.seed}, {size}, {where}, into {place}")
        if point is not None:
            screen.say(f"continuing after step {ready.done} of {ready.total}")
        if put_aside is not None:
            screen.say(f"the earlier picture is now {put_aside}")
        screen.event(
            "start",
            run=str(place),
            from_step=ready.done,
            steps=ready.total,
            **({"frames": config.frames} if config.frames else {}),
            seed=ready.seed,
            size=list(ready.size),
            **computed,
            prompts=prompts.prompts_to_text(request.parsed_prompts),
        )
        progress.started = True
        if point is not None and len(ready.changes) > len(point.notes.changes):
            run_resume.write_resume_point(
                ready, place, point.state, point.film
            )  # what is asked for now holds
        run = SteeredRun(
            *(request, ready, place, film, point, screen, progress, command),
            *(prepare_run, watch),
        )
        run.play()
    return place, run.film


def _changed(before: EarlierPicture | None, ready: Runner) -> Iterator[str]:
    """Say what is not as it was when the picture was made."""
    if before is None:
        return
    from vqclip.run.record.provenance import describe_computation

    models, computed = ready.models, ready.provenance().computed
    if before.notes.computed and before.notes.computed != computed:
        made, here = map(describe_computation, (before.notes.computed, computed))
        yield f"the picture was made {made}, and is made again {here}, so it may differ slightly"
    steps = {change.step for change in before.changes}
    for change in before.notes.changes:
        keys = ", ".join(change["settings"])
        told = f"the picture was made with other values of {keys} up to step {change['step']}"
        if change["step"] in steps:
            yield f"{told}; so is this one"
        else:
            yield f"{told}; this run uses the last values throughout, so the picture will differ"
    then = before.notes.models
    # The judge of stop=plateau may come or go with the setting, or on the way.
    only = {each for each in then.keys() ^ models.keys() if each.endswith(" judge")}
    pair = [
        {k: v for k, v in each.items() if not (_is_read(k) or k in only)}
        for each in (then, models)
    ]
    if pair[0] != pair[1]:
        yield "these are not the models that made the picture, so it will differ"
    for name, digest in models.items():
        if _is_read(name) and then.get(name, digest) != digest:
            kind, _, own = name.partition(" ")
            shown = f"the word <{own}>" if kind == "word" else own
            yield f"{shown} has changed since; the picture will differ"


def _is_read(name: str) -> bool:
    """Whether an entry of a run's models is a file of the user's own, such as a picture."""
    return name.startswith(
        ("aesthetic ", "picture ", "word ", "film ", "flow ", "sound ", "depth ", "frames ")
    )
