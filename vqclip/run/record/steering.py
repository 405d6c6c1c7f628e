"""Steering: requests to a run that is being drawn, as files in its folder.

    outputs/0007-a-fox/steering/NUMBER.json    a request; `vqclip steer` writes it, and `vqclip
                                               again` those of a run that was steered
                                NUMBER.reply   the answer, which the one who asked takes away
                                paused         is there while the run waits

Requests are taken between two steps, in the order of their names.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqclip.media.file_locks import is_locked
from vqclip.media.files import unwritable_error, write_whole
from vqclip.run.record.noted_changes import Change

FOLDER = "steering"
KINDS = ("change", "pause", "continue", "keep")
PAUSED = "paused"  # the file that is there while the run waits
MOST = 2**20  # bytes of a request: thousands of times what settings take
_POLL = 0.1  # seconds


@dataclass(frozen=True)
class SteeringRequest:
    """A request to a run.

    Args:
        kind: one of `KINDS`.
        settings: of a change: dotted key → value.
        step: how many steps are to be taken before it holds; None: it holds at once.
        path: the file that it was read from.
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    step: int | None = None
    path: Path | None = None


@dataclass(frozen=True)
class SteeringReply:
    """The answer of a run to a request.

    Args:
        step: how many steps were taken by then.
        refused: why it was not followed; "" if it was.
        kept: the picture that was kept, by its name in the run's folder.
    """

    step: int
    refused: str = ""
    kept: str = ""


def write_request(folder: Path, request: SteeringRequest, order: int = 0) -> Path:
    """Write a request into a run's folder.

    Args:
        order: of several that are written at once.

    Returns:
        Its file.

    Raises:
        OutputError: if it cannot be written.
    """
    place = folder / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable_error(place, error) from error
    values = {k: v for k, v in asdict(request).items() if k != "path"}
    name = f"{time.time_ns():020d}-{order:04d}-{os.getpid()}.json"
    return write_whole(place / name, json.dumps(values).encode(), durable=False)


def schedule_changes(folder: Path, changes: Sequence[Change]) -> None:
    """Write the changes that a run is to make after so many steps.

    Raises:
        OutputError: if they cannot be written.
    """
    for order, each in enumerate(changes):
        write_request(folder, SteeringRequest("change", each.settings, each.step), order)


def find_due(folder: Path, done: int) -> list[SteeringRequest]:
    """The requests that are to be followed after so many steps, in their order.

    Files that are no requests are passed over.
    """
    return [each for each in _requests(folder) if each.step is None or each.step <= done]


def find_scheduled(folder: Path) -> list[SteeringRequest]:
    """The changes that are to be made after later steps."""
    return [each for each in _requests(folder) if each.step is not None]


def answer_request(request: SteeringRequest, reply: SteeringReply) -> None:
    """Take a request away, and answer it if somebody waits."""
    if request.path is None:
        return
    with suppress(OSError):  # nobody is left who could read it
        if request.step is None:
            text = json.dumps(asdict(reply)).encode()
            write_whole(request.path.with_suffix(".reply"), text, durable=False)
        request.path.unlink(missing_ok=True)


def end_steering(folder: Path, done: int) -> None:
    """Answer what was asked too late, and clear away what a run that is complete leaves."""
    for each in _requests(folder):
        answer_request(each, SteeringReply(done, refused="the run had come to its end"))
    with suppress(OSError):  # replies that nobody has taken yet
        (folder / FOLDER).rmdir()


def wait_for_reply(
    path: Path, is_drawn: Callable[[], bool], seconds: float
) -> SteeringReply | None:
    """Wait for the answer to a request, and take it away.

    Args:
        path: the request's file.
        is_drawn: tells whether the run is still being drawn.

    Returns:
        The answer; None if there was none in time, or the run ended without one.
    """
    reply, until = path.with_suffix(".reply"), time.monotonic() + seconds
    while True:
        alive = is_drawn()  # asked first: a run may answer and end
        with suppress(OSError, ValueError, TypeError):
            found = SteeringReply(**json.loads(reply.read_bytes()))
            reply.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()  # the last one
            return found
        if not alive or time.monotonic() > until:
            return None
        time.sleep(_POLL)


def mark_paused(folder: Path, paused: bool) -> None:
    """Note in a run's folder whether it waits, as far as it can be written."""
    mark = folder / FOLDER / PAUSED
    with suppress(OSError):
        if paused:
            mark.parent.mkdir(exist_ok=True)
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
            mark.parent.rmdir()  # unless there are requests


def is_paused(folder: Path) -> bool:
    """Whether a run that is being drawn waits; of another run it tells nothing."""
    return (folder / FOLDER / PAUSED).is_file()


def is_drawn(folder: Path) -> bool:
    """Whether a vqclip is drawing into a run's folder."""
    return is_locked(folder / ".lock")


def _requests(folder: Path) -> Iterator[SteeringRequest]:
    """The requests in a run's folder, in their order."""
    try:
        names = sorted(os.listdir(folder / FOLDER))
    except OSError:
        return
    for name in (name for name in names if name.endswith(".json") and name[0] != "."):
        request = _read_request(folder / FOLDER / name)
        if request is not None:
            yield request


def _read_request(path: Path) -> SteeringRequest | None:
    """Read a request; None if it is none."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):  # a pipe would hold the run up
            return None
        with path.open("rb") as file:
            values = json.loads(file.read(MOST))
        kind, settings, step = (values.get(key) for key in ("kind", "settings", "step"))
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    known = kind in KINDS and isinstance(settings, dict)
    if not known or not (step is None or type(step) is int):
        return None
    return SteeringRequest(kind, settings, step, path)
