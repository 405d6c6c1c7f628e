"""The command doctor.

vqclip doctor
vqclip doctor device=cuda:1
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from vqclip.cli.commands.machine import inventory
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, ModelError, VqclipError

TAKEN = ("device", "precision", "threads")  # settings
STEP = (  # the smallest run of the bundled models
    *("size=64x64", "steps=1", "growth=[]", "init=random", "drawer=vqgan", "layout=off"),
    *("vqgan=starter", "perceptors=starter", "film.format=none"),
)


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(CommonOptions):
    """The options of `doctor`."""

    words: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words of the command to its parser."""
    parser.usage = f"{parser.prog} [device=NAME] [precision=NAME]"
    parser.add_argument(
        "words", nargs="*", metavar="KEY=VALUE", help="what to try instead of what auto chooses"
    )


def doctor(options: DoctorOptions, screen: Console, progress: Progress) -> None:
    """Show what this machine has, and try one step on it."""
    others = [word for word in options.words if word.partition("=")[0] not in TAKEN]
    if others:
        takes = ", ".join(f"{key}=" for key in TAKEN)
        raise ConfigError(f"vqclip doctor takes {takes} and options, and not {others[0]!r}")
    config = loading.load_config(overrides=options.words)
    facts = []
    progress.started = True  # what fails from here on is what the command is to find out
    try:
        for fact in inventory.list_facts(config.device, config.precision):
            screen.event("fact", name=fact.name, value=fact.value)
            facts.append((fact.name, fact.value))
    finally:
        screen.table(facts)
    screen.say("trying one step …")
    from vqclip.run.record.provenance import describe_computation

    computed, seconds = try_step(config)
    screen.event("tried", **computed, seconds=round(seconds, 1))
    name = "one step".ljust(max(len(name) for name, _ in facts))
    where = describe_computation(computed)
    screen.result(f"{name}  drawn {where}, in {seconds:.1f} s with loading the models")


def try_step(config: RunConfig) -> tuple[dict[str, str], float]:
    """Load the bundled models, and take one step, on a device and in a precision.

    Returns:
        Device and precision, as a picture's notes have them, and seconds.

    Raises:
        ModelError: if anything fails, whatever it is.
    """
    from vqclip import session
    from vqclip.models import device
    from vqclip.run import preflight

    chosen = [f"{key}={getattr(config, key)}" for key in TAKEN]
    small = loading.load_config("a red heart", overrides=[*STEP, *chosen])
    began = time.perf_counter()
    try:
        ready = session.build_runner(preflight.make_request(small, complete=False))
        next(ready.play()).total()
    except Exception as error:  # what does not work here is to be told, not to be understood
        failed = device.describe_failure(error)
        told = failed or (str(error) if isinstance(error, VqclipError) else repr(error))
        advice = "" if failed or config.device == "cpu" else "; device=cpu may draw without it"
        tried = " ".join(chosen[:2])
        raise ModelError(f"one step with {tried} failed: {told}{advice}") from error
    return ready.provenance().computed, time.perf_counter() - began
