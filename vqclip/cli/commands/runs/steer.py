"""The command steer: other settings for a run that is being drawn.

vqclip steer outputs/0007-a-fox losses.smoothness=4 prompts="a fox:2 | fog"
vqclip steer outputs/0007-a-fox --pause
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli import prompt_arguments
from vqclip.cli.commands.runs.stretches import refuse_steering
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config.setting_descriptions import format_value, to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import ConfigError, OutputError, PictureError

if TYPE_CHECKING:
    from vqclip.run.record.steering import SteeringReply

WAIT = 120.0  # seconds: longer than a step takes where steps are slow


@dataclass(frozen=True, kw_only=True)
class SteerOptions(CommonOptions):
    """The options of `steer`."""

    words: list[str]
    pause: bool
    go_on: bool
    keep: bool

    @property
    def kind(self) -> str:
        """The kind of the request; see `vqclip.run.record.steering.KINDS`."""
        named = {"pause": self.pause, "continue": self.go_on, "keep": self.keep}
        return next((kind for kind, given in named.items() if given), "change")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} RUN  [key=value … | --pause | --continue | --keep]"
    parser.add_argument(
        "words", nargs="*", metavar="RUN", help="the run's folder, then key=value …"
    )
    several = parser.add_mutually_exclusive_group()
    several.add_argument(
        "--pause", action="store_true", help="let the run wait after its step, and save it"
    )
    several.add_argument(
        "--continue", dest="go_on", action="store_true", help="let a run that waits go on"
    )
    several.add_argument(
        "--keep", action="store_true", help="keep the picture of the last step, in RUN/kept"
    )


def steer(options: SteerOptions, screen: Console, progress: Progress) -> None:
    """Change, pause or keep a run while it is being drawn."""
    first, overrides = prompt_arguments.split_prompt(options.words, named=True)
    if first is None:
        raise ConfigError("name the run to steer: vqclip steer outputs/0001-a-fox")
    from vqclip.run.record import steering

    place = Path(first)
    folder = place if place.is_dir() else place.parent
    if not (folder / "run.json").is_file():
        raise PictureError(
            f"{first} is not a run; name the folder of a run, such as outputs/0001-a-fox"
        )
    if options.kind != "change" and overrides:
        raise ConfigError(
            f"--{options.kind} goes alone; change {overrides[0].partition('=')[0]} by a command "
            "of its own"
        )
    if options.kind == "change" and not overrides:
        raise ConfigError(
            f"say what to change, such as vqclip steer {folder} losses.smoothness=4; or one of "
            "--pause, --continue and --keep"
        )
    refuse_steering(folder)
    settings = _settle(folder, overrides) if overrides else {}
    if not steering.is_drawn(folder):
        typed = " ".join(overrides)
        more = f"; to continue it so: vqclip resume {folder} {typed}" if overrides else ""
        raise ConfigError(f"nobody is drawing {folder} now{more}")
    progress.started = True  # what fails from here on is no longer refused
    path = steering.write_request(folder, steering.SteeringRequest(options.kind, settings))
    reply = steering.wait_for_reply(path, lambda: steering.is_drawn(folder), WAIT)
    if reply is None:
        taken = not path.exists()
        path.unlink(missing_ok=True)
        raise OutputError(
            f"{folder} did not answer: it ended, or its steps take longer than {WAIT:.0f} s; "
            + (f"vqclip show {folder} tells what it did" if taken else "nothing was changed")
        )
    if reply.refused:
        raise OutputError(f"{folder} went on as before: {reply.refused}")
    _tell(options, folder, settings, reply, screen)


def _settle(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """Check changes by the run's notes: dotted key → value of what becomes different.

    Raises:
        ConfigError: if a change does not fit, cannot be made in mid-run, or changes nothing.
    """
    from vqclip.run.record import noted_changes, provenance

    notes = provenance.read_provenance(folder)
    config = noted_changes.lay_changes(notes, folder, overrides)
    now = flatten_keys(to_dict(config))
    changed = noted_changes.changed_settings(notes, config)
    if not changed:
        raise ConfigError(
            f"{' '.join(overrides)} changes nothing of {folder}: it is so already, or no part of "
            "the picture depends on it"
        )
    return {key: now[key] for key in changed}


def _tell(
    options: SteerOptions,
    folder: Path,
    settings: dict[str, Any],
    reply: SteeringReply,
    screen: Console,
) -> None:
    """Say what became of the request."""
    after = f"after step {reply.step}"
    told = ", ".join(f"{key}={format_value(value)}" for key, value in settings.items())
    words = {
        "change": f"from step {reply.step + 1} on: {told}",
        "pause": f"paused {after}; to go on: vqclip steer {folder} --continue",
        "continue": f"going on {after}",
        "keep": f"kept {folder / reply.kept}",
    }
    values = {"settings": json.loads(json.dumps(settings))} if settings else {}
    kept = {"kept": str(folder / reply.kept)} if reply.kept else {}
    screen.event("steered", run=str(folder), kind=options.kind, step=reply.step, **values, **kept)
    screen.say(words[options.kind])
