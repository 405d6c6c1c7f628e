"""The commands that draw: generate, animate, again and resume."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli import prompt_arguments
from vqclip.cli.options import (
    AnimateOptions,
    CommonOptions,
    GenerateOptions,
    frames_key,
    to_overrides,
)
from vqclip.cli.output import Console, Progress
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, VqclipError
from vqclip.language import prompt_types, prompts
from vqclip.media import files
from vqclip.models.model_cache import keep_models
from vqclip.run.preflight import Request, check_run, make_request, without_unused_assets
from vqclip.run.record.interrupts import catch_interrupts
from vqclip.run.record.noted_layouts import find_layouts

if TYPE_CHECKING:
    from vqclip.guidance.zero_shot import Verdict
    from vqclip.media.film_assembly import Film
    from vqclip.run.record.provenance import Provenance
    from vqclip.run.resume import ResumePoint
    from vqclip.run.runner import Runner
    from vqclip.tensors import Image


@dataclass(frozen=True)
class EarlierPicture:
    """The picture that is made again: its notes, and the folder in which it lies."""

    notes: Provenance
    folder: Path


def prepare_run(
    config: RunConfig,
    screen: Console,
    progress: Progress,
    before: EarlierPicture | None = None,
    point: ResumePoint | None = None,
) -> Request:
    """Check settings, and make the request of their run, before torch is imported.

    Args:
        before: the picture that is made again; its files are looked for beside it, too.
        point: where a run stopped that is to go on; its folder is locked already.

    Raises:
        VqclipError: for a setting or a file that cannot be used, or is absent.
    """
    progress.config = config
    files.require_folder(Path(config.out))
    beside = point.folder if point else before.folder if before else None
    begun = point is not None and "start" in point.state.tensors
    earlier = point or before
    noted = None if earlier is None else find_layouts(earlier.notes, config)
    request = make_request(
        config, screen.say, beside, begun=begun, clipped=point is None, noted=noted
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
) -> None:
    """Draw the picture of a request, into a new run folder or on in an old one.

    Args:
        command: the words that started the run, for `run.json`.
        before: the picture that is made again, to compare the models with.
        point: where a run stopped that is to go on; its folder is locked already.
        place: the folder of a run of a sweep, locked already; None for the next in `out`.

    Raises:
        KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
    """
    began, config = time.monotonic(), request.config
    from vqclip.models import device

    with device.use_deterministic(config.deterministic) as unsteady:
        place, film = _draw(request, screen, progress, command, before, point, place)
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
    screen.result(str(final), exact=True)


def _draw(
    request: Request,
    screen: Console,
    progress: Progress,
    command: Sequence[str],
    before: EarlierPicture | None,
    point: ResumePoint | None,
    place: Path | None,
) -> tuple[Path, Film | None]:
    """Load the models, and draw into the run's folder; give that and the film."""
    from vqclip import session
    from vqclip.run import recording
    from vqclip.run import resume as run_resume
    from vqclip.run.record import provenance, run_folder

    config = request.config
    ready = session.build_runner(request, screen.say, point)
    compared = None if config.retake.of else before  # of a stretch, nothing is to be the same
    for note in [*ready.notes, *_changed(compared, ready)]:
        screen.say(f"note: {note}")
    title, there = request.parsed_prompts[0].body, point.folder if point else place
    place = there or run_folder.make_run_folder(Path(config.out), title)
    with nullcontext() if there else run_folder.locked_folder(place):
        progress.folder = place
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
        _play(request, ready, place, film, point, screen, progress, command)
    return place, film


def _play(
    request: Request,
    ready: Runner,
    place: Path,
    film: Film | None,
    point: ResumePoint | None,
    screen: Console,
    progress: Progress,
    command: Sequence[str],
) -> None:
    """Take the steps, and write them down."""
    from vqclip.drawers import filtered
    from vqclip.run import resume as run_resume
    from vqclip.run.record import writer

    config = ready.config
    verdicts: list[Verdict] = []

    def look(image: Image) -> dict[str, object]:
        verdict = _judged(request, ready, filtered.lay_on_white(image), screen)
        if verdict is None:
            return {}
        verdicts.append(verdict)
        return {"verdict": dataclasses.asdict(verdict)}

    def save() -> None:
        film_progress = None if point is None else point.film
        if film is not None:
            film_progress = run_resume.FilmProgress(film.folder.name, film.count, ready.done)
        run_resume.write_resume_point(ready, place, ready.state(), film_progress)

    options = writer.RecordOptions(
        provenance=ready.provenance,
        draw_final=ready.final_picture,
        export=ready.export,
        look=look,
        every=config.previews,
        film=film,
        film_every=0 if config.frames else config.film.every,
        save=save,
        save_every=config.checkpoint.every,
        first=ready.done,
        command=command,
        repeat=ready.drawer.repeat,
    )
    kept = writer.record_steps(ready.play(), place, options)
    frames = 0 if ready.feedback is None else ready.feedback.frames
    with catch_interrupts() as asked:
        shown = screen.watch(kept, ready.total, ready.done, frames)
        with closing(kept), closing(shown) as watched:
            for step in watched:
                if step.failed:
                    screen.say(
                        f"step {step.index} gave values that are not finite at first; the "
                        "learning rate is lower now"
                    )
                if step.memory_saving:
                    screen.say(
                        f"memory ran out at step {step.index}; {step.memory_saving} from here on"
                    )
                if asked and step.index + 1 < ready.total:
                    break
    if asked and ready.done < ready.total:
        progress.signal = asked.signal
        screen.event("stopped", run=str(place), step=ready.done)
        screen.say(
            f"stopped after step {ready.done} of {ready.total}, and saved; to continue: vqclip "
            f"resume {place}"
        )
        raise KeyboardInterrupt
    for verdict in verdicts:
        screen.event("verdict", **dataclasses.asdict(verdict))
        screen.say(verdict.describe())


def _judged(request: Request, ready: Runner, image: Image, screen: Console) -> Verdict | None:
    """Ask a CLIP that took no part what it makes of the picture, if there is one to be asked."""
    from vqclip.guidance import zero_shot

    parsed = request.parsed_prompts
    if not (zero_shot.judge_available(request.names) and prompt_types.positive_texts(parsed)):
        return None
    try:
        return zero_shot.judge_picture(image, prompt_types.draft_text(parsed), words=ready.words)
    except VqclipError as error:  # a picture is not lost because nobody can judge it
        screen.say(f"note: the picture could not be judged: {error}")
        return None


def _changed(before: EarlierPicture | None, ready: Runner) -> Iterator[str]:
    """Say what is not as it was when the picture was made."""
    if before is None:
        return
    from vqclip.run.record.provenance import describe_computation

    models, computed = ready.models, ready.provenance().computed
    if before.notes.computed and before.notes.computed != computed:
        made, here = map(describe_computation, (before.notes.computed, computed))
        yield f"the picture was made {made}, and is made again {here}, so it may differ slightly"
    for change in before.notes.changes:
        keys = ", ".join(change["settings"])
        yield (
            f"the picture was made with other values of {keys} up to step {change['step']}; "
            "this run uses the last values throughout, so the picture will differ"
        )
    then = before.notes.models
    pair = [{k: v for k, v in each.items() if not _is_read(k)} for each in (then, models)]
    if pair[0] != pair[1]:
        yield "these are not the models that made the picture, so it will differ"
    for name, digest in models.items():
        if _is_read(name) and then.get(name, digest) != digest:
            kind, _, own = name.partition(" ")
            shown = f"the word <{own}>" if kind == "word" else own
            yield f"{shown} has changed since; the picture will differ"


def _is_read(name: str) -> bool:
    """Whether an entry of a run's models is a file of the user's own, such as a picture."""
    return name.startswith(("picture ", "word ", "film ", "flow ", "sound ", "depth ", "frames "))


@dataclass(frozen=True, kw_only=True)
class AgainOptions(CommonOptions):
    """The options of `again`."""

    words: list[str]
    out: str | None
    frames: str | None

    def overrides(self) -> list[str]:
        """The options that are another way to write a setting, as `key=value`."""
        return to_overrides({"out": self.out, frames_key(self.frames): self.frames})


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(CommonOptions):
    """The options of `resume`."""

    words: list[str]


def generate(options: GenerateOptions, screen: Console, progress: Progress) -> None:
    """Draw a picture from a prompt (the default command)."""
    _draw_all(prompt_arguments.read_configs(options), options, screen, progress)


def animate(options: AnimateOptions, screen: Console, progress: Progress) -> None:
    """Draw an animation: with a camera, scenes, or over a film."""
    prompt_arguments.require_frames([*options.overrides(), *options.words])
    found = [
        prompt_arguments.as_animation(config) for config in prompt_arguments.read_configs(options)
    ]
    _draw_all(found, options, screen, progress)


def _draw_all(
    found: Sequence[RunConfig], options: GenerateOptions, screen: Console, progress: Progress
) -> None:
    """Draw what some settings stand for, one after another."""
    for config in found if len(found) > 1 else []:
        check_run(config)  # what the last one lacks is said before the first is drawn
    with keep_models():
        for number, config in enumerate(found, start=1):
            if len(found) > 1:
                texts = {key: getattr(config, key) for key in loading.TEMPLATE_KEYS}
                screen.event("variant", number=number, of=len(found), **texts)
                screen.say(f"{number} of {len(found)}:")
                progress.started, progress.folder = False, None
            draw_run(prepare_run(config, screen, progress), screen, progress, options.command)


def again(options: AgainOptions, screen: Console, progress: Progress) -> None:
    """Make a picture again, with other settings if you like."""
    first, overrides = prompt_arguments.split_prompt(options.words, named=True)
    if first is None:
        raise ConfigError(
            "name the picture to make again: vqclip again outputs/0001-a-fox/final.png; "
            "to draw the word itself: vqclip generate again"
        )
    from vqclip.run.record import provenance

    notes = provenance.read_provenance(Path(first))
    place = Path(first) if os.path.isdir(first) else Path(first).parent
    short = options.overrides()
    if ":" in (options.frames or ""):
        short.append(f"retake.of={place}")
    changes = short + overrides
    base = notes.settings
    if "layout" not in notes.config and any(each.startswith("prompts=") for each in changes):
        del base["layout"]  # that nothing was noted of layouts was about another prompt
    config = loading.load_config(base=base, overrides=changes)
    before = EarlierPicture(notes, place)
    request = prepare_run(config, screen, progress, before)
    draw_run(request, screen, progress, options.command, before)


def resume(options: ResumeOptions, screen: Console, progress: Progress) -> None:
    """Continue a run that stopped, or give it more steps."""
    first, overrides = prompt_arguments.split_prompt(options.words, named=True)
    if first is None:
        raise ConfigError(
            "name the run to continue: vqclip resume outputs/0001-a-fox; to draw the word "
            "itself: vqclip generate resume"
        )
    from vqclip.run import resume as run_resume
    from vqclip.run.record import run_folder

    folder = run_resume.find_run_folder(Path(first))
    # Locked before anything is read that somebody else may be writing.
    with run_folder.locked_folder(folder):
        point = run_resume.find_resume_point(folder)
        config = run_resume.resumed_settings(point, overrides)
        request = prepare_run(config, screen, progress, point=point)
        draw_run(request, screen, progress, options.command, point=point)
