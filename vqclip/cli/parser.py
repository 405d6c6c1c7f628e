"""The argument parser: the words, options and help of each command.

`vqclip.cli.main` asks for a parser; what the words mean is the business of `vqclip.commands`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

from vqclip import __version__
from vqclip.cli import arguments, image_arguments
from vqclip.cli.commands import models
from vqclip.cli.commands.explain import TOPICS
from vqclip.cli.commands.score_film import FLOW
from vqclip.cli.console import table
from vqclip.config.animation_checks import GROUPS
from vqclip.config.describe import Setting, describe_settings
from vqclip.errors import ConfigError, suggest
from vqclip.training.settings import SCHEMAS, WORD_KINDS, InversionConfig

GENERAL = ("generate", "plan")  # what takes every setting shows every setting


DREAMT = ("negative", "style", "seed", "out", "device")


TIMED = ("frames", "length", "fps", "loop", "fade", "size", "steps", "seed", "out")


def epilog(name: str, abouts: Mapping[str, str]) -> str | None:
    """What stands below the options in a command's help; None: nothing.

    Args:
        abouts: what each command does, in a line.
    """
    if name in GENERAL:
        commands = table([(f"  {each}", about) for each, about in abouts.items()])
        return "\n".join(["commands:", commands, "", _settings(_all())])
    if name == "train":
        return _recipes()
    if name == "animate":
        return f"{_settings(_taken(name))}\nall others: vqclip --help"
    return _settings(_taken(name)) if name in TAKEN else None


def _all() -> list[Setting]:
    return [each for each in describe_settings() if each.key != "prompts"]


def _taken(name: str) -> Iterable[Setting]:
    settings = describe_settings(InversionConfig) if name == "invert" else _all()
    return [each for each in settings if TAKEN[name](each.key)]


def _settings(settings: Iterable[Setting]) -> str:
    rows = [(f"  {each.key}={each.default}", each.told) for each in settings]
    return "\n".join(["settings (key=value; here with their defaults):", table(rows, {0: 30})])


def _recipes() -> str:
    """The settings of every recipe of `train`."""
    lines = []
    for schema in dict.fromkeys(SCHEMAS.values()):
        names = " and ".join(name for name, each in SCHEMAS.items() if each is schema)
        rows = [
            (f"  {s.key.replace('begin', 'from')}={s.default}", s.help.removeprefix("from=: "))
            for s in describe_settings(schema)
            if s.key != "recipe"
        ]
        lines += [f"settings of {names} (here with their defaults):", table(rows, {0: 30}), ""]
    return "\n".join(lines)


# Which settings a command that takes some of them shows, by their keys.
TAKEN: dict[str, Callable[[str], bool]] = {
    "animate": lambda key: key in TIMED or key.partition(".")[0] in (*GROUPS, "film"),
    "invert": lambda key: True,
    "film": lambda key: key.startswith("film.") and key != "film.every",
    "dream": lambda key: key.startswith("dream.") or key in DREAMT,
    **dict.fromkeys(("classify", "score", "search"), lambda key: key in image_arguments.TAKEN),
}


PROMPTED = ("generate", "animate", "plan", "dream", "explain")  # the commands that take a prompt


LOOKING = ("classify", "score", "search")  # those that look at pictures


ANIMATED = {  # options of animations, what follows them, and what they say
    "--frames": ("N", "frames=N"),
    "--fps": ("N", "fps=N"),
    "--length": ("SECONDS", "length=SECONDS"),
    "--source": ("FILM", "source.film=FILM: draw over it"),
    "--sound": ("FILE", "sound.file=FILE"),
    "--loop": ("", "loop=true"),
}


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are ConfigErrors with a suggestion."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's exit into our error."""
        unknown = re.search(r"unrecognized arguments: (--?[\w.-]+)", message)
        if unknown:
            options = [o for action in self._actions for o in action.option_strings]
            if unknown[1] in ANIMATED and self.prog in ("vqclip", "vqclip dream"):
                raise ConfigError(
                    f"there is no option {unknown[1]} here, but in vqclip animate (see vqclip "
                    "animate --help)"
                )
            hint = arguments.setting_of(unknown[1]) or suggest(unknown[1], options)
            raise ConfigError(f"there is no option {unknown[1]}{hint} (see {self.prog} --help)")
        # "vqclip show", alone: a command without its words, or a prompt of one word?
        word = self.prog.rpartition(" ")[2]
        draw = (
            f"; to draw the word itself: vqclip generate {word}" if "required" in message else ""
        )
        raise ConfigError(f"{message} (see {self.prog} --help){draw}")


def parser_of(name: str, abouts: Mapping[str, str]) -> Parser:
    """Make the parser of one command.

    Args:
        abouts: what each command does, in a line.
    """
    parser = Parser(
        prog=f"vqclip {name}" if name != "generate" else "vqclip",
        description=abouts[name],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=epilog(name, abouts),
    )
    parser.add_argument("--version", action="version", version=f"vqclip {__version__}")
    if name in PROMPTED:
        _add_prompted(parser, name)
    if name in LOOKING:
        _add_looking(parser, name)
    if name in OTHERS:
        OTHERS[name](parser)
    parser.set_defaults(named_generate=False, command=(), film=False, draft=False)
    parser.add_argument("--json", action="store_true", help="for scripts: one object a line")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _add_prompted(parser: Parser, name: str) -> None:
    """Add what the commands take that read a prompt."""
    parser.usage = f'{parser.prog} "PROMPT" | FILE.yaml | FILE.txt  [--option …] [key=value …]'
    parser.add_argument("words", nargs="*", metavar="PROMPT", help='such as "a fox:2 | fog:-0.5"')
    parser.add_argument(
        "--preset", action="append", default=[], metavar="NAME", help="NAME,… or FILE.yaml"
    )
    parser.add_argument("--seed", metavar="N", help="seed=N")
    parser.add_argument("--negative", metavar="PROMPT", help="negative=PROMPT")
    parser.add_argument("--out", metavar="DIR", help="out=DIR")
    if name == "dream":
        parser.add_argument("--count", metavar="N", help="dream.count=N")
        parser.add_argument(
            "--size", metavar="WxH", help="size=WxH of a run that goes on from one"
        )
    if name in ("generate", "animate", "plan"):
        parser.add_argument("--size", metavar="WxH", help="size=WxH")
        parser.add_argument("--steps", metavar="N", help="steps=N")
        parser.add_argument("--init", metavar="IMG", help="init=IMG")
        parser.add_argument("--film", action="store_true", help="film.format=mp4")
    for option, (metavar, what) in ANIMATED.items() if name in ("animate", "plan") else ():
        if metavar:
            parser.add_argument(option, metavar=metavar, help=what)
        else:
            parser.add_argument(option, action="store_const", const="true", help=what)
    if name in ("generate", "animate", "plan"):
        parser.add_argument(
            "--draft",
            action="store_true",
            help="half of each side, a tenth of the steps",
        )


def _add_again(parser: Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="PNG", help="the picture, then key=value …")
    parser.add_argument("--out", metavar="DIR", help="out=DIR")
    parser.add_argument(
        "--frames", metavar="A:B", help="of an animation: draw the frames from A to B - 1 anew"
    )


def _add_resume(parser: Parser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="RUN", help="the run's folder, then key=value …"
    )


def _add_direction(parser: Parser) -> None:
    parser.usage = f"{parser.prog} THERE LACKING --name NAME [perceptors=NAME,…]"
    parser.add_argument(
        "words", nargs="*", metavar="SET", help='words, or pictures: "sunny | @sun/*.jpg"'
    )
    parser.add_argument("--name", dest="as_name", metavar="NAME", help="what to call it")


def _add_help(parser: Parser) -> None:
    parser.add_argument("topic", nargs="?", default="prompts", help=", ".join(TOPICS))


def _add_plot(parser: Parser) -> None:
    parser.add_argument(
        "words", nargs="+", metavar="SCHEDULE", help='such as "0: 0, 50%%: 2" "1 + sin(t)"'
    )
    parser.add_argument("--frames", metavar="N", help="of an animation (200)")
    parser.add_argument("--steps", metavar="N", help="of a picture, where a step is a frame")
    parser.add_argument("--fps", metavar="N", help="frames a second (15)")
    parser.add_argument("--sound", metavar="FILE", help="what low, beat and so on come from")
    parser.add_argument("--out", metavar="FILE.png", help="a picture of the curves")


def _add_show(parser: Parser) -> None:
    parser.add_argument("picture", metavar="PNG", help="a picture, or a run's folder")


def _add_diff(parser: Parser) -> None:
    parser.add_argument("first", metavar="A.png", help="a picture, or a run's folder")
    parser.add_argument("second", metavar="B.png", help="another")


def _add_train(parser: Parser) -> None:
    parser.usage = f"{parser.prog} [CONFIG …]  [--option …] [key=value …]"
    parser.add_argument(
        "words", nargs="*", metavar="CONFIG", help="a name, or FILE.yaml; none: list them"
    )


def _add_models(parser: Parser) -> None:
    parser.add_argument("action", type=models.action, metavar="|".join(models.ACTIONS))
    parser.add_argument("name", nargs="?", help="of the model; for import, its checkpoint file")
    parser.add_argument("--config", metavar="YAML", help="import: the model's taming YAML")
    parser.add_argument("--name", dest="as_name", metavar="NAME", help="import: how to call it")


def _add_film(parser: Parser) -> None:
    parser.usage = f"{parser.prog} RUN | FOLDER | PICTURE … | FILM  [--option …] [key=value …]"
    parser.add_argument(
        "words", nargs="*", metavar="FRAMES", help="a run, a folder, pictures, '*.png', a film"
    )
    parser.add_argument("--format", metavar="KIND", help="mp4, mov, webm, gif, webp or frames")
    parser.add_argument("--fps", metavar="N", help="film.fps=N; of a film: its own")
    parser.add_argument("--size", metavar="WxH", help="of the film; else that of the first")
    parser.add_argument("--codec", metavar="NAME", help="film.codec=NAME")
    parser.add_argument("--crf", metavar="N", help="film.crf=N")
    parser.add_argument("--quality", metavar="N", help="film.quality=N")
    parser.add_argument("--between", metavar="N", help="film.between=N")
    parser.add_argument("--sound", metavar="FILE", help="what is heard: a song, another film")
    parser.add_argument("--sound-start", metavar="SECONDS", help="where in it the film begins")
    parser.add_argument("--sheet", metavar="N", help="lay every Nth picture on a sheet instead")
    parser.add_argument("--out", metavar="FILE", help="such as film.webm; its suffix is the kind")


def _add_invert(parser: Parser) -> None:
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


OTHERS: dict[str, Callable[[Parser], None]] = {
    "again": _add_again,
    "resume": _add_resume,
    "direction": _add_direction,
    "invert": _add_invert,
    "film": _add_film,
    "help": _add_help,
    "plot": _add_plot,
    "show": _add_show,
    "diff": _add_diff,
    "train": _add_train,
    "models": _add_models,
}


def _add_looking(parser: Parser, name: str) -> None:
    """Add what the commands take that look at pictures."""
    shapes = {
        "classify": 'IMAGE …  --labels "A | B"',
        "score": 'IMAGE …  "PROMPT" | --film FILM  ["PROMPT"]',
        "search": 'FOLDER  "QUERY" | --image IMAGE',
    }
    metavar, what = ("FOLDER", "a folder, then what to find there")
    if name != "search":
        metavar, what = ("IMAGE", "pictures, folders, patterns such as '*.png'")
    parser.usage = f"{parser.prog} {shapes[name]}  [--option …] [key=value …]"
    many = "*" if name == "score" else "+"
    parser.add_argument("words", nargs=many, metavar=metavar, help=what)
    if name == "score":
        parser.add_argument(
            "--film", dest="of_film", metavar="FILM", help="how steady is a film, or a folder?"
        )
        parser.add_argument(
            "--source", metavar="FILM", help="the film it was made from, to find motion in"
        )
        parser.add_argument(
            "--flow",
            default=FLOW,
            metavar="NAME",
            help=f"dis, farneback, raft, FILE.pth or none ({FLOW})",
        )
    if name == "classify":
        parser.add_argument(
            "--labels", required=True, metavar="A|B", help='"a cat | a dog", or FILE.txt'
        )
        parser.add_argument(
            "--templates", metavar="T", help='"a drawing of {} | {}", or FILE.txt; "{}": none'
        )
        parser.add_argument("--csv", metavar="FILE", help="a table for other programs; - prints")
    if name == "search":
        parser.add_argument("--image", metavar="IMAGE", help="find what looks like a picture")
        parser.add_argument("--top", default="10", metavar="K", help="how many (10)")
        parser.add_argument("--sheet", metavar="FILE.png", help="lay what is found on a sheet")
        parser.add_argument("--links", metavar="DIR", help="links to what is found, best first")
