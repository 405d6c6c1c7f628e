"""Help pages: usage, blocks of terms with what they mean, and where the rest is.

A page is laid out by rich, as wide as the terminal, and in a pipe 80 columns wide without
colours. Nothing on it is read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from vqclip.cli import terminal

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


def print_page(blocks: Sequence[Block], stream: TextIO) -> None:
    """Print blocks, an empty line between every two."""
    out = terminal.console(stream, terminal.width_of_help(stream))
    if terminal.is_live(stream) or terminal.has_colours(stream):
        out.print(_laid_out(blocks))
    else:
        stream.write(as_text(blocks, out.width))


def as_text(blocks: Sequence[Block], width: int = terminal.WIDTH) -> str:
    """Blocks as plain text."""
    import io

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
