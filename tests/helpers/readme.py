"""Parts of the README and of the documentation, to be tested.

    python -m tests.helpers.readme

writes the tables of settings anew, into docs/pages/settings.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import Setting, describe_settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = ROOT / "docs" / "pages"
LANGUAGE = ("<!-- language -->", "<!-- /language -->")
SETTINGS = PAGES / "settings.md"
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
DOORS = (["vqclip"], ["python", "run.py"])  # how a command line of ours begins
PLAIN = "The run"  # the title of the settings that are in no group


def pages() -> list[Path]:
    """The README, then the pages of the documentation."""
    return [README, *sorted(PAGES.glob("*.md"))]


def commands() -> list[list[str]]:
    """The command lines of ours on all pages, each once, as words."""
    found = [words for page in pages() for words in command_lines(page.read_text("utf-8"))]
    return [list(each) for each in dict.fromkeys(map(tuple, found))]


def examples() -> list[str]:
    """The prompts of the table of the prompt language, as they would be typed."""
    text = (PAGES / "prompts.md").read_text(encoding="utf-8")
    table = text.partition(LANGUAGE[0])[2].partition(LANGUAGE[1])[0]
    cells = re.findall(r"^\| `(.*?)` \| ", table, re.MULTILINE)
    return [cell.replace(r"\|", "|") for cell in cells]


def settings() -> str:
    """Make the tables of settings, a group each, from the one place where they are described."""
    about = {name: told for name, told in _groups()}
    plain = [each for each in describe_settings() if "." not in each.key]
    grouped = groupby((each for each in describe_settings() if "." in each.key), _group)
    tables = [f"## {PLAIN}\n\n{_table(plain)}"]
    for name, found in grouped:
        tables.append(f"## {name}\n\n{about[name]}\n\n{_table(list(found))}")
    return "\n".join(tables)


def parted(text: str) -> tuple[str, str, str]:
    """Part the page of settings into (what precedes the tables, them, what follows).

    Raises:
        ValueError: if the two markers do not stand in it once each, in order.
    """
    before, begin, rest = text.partition(BEGIN + "\n")
    table, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the page wants {BEGIN} and {END} once each, each on its own line")
    return before + begin, table, end + after


def rewritten(text: str) -> str:
    """Return the page of settings with the tables as they should be."""
    before, _, after = parted(text)
    return f"{before}\n{settings()}\n{after}"  # without empty lines it is HTML, not a table


def command_lines(text: str) -> list[list[str]]:
    """List the fenced lines that are command lines of ours, each without the door, as words."""
    found = []
    fences = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    for line in "".join(fences).replace("\\\n", " ").splitlines():
        for door in DOORS:
            if line.strip().startswith(" ".join(door) + " "):
                found.append(shlex.split(line, comments=True)[len(door) :])
    return found


def _group(setting: Setting) -> str:
    return setting.key.partition(".")[0]


def _groups() -> Iterator[tuple[str, str]]:
    """The groups of settings, and what each is about, as a sentence."""
    for name, each in RunConfig.__dataclass_fields__.items():
        told = str(each.metadata.get("help", ""))
        yield name, told[:1].upper() + told[1:] + "."


def _table(found: list[Setting]) -> str:
    rows = [("setting", "default", "what it does", "what it takes"), ("---",) * 4]
    for each in found:
        rows.append((_code(each.key), _code(each.default), each.owned_help, _taken(each)))
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _taken(setting: Setting) -> str:
    """What a setting takes: its choices, or what kind of value."""
    if "schedule" in setting.kind:
        return "[number or schedule](schedules.md)"
    if setting.units:
        return f"[{setting.kind}](#units)"
    return ", ".join(map(_code, setting.choices)) or setting.kind


def _code(words: str) -> str:
    return f"`{words}`" if words else ""


if __name__ == "__main__":
    SETTINGS.write_text(rewritten(SETTINGS.read_text(encoding="utf-8")), encoding="utf-8")
