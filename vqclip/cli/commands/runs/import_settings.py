"""The command import: settings of other tools as run files.

vqclip import settings.yaml --to run.yaml
vqclip import "python generate.py -p 'a fox' -i 300"
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError
from vqclip.importers.draft import Entry
from vqclip.importers.options import KEPT, LEFT, NEARLY, show_value
from vqclip.media import files

TITLES = {KEPT: "kept", NEARLY: "nearly the same", LEFT: "left out"}
MOST_SHOWN = 48  # characters of a value


@dataclass(frozen=True, kw_only=True)
class ImportOptions(CommonOptions):
    """The options of `import`."""

    words: list[str]
    to: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f'{parser.prog} FILE | "COMMAND LINE"  [--to run.yaml]'
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE",
        help="settings, notebook or script of pixray, nerdyrodent's VQGAN-CLIP, pytti, Disco, "
        "discoart, Deforum or aphantasia; or a command line in quotes",
    )
    parser.add_argument(
        "--to", metavar="FILE.yaml", help="write the run file there, and not to the screen"
    )


def import_settings(options: ImportOptions, screen: Console, progress: Progress) -> None:
    """Make a run file of the settings of another tool."""
    from vqclip.importers import importing

    if len(options.words) != 1:
        raise ConfigError(
            "vqclip import takes one file, or one command line in quotes: "
            "vqclip import \"python generate.py -p 'a fox'\""
        )
    file = None if options.to is None else Path(options.to)
    if file is not None:
        if file.suffix.lower() not in (".yaml", ".yml"):
            raise ConfigError(f"--to is {options.to}; a run file is such as --to run.yaml")
        files.require_new_file(file, "--to")
    found = importing.import_settings(options.words[0])
    for note in found.notes:
        screen.event("note", message=note)
        screen.say(f"note: {note}")
    for entry in found.report:
        told = {"told": entry.told} if entry.told else {}
        settings = {"settings": entry.settings} if entry.settings else {}
        screen.event(entry.fate, option=entry.key, value=entry.value, **settings, **told)
    for line in describe_report(found.report):
        screen.say(line)
    if file is not None:
        files.write_whole(file, found.text.encode("utf-8"))
    screen.event(
        "imported",
        tool=found.peer.name,
        **({"run": found.text} if file is None else {"file": str(file)}),
    )
    screen.result(found.text.rstrip() if file is None else str(file), exact=True)


def describe_report(report: Sequence[Entry]) -> Iterator[str]:
    """The report in lines: what is kept, what differs, and what is left out and why.

    Options that are left out for the same reason share a line.
    """
    for fate, title in TITLES.items():
        entries = [each for each in report if each.fate == fate]
        if not entries:
            continue
        yield f"{title} ({len(entries)}):"
        if fate == LEFT:
            for told, same in groupby(sorted(entries, key=lambda e: e.told), lambda e: e.told):
                yield f"  {', '.join(map(_written, same))}: {told}"
            continue
        for entry in entries:
            became = ", ".join(_setting(key, value) for key, value in entry.settings.items())
            told = f": {entry.told}" if entry.told else ""
            yield f"  {_written(entry)}{f' → {became}' if became else ''}{told}"


def _written(entry: Entry) -> str:
    """An option as it was written, its value shortened."""
    return f"{entry.key} {_short(entry.value)}".strip()


def _setting(key: str, value: object) -> str:
    """A setting and its value; a prompt stands in the run file."""
    return key if key in ("prompts", "negative") else f"{key}={_short(show_value(value))}"


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
