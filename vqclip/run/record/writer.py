"""The writer of a run's folder: pictures, previews, log and checkpoints.

    outputs/0007-a-fox/  run.json  log.jsonl  steps/NNNNN.png  checkpoint.safetensors
                         film.mp4  final.png  (best.png, where numbers went wrong)
                         final.svg and cells.png of drawers that have them
                         tiles.png, of a picture that tiles
                         kept/NNNNN.png, pictures that were kept on the way

`record_steps` is a generator in the middle: steps go in, are written down, and come out again.
Consume it under `contextlib.closing`, so that an interrupt in the consumer's body closes the
film at once. `final.png` comes last, and only when the run is complete.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vqclip.errors import NumbersError, VqclipError
from vqclip.media.files import refuse_to_replace, unwritable_error, write_whole
from vqclip.media.frames.frame_writer import FrameWriter
from vqclip.media.images import save_png
from vqclip.repeats import ONCE, Repeat
from vqclip.run.record import run_folder

if TYPE_CHECKING:
    from vqclip.media.film_assembly import Film
    from vqclip.optimisation_loop import Step
    from vqclip.run.record.provenance import Provenance
    from vqclip.tensors import Image


def write_json(path: Path | str, obj: object) -> Path:
    """Write `obj` as indented JSON with sorted keys, whole or not at all, over what was there.

    Raises:
        OutputError: if it cannot be written.
    """
    text = json.dumps(obj, indent=2, sort_keys=True, ensure_ascii=False, default=os.fspath)
    # Bytes of a command line that are no UTF-8 are lone surrogates, which JSON has to spell out.
    text = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return write_whole(path, (text + "\n").encode(), overwrite=True)


@dataclass(frozen=True)
class RecordOptions:
    """What is written down of a run, and when.

    Args:
        provenance: tells what makes the pictures; asked for each, since a setting may change.
        draw_final: draws the finished picture, after the last step; called without gradients.
            It may have opacity as a fourth channel.
        export: writes it into the folder as files of other kinds, too.
        look: looks at the finished picture; what it gives is noted in `run.json`. Before the
            picture is saved, so that whatever has a picture has the notes, too.
        every: steps between previews in `steps/`; 0 for none.
        film: takes the picture of every `film_every`th step; where that is 0, what is shown of
            an animation. It is closed at the end, and paused if the run ends before.
        save: writes a checkpoint of what the last step left; called every `save_every` steps,
            after the last one, and when the consumer leaves.
        first: the number of the first step.
        prepared: seconds that the run has taken before it, such as for its draft.
        command: the words that started the run, for `run.json`.
        repeat: how the picture repeats; if it does, tiles of it are shown in `tiles.png`.
    """

    provenance: Callable[[], Provenance]
    draw_final: Callable[[], Image]
    export: Callable[[Path], object] = lambda folder: None
    look: Callable[[Image], Mapping[str, object]] = lambda image: {}
    every: int = 50
    film: Film | None = None
    film_every: int = 1
    save: Callable[[], object] | None = None
    save_every: int = 0
    first: int = 0
    prepared: float = 0.0
    command: Sequence[str] = ()
    repeat: Repeat = ONCE

    def saves_after(self, index: int) -> bool:
        """Whether a checkpoint is due after a step, by its number."""
        return self.save_every > 0 and (index + 1) % self.save_every == 0


def record_steps(
    steps: Iterator[Step], folder: Path | str, options: RecordOptions
) -> Generator[Step, None, None]:
    """Write steps down as they pass, and yield them on.

    A step is logged before it is yielded; its picture is written meanwhile, and is there before a
    checkpoint is. A folder that already holds part of the run is
    continued: what it says of steps that are taken again is dropped, and times add up.

    Args:
        folder: the run's own; see `vqclip.run.record.run_folder`.

    Raises:
        OutputError: if something cannot be written, or the folder holds a `final.png`.
    """
    folder, film, previews = Path(folder), options.film, FrameWriter()
    notes: dict[str, Any] = {}
    clock = time.perf_counter()
    saved = True

    def save() -> None:
        """Write a checkpoint; what it counts on is in its place then."""
        nonlocal saved
        if options.save is not None and not saved:
            previews.flush(durable=True)
            if film is not None:
                film.flush(durable=True)
            options.save()
        saved = True

    try:
        refuse_to_replace(folder / "final.png")
        notes = _start(folder, options.provenance(), options.command)
        notes["seconds"] += options.prepared
        _forget(folder, options.first)
        for step in steps:
            _log(folder / "log.jsonl", step, animated=options.film_every == 0)
            if options.every > 0 and step.index % options.every == 0 and step.frame == 0:
                _preview(previews, folder / "steps", step, options.provenance())
            if film is not None:
                for picture in _taken(step, options.film_every):
                    film.add(picture)
            saved = False
            if options.saves_after(step.index):
                save()
            yield step
        save()
        previews.flush()
        if film is not None:
            film.close()
        with torch.no_grad():
            final = options.draw_final()
        made = json.loads(options.provenance().to_json())
        notes |= made | options.look(final) | {"finished": _now()}
        _note_time(folder, notes, clock)
        options.export(folder)
        if options.repeat.is_on:
            tiles = options.repeat.lay_tiles(final)
            save_png(folder / "tiles.png", tiles, options.provenance(), overwrite=True)
        save_png(folder / "final.png", final, options.provenance())
    except GeneratorExit:
        try:
            save()
            previews.flush()
        finally:
            _stop(film, folder, notes, clock)
        raise
    except KeyboardInterrupt:
        # Asked twice: nobody waits for a film now. Its frames stay.
        _stop(None, folder, notes, clock)
        raise
    except BaseException as error:
        # What went wrong first is what the user is to hear.
        try:
            _stop(film, folder, notes, clock)
            if isinstance(error, NumbersError):
                best = _best(folder, options.draw_final, options.provenance())
                error.add_note(f"the picture of the last good steps is {best}")
        except VqclipError as other:
            error.add_note(str(other))
        raise
    finally:
        if (close := getattr(steps, "close", None)) is not None:
            close()


def _taken(step: Step, every: int) -> tuple[Image, ...]:
    """The pictures of a step that the film takes."""
    if every == 0:
        return step.shown
    return (step.image,) if step.index % every == 0 else ()


@torch.no_grad()
def _best(folder: Path, draw_final: Callable[[], Image], provenance: Provenance) -> Path:
    """Save what a run that cannot go on has come to. It is not final: `resume` may go on."""
    return save_png(folder / "best.png", draw_final(), provenance, overwrite=True)


def _start(folder: Path, provenance: Provenance, command: Sequence[str]) -> dict[str, Any]:
    """Write `run.json` as it is before the first step, and return what it says."""
    notes: dict[str, Any] = json.loads(provenance.to_json()) | {
        "started": _now(),
        "finished": None,
        "seconds": 0.0,
        "host": platform.node(),
        "run": run_folder.run_number(folder),
        "command": list(command),
    }
    try:
        before = json.loads((folder / "run.json").read_bytes())
        notes["started"] = before["started"]
        notes["seconds"] = float(before["seconds"])
        notes["resumed"] = [*before.get("resumed", []), _now()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # a new run, or notes that say nothing of earlier times
    write_json(folder / "run.json", notes)
    return notes


def note_settings(folder: Path, provenance: Provenance) -> None:
    """Write what makes the pictures from here on into `run.json`; its other notes stay.

    Raises:
        OutputError: if it cannot be written.
    """
    try:
        before = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return  # it is written anew when the next step is taken
    write_json(folder / "run.json", before | json.loads(provenance.to_json()))


def _note_time(folder: Path, notes: dict[str, Any], clock: float) -> None:
    seconds = notes["seconds"] + max(0.0, time.perf_counter() - clock)
    write_json(folder / "run.json", notes | {"seconds": round(seconds, 3)})


def _stop(film: Film | None, folder: Path, notes: dict[str, Any], clock: float) -> None:
    """End a run that is not complete: its film plays, and its time counts when it goes on."""
    if film is not None:
        film.pause()
    if notes:
        _note_time(folder, notes, clock)


def _forget(folder: Path, index: int) -> None:
    """Drop the previews and the lines of steps from `index` on, and a line that is cut short."""
    for preview in (folder / "steps").glob("*.png"):
        if preview.stem.isdecimal() and int(preview.stem) >= index:
            preview.unlink()
    path = folder / "log.jsonl"
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable_error(path, error) from error
    kept = [line for line in lines if read_step(line) < index]
    if kept != lines:
        write_whole(path, b"".join(kept), overwrite=True)


def read_step(line: bytes) -> float:
    """The step that a line of a log tells of; infinity if the line is empty or damaged."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return math.inf


def _log(path: Path, step: Step, animated: bool) -> None:
    """Append a line; losses that are no numbers, for which JSON has no word, become null."""
    losses = step.values()
    line = {
        "step": step.index,
        "losses": {name: _finite(loss) for name, loss in losses.items()},
        "total": _finite(sum(losses.values())),
    }
    if animated:
        line["frame"] = step.frame
    if step.failed:
        line["failed"] = step.failed  # times that it was taken before, at twice the rate each
    if step.memory_saving:
        line["saved"] = step.memory_saving
    try:
        # Opened for each line: an open file would swallow the rest of a run whose folder is gone.
        # Bytes of a prompt that are no UTF-8 are spelled \udcxx, which is how JSON does it, too.
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise unwritable_error(path, error) from error


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _preview(previews: FrameWriter, folder: Path, step: Step, provenance: Provenance) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable_error(folder, error) from error
    path = folder / f"{step.index:05d}.png"
    previews.add(path, step.image, notes=provenance.notes(), overwrite=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
