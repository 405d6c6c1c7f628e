"""The commands that draw: generate, animate, again and resume."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli import prompt_arguments
from vqclip.cli.commands.runs.run_drawing import EarlierPicture, prepare_run
from vqclip.cli.commands.runs.stretches import (
    Engine,
    draw_animation,
    read_engine,
    refuse_stretch,
)
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
from vqclip.errors import ConfigError
from vqclip.models.model_cache import keep_models
from vqclip.run.preflight import check_run

if TYPE_CHECKING:
    from vqclip.run.record.noted_changes import Change


@dataclass(frozen=True, kw_only=True)
class AgainOptions(CommonOptions):
    """The options of `again`."""

    words: list[str]
    out: str | None
    frames: str | None
    show: bool

    def overrides(self) -> list[str]:
        """The options that are another way to write a setting, as `key=value`."""
        return to_overrides({"out": self.out, frames_key(self.frames): self.frames})


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(CommonOptions):
    """The options of `resume`."""

    words: list[str]
    show: bool
    on: str
    workers: str | None


def generate(options: GenerateOptions, screen: Console, progress: Progress) -> None:
    """Draw a picture from a prompt (the default command)."""
    _draw_all(prompt_arguments.read_configs(options), options, screen, progress)


def animate(options: AnimateOptions, screen: Console, progress: Progress) -> None:
    """Draw an animation: with a camera, scenes, or over a film."""
    prompt_arguments.require_frames([*options.overrides(), *options.words])
    engine = read_engine(options.on, options.workers)
    _draw_all(prompt_arguments.read_animations(options), options, screen, progress, engine)


def _draw_all(
    found: Sequence[RunConfig],
    options: GenerateOptions,
    screen: Console,
    progress: Progress,
    engine: Engine | None = None,
) -> None:
    """Draw what some settings stand for, one after another.

    Raises:
        KeyboardInterrupt: if somebody asked to stop, also in the last step of one that is not the
            last: what is drawn is complete then, and the next does not begin.
    """
    for config in found if len(found) > 1 else []:
        check_run(config)  # what the last one lacks is said before the first is drawn
    with keep_models():
        for number, config in enumerate(found, start=1):
            if len(found) > 1:
                texts = {key: getattr(config, key) for key in loading.TEMPLATE_KEYS}
                screen.event("variant", number=number, of=len(found), **texts)
                screen.say(f"{number} of {len(found)}:")
                progress.started, progress.folder = False, None
            request = prepare_run(config, screen, progress)
            draw_animation(request, screen, progress, options.command, engine=engine)
            if progress.signal and number < len(found):  # it came in the run's last step
                screen.say(f"stopped after {number} of {len(found)}")
                raise KeyboardInterrupt


def again(options: AgainOptions, screen: Console, progress: Progress) -> None:
    """Make a picture again, with other settings if you like."""
    first, overrides = prompt_arguments.split_prompt(options.words, named=True)
    if first is None:
        raise ConfigError(
            "name the picture to make again: vqclip again outputs/0001-a-fox/final.png; "
            "to draw the word itself: vqclip generate again"
        )
    from vqclip.run.record import noted_changes, provenance

    notes = provenance.read_provenance(Path(first))
    place = Path(first) if os.path.isdir(first) else Path(first).parent
    short = options.overrides()
    if ":" in (options.frames or ""):
        short.append(f"retake.of={place}")
    typed = short + overrides
    asked = [text.partition("=")[0].strip() for text in typed]
    base = notes.settings
    changes: Sequence[Change] = ()
    if {"retake.of", "retake.frames"} & {*asked}:  # of a stretch, nothing is to be the same
        # It goes on from the frame before it, however that was drawn.
        base["motion"] = {k: v for k, v in base.get("motion", {}).items() if k != "parallel"}
    else:
        base, changes = noted_changes.split_changes(notes)
        changes = noted_changes.without_settings(changes, asked)
    if "layout" not in notes.config and "prompts" in asked:
        del base["layout"]  # that nothing was noted of layouts was about another prompt
    config = loading.load_config(base=base, overrides=typed)
    before = EarlierPicture(notes, place, changes)
    request = prepare_run(config, screen, progress, before)
    draw_animation(request, screen, progress, options.command, before)


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

    engine = read_engine(options.on, options.workers)
    folder = run_resume.find_run_folder(Path(first))
    refuse_stretch(folder)
    # Locked before anything is read that somebody else may be writing.
    with run_folder.locked_folder(folder):
        point = run_resume.find_resume_point(folder)
        config = run_resume.resumed_settings(point, overrides)
        request = prepare_run(config, screen, progress, point=point)
        draw_animation(request, screen, progress, options.command, point=point, engine=engine)
