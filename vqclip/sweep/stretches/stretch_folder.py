"""The folder of an animation's stretches: what is drawn of them already, and where.

    outputs/0004-a-drawing/            the animation's run folder, with its first frame
        stretches/  stretches.json     which frames are in which stretch, and a sum over
                                       the checkpoint that they go on from
                    0001/              a run folder for each stretch, as any other
                    0002/

Each stretch goes on from the checkpoint that the first frame left, which has all that frames have
in common: the cutouts' random numbers and the scenes' drafts. What a stretch has come to is told
by its folder, and its lock says whether somebody draws it, as for the runs of a sweep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqclip.config.setting_layers import flatten_keys
from vqclip.config.steps.frame_stretches import cut_frames
from vqclip.errors import ConfigError, PictureError
from vqclip.media.files import STRETCHES, read_object, unwritable_error, write_whole
from vqclip.run.record.checkpoint import read_run_checkpoint, write_run_checkpoint
from vqclip.run.record.noted_changes import UNSEEN
from vqclip.run.record.run_folder import stretches_file
from vqclip.run.record.writer import write_json
from vqclip.run.resume import ResumePoint, find_resume_point
from vqclip.sweep.sweep_folder import BEGUN, DONE, FAILED, RunPlace


@dataclass(frozen=True)
class Stretch(RunPlace):
    """A stretch of frames, and the run folder that it has, or will have.

    Args:
        number: from 1.
        first: its first frame.
        until: the number after that of its last frame.
    """

    number: int
    first: int
    until: int

    def describe(self) -> str:
        """Say which frames it has, by numbers from 1, as bars count them."""
        if self.until - self.first == 1:
            return f"frame {self.until}"
        return f"frames {self.first + 1} to {self.until}"


@dataclass(frozen=True)
class StretchFolder:
    """The stretches of an animation.

    Args:
        run: the animation's run folder.
        stretches: in their order.
        opening: where the animation stands after its first frame.
        seconds: that the first frame has taken.
    """

    run: Path
    stretches: Sequence[Stretch]
    opening: ResumePoint
    seconds: float

    @property
    def path(self) -> Path:
        """The folder in which they lie."""
        return self.run / STRETCHES

    @property
    def missing(self) -> list[Stretch]:
        """The stretches that are not done, those that began first."""
        left = [each for each in self.stretches if each.state != DONE]
        return sorted(left, key=lambda each: each.state != BEGUN)

    def begin(self) -> None:
        """Let those that failed be tried again.

        Raises:
            OutputError: if what is noted of a failure cannot be removed.
        """
        for each in self.stretches:
            try:
                (each.folder / FAILED).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable_error(each.folder, error) from error

    def find_point(self, stretch: Stretch, begun: ResumePoint | None) -> ResumePoint:
        """Where a stretch goes on: from its own checkpoint, or as the frame before it would.

        Args:
            begun: where it stopped, if it has begun.
        """
        if begun is not None:
            return replace(begun, until=stretch.until)
        state, starts = self.opening.state, self.opening.starts
        done = starts[stretch.first]
        # The optimiser counts all steps, also those that others take.
        moved = state.moved + done - state.done
        return replace(
            self.opening,
            folder=stretch.folder,
            state=replace(state, done=done, moved=moved),
            film=None,
            until=stretch.until,
        )


def plan_stretches(run: Path) -> StretchFolder:
    """Cut up an animation of which the first frame is drawn, unless it is cut up already.

    Args:
        run: its run folder.

    Raises:
        ConfigError: if there are stretches that go on from another first frame.
        OutputError: if it cannot be noted.
        PictureError: if there is no checkpoint that can be read.
    """
    path = run / STRETCHES
    if not stretches_file(run).is_file():
        if next(path.glob("[0-9]*"), None) is not None:  # of what, nobody can tell
            raise _other_stretches(path)
        opening = find_resume_point(run)
        frames = int(opening.notes.config["frames"])
        seconds = read_object(run / "run.json").get("seconds")
        told = {"frames": frames, "stretches": cut_frames(frames), "seconds": seconds}
        told["opening"] = _digest_opening(opening)
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable_error(path, error) from error
        write_whole(stretches_file(run), json.dumps(told, indent=1).encode())
    found = open_stretches(path)
    if not _is_opening(found.opening) or _is_noted(found.opening.notes.config):
        return found
    _note_setting(run)
    return open_stretches(path)


def open_stretches(path: Path) -> StretchFolder:
    """Read the stretches of an animation.

    Args:
        path: the folder in which they lie.

    Raises:
        ConfigError: if they go on from another first frame than the animation has now.
        PictureError: if it does not tell which there are, or the checkpoint of the first frame
            cannot be read.
    """
    file = stretches_file(path.parent)
    told = read_object(file)
    opening = find_resume_point(path.parent)
    try:
        parts = [(int(first), int(until)) for first, until in told["stretches"]]
        borders = [1, *(until for _, until in parts)]
        if [first for first, _ in parts] != borders[:-1] or borders != sorted({*borders}):
            raise ValueError("frames are left out, or there are some twice")
        if borders[-1] != len(opening.starts):
            raise ValueError(f"they end before frame {len(opening.starts)}")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PictureError(
            f"{file} does not say which frames the stretches have ({error}); delete {path}, and "
            "they are drawn again"
        ) from error
    # Of an animation that has gone on, or is joined, the checkpoint is a later one.
    if _is_opening(opening) and told.get("opening") != _digest_opening(opening):
        raise _other_stretches(path)
    stretches = [
        Stretch(path / f"{number:04d}", number, first, until)
        for number, (first, until) in enumerate(parts, start=1)
    ]
    return StretchFolder(path.parent, stretches, opening, _number(told.get("seconds")))


def _is_opening(point: ResumePoint) -> bool:
    """Whether an animation stands after its first frame."""
    return point.starts[1:2] == (point.state.done,)


def _digest_opening(opening: ResumePoint) -> str:
    """A sum over what stretches go on from: the settings, and what the first frame left."""
    notes, state = opening.notes, opening.state
    settings = flatten_keys(notes.settings)
    told = [
        {key: value for key, value in settings.items() if key not in UNSEEN},
        *(notes.models, notes.changes, opening.starts, opening.stages),
        *(state.done, state.averaged, state.moved, state.rate_factor),
    ]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, tensor in sorted(state.tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _other_stretches(path: Path) -> ConfigError:
    run = path.parent
    return ConfigError(
        f"the stretches in {path} do not belong to what {run} is now: its settings, or its first "
        f"frame, have changed since; delete {path}, and they are drawn again, or go on one frame "
        f"after another: vqclip resume {run} motion.parallel=false"
    )


def _is_noted(config: Mapping[str, Any]) -> bool:
    """Whether noted settings say that an animation is drawn in stretches."""
    motion = config.get("motion")
    return isinstance(motion, dict) and motion.get("parallel") is True


def _note_setting(run: Path) -> None:
    """Note that an animation goes on in stretches, which began one frame after another.

    The next `resume` would leave them alone otherwise.
    """
    kept, noted = read_run_checkpoint(run), read_object(run / "run.json")
    for config in (noted.get("config"), kept.notes["provenance"]["config"]):
        if isinstance(config, dict):
            config["motion"] = {**config.get("motion", {}), "parallel": True}
    write_json(run / "run.json", noted)
    write_run_checkpoint(run, kept.tensors, kept.notes)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
