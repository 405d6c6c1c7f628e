"""The state of a run, read from its folder: how far it is, its losses, its pictures.

Nothing is asked of the process that draws: what is in the folder is all that there is to know, so
that a page that is opened later, or on another server, sees the same.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqclip.config.setting_descriptions import format_value
from vqclip.config.setting_layers import flatten_keys
from vqclip.media.files import CHECKPOINT, FAMILY, read_object
from vqclip.run.record.steering import is_drawn, is_paused

POINTS = 240  # of a curve
SHOWN = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".gif",
    ".mp4",
    ".webm",
    ".mov",
)  # files that are served
FILMS = (".mp4", ".webm", ".mov", ".gif")
_MOST_LOG = 32 * 2**20  # bytes of a log that are read
_STEP = re.compile(r"[0-9]+\.png")


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Args:
        name: its path from the folder of runs.
        status: "drawing", "paused" (somebody made it wait), "done", "stopped" (it can go on), or
            "ended" (it cannot).
        prompt: what is drawn.
        step: how many steps are taken.
        steps: how many there will be; 0 if that is not known.
        seconds: those that the steps have taken.
        left: seconds until it is done; None if that cannot be told yet.
        picture: its newest picture, a path in its folder; "" before there is one.
        stamp: changes when the picture does.
        film: its film, a path in its folder; "" if there is none.
        animated: whether the film is what is drawn, and not how a picture was made.
        losses: values of each loss, and of their sum as "total", at `at`.
        at: the steps of these values.
        settings: some of its settings, for people: size, seed, what drew.
        changes: what was changed on the way: {"step": steps that were taken by then,
            "settings": {key: value from there on}}, values as people write them.
        kept: pictures that were kept on the way, paths in its folder.
    """

    name: str
    status: str
    prompt: str = ""
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    left: float | None = None
    picture: str = ""
    stamp: int = 0
    film: str = ""
    animated: bool = False
    losses: dict[str, list[float | None]] = field(default_factory=dict)
    at: list[int] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def read_notes(folder: Path) -> dict[str, Any]:
    """The notes of a run, `run.json`; empty where they cannot be read."""
    return read_object(folder / "run.json")


def status_of(folder: Path) -> str:
    """The status of a run; see `RunState`."""
    if is_drawn(folder):
        return "paused" if is_paused(folder) else "drawing"
    if (folder / "final.png").is_file():
        return "done"
    return "stopped" if (folder / CHECKPOINT).is_file() else "ended"


def newest_picture(folder: Path) -> Path | None:
    """The picture that shows best how far a run is."""
    for name in ("final.png", "best.png"):
        if (folder / name).is_file():
            return folder / name
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for place in (folder / "steps", *sorted(folder.glob("frames*"))):
            names = [each for each in _list(place) if _STEP.fullmatch(each)]
            if names:
                newest = place / max(names)
                found.append((newest.stat().st_mtime, len(found), newest))
    return max(found)[-1] if found else None


def find_film(folder: Path) -> Path | None:
    """The film of a run, if it is there."""
    for suffix in FILMS:
        if (folder / f"film{suffix}").is_file():
            return folder / f"film{suffix}"
    return None


def read_state(
    folder: Path, name: str, steps: int = 0, begun: int | None = None, *, curves: bool = True
) -> RunState:
    """Read how far a run is.

    Args:
        name: its path from the folder of runs.
        steps: how many there will be, if somebody knows better than its notes.
        begun: the step from which it goes on, if somebody knows.
        curves: whether its losses are wanted.
    """
    status, notes = status_of(folder), read_notes(folder)
    at, losses, taken = _read_log(folder / "log.jsonl", curves)
    config = notes.get("config")
    config = config if isinstance(config, dict) else {}
    if not steps and not config.get("frames"):
        noted = config.get("steps")
        steps = noted if isinstance(noted, int) else 0
    picture, film = newest_picture(folder), find_film(folder)
    stamp = 0
    if picture is not None:
        with contextlib.suppress(OSError):
            stamp = picture.stat().st_mtime_ns // 1_000_000
    seconds = notes.get("seconds")
    seconds = float(seconds) if isinstance(seconds, int | float) else 0.0
    left = None
    if status == "drawing":
        running = _running(folder)
        seconds += running
        if begun is None and not notes.get("resumed"):
            begun = 0
        if seconds > running and steps > taken > 0:  # noted on the way, since it was steered
            left = (steps - taken) * seconds / taken
        elif begun is not None and steps > taken > begun and running > 0:
            left = (steps - taken) * running / (taken - begun)
    return RunState(
        name=name,
        status=status,
        prompt=str(notes.get("prompt", "")),
        step=taken,
        steps=max(steps, taken),
        seconds=round(seconds, 1),
        left=None if left is None else round(left, 1),
        picture="" if picture is None else picture.relative_to(folder).as_posix(),
        stamp=stamp,
        film="" if film is None else film.name,
        animated=bool(config.get("frames")),
        losses=losses,
        at=at,
        settings=describe_briefly(notes),
        changes=list_changes(notes),
        kept=[f"kept/{each}" for each in sorted(_list(folder / "kept")) if _STEP.fullmatch(each)],
    )


def describe_briefly(notes: dict[str, Any]) -> dict[str, str]:
    """Some settings in the notes of a run, for people."""
    config = notes.get("config")
    config = config if isinstance(config, dict) else {}
    found = {"size": config.get("size"), "seed": notes.get("seed")}
    found |= {"drawer": config.get("drawer"), "vqgan": config.get("vqgan")}
    computed = notes.get("computed")
    if isinstance(computed, dict):
        found["device"] = computed.get("device")
    return {key: str(value) for key, value in found.items() if value not in (None, "")}


def list_changes(notes: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes on the way, from a run's notes, which hold what was set before each.

    Returns:
        As in `RunState`.
    """
    found: list[dict[str, Any]] = []
    config = notes.get("config")
    with contextlib.suppress(TypeError, KeyError, AttributeError):
        now = flatten_keys(config if isinstance(config, dict) else {})
        now["prompts"] = notes.get("prompt")
        for each in reversed(notes.get("changes") or []):
            before = each["settings"]
            told = {key: str(format_value(now[key])) for key in before if key in now}
            found.insert(0, {"step": int(each["step"]), "settings": told})
            now |= before
    return [each for each in found if each["settings"]]


def _running(folder: Path) -> float:
    """Seconds since the steps of a run began: its notes are written just before the first."""
    try:
        return max(0.0, time.time() - (folder / "run.json").stat().st_mtime)
    except OSError:
        return 0.0


def _list(place: Path) -> Sequence[str]:
    try:
        return os.listdir(place)
    except OSError:
        return ()


def _read_log(path: Path, curves: bool) -> tuple[list[int], dict[str, list[float | None]], int]:
    """Steps, the losses at them, and how many steps are taken."""
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST_LOG).splitlines()
    except OSError:
        return [], {}, 0
    while lines and (last := _line(lines[-1])) is None:
        lines.pop()
    if not lines or last is None:
        return [], {}, 0
    taken = int(last["step"]) + 1
    if not curves:
        return [], {}, taken
    stride = max(1, math.ceil(len(lines) / POINTS))
    rows = [row for line in lines[:: stride or 1] if (row := _line(line)) is not None]
    if rows[-1:] != [last]:
        rows.append(last)
    names = dict.fromkeys(name for row in rows for name in row["losses"])
    found: dict[str, list[float | None]] = {"total": [_number(row.get("total")) for row in rows]}
    for name in names:
        found[str(name)] = [_number(row["losses"].get(name)) for row in rows]
    return [int(row["step"]) for row in rows], found, taken


def _line(line: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        row = json.loads(line)
        if isinstance(row, dict) and isinstance(row.get("losses"), dict):
            return row if isinstance(row.get("step"), int) else None
    return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def list_siblings(folder: Path) -> list[tuple[int, Path]]:
    """The offspring among which a run is one, by their numbers; none for any other run."""
    rows = read_object(folder.parent / FAMILY).get("offspring")
    found = [
        (row["number"], folder.parent / Path(str(row.get("folder"))).name)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("number"), int)
    ]
    return found if folder in (each for _, each in found) else []
