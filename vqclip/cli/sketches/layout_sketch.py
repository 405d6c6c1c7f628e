"""Sketches of layouts in `plan` and `explain`, and their option `--sketch`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from vqclip.cli import terminal
from vqclip.cli.output import Console
from vqclip.cli.sketches.text_sketch import LINES, TextSketch, sketch_as_text
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import ConfigError
from vqclip.language.layout.layout_json import layouts_to_values
from vqclip.language.layout.layout_types import Layout
from vqclip.media import files

COLOURS = ("blue", "red", "green", "magenta", "yellow", "cyan")
MOST = 100  # layouts on a picture


@dataclass
class LayoutSketches:
    """The sketches of a command, shown as they come and written at the end.

    Args:
        file: what `--sketch` names, or None.

    Raises:
        VqclipError: if the file is there already, cannot be written, or is no PNG.
    """

    file: str | None
    shown: list[tuple[Layout, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.file is None:
            return
        if Path(self.file).suffix.lower() != ".png":
            raise ConfigError(
                f"--sketch is {self.file}; a sketch is a PNG: write --sketch sketch.png"
            )
        files.require_new_file(Path(self.file), "--sketch")

    def show(self, config: RunConfig, layouts: Mapping[int, Layout], screen: Console) -> None:
        """Show the layouts of a run in the terminal, and keep them for the picture."""
        width, height = final_size(config)
        for scene, layout in layouts.items():
            self.shown.append((layout, width / height))
            if screen.json:
                continue
            if len(layouts) > 1 or scene > 0:
                screen.result(f"scene {scene + 1}:")
            _print(sketch_as_text(layout, width / height), screen)
            if layout.setting.text:
                screen.result(f"ground: {layout.setting.text}")
            if layout.style:
                screen.result(f"style: {layout.style}")

    def write(self, screen: Console) -> None:
        """Write the picture, if one is wanted.

        Raises:
            ConfigError: if there is nothing to sketch, or too much.
            OutputError: if it cannot be written.
        """
        if self.file is None:
            return
        if not 1 <= len(self.shown) <= MOST:
            found = f"{len(self.shown)} layouts" if self.shown else "no layout of a sentence"
            raise ConfigError(
                f"--sketch {self.file} needs a layout to draw, at most {MOST}, and here is "
                f"{found}; write a prompt of several things, such as "
                '"a snowman under a palm tree"'
            )
        from vqclip.cli.sketches.picture_sketch import sketch_as_png

        files.write_whole(Path(self.file), sketch_as_png(self.shown))
        screen.event("sketch", path=self.file)
        screen.result(self.file, exact=True)


def layout_values(layouts: Mapping[int, Layout]) -> dict[str, Any]:
    """The layouts of a run for scripts: all of them, and the first, or null."""
    values = layouts_to_values(layouts)
    return {"layout": values[0] if values else None, "layouts": values}


def _print(sketch: TextSketch, screen: Console) -> None:
    """Print a sketch on stdout, in colours where there are some."""
    if not terminal.has_colours(sys.stdout):
        screen.result(sketch.to_text(plain=not _knows_lines()))
        return
    from rich.text import Text

    out = terminal.console(sys.stdout)
    for row in sketch.to_lines(plain=not _knows_lines()):
        line = Text()
        for number, cells in groupby(row, key=lambda cell: cell[1]):
            style = "dim" if number < 0 else COLOURS[number % len(COLOURS)]
            line.append("".join(letter for letter, _ in cells), style)
        out.print(line, soft_wrap=True)
    sys.stdout.flush()


def _knows_lines() -> bool:
    """Whether stdout takes the characters of boxes."""
    try:
        LINES.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
