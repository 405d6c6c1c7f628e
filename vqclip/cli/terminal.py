"""Terminals: which streams take colours, how wide they are, and text laid out on them by rich.

In a pipe everything is plain text, and lines are as long as they are: scripts read them. On a
terminal tables wrap to its width. Colours follow NO_COLOR, FORCE_COLOR and TERM=dumb. Words are
never read as rich's markup: `[red]` in a prompt is printed as it stands. Prompts, notes and names
come from anywhere, so codes that a terminal would obey are shown as text (`show_controls`).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from vqclip.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

WIDTH, WIDEST = 80, 100  # columns of help: in a pipe, and at most
ROOMY = 110  # columns of a terminal on which all of a wide table have room
SHOW_INSTALL = "pip install 'vqclip[show]'"
PICTURE = 64  # columns of a picture; 256 pixels of half blocks are no clearer on more
SPARE = 6  # rows that stay for what is said above and below it
ENDLESS = 100_000  # columns of a table in a pipe: nothing wraps
TERM, HEAD = "cyan", "bold"  # the styles of what can be typed, and of headings

# What a terminal obeys, or turns the writing round, and bytes of names that are no letters.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

live: list[Console] = []  # those on stderr with a bar on their last line


def show_controls(words: str) -> str:
    """Show control codes as text: an escape as `\\x1b`, a mark of direction as `\\u202e`.

    Line ends and tabs stay.
    """
    return _CONTROLS.sub(_code, words)


def on_one_line(words: str) -> str:
    """The same, with line ends and tabs shown, too."""
    return show_controls(words).replace("\n", "\\n").replace("\t", "\\t")


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    byte = 0xDC80 <= number <= 0xDCFF  # of a name that is not UTF-8
    return f"\\x{number - 0xDC00:02x}" if byte else ascii(found[0])[1:-1]


def is_live(stream: TextIO) -> bool:
    """Whether a person looks at a stream, on a terminal that can move its cursor."""
    with suppress(AttributeError, OSError, ValueError):  # closed, or no stream at all
        return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    return False


def has_colours(stream: TextIO) -> bool:
    """Whether text on a stream may have colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if forced := os.environ.get("FORCE_COLOR"):
        return forced != "0"
    return is_live(stream)


def width_of_help(stream: TextIO) -> int:
    """The columns in which help is laid out."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return min(int(columns), WIDEST)
    return (
        min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST) if is_live(stream) else WIDTH
    )


def console(stream: TextIO, width: int | None = None) -> Console:
    """A console of rich's on a stream, which takes words as they are.

    Args:
        width: columns; None: those of the terminal, or of a pipe as many as there are words.
    """
    from rich.console import Console

    coloured, live = has_colours(stream), is_live(stream)
    return Console(
        file=stream,
        force_terminal=coloured or live,
        color_system="auto" if coloured else None,
        width=width or (None if live else ENDLESS),
        markup=False,
        highlight=False,
        emoji=False,
        force_jupyter=False,
    )


def print_line(words: str, stream: TextIO, head: str = "", style: str = "bold") -> None:
    """Print a line, the `head` that it begins with in a style where there are colours."""
    words = show_controls(words)
    if not (head and has_colours(stream)):
        print(head + words, file=stream, flush=True)
        return
    from rich.text import Text

    text = Text.assemble((head, style), words)
    # A bar keeps the last line of stderr for itself, and lets others print above it.
    (live[-1] if live else console(stream)).print(text, soft_wrap=True)
    stream.flush()


def print_table(
    rows: Sequence[tuple[str, ...]], *, heads: bool = False, spare: int | None = None
) -> bool:
    """Print rows of words on stdout: in columns that wrap on a terminal, plain in a pipe.

    Args:
        heads: whether the first row says what the columns are.
        spare: a column that is left out where the terminal is narrow.

    Returns:
        Whether every column is there.
    """
    rows = [tuple(map(on_one_line, row)) for row in rows]
    if not (is_live(sys.stdout) or has_colours(sys.stdout)):
        print(table(rows), flush=True)
        return True
    out = console(sys.stdout)
    narrow = spare is not None and out.width < ROOMY
    if spare is not None and narrow:
        rows = [(*row[:spare], *row[spare + 1 :]) for row in rows]
    out.print(_grid(rows[1:] if heads else rows, rows[0] if heads else None))
    sys.stdout.flush()
    return not narrow


def table(rows: Sequence[tuple[str, ...]], widths: Mapping[int, int] | None = None) -> str:
    """Lay out rows of words in columns as wide as their widest cell."""
    if not rows:
        return ""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for column, width in (widths or {}).items():
        wide[column] = width
    return "\n".join(
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(row, wide, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    )


def _grid(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...] | None) -> Any:
    """Rows as a table of rich's: no lines, the last columns wrap first."""
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, show_header=heads is not None, pad_edge=False, padding=(0, 2, 0, 0))
    for number in range(len(heads or rows[0])):
        cells = [row[number] for row in rows]
        short = max(map(len, cells), default=0) <= 24
        found.add_column(
            Text(heads[number], HEAD) if heads else "",
            no_wrap=short,
            overflow="fold",
            style=TERM if number == 0 else "",
        )
    for row in rows:
        found.add_row(*map(Text, row))
    return found


def require_show() -> None:
    """Refuse `--show` where nothing can draw pictures in a terminal.

    Raises:
        ConfigError: if the package that does is not installed.
    """
    if importlib.util.find_spec("textual_image") is None:
        raise ConfigError(f"--show needs textual-image, which is not installed: {SHOW_INSTALL}")


def show_picture(path: Path) -> bool:
    """Show a picture on stdout, as wide and high as the terminal has room for.

    By sixels or kitty's graphics where the terminal has either, else by half blocks.

    Returns:
        Whether there is a terminal to show it on.
    """
    if not is_live(sys.stdout):
        return False
    require_show()
    from rich.console import Console
    from textual_image.renderable import Image

    from vqclip.media.images import read_head

    columns, rows = shutil.get_terminal_size()
    wide, high = read_head(path)[0]
    # A character is about twice as high as it is wide.
    width = min(columns, PICTURE, max(1, (rows - SPARE) * 2 * wide // high))
    Console(file=sys.stdout).print(Image(str(path), width=max(8, width), height="auto"))
    return True
