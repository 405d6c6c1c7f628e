"""What does the README say about the code? Parts of it to be tested, and the table it is given.

    python -m tests.helpers.readme

writes the settings table anew, between `<!-- settings -->` and `<!-- /settings -->`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from vqclip.config.describe import describe_settings

README = Path(__file__).parents[2] / "README.md"
LANGUAGE = ("<!-- language -->", "<!-- /language -->")
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
DOORS = (["vqclip"], ["python", "run.py"])  # how a command line of ours begins


def examples() -> list[str]:
    """The prompts of the table of the prompt language, as they would be typed."""
    text = README.read_text(encoding="utf-8")
    table = text.partition(LANGUAGE[0])[2].partition(LANGUAGE[1])[0]
    cells = re.findall(r"^\| `(.*?)` \| ", table, re.MULTILINE)
    return [cell.replace(r"\|", "|") for cell in cells]


def settings() -> str:
    """Make the table of settings, from the one place where they are described."""
    rows = [("setting", "default", "what it does"), ("---", "---", "---")]
    for setting in describe_settings():
        rows.append((_code(setting.key), _code(setting.default), setting.told))
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def parted(text: str) -> tuple[str, str, str]:
    """Part the README into (what precedes the table, the table, what follows it).

    Raises:
        ValueError: if the two markers do not stand in it once each, in order.
    """
    before, begin, rest = text.partition(BEGIN + "\n")
    table, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the README wants {BEGIN} and {END} once each, each on its own line")
    return before + begin, table, end + after


def rewritten(text: str) -> str:
    """Return the README with the table as it should be."""
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


def _code(words: str) -> str:
    return f"`{words}`" if words else ""


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
