"""The command line: parsing, dispatch, and errors as sentences with exit codes.

`vqclip "a fox"` is `vqclip generate "a fox"`. A first word that is a command is the command; one
that names a .yaml file is a run file; anything else is the prompt. Exit codes: 0 done, 1 failed
after the run had started, 2 refused before, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic

from vqclip.cli import terminal, unquoted_words
from vqclip.cli.commands import (
    classify,
    completion,
    dream,
    explain,
    film,
    generate,
    invert,
    models,
    plot,
    score_film,
    search,
    show,
    train,
)
from vqclip.cli.commands.machine import doctor
from vqclip.cli.commands.runs import import_settings, sheet, steer, sweep, vary, web
from vqclip.cli.options import (
    AnimateOptions,
    CommonOptions,
    GenerateOptions,
    Options,
    parse_words,
    read_options,
)
from vqclip.cli.output import Console, Progress, say_warnings
from vqclip.cli.parser import parser_of
from vqclip.config.sizes import final_size
from vqclip.errors import PictureError, PromptError, VqclipError
from vqclip.language import assets
from vqclip.media.files import CHECKPOINT

FLAGS = ("--json", "--quiet", "--debug", "--help", "-h", "--version")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:  # this process is ours, and torch is not here yet
        _open_streams()
        _share_cores()
    progress = Progress()
    screen = Console(json="--json" in words, quiet="--quiet" in words)
    try:
        name, rest = _command(words)
        named = len(rest) < len(words)
        if name == "help" and (about := _about(rest)):
            name, rest = about, ["--help"]
        given = parse_words(parser_of(name, abouts(), named=named), rest)
        more: dict[str, Any] = {"command": sys.argv if arguments is None else ["vqclip", *words]}
        if name == "generate":
            more["named_generate"] = named
        if name == "web":
            more["commands"] = tuple(COMMANDS)
        if name == "completion":
            more["parsers"] = {each: parser_of(each, abouts()) for each in COMMANDS}
        command = COMMANDS[name]
        options = read_options(command.options, given, **more)
        if shown := getattr(options, "show", False):
            terminal.require_show()
        screen = Console(json=options.json, quiet=options.quiet, show=shown)
        with say_warnings(screen):
            command.run(options, screen, progress)
        return 0
    except VqclipError as error:
        if "--debug" in words:
            raise
        notes = [*getattr(error, "__notes__", []), *_slip(words)]
        told = "; ".join([str(error), *notes])
        if not progress.started and (split := unquoted_words.find_split_name(words)):
            advice = f"a file's name was typed in pieces; put it in quotes: {split}"
            # An error that quotes none of the pieces is about something else.
            is_cause = any(
                f"'{piece}'" in told or (len(piece) > 2 and piece in told)
                for piece in split.replace('"', " ").split()
            )
            told = advice if is_cause else f"{told}; also, {advice}"
        elif not isinstance(error, PromptError):  # which quotes what is drawn
            try:
                refuse_mangled_address(words, told)
            except PictureError as of_address:
                told = str(of_address)
        screen.error(told)
        if progress.started and progress.folder and (progress.folder / CHECKPOINT).is_file():
            screen.say(f"to continue from the last checkpoint: vqclip resume {progress.folder}")
        return 1 if progress.started else 2
    except KeyboardInterrupt:
        folder = f"; what was written so far is in {progress.folder}" if progress.folder else ""
        screen.error(f"interrupted{folder}")
        return 128 + (progress.signal or signal.SIGINT)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (kept until the interpreter ends)
        return 1
    except Exception as error:
        if "--debug" in words:
            raise
        from vqclip.models import device, memory  # torch is here by now, if it is to blame

        if memory.is_out_of_memory(error):
            screen.error(_less_memory(progress))
            return 1
        if failure := device.describe_failure(error):
            screen.error(failure)
            return 1
        kind = type(error).__name__
        screen.error(
            f"this is a bug in vqclip, not a mistake of yours: {kind}: {error} (run it again "
            "with --debug for the details to report)"
        )
        return 1


def _open_streams() -> None:
    """Let streams that whoever called us has closed lead nowhere.

    Otherwise the next file that is opened would get their number, and with it what is said.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    # A prompt may hold what the terminal cannot show, and a path bytes that are no letters.
    letters = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape" if letters else "backslashreplace")


def _share_cores() -> None:
    """Let torch's threads fall asleep sooner while they wait for each other.

    GNU's OpenMP keeps a waiting thread awake for milliseconds. Beside a busy program one of the
    threads is always late, and the others' waking keeps it so: on two cores, twenty steps took
    105 seconds beside one busy program, and 22 like this (alone: up to 4 % more).
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _less_memory(progress: Progress) -> str:
    """Say what would need less memory than what was tried."""
    config = progress.config
    if config is None:
        return "not enough memory; close other programs, and try again"
    from vqclip.run import memory_reduction
    from vqclip.run.preflight import make_request

    width, height = final_size(config)
    would: list[str] = []
    with suppress(Exception):  # whatever else is wrong: memory is what the user is to hear of
        request = make_request(config, begun=True, complete=False)
        would = memory_reduction.suggest_smaller(config, request.perceptors, request.parts)
    would = would or ["a smaller --size"]
    if config.init == "dream" and not progress.started:
        would.append("init=random")  # the draft may have been what lacked it
    less = " or ".join(would)
    tried = ", even with one cutout at a time" if progress.started else ""
    return f"not enough memory for {width}x{height}{tried}; {less} needs less"


def _command(words: list[str]) -> tuple[str, list[str]]:
    """Split off the command; without one it is `generate`.

    Only flags may stand before it: in `--out plan`, "plan" is a folder.
    """
    for index, word in enumerate(words):
        if word in COMMANDS:
            return word, [*words[:index], *words[index + 1 :]]
        if word not in FLAGS:
            break
    return "generate", words


def _about(words: Sequence[str]) -> str | None:
    """The command that `vqclip help` is asked about, if it is one."""
    bare = [word for word in words if word not in FLAGS]
    return bare[0] if len(bare) == 1 and bare[0] in COMMANDS else None


def _slip(words: Sequence[str]) -> list[str]:
    """What a first word that draws nothing may have been meant for, in words."""
    first = next((word for word in words if word not in FLAGS), "")
    near = get_close_matches(first, COMMANDS, n=1, cutoff=0.8)
    return [f"if you meant a command: vqclip {each} …" for each in near if each != first]


def refuse_mangled_address(typed: Iterable[str], message: str) -> None:
    """Refuse an address that was typed, if a message is about it or about a path made of it.

    Args:
        typed: the words of a command line: an address alone, after `key=`, or after the `@` or
            the bracket of a prompt; elsewhere in a prompt it is text.

    Raises:
        PictureError: that names the address as it was written.
    """
    for word in typed:
        text = re.match(r"(prompts|negative|style)=", word) is not None
        begin = r"(?:[@({])" if text else r"(?:^|[=@({])"
        for found in re.finditer(f"{begin}({assets.ADDRESS.pattern})", word, re.IGNORECASE):
            address = re.sub(r"(:[-\d.]+|[|)}])*$", "", found[1])
            told = address in message or str(Path(address)) in message
            if told and f"{address} is an address" not in message:
                assets.refuse_address(address)


def abouts() -> dict[str, str]:
    """What each command does, in a line."""
    return {name: command.about for name, command in COMMANDS.items()}


@dataclass(frozen=True)
class Command(Generic[Options]):
    """A command: what runs it, and the class of its options."""

    run: Callable[[Options, Console, Progress], None]
    options: type[Options]

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (self.run.__doc__ or "").strip().split("\n")[0]


COMMANDS: dict[str, Command[Any]] = {
    "generate": Command(generate.generate, GenerateOptions),
    "animate": Command(generate.animate, AnimateOptions),
    "again": Command(generate.again, generate.AgainOptions),
    "resume": Command(generate.resume, generate.ResumeOptions),
    "steer": Command(steer.steer, steer.SteerOptions),
    "show": Command(show.show, show.ShowOptions),
    "diff": Command(show.diff, show.DiffOptions),
    "plan": Command(show.plan, show.PlanOptions),
    "sweep": Command(sweep.sweep, sweep.SweepOptions),
    "sheet": Command(sheet.sheet, sheet.SheetOptions),
    "vary": Command(vary.vary, vary.VaryOptions),
    "web": Command(web.web, web.WebOptions),
    "dream": Command(dream.dream, dream.DreamOptions),
    "explain": Command(explain.explain, explain.ExplainOptions),
    "direction": Command(explain.direction, explain.DirectionOptions),
    "classify": Command(classify.classify, classify.ClassifyOptions),
    "score": Command(classify.score, score_film.ScoreOptions),
    "search": Command(search.search, search.SearchOptions),
    "film": Command(film.film, film.FilmOptions),
    "plot": Command(plot.plot, plot.PlotOptions),
    "presets": Command(show.presets, CommonOptions),
    "import": Command(import_settings.import_settings, import_settings.ImportOptions),
    "models": Command(models.models, models.ModelsOptions),
    "train": Command(train.train, train.TrainOptions),
    "invert": Command(invert.invert, invert.InvertOptions),
    "help": Command(explain.help, explain.HelpOptions),
    "doctor": Command(doctor.doctor, doctor.DoctorOptions),
    "completion": Command(completion.completion, completion.CompletionOptions),
}
