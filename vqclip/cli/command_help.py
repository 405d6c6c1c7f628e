"""Help of commands: what `vqclip --help` and `vqclip COMMAND --help` print.

The usage and the options are argparse's (`vqclip.cli.parser`). Here are the first page, what
stands below the options of each command, and the layout: a page is laid out by rich, as wide as
the terminal, and in a pipe 80 columns wide without colours. Nothing on it is read as markup.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TextIO

from vqclip.cli import image_arguments, terminal
from vqclip.config.checking.animation_checks import GROUPS
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import Setting, describe_settings
from vqclip.training.settings import InversionConfig, VqganRecipe

Row = tuple[str, ...]  # terms, and last what they mean


@dataclass(frozen=True)
class Block:
    """Rows below a title, or lines of text without any.

    Attributes:
        least: columns of the first terms, to line up with another block.
        indent: columns before the rows.
    """

    title: str = ""
    rows: Sequence[Row] = ()
    text: str = ""
    least: int = 0
    indent: int = 2


SORTED = {  # the commands, as they stand on the first page
    "draw": ("generate", "animate", "dream", "again", "resume"),
    "before": ("plan", "explain", "presets", "models", "import"),
    "after": ("show", "diff", "sheet", "film", "classify", "score", "search"),
    "many": ("sweep", "vary", "steer", "web"),
}
ALSO = ("plot", "train", "invert", "direction", "help", "doctor", "completion")  # without words
# The ten settings on the first page, as they are typed, and below them where the rest is.
FIRST = {
    "preset": "--preset NAME,…",
    "negative": "--negative PROMPT",
    "style": "style=TEXT",
    "size": "--size WxH",
    "steps": "--steps N",
    "seed": "--seed N",
    "init": "--init IMG",
    "vqgan": "vqgan=NAME",
    "perceptors": "perceptors=NAME,…",
    "out": "--out DIR",
}
USAGE = 'usage: vqclip [COMMAND] "PROMPT" | FILE  [--option …] [key=value …]'
PRESET = "styles and qualities: ink,better (vqclip presets)"
REST = (
    ("vqclip COMMAND --help", "a command's options; vqclip generate --help has more"),
    ("vqclip help settings", "every setting; vqclip help settings colour finds some"),
    ("vqclip help prompts", "how to write prompts; also: schedules, templates …"),
    ("anywhere", "--json --quiet --debug --version"),
)
DREAMT = ("negative", "style", "seed", "out", "device")
DRAWN = ("style", "vqgan", "perceptors", "cutouts.count", "optimiser.rate", "losses.smoothness")
MOVED = ("camera.zoom",)
TAUGHT = ("pictures", "name", "steps", "minutes", "size", "rate", "begin", "out", "device")

# Which settings a command's help shows, by their keys.
TAKEN: dict[str, Sequence[str]] = {
    "generate": DRAWN,
    "animate": MOVED,
    "dream": DREAMT,
    **dict.fromkeys(("classify", "score", "search"), image_arguments.TAKEN),
    "doctor": ("device", "precision", "threads"),
}
SWEEP_FILE = """\
a sweep file:
  base: {preset: draft, seed: 1}       settings of all runs, as in a run file
  axes:                                settings with several values each
    prompts: ["a red fox", "a castle"]
    losses.smoothness: [0, 1, 3]
  by: grid                             or zip; random, latin or optuna with count: 12
the same command goes on where it stopped, and draws only what is missing"""
GENERAL = ("generate", "animate", "plan", "dream", "explain", "again", "resume", "direction")


@cache
def settings(schema: type = RunConfig) -> Mapping[str, Setting]:
    """All settings of a run, or of another schema, by their keys."""
    return {each.key: each for each in describe_settings(schema)}


def first_page(abouts: Mapping[str, str]) -> list[Block]:
    """What `vqclip --help` says.

    Args:
        abouts: what each command does, in a line.
    """
    commands: list[Row] = []
    for kind, names in SORTED.items():
        commands += [(kind * (n == 0), name, abouts[name]) for n, name in enumerate(names)]
    also: list[Row] = [("also", ", ".join(ALSO))]
    rows: list[Row] = []
    for key, typed in FIRST.items():
        told = PRESET if key == "preset" else brief(settings()[key])
        rows.append(("settings" * (not rows), typed, told))
    wide = len("settings")
    return [
        Block(text=USAGE),
        Block(rows=commands, least=wide, indent=0),
        Block(rows=also, least=wide, indent=0),
        Block(rows=rows, least=wide, indent=0),
        Block(rows=REST, indent=0),
    ]


def brief(setting: Setting) -> str:
    """The help of a setting as far as its first pause, and its default."""
    told = re.split(r"[;:] |, or ", setting.help)[0]
    plain = setting.default in ("", "null", "auto") or told.endswith(")")
    return told if plain else f"{told} ({setting.default})"


def option_help(key: str, schema: type = RunConfig) -> str:
    """The help of an option that is another way to write a setting, for argparse."""
    setting = settings(schema)[key]
    usual = setting.default not in ("", "null", "auto", "false", "0", "0.0")
    return (setting.help + f" ({setting.default})" * usual).replace("%", "%%")


def epilog(name: str, abouts: Mapping[str, str]) -> list[Block]:
    """What stands below the options in a command's help: settings, and where the rest is.

    Args:
        abouts: what each command does, in a line.
    """
    found = []
    shown = list(_taken(name))
    if shown:
        rows = []
        for each in shown:
            choices = f" ({', '.join(each.choices)})" * bool(each.choices)
            rows.append((f"{each.key}={each.default}", each.help + choices))
        title = "settings (key=value; here with their defaults):"
        found.append(Block("more " * (name in GENERAL) + title, rows))
    if rest := _rest(name):
        found.append(Block(text=rest))
    return found


def setting_row(setting: Setting) -> Row:
    """A setting with its default, and what it does."""
    return f"{setting.key}={setting.default}", setting.full_help


def _taken(name: str) -> Iterable[Setting]:
    """The settings that a command's help shows."""
    if name == "invert":
        return describe_settings(InversionConfig)
    if name == "train":
        return [as_typed(each) for each in describe_settings(VqganRecipe) if each.key in TAUGHT]
    keys = TAKEN.get(name, ())
    if name == "film":
        keys = ["film.between_by"]  # the others are options
    elif name == "dream":
        keys = [*(k for k in settings() if k.startswith("dream.")), *keys]
    return [settings()[key] for key in keys]


def as_typed(setting: Setting) -> Setting:
    """A setting of a training: `from` is a word of Python's, so that its field is `begin`."""
    if setting.key != "begin":
        return setting
    told = setting.help.removeprefix("from=: ")
    return Setting("from", setting.kind, setting.default, told, setting.choices)


def _rest(name: str) -> str:
    """Where a command's other settings are told of."""
    if name == "animate":
        return f"all settings: vqclip help settings {'|'.join(GROUPS)}"
    if name == "train":
        return "the trainings: vqclip train; all their settings: vqclip help settings train"
    if name == "sweep":
        return SWEEP_FILE
    if name in GENERAL:
        return "all settings: vqclip help settings"
    return ""


def option_rows(parser: argparse.ArgumentParser, positional: bool) -> list[Row]:
    """The options of a parser, or its positional arguments, with their help."""
    formatter = parser._get_formatter()
    rows: list[Row] = []
    for action in parser._actions:
        if bool(action.option_strings) == positional or action.help == argparse.SUPPRESS:
            continue
        names = ", ".join(action.option_strings)
        metavar = action.metavar or "" if action.nargs != 0 else ""
        term = f"{names} {metavar}".strip()
        rows.append((term, formatter._expand_help(action) if action.help else ""))
    return rows


def print_page(blocks: Sequence[Block], stream: TextIO) -> None:
    """Print blocks, an empty line between every two."""
    out = terminal.console(stream, terminal.width_of_help(stream))
    if terminal.is_live(stream) or terminal.has_colours(stream):
        out.print(_laid_out(blocks))
    else:
        stream.write(as_text(blocks, out.width))


def as_text(blocks: Sequence[Block], width: int = terminal.WIDTH) -> str:
    """Blocks as plain text."""
    from rich.console import Console

    out = Console(
        file=io.StringIO(), width=width, color_system=None, markup=False, highlight=False
    )
    with out.capture() as caught:
        out.print(_laid_out(blocks))
    return "".join(f"{line.rstrip()}\n" for line in caught.get().splitlines())


def _laid_out(blocks: Sequence[Block]) -> Any:
    """Blocks as what rich prints."""
    from rich.console import Group
    from rich.text import Text

    found: list[Any] = []
    for number, block in enumerate(blocks):
        if number > 0:
            found.append(Text(""))
        if block.title:
            found.append(Text(block.title, terminal.HEAD))
        if block.text:
            found.append(Text(block.text))
        if block.rows:
            found.append(_grid(block))
    return Group(*found)


def _grid(block: Block) -> Any:
    """The rows of a block; only the last column wraps."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    last = len(block.rows[0]) - 1
    for number in range(last + 1):
        grid.add_column(
            no_wrap=number < last,
            overflow="fold",
            min_width=block.least if number == 0 else None,
            style=terminal.TERM if number == last - 1 else terminal.HEAD if number < last else "",
        )
    for row in block.rows:
        grid.add_row(*map(Text, row))
    return Padding(grid, (0, 0, 0, block.indent))
