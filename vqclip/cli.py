"""The command line: parse, call one function, print. The border where errors become sentences.

`vqclip "a fox"` is `vqclip generate "a fox"`. A first word that is a command is the command; one
that names a .yaml file is a run file; anything else is the prompt. Exit codes: 0 done, 1 failed
after the run had started, 2 refused before, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from vqclip import __version__, commands, shelf
from vqclip.config import FILMS, WORD_KINDS, InversionConfig, describe
from vqclip.drawing import Progress
from vqclip.errors import ConfigError, VqclipError, suggest
from vqclip.places import CHECKPOINT
from vqclip.screen import Screen, table
from vqclip.sizes import final_size
from vqclip.training.settings import SCHEMAS

FLAGS = ("--json", "--quiet", "--debug", "--help", "-h", "--version")


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are ConfigErrors with a suggestion."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's exit into our error."""
        unknown = re.search(r"unrecognized arguments: (--?[\w-]+)", message)
        if unknown:
            options = [o for action in self._actions for o in action.option_strings]
            raise ConfigError(
                f"there is no option {unknown[1]}{suggest(unknown[1], options)} "
                f"(see {self.prog} --help)"
            )
        # "vqclip show", alone: a command without its words, or a prompt of one word?
        word = self.prog.rpartition(" ")[2]
        draw = (
            f"; to draw the word itself: vqclip generate {word}" if "required" in message else ""
        )
        raise ConfigError(f"{message} (see {self.prog} --help){draw}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:  # this process is ours, and torch is not here yet
        _open_streams()
        _share_cores()
    progress = Progress()
    screen = Screen(json="--json" in words, quiet="--quiet" in words)
    try:
        name, rest = _command(words)
        options = _parser(name).parse_intermixed_args(rest)
        screen = Screen(json=options.json, quiet=options.quiet)
        options.named_generate = name == "generate" and len(rest) < len(words)
        options.command = sys.argv if arguments is None else ["vqclip", *words]
        COMMANDS[name](options, screen, progress)
        return 0
    except VqclipError as error:
        if "--debug" in words:
            raise
        screen.error("; ".join([str(error), *getattr(error, "__notes__", [])]))
        if progress.started and progress.folder and (progress.folder / CHECKPOINT).is_file():
            screen.say(f"to go on from the last checkpoint: vqclip resume {progress.folder}")
        return 1 if progress.started else 2
    except KeyboardInterrupt:
        folder = f"; what there is lies in {progress.folder}" if progress.folder else ""
        screen.error(f"interrupted{folder}")
        return 128 + (progress.signal or signal.SIGINT)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (kept until the interpreter ends)
        return 1
    except Exception as error:
        if "--debug" in words:
            raise
        from vqclip import thrift  # torch is here by now, if it is to blame

        if thrift.is_lacking(error):
            screen.error(_less_memory(progress))
            return 1
        kind = type(error).__name__
        screen.error(
            f"this is a mistake in vqclip, not in what you did: {kind}: {error} "
            "(run it again with --debug for the details to report)"
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
    from vqclip import fitting, session

    width, height = final_size(config)
    would: list[str] = []
    with suppress(Exception):  # whatever else is wrong: memory is what the user is to hear of
        would = fitting.shrunk(config, session.perceptor_source)
    less = " or ".join(would or ["a smaller --size"])
    return f"not enough memory for {width}x{height}, even a square at a time; {less} needs less"


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


def _parser(name: str) -> Parser:
    """Make the parser of one command."""
    about = (COMMANDS[name].__doc__ or "").strip().split("\n")[0]
    parser = Parser(
        prog=f"vqclip {name}" if name != "generate" else "vqclip",
        description=about,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOGS[name]() if name in EPILOGS else None,
    )
    parser.add_argument("--version", action="version", version=f"vqclip {__version__}")
    if name in ("generate", "plan", "dream"):
        parser.usage = f'{parser.prog} "PROMPT" | FILE.yaml  [--option …] [key=value …]'
        parser.add_argument(
            "words", nargs="*", metavar="PROMPT", help='such as "a fox:2 | fog:-0.5"'
        )
        parser.add_argument(
            "--preset", action="append", default=[], metavar="NAME", help="NAME,… or FILE.yaml"
        )
        parser.add_argument("--seed", metavar="N", help="seed=N")
    if name == "dream":
        parser.add_argument("--count", metavar="N", help="dream.count=N")
    if name in ("generate", "plan"):
        parser.add_argument("--size", metavar="WxH", help="size=WxH")
        parser.add_argument("--steps", metavar="N", help="steps=N")
        parser.add_argument("--init", metavar="IMG", help="init=IMG")
        parser.add_argument("--film", action="store_true", help=f"film.format={FILMS[0]}")
    if name == "again":
        parser.add_argument(
            "words", nargs="*", metavar="PNG", help="the picture, then key=value …"
        )
    if name == "resume":
        parser.add_argument(
            "words", nargs="*", metavar="RUN", help="the run's folder, then key=value …"
        )
    if name in ("generate", "plan", "again", "dream"):
        parser.add_argument("--out", metavar="DIR", help="out=DIR")
    if name == "show":
        parser.add_argument("picture", metavar="PNG", help="a picture, or a run's folder")
    if name == "diff":
        parser.add_argument("first", metavar="A.png", help="a picture, or a run's folder")
        parser.add_argument("second", metavar="B.png", help="another")
    if name == "train":
        parser.usage = f"{parser.prog} [CONFIG …]  [--option …] [key=value …]"
        parser.add_argument(
            "words", nargs="*", metavar="CONFIG", help="a name, or FILE.yaml; none: list them"
        )
    if name == "invert":
        parser.usage = f"{parser.prog} PHOTO … --token NAME  [--option …] [key=value …]"
        parser.add_argument("words", nargs="*", metavar="PHOTO", help="3 to 10, of one thing")
        parser.add_argument("--token", metavar="NAME", help="the word; prompts write <NAME>")
        parser.add_argument("--init", metavar="WORD", help="init=WORD")
        parser.add_argument("--vectors", metavar="N", help="vectors=N")
        parser.add_argument(
            "--perceptor", dest="perceptors", metavar="NAME", help="perceptors=NAME,…"
        )
        parser.add_argument("--kind", metavar="KIND", help=f"kind={'|'.join(WORD_KINDS)}")
        parser.add_argument("--steps", metavar="N", help="steps=N")
        parser.add_argument("--out", metavar="DIR", help="out=DIR")
    if name == "models":
        parser.add_argument("action", type=shelf.action, metavar="|".join(shelf.ACTIONS))
        parser.add_argument(
            "name", nargs="?", help="of the model; for import, its checkpoint file"
        )
        parser.add_argument("--config", metavar="YAML", help="import: the model's taming YAML")
        parser.add_argument(
            "--name", dest="as_name", metavar="NAME", help="import: how to call it"
        )
    parser.set_defaults(named_generate=False, command=(), film=False)
    parser.add_argument("--json", action="store_true", help="for scripts: one object a line")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _epilog() -> str:
    """The commands and all settings."""
    others = [(name, (run.__doc__ or "").split("\n")[0]) for name, run in COMMANDS.items()]
    settings = [
        (f"  {s.key}={s.default}", s.help + (f" ({', '.join(s.choices)})" if s.choices else ""))
        for s in describe()
        if s.key != "prompts"
    ]
    return "\n".join(
        [
            "commands:",
            table([(f"  {name}", about) for name, about in others]),
            "",
            "settings (key=value; here with their defaults):",
            table(settings, {0: 30}),
        ]
    )


def _train_epilog() -> str:
    """The settings of every recipe."""
    lines = []
    for schema in dict.fromkeys(SCHEMAS.values()):
        names = " and ".join(name for name, each in SCHEMAS.items() if each is schema)
        rows = [
            (f"  {s.key.replace('begin', 'from')}={s.default}", s.help.removeprefix("from=: "))
            for s in describe(schema)
            if s.key != "recipe"
        ]
        lines += [f"settings of {names} (here with their defaults):", table(rows, {0: 30}), ""]
    return "\n".join(lines)


def _invert_epilog() -> str:
    """The settings of `invert`."""
    rows = [
        (f"  {s.key}={s.default}", s.help + (f" ({', '.join(s.choices)})" if s.choices else ""))
        for s in describe(InversionConfig)
    ]
    return "\n".join(["settings (key=value; here with their defaults):", table(rows, {0: 30})])


EPILOGS = {
    **{"generate": _epilog, "plan": _epilog},
    **{"train": _train_epilog, "invert": _invert_epilog},
}
Command = Callable[[Any, Screen, Progress], None]

COMMANDS: dict[str, Command] = {
    "generate": commands.generate,
    "again": commands.again,
    "resume": commands.resume,
    "show": commands.show,
    "diff": commands.diff,
    "plan": commands.plan,
    "dream": commands.dream,
    "presets": commands.presets,
    "models": commands.models,
    "train": commands.train,
    "invert": commands.invert,
}
