"""How does a picture come about? From settings to a run's folder with all that it holds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip import eyes, folders, places, prompts, staging
from vqclip.config import RunConfig
from vqclip.errors import VqclipError
from vqclip.interrupts import listening
from vqclip.requirements import discreet, require
from vqclip.screen import Screen

if TYPE_CHECKING:
    from vqclip.journey import Session
    from vqclip.jury import Verdict
    from vqclip.record.provenance import Provenance
    from vqclip.record.video import Film
    from vqclip.resume import Point
    from vqclip.tensors import Image


@dataclass
class Progress:
    """How far a command came, and with what; the border reads it when something goes wrong.

    Attributes:
        signal: the number of the signal that asked to stop, if one did.
    """

    started: bool = False
    folder: Path | None = None
    config: RunConfig | None = None
    signal: int = 0


@dataclass(frozen=True)
class Before:
    """The picture that is made again: its notes, and the folder in which it lies."""

    notes: Provenance
    folder: Path


def draw(
    config: RunConfig,
    screen: Screen,
    progress: Progress,
    command: Sequence[str] = (),
    before: Before | None = None,
    point: Point | None = None,
) -> None:
    """Draw `config`'s picture, into a new run folder or on in an old one.

    Args:
        command: the words that started the run, for `run.json`.
        before: the picture that is made again, to compare the models with.
        point: where a run stopped that is to go on; its folder is locked already.

    Raises:
        KeyboardInterrupt: if somebody asked to stop; everything is put away by then.
    """
    progress.config = config
    began = time.monotonic()
    beside = point.folder if point else before.folder if before else None
    # What is absent is refused before torch is imported.
    begun = staging.comes_from_a_frame(config)
    begun = begun or (point is not None and "start" in point.state.tensors)
    wishes = require(replace(config, init="random") if begun else config, beside)
    if point is None:  # what a run has noted stays as it is
        config = discreet(config, wishes, beside)
    progress.config = config
    places.require(Path(config.out))
    notes: list[str] = []
    if config.frames or config.source.film:
        from vqclip import hints, itinerary

        asked, where = config, folders.of(config.assets, beside)
        if point is None and not config.retake.of:  # else its length and size are settled
            config = itinerary.bounded(config, where)
            notes = list(hints.hints(asked, config, where))
        progress.config = config
    for line in prompts.echo(wishes):
        screen.say(f"  {line}")
    for note in notes:
        screen.say(f"note: {note}")
    for stray in prompts.strays(config.prompts, config.negative):
        screen.say(f"note: {stray}")
    from vqclip import machine

    with machine.deterministic(config.deterministic) as unsteady:
        place, film = _draw(config, wishes, screen, progress, command, before, point)
    if unsteady:
        screen.say(
            f"note: torch has no deterministic {', '.join(unsteady)} here: made again, the "
            "picture may differ in its last digits"
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
        pace = float(film.fps)
        long = f"{film.count / pace:.3g} s at {pace:.4g} a second"
        screen.say(f"{film.count} frame{'s' * (film.count != 1)}, {long}, in {there}")
    screen.result(str(final))


def _draw(
    config: RunConfig,
    wishes: Sequence[prompts.Prompt],
    screen: Screen,
    progress: Progress,
    command: Sequence[str],
    before: Before | None,
    point: Point | None,
) -> tuple[Path, Film | None]:
    """Load the models, and draw into the run's folder; give that and the film."""
    from vqclip import reels, resume, session
    from vqclip.record import rooms

    beside = point.folder if point else before.folder if before else None
    start = None if point is None else resume.start(point)
    ready = session.build(config, screen.say, beside, start)
    if point is not None:
        resume.take_up(ready, point)
    compared = None if config.retake.of else before  # of a stretch, nothing is to be the same
    for note in [*ready.notes, *_changed(compared, ready.models)]:
        screen.say(f"note: {note}")
    place = point.folder if point else rooms.new_run(Path(config.out), wishes[0].body)
    with nullcontext() if point else rooms.alone(place):
        progress.folder = place
        film = reels.begin(config, place, ready.size, point)
        put_aside = rooms.make_room(place)
        screen.say(f"seed {ready.seed}, {ready.size[0]}x{ready.size[1]}, into {place}")
        if point is not None:
            screen.say(f"going on after step {ready.done} of {ready.total}")
        if put_aside is not None:
            screen.say(f"the picture that was there is now {put_aside}")
        screen.event(
            "start",
            run=str(place),
            from_step=ready.done,
            steps=ready.total,
            **({"frames": config.frames} if config.frames else {}),
            seed=ready.seed,
            size=list(ready.size),
            prompts=prompts.show(wishes),
        )
        progress.started = True
        if point is not None and len(ready.changes) > len(point.notes.changes):
            resume.keep(ready, place, point.state, point.reel)  # what is asked for now holds
        _play(ready, place, film, point, screen, progress, command)
    return place, film


def _play(
    ready: Session,
    place: Path,
    film: Film | None,
    point: Point | None,
    screen: Screen,
    progress: Progress,
    command: Sequence[str],
) -> None:
    """Take the steps, and write them down."""
    from vqclip import resume
    from vqclip.record import folder

    config = ready.config
    verdicts: list[Verdict] = []

    def look(image: Image) -> dict[str, object]:
        verdict = _judged(ready, image, screen)
        if verdict is None:
            return {}
        verdicts.append(verdict)
        return {"verdict": dataclasses.asdict(verdict)}

    def save() -> None:
        reel = None if point is None else point.reel
        if film is not None:
            reel = resume.Reel(film.folder.name, film.count, ready.done)
        resume.keep(ready, place, ready.state(), reel)

    kept = folder.keep(
        ready.play(),
        place,
        provenance=ready.provenance,
        draw_final=ready.final,
        look=look,
        every=config.previews,
        film=film,
        film_every=0 if config.frames else config.film.every,
        save=save,
        save_every=config.checkpoint.every,
        first=ready.done,
        command=command,
    )
    frames = 0 if ready.voyage is None else ready.voyage.frames
    with listening() as asked:
        shown = screen.watch(kept, ready.total, ready.done, frames)
        with closing(kept), closing(shown) as watched:
            for step in watched:
                if step.failed:
                    screen.say(
                        f"\nstep {step.index} gave no numbers at first; the rate is lower now"
                    )
                if step.saved:
                    screen.say(
                        f"\nmemory ran out at step {step.index}; {step.saved} from here on"
                    )
                if asked and step.index + 1 < ready.total:
                    break
    if asked and ready.done < ready.total:
        progress.signal = asked.signal
        screen.event("stopped", run=str(place), step=ready.done)
        screen.say(
            f"stopped after step {ready.done} of {ready.total}, and saved; to go on: "
            f"vqclip resume {place}"
        )
        raise KeyboardInterrupt
    for verdict in verdicts:
        screen.event("verdict", **dataclasses.asdict(verdict))
        screen.say(verdict.in_words())


def _judged(ready: Session, image: Image, screen: Screen) -> Verdict | None:
    """Ask a CLIP that took no part what it makes of the picture, if there is one to be asked."""
    from vqclip import jury

    config = ready.config
    wishes = prompts.understood(config.prompts, config.negative)
    if not (jury.available(eyes.names(config.perceptors)) and prompts.texts(wishes)):
        return None
    try:
        return jury.judge(image, prompts.wished(wishes), words=ready.words)
    except VqclipError as error:  # a picture is not lost because nobody can judge it
        screen.say(f"\nnote: no verdict on the picture: {error}")
        return None


def _changed(before: Before | None, models: dict[str, str]) -> Iterator[str]:
    """Say what is not as it was when the picture was made."""
    if before is None:
        return
    for change in before.notes.changes:
        keys = ", ".join(change["settings"])
        yield (
            f"the picture was made with other values of {keys} up to step {change['step']}; "
            "it is made again with the last ones, and will differ"
        )
    then = before.notes.models
    pair = [{k: v for k, v in each.items() if not _is_read(k)} for each in (then, models)]
    if pair[0] != pair[1]:
        yield "the models are not those that made the picture; it will differ"
    for name, digest in models.items():
        if _is_read(name) and then.get(name, digest) != digest:
            kind, _, own = name.partition(" ")
            shown = f"the word <{own}>" if kind == "word" else own
            yield f"{shown} has changed since; the picture will differ"


def _is_read(name: str) -> bool:
    """Whether an entry of a run's models is a file of the user's own, such as a picture."""
    return name.startswith(("picture ", "word ", "film ", "flow ", "sound ", "depth ", "frames "))
