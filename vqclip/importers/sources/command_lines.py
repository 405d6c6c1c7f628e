"""Command lines of other tools: their words, and which option each belongs to.

`python generate.py -p "a fox" --size=512 -se 50`, with line continuations, and as notebooks have
it: `%run pixray.py …`, `!python pixray.py …`. Words are split as a POSIX shell does, and nothing
is put in for `$NAME`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from vqclip.errors import ConfigError
from vqclip.importers.options import FALSE, MANY, MAYBE, TRUE, Peer

ENDS = ("&&", "||", ";", "|", ">", ">>", "&", "2>&1", "<")  # what follows is another command
_NUMBER = re.compile(r"-\.?\d")
LONGEST = 100_000  # characters


@dataclass(frozen=True)
class CommandLine:
    """A command line.

    Attributes:
        script: the name of the program, without folders and .py; "" if there is none.
        words: that follow it.
    """

    script: str
    words: tuple[str, ...]


def find_commands(text: str, scripts: Sequence[str]) -> list[CommandLine]:
    """Find the command lines in a text that call one of some programs.

    Args:
        scripts: names of the programs, without .py.

    Raises:
        ConfigError: if a quote is not closed in such a line.
    """
    joined = re.sub(r"\\[ \t]*\r?\n", " ", text[:LONGEST])
    if "\n" in joined.strip() and _is_one(joined):
        joined = " ".join(joined.splitlines())
    known = re.compile(rf"(?:{'|'.join(map(re.escape, scripts))})\b", re.IGNORECASE)
    lines = [line for line in joined.splitlines() if known.search(line)]
    return [found for line in lines if (found := _read_line(line, scripts)) is not None]


def read_options(text: str) -> CommandLine | None:
    """Read a text that begins with an option, without the name of a program."""
    words = split_words(text)
    return CommandLine("", tuple(words)) if words and _is_option(words[0]) else None


def split_words(text: str) -> list[str]:
    """Split a command line into words, as a POSIX shell does.

    Raises:
        ConfigError: if a quote is not closed.
    """
    try:
        return shlex.split(text[:LONGEST], comments=False, posix=True)
    except ValueError:
        shown = " ".join(text.split())[:60]
        raise ConfigError(
            f"the command line {shown!r} has a quote that is not closed; check its quotes"
        ) from None


def match_words(line: CommandLine, peer: Peer) -> tuple[list[tuple[str, Any]], list[str]]:
    """Match the words of a command line to the options of a tool.

    Returns:
        Pairs of an option, as it was typed, and its value; and words that belong to no option.

    Raises:
        ConfigError: if an option has no value.
    """
    pairs: list[tuple[str, Any]] = []
    loose: list[str] = []
    words = list(line.words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not _is_option(word):
            if equals and peer.find(name) is not None:  # as hydra has it
                pairs.append((name, value))
            elif word != "--":
                loose.append(word)
        elif equals:
            pairs.append((name, value))
        else:
            pairs.append((word, _take_values(word, words, peer)))
    return pairs, loose


def _take_values(word: str, words: list[str], peer: Peer) -> Any:
    """Take the values of an option from the words that follow it."""
    option = peer.find(word, prefixes=True)
    count = MANY if option is None else option.kind.words
    if count == MAYBE:
        said = bool(words) and words[0].strip().lower() in (*TRUE, *FALSE)
        return words.pop(0) if said else True
    if count == 0:
        return True
    taken: list[str] = []
    while words and (count == MANY or len(taken) < count):
        alone = count == 1 and peer.find(words[0], prefixes=True) is None
        if _is_option(words[0]) and not (alone and " " in words[0]):
            break
        taken.append(words.pop(0))
    if option is None:
        return " ".join(taken) if taken else True
    if not taken and count != MANY:
        raise ConfigError(f"{word} has no value, and {peer.name} takes {option.kind.expects}")
    return taken[0] if count == 1 else taken


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NUMBER.match(word)


def _is_one(text: str) -> bool:
    """Whether all lines but the first begin with an option: a command in several lines."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return all(line.startswith("-") or not line for line in lines[1:])


def _read_line(line: str, scripts: Sequence[str]) -> CommandLine | None:
    """A line as the call of a program, from the program's name to the command's end."""
    words = iter(split_words(line.strip().lstrip("!%$ ")))
    for word in words:
        if word.startswith("#"):
            return None
        name = _program(word)
        if name in scripts:
            return CommandLine(name, tuple(_until_end(words)))
    return None


def _program(word: str) -> str:
    """The name of a program, as `scripts` have it: of pytti.workhorse, the whole."""
    bare = PurePath(word.replace("\\", "/")).name.lower()
    return bare.removesuffix(".py")


def _until_end(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        if word in ENDS:
            return
        if word.endswith(";") and len(word) > 1:
            yield word[:-1]
            return
        yield word
