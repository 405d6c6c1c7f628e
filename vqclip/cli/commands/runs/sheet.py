"""The command sheet.

vqclip sheet outputs/0001-a-fox outputs/0002-a-fox
vqclip sheet outputs --rows prompts --columns seed --out foxes.png
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.cli import image_arguments
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError, PictureError
from vqclip.media import files, paths

MOST = 1000  # pictures on a sheet
SMALLEST, LARGEST = 32, 1024  # of a picture, in pixels


@dataclass(frozen=True, kw_only=True)
class SheetOptions(CommonOptions):
    """The options of `sheet`."""

    words: list[str]
    out: str
    rows: str
    columns: str
    size: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} RUN …  [--option …]"
    parser.add_argument(
        "words", nargs="+", metavar="RUN", help="runs, sweeps, pictures, folders and patterns"
    )
    parser.add_argument(
        "--out",
        default="sheet.png",
        metavar="FILE",
        help="what to write (sheet.png): .png, .jpg or .webp",
    )
    parser.add_argument(
        "--rows", default="", metavar="KEY,…", help="settings that go down; else what differs"
    )
    parser.add_argument(
        "--columns", default="", metavar="KEY,…", help="settings that go across, likewise"
    )
    parser.add_argument(
        "--size", default="192", metavar="N", help="the longer side of each picture (192)"
    )


def sheet(options: SheetOptions, screen: Console, progress: Progress) -> None:
    """Lay runs out on a sheet, by what differs between them."""
    size, rows, columns = _wanted(options)
    out = Path(options.out)
    files.require_new_file(out, "--out")
    from vqclip.sweep import noted_sheet, sheet_picture

    noted_sheet.check_keys(rows, "--rows")
    noted_sheet.check_keys(columns, "--columns")
    found = find_pictures(options.words, screen)
    pictures = noted_sheet.read_pictures(found)
    for path in found:
        paths.check_image(path)
    title = Path(options.words[0]).name if len(options.words) == 1 else ""
    made = noted_sheet.noted_sheet(pictures, rows, columns, title.strip("./*?"))
    progress.started = True
    picture = sheet_picture.draw_sheet(made, size)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet_picture.save_sheet(out, picture)
    down, across = ([side.name for side in sides] for sides in (made.rows, made.columns))
    screen.event(*("sheet",), sheet=str(out), pictures=len(found), rows=down, columns=across)
    if made.is_page:
        screen.say(f"{len(found)} pictures")
    else:
        told = " and ".join(filter(None, [", ".join(down), ", ".join(across)]))
        screen.say(f"{len(found)} pictures by {told}")
    screen.result(str(out), exact=True)


def find_pictures(words: Sequence[str], screen: Console) -> list[Path]:
    """The pictures that words name, as people number things; of a run, the finished one.

    Raises:
        PictureError: if they name none, or more than 1000.
    """
    named = [Path(word) for word in words]
    batch = image_arguments.find_images(words, screen)
    from vqclip.sweep.noted_sheet import is_part_of_a_run

    found = [path for path in batch.paths if path in named or not is_part_of_a_run(path)]
    if not found:
        raise PictureError(
            f"{words[0]} has no finished run; a sheet shows the finished picture of each"
        )
    if len(found) > MOST:
        raise PictureError(
            f"these are {len(found)} pictures, and a sheet has room for {MOST}; name fewer"
        )
    if len(words) == 1 or all(path.is_dir() for path in named):
        found = paths.sort_naturally(found)
    return found


def _wanted(options: SheetOptions) -> tuple[int, list[str], list[str]]:
    """The size of each picture, and the settings of rows and columns."""
    if not re.fullmatch("[0-9]{1,5}", options.size) or not (
        SMALLEST <= int(options.size) <= LARGEST
    ):
        raise ConfigError(
            f"--size {options.size}: write a number of pixels from {SMALLEST} to {LARGEST}"
        )
    files.require_sheet_name(options.out, "--out")
    rows, columns = (
        [each.strip() for each in text.split(",") if each.strip()]
        for text in (options.rows, options.columns)
    )
    if both := {*rows} & {*columns}:
        raise ConfigError(f"{both.pop()} cannot go down and across; leave one of them out")
    return int(options.size), rows, columns
