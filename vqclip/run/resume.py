"""Resuming a run from its last checkpoint.

The VQGAN, the size and the perceptors stay as they were: the latent and the random streams
would mean nothing to others. The rest may change, and what changed is noted in the picture.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vqclip.config.draw_settings import drawer_names
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, ModelError, PictureError
from vqclip.optimisers import optimiser_versions
from vqclip.run.record import checkpoint as record_checkpoint
from vqclip.run.record import provenance
from vqclip.run.record.noted_changes import changed_settings, lay_changes
from vqclip.run.record.provenance import Provenance
from vqclip.run.runner import Runner
from vqclip.run.steps.runner_state import RunnerState


@dataclass(frozen=True)
class FilmProgress:
    """The film so far: its folder of frames, how many there are, and up to which step."""

    folder: str
    frames: int
    done: int


@dataclass(frozen=True)
class ResumePoint:
    """Where a run stopped, and what made it until then.

    Attributes:
        starts: the first step of each frame of an animation.
        until: the number after that of the last frame that is drawn, if it is only a stretch.
    """

    folder: Path
    notes: Provenance
    state: RunnerState
    stages: list[tuple[int, int, int]]
    checkpoint: dict[str, Any]
    film: FilmProgress | None
    starts: tuple[int, ...] = ()
    until: int | None = None

    @property
    def first_steps(self) -> int:
        """The setting `steps` as it was when the run began."""
        changed = [each["settings"] for each in self.notes.changes]
        before = [settings["steps"] for settings in changed if "steps" in settings]
        return int([*before, self.notes.config["steps"]][0])


def write_resume_point(
    ready: Runner, folder: Path, state: RunnerState, film_progress: FilmProgress | None
) -> None:
    """Write a checkpoint of a session between two steps.

    Args:
        state: of the session, or the one that it goes on from; what its judge has seen is as the
            session has it, since other settings let it begin anew.

    Raises:
        OutputError: if it cannot be written.
    """
    tensors = {name: each for name, each in state.tensors.items() if name != "plateau"}
    tensors |= {} if ready.plateau is None else ready.plateau.state()
    notes = {
        "provenance": asdict(ready.provenance()),
        "done": state.done,
        "averaged": state.averaged,
        "moved": state.moved,
        "slowed": state.rate_factor,
        "stages": ready.stages,
        "starts": ready.clock.starts,
        "checkpoint": asdict(ready.config.checkpoint),
        "reel": None if film_progress is None else asdict(film_progress),
    }
    record_checkpoint.write_run_checkpoint(folder, tensors, notes)


def find_run_folder(place: Path) -> Path:
    """The folder of a run, or of a file in it.

    Raises:
        PictureError: if there is no run.
    """
    folder = place if os.path.isdir(place) else place.parent
    if not os.path.lexists(place) or not (folder / "run.json").is_file():
        raise PictureError(
            f"{place} is not a run; name the folder of a run, such as outputs/0001-a-fox"
        )
    return folder


def find_resume_point(folder: Path) -> ResumePoint:
    """Read where the run in a folder stopped.

    Raises:
        PictureError: if there is no checkpoint that can be read.
    """
    found = record_checkpoint.read_run_checkpoint(folder)
    notes = found.notes
    return ResumePoint(
        folder=folder,
        notes=provenance.modernise_notes(Provenance(**notes["provenance"])),
        state=RunnerState(
            notes["done"], found.tensors, notes["averaged"], notes["moved"], notes["slowed"]
        ),
        stages=[(wide, high, count) for wide, high, count in notes["stages"]],
        checkpoint=notes["checkpoint"],
        film=None if notes["reel"] is None else FilmProgress(**notes["reel"]),
        starts=tuple(notes.get("starts", ())),
    )


def resumed_settings(
    point: ResumePoint,
    overrides: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Lay changes over the settings that a run had.

    Args:
        overrides: as they are typed, `key=value`.
        values: further ones, dotted key → value.

    Raises:
        ConfigError: if a change does not fit, or the run would be another one by it.
    """
    more = {"checkpoint": point.checkpoint}
    config = lay_changes(point.notes, point.folder, overrides, values=values, more=more)
    if config.frames or point.notes.config.get("frames"):
        _check_frames(point, config)
        return config
    finished = len(drawer_names(config.drawer)) == 2
    earlier = point.stages if finished else point.stages[:-1]
    least = max(point.state.done, sum(count for _, _, count in earlier) + 1)
    if config.steps < least:
        raise ConfigError(
            f"steps is {config.steps}, but {point.folder} has taken {point.state.done} of "
            f"{point.notes.config['steps']}; write {least} or more"
        )
    _refuse_to_go_on(point, config)
    if config.steps == point.state.done and (point.folder / "final.png").exists():
        raise ConfigError(
            f"{point.folder} is complete; to continue it: vqclip resume {point.folder} "
            f"steps={config.steps + max(1, config.steps // 2)}"
        )
    return config


def _refuse_to_go_on(point: ResumePoint, config: RunConfig) -> None:
    """Refuse a run that its plateau has ended, unless something is set otherwise now.

    Raises:
        ConfigError: that says so.
    """
    stop = {"step": point.state.done, "of": config.steps}
    ended = stop in point.notes.stopped[-1:] and (point.folder / "final.png").exists()
    if ended and config.stop == "plateau" and not changed_settings(point.notes, config):
        raise ConfigError(
            f"{point.folder} is complete: stop=plateau ended it after step {point.state.done} of "
            f"{config.steps}; to continue it: vqclip resume {point.folder} stop=off"
        )


def _check_frames(point: ResumePoint, config: RunConfig) -> None:
    """Refuse an animation that has as many frames as are asked for, or becomes a still.

    Raises:
        ConfigError: that says so.
    """
    before = int(point.notes.config.get("frames", 0))
    whole = config.loop or config.retake.of  # it has an end that it cannot go beyond
    if (
        not (before and config.frames)
        or config.frames < before
        or (whole and config.frames != before)
    ):
        raise ConfigError(
            f"frames is {config.frames}, but {point.folder} is a run of {before}; "
            + (f"write {before} or more" if before and not whole else "leave it so")
        )
    if config.frames == before and (point.folder / "final.png").exists():
        more = before + max(1, before // 2)
        longer = f"; to continue it: vqclip resume {point.folder} frames={more}"
        raise ConfigError(f"{point.folder} is complete{'' if whole else longer}")


def read_start_picture(point: ResumePoint) -> Tensor | None:
    """The picture that the run began with, if it did: [1, 3, H, W] in [0, 1]."""
    kept = point.state.tensors.get("start")
    return None if kept is None else kept.float() / 255


def restore_into(ready: Runner, point: ResumePoint) -> None:
    """Let a session that was built from `resumed_settings` go on where the run stopped.

    Raises:
        ModelError: if a model, or a picture that it reads, is another file than then.
        ConfigError: if the checkpoint does not fit, or frames that are drawn had other steps.
    """
    for name, digest in point.notes.models.items():
        if ready.models.get(name, digest) != digest:
            raise ModelError(
                f"{name} is not the file that the run began with, so the run cannot continue; "
                "put the old file back, or draw the picture again from the start: vqclip again "
                f"{point.folder}"
            )
    drawn = bisect_right(point.starts, point.state.done)
    if ready.clock.starts[:drawn] != point.starts[:drawn]:
        raise ConfigError(
            f"motion.steps is {ready.config.motion.steps!r}, which depends on the number of "
            "frames, so the frames drawn so far would have had other steps: this run cannot "
            "become longer. Next time, write it without percentages and shares"
        )
    drawn = sum(count for _, _, count in point.stages)
    wide, high, last = point.stages[-1]
    if ready.finish is None:
        ready.stages = [*point.stages[:-1], (wide, high, ready.config.steps - drawn + last)]
    else:  # the last drawer takes over when it was to
        ready.stages = point.stages
        ready.finish = (ready.finish[0], ready.config.steps - drawn)
    ready.restore(point.state)
    if ready.feedback is not None:
        ready.feedback.until = point.until
    ready.models = point.notes.models | ready.models
    ready.changes, ready.stopped = list(point.notes.changes), list(point.notes.stopped)
    other = changed_settings(point.notes, ready.current_picture())
    before, after = point.notes.computed, ready.provenance().computed
    if before and before != after:
        was = {"decoder": "fp32"} | before  # which is not noted
        other |= {key: value for key, value in was.items() if after.get(key, "fp32") != value}
        then, here = map(provenance.describe_computation, (before, after))
        ready.notes.append(
            f"the run began {then}; from here on it is computed {here}, and may differ slightly"
        )
    if other:
        ready.changes.append({"step": point.state.done, "settings": other})
        if ready.plateau is not None:  # what comes gets a patience of its own
            ready.plateau.begin_part()
    now = provenance.package_versions() | optimiser_versions(ready.config.optimiser.name)
    moved = [
        f"{k} {v} (now {now.get(k)})" for k, v in point.notes.versions.items() if now.get(k) != v
    ]
    if moved:
        ready.notes.append(
            f"the run began with {', '.join(moved)}; results may differ very slightly from here "
            "on"
        )
