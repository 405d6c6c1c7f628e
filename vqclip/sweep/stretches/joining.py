"""Joining of stretches: an animation's folder, as if it had been drawn at one go.

Frames and lines of the log are copied, and the last stretch's checkpoint becomes the animation's,
which is complete then, but for its film and its `final.png`: these are made as for any run that
was interrupted after its last step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vqclip.errors import PictureError
from vqclip.media.files import read_object, unwritable_error, write_whole
from vqclip.run.record import checkpoint as record_checkpoint
from vqclip.run.record.writer import read_step, write_json
from vqclip.run.resume import FilmProgress, find_resume_point
from vqclip.sweep.folder_matching import is_whole_picture
from vqclip.sweep.stretches.stretch_folder import Stretch, StretchFolder


def join_stretches(found: StretchFolder) -> None:
    """Bring an animation to its last step; all of its stretches are drawn.

    The checkpoint comes last, so that it can be done again after a kill.

    Raises:
        OutputError: if something cannot be written.
        PictureError: if a stretch lacks frames, or some are damaged; nothing is copied then.
    """
    _refuse_damage(found)
    frames = found.run / "frames"
    for each in found.stretches:
        _copy_frames(each, frames)
    log = found.run / "log.jsonl"
    lines = _read_lines(log, 0, found.opening.state.done)
    for each in found.stretches:
        lines += _read_own_lines(found, each)
    write_whole(log, b"".join(lines), overwrite=True)
    notes = read_object(found.run / "run.json")
    seconds = found.seconds + sum(map(_read_seconds, found.stretches))
    write_json(found.run / "run.json", notes | {"seconds": round(seconds, 3)})
    last = found.stretches[-1]
    state = find_resume_point(last.folder).state
    reel = FilmProgress(frames.name, last.until, state.done)
    place: dict[str, Any] = {"done": state.done, "averaged": state.averaged, "moved": state.moved}
    place |= {"slowed": state.rate_factor, "reel": asdict(reel)}
    noted = record_checkpoint.read_run_checkpoint(found.run).notes
    record_checkpoint.write_run_checkpoint(found.run, state.tensors, noted | place)


def list_differences(found: StretchFolder) -> Iterator[str]:
    """Say which stretches may not be as they would be if all were drawn one after another."""
    computed = found.opening.notes.computed
    saved: dict[str, list[Stretch]] = {}  # what was done for want of memory, in words
    for each in found.stretches:
        other = read_object(each.folder / "run.json").get("computed")
        if isinstance(other, dict) and computed and other != computed:
            there = ", ".join(f"{k} {v}" for k, v in other.items() if computed.get(k) != v)
            yield f"{each.describe()} were computed on another kind of machine ({there})"
        lines = [json.loads(line) for line in _read_own_lines(found, each)]
        if words := ", then ".join(str(line["saved"]) for line in lines if "saved" in line):
            saved.setdefault(words, []).append(each)
        if any("failed" in line for line in lines):
            yield (
                f"in {each.describe()}, a step failed and was taken again at a lower rate, which "
                "later stretches do not have"
            )
    for words, stretches in saved.items():
        *others, last = (each.describe() for each in stretches)
        where = f"{', '.join(others)} and {last}" if others else last
        yield f"memory ran out in {where}; {words} from there on, to the end of the stretch"


def _refuse_damage(found: StretchFolder) -> None:
    """Refuse stretches of which a frame is not there, or is no whole picture."""
    faults: dict[Path, str] = {}
    for each in found.stretches:
        for number in range(each.until - each.first):
            path = each.folder / "frames" / f"{number:05d}.png"
            if not is_whole_picture(path):
                told = "is no whole picture" if path.is_file() else "is missing"
                faults[each.folder] = f"{path} {told}"
                break
    if faults:
        folders = " and ".join(map(str, faults))
        raise PictureError(
            f"{'; '.join(faults.values())}; delete {folders}, then draw what is missing again: "
            f"vqclip resume {found.run}"
        )


def _copy_frames(stretch: Stretch, target: Path) -> None:
    """Copy the frames of a stretch to where they belong."""
    source = stretch.folder / "frames"
    for number in range(stretch.first, stretch.until):
        path = source / f"{number - stretch.first:05d}.png"
        try:
            target.mkdir(exist_ok=True)
            data = path.read_bytes()
        except OSError as error:
            raise unwritable_error(path, error) from error
        write_whole(target / f"{number:05d}.png", data, overwrite=True)


def _read_seconds(stretch: Stretch) -> float:
    """How long a stretch has taken."""
    seconds = read_object(stretch.folder / "run.json").get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _read_own_lines(found: StretchFolder, stretch: Stretch) -> list[bytes]:
    """The lines of a stretch's log on its own steps."""
    starts = (*found.opening.starts, math.inf)
    return _read_lines(stretch.folder / "log.jsonl", starts[stretch.first], starts[stretch.until])


def _read_lines(path: Path, first: float, until: float) -> list[bytes]:
    """The lines of a log on the steps from `first` to before `until`; not damaged ones."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    kept = (line for line in lines if first <= read_step(line) < until)
    return [line if line.endswith(b"\n") else line + b"\n" for line in kept]
