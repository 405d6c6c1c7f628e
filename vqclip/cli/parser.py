"""The argument parser: the words and options of each command.

`vqclip.cli.main` asks for a parser, and makes of what it finds the options of the command
(`vqclip.cli.options`).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from vqclip import __version__
from vqclip.cli import command_help
from vqclip.cli.command_help import Block, epilog, first_page, option_help, option_rows
from vqclip.cli.commands import completion, film, models, plot, train
from vqclip.cli.commands.explain import TOPICS
from vqclip.cli.commands.machine import doctor
from vqclip.cli.commands.runs import import_settings, sheet, steer, stretches, sweep, vary, web
from vqclip.cli.commands.score_film import FLOW
from vqclip.cli.option_hints import PROMPTED, suggest_option
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError
from vqclip.training.settings import WORD_KINDS, InversionConfig

DRAWING = ("generate", "animate", "dream", "again", "resume")
LOOKING = ("classify", "score", "search")  # those that look at pictures
ANIMATED = {  # options of animations, what follows them, and which settings they are
    "--frames": ("N", "frames"),
    "--fps": ("N", "fps"),
    "--length": ("SECONDS", "length"),
    "--source": ("FILM", "source.film"),
    "--sound": ("FILE", "sound.file"),
    "--loop": ("", "loop"),
}
EVERYWHERE = ("-h, --help", "--version", "--json", "--quiet", "--debug")  # the last three: told


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are ConfigErrors with a suggestion, and whose help is a page.

    Args:
        below: what the help says below usage and description; None: options and `rest`.
        rest: what it says below the options.
    """

    def __init__(
        self, *, below: list[Block] | None = None, rest: list[Block] | None = None, **words: Any
    ) -> None:
        super().__init__(**words)
        self.color = False  # pages have colours of their own
        self.below, self.rest = below, rest or []
        self.typed: list[str] = []  # for messages

    def page(self) -> list[Block]:
        """The help, in blocks."""
        if self.below is not None:
            return self.below
        usage = re.sub(r"\[--?(help|version|json|quiet|debug|h)\] *", "", self.format_usage())
        usage = re.sub(r"\s*\n\s*", " ", usage.strip())  # wrapped anew
        top = [Block(text=usage), Block(text=self.description or "")]
        words, options = (option_rows(self, positional=each) for each in (True, False))
        own = [row for row in options if row[0] not in EVERYWHERE]
        common = [row for row in options if row[0] in EVERYWHERE[2:]]
        wide = max(len(row[0]) for row in [*words, *own, *common])
        blocks = [
            Block(rows=[*words, *own], least=wide),
            *self.rest,
            Block(rows=common, least=wide),
        ]
        return [*top, *(block for block in blocks if block.rows or block.text)]

    def format_help(self) -> str:
        """The help as plain text."""
        return command_help.as_text(self.page())

    def print_help(self, file: Any = None) -> None:
        """Print the help, as wide and colourful as the terminal is."""
        command_help.print_page(self.page(), file or sys.stdout)

    def _settings_of_options(self) -> dict[str, str]:
        """The options, each with the setting that it is another way to write, if it is one."""
        prefix = {"vqclip film": "film.", "vqclip dream": "dream."}.get(self.prog, "")
        known = {each.key for each in describe_settings()}
        found = {}
        for name in (name for action in self._actions for name in action.option_strings):
            plain = name.removeprefix("--")
            own = prefix + plain if prefix + plain in known else plain
            found[name] = ANIMATED[name][1] if name in ANIMATED and not prefix else own
        return found

    def parse_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse; remember what was typed, for messages."""
        self.typed = list(args or ())
        return super().parse_intermixed_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Turn argparse's exit into our error."""
        unknown = re.search(r"unrecognized arguments: (--?[\w.-]+)", message)
        if unknown:
            if unknown[1] in ANIMATED and self.prog in ("vqclip", "vqclip dream"):
                raise ConfigError(
                    f"there is no option {unknown[1]} here; it belongs to vqclip animate (see "
                    "vqclip animate --help)"
                )
            command = self.prog.removeprefix("vqclip").strip() or "generate"
            hint = suggest_option(unknown[1], self.typed, command, self._settings_of_options())
            raise ConfigError(f"there is no option {unknown[1]}{hint} (see {self.prog} --help)")
        if left := re.search(r"unrecognized arguments: (.+)", message):
            raise ConfigError(
                f"{left[1]!r} is more than {self.prog} takes; a name with blanks belongs in "
                f"quotes (see {self.prog} --help)"
            )
        # "vqclip show", alone: a command without its words, or a prompt of one word?
        word = self.prog.rpartition(" ")[2]
        draw = (
            f"; to draw the word itself: vqclip generate {word}" if "required" in message else ""
        )
        raise ConfigError(f"{message} (see {self.prog} --help){draw}")


def parser_of(name: str, abouts: Mapping[str, str], *, named: bool = True) -> Parser:
    """Make the parser of one command.

    Args:
        abouts: what each command does, in a line.
        named: whether somebody named it; the help of none is the first page.
    """
    parser = Parser(
        prog=f"vqclip {name}" if name != "generate" else "vqclip",
        description=abouts[name],
        allow_abbrev=False,
        below=None if named else first_page(abouts),
        rest=epilog(name, abouts),
    )
    parser.add_argument("--version", action="version", version=f"vqclip {__version__}")
    if name in PROMPTED:
        _add_prompted(parser, name)
    if name in LOOKING:
        _add_looking(parser, name)
    if name in OTHERS:
        OTHERS[name](parser)
    if name in DRAWING:
        parser.add_argument(
            "--show", action="store_true", help="show the finished picture in the terminal"
        )
    parser.add_argument("--json", action="store_true", help="for scripts: one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _add_prompted(parser: Parser, name: str) -> None:
    """Add what the commands take that read a prompt."""
    parser.usage = f'{parser.prog} "PROMPT" | FILE  [--option …] [key=value …]'
    shapes = 'such as "a fox:2 | fog:-0.5", or FILE.yaml, FILE.txt'
    parser.add_argument("words", nargs="*", metavar="PROMPT", help=shapes)
    parser.add_argument(
        "--preset",
        action="append",
        default=[],
        metavar="NAME",
        help="styles and qualities: NAME,… or FILE.yaml (vqclip presets)",
    )
    parser.add_argument("--seed", metavar="N", help=option_help("seed"))
    parser.add_argument("--negative", metavar="PROMPT", help=option_help("negative"))
    parser.add_argument("--out", metavar="DIR", help=option_help("out"))
    if name == "dream":
        parser.add_argument("--count", metavar="N", help=option_help("dream.count"))
        parser.add_argument(
            "--size", metavar="WxH", help="final size of a run that starts from a draft"
        )
    if name in ("generate", "animate", "plan"):
        parser.add_argument("--size", metavar="WxH", help=option_help("size"))
        parser.add_argument(
            "--quality", metavar="NAME", help="as in pixray: draft, normal … supreme"
        )
        parser.add_argument("--aspect", metavar="W:H", help="also widescreen, portrait, square")
        parser.add_argument("--scale", metavar="N", help="times 192x108, as in pixray")
        parser.add_argument("--steps", metavar="N", help=option_help("steps"))
        parser.add_argument("--init", metavar="IMG", help=option_help("init"))
        parser.add_argument(
            "--film", action="store_true", help="also make a film (film.format=mp4)"
        )
    for option, (metavar, key) in ANIMATED.items() if name in ("animate", "plan") else ():
        if metavar:
            parser.add_argument(option, metavar=metavar, help=option_help(key))
        else:
            parser.add_argument(option, action="store_const", const="true", help=option_help(key))
    if name in ("plan", "explain"):
        parser.add_argument(
            "--sketch", metavar="FILE.png", help="a picture of where the things of a sentence go"
        )
    if name == "animate":
        stretches.add_engine(parser)
    if name == "plan":
        parser.add_argument(
            "--all", action="store_true", help="show every setting, not only those that differ"
        )
    if name in ("generate", "animate", "plan"):
        parser.add_argument(
            "--draft",
            action="store_true",
            help="half the width and height, a tenth of the steps",
        )


def _add_again(parser: Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="PNG", help="the picture, then key=value …")
    parser.add_argument("--out", metavar="DIR", help=option_help("out"))
    parser.add_argument(
        "--frames",
        metavar="A:B",
        help="in an animation: draw the frames from A to B - 1 again; also 2s:50%%",
    )


def _add_resume(parser: Parser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="RUN", help="the run's folder, then key=value …"
    )
    stretches.add_engine(parser)


def _add_direction(parser: Parser) -> None:
    parser.usage = f"{parser.prog} WITH WITHOUT --name NAME [perceptors=NAME,…]"
    parser.add_argument(
        "words", nargs="*", metavar="SET", help='words, or pictures: "sunny | @sun/*.jpg"'
    )
    parser.add_argument("--name", dest="as_name", metavar="NAME", help="the name to give it")


def _add_help(parser: Parser) -> None:
    topics = ", ".join(TOPICS)
    parser.usage = f"{parser.prog} [TOPIC | COMMAND | settings [GROUP | KEY | WORD …]]"
    parser.add_argument(
        "topic", nargs="?", default="prompts", metavar="TOPIC", help=f"{topics}, or a command"
    )
    parser.add_argument(
        "about",
        nargs="*",
        metavar="WORD",
        help=("after settings: a group, a key, or words to find"),
    )


def _add_show(parser: Parser) -> None:
    parser.add_argument("picture", metavar="PNG", help="a picture, or a run's folder")


def _add_diff(parser: Parser) -> None:
    parser.add_argument("first", metavar="A.png", help="a picture, or a run's folder")
    parser.add_argument("second", metavar="B.png", help="another")


def _add_invert(parser: Parser) -> None:
    parser.usage = f"{parser.prog} PHOTO … --token NAME  [--option …] [key=value …]"
    parser.add_argument("words", nargs="*", metavar="PHOTO", help="3 to 10 photos of one thing")
    parser.add_argument("--token", metavar="NAME", help="the word's name; prompts write <NAME>")
    parser.add_argument("--init", metavar="WORD", help="an ordinary word to start from")
    parser.add_argument("--vectors", metavar="N", help=option_help("vectors", InversionConfig))
    parser.add_argument(
        "--perceptor",
        dest="perceptors",
        metavar="NAME",
        help=("the CLIP models whose text encoders learn it"),
    )
    parser.add_argument("--kind", metavar="KIND", help=", ".join(WORD_KINDS))
    parser.add_argument("--steps", metavar="N", help=option_help("steps", InversionConfig))
    parser.add_argument("--out", metavar="DIR", help=option_help("out", InversionConfig))


OTHERS: dict[str, Callable[[Parser], None]] = {
    "again": _add_again,
    "resume": _add_resume,
    "direction": _add_direction,
    "invert": _add_invert,
    "film": film.add_arguments,
    "help": _add_help,
    "completion": completion.add_arguments,
    "doctor": doctor.add_arguments,
    "plot": plot.add_arguments,
    "import": import_settings.add_arguments,
    "sweep": sweep.add_arguments,
    "sheet": sheet.add_arguments,
    "vary": vary.add_arguments,
    "web": web.add_arguments,
    "steer": steer.add_arguments,
    "show": _add_show,
    "diff": _add_diff,
    "train": train.add_arguments,
    "models": models.add_arguments,
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
            "--film",
            dest="of_film",
            metavar="FILM",
            help=("measure how steady a film or folder of frames is"),
        )
        parser.add_argument(
            "--source", metavar="FILM", help="the film it was made from, for its optical flow"
        )
        parser.add_argument(
            "--flow",
            default=FLOW,
            metavar="NAME",
            help=f"optical flow: dis, farneback, raft, FILE.pth or none ({FLOW})",
        )
    if name == "classify":
        parser.add_argument(
            "--labels", required=True, metavar="A|B", help='"a cat | a dog", or FILE.txt'
        )
        parser.add_argument(
            "--templates", metavar="T", help='"a drawing of {} | {}", or FILE.txt; "{}" for none'
        )
        parser.add_argument(
            "--csv", metavar="FILE", help=("write a table for other programs; - prints it")
        )
    if name == "search":
        parser.add_argument(
            "--image", metavar="IMAGE", help=("find pictures that look like this one")
        )
        parser.add_argument("--top", default="10", metavar="K", help="how many to show (10)")
        parser.add_argument(
            "--sheet", metavar="FILE", help=("a contact sheet of hits, as .png, .jpg or .webp")
        )
        parser.add_argument(
            "--links", metavar="DIR", help=("a folder of links to what is found, best first")
        )
