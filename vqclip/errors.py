"""The errors that users see: what was found, what was expected, what to do.

    VqclipError          the base: one sentence or two, printed without a traceback
    ├── PromptError      a prompt that cannot be read
    ├── ConfigError      a setting, a preset or a run file that cannot be used
    ├── ModelError       a checkpoint that is damaged, hostile or of another architecture
    │   └── ModelAbsent  a model that is known but not on this machine
    ├── PictureError     a picture, film or run folder that cannot be read
    ├── SoundError       a sound that cannot be read, or heard
    ├── OutputError      a place that cannot be written
    └── NumbersError     a step that gives infinite numbers, or none

A message has these three parts. Whether a run ends with exit code 2 (refused before the start) or
1 (failed after it) depends on when the error was raised, not on its class: see `vqclip.cli.main`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import TypeVar

Value = TypeVar("Value")


class VqclipError(Exception):
    """An error that the user can fix; its text is shown as it is."""


class PromptError(VqclipError):
    """A prompt that cannot be read."""


class ConfigError(VqclipError):
    """A setting, a preset or a run file that cannot be used."""


class ModelError(VqclipError):
    """A checkpoint that is damaged, hostile or of another architecture."""


class ModelAbsent(ModelError):
    """A model that is known by name but not on this machine."""


class PictureError(VqclipError):
    """A picture, a film or a run folder that cannot be read."""


class SoundError(VqclipError):
    """A sound that cannot be read, or heard."""


class OutputError(VqclipError):
    """A place that cannot be written."""


class NumbersError(VqclipError):
    """A step that gives infinite numbers, or none, however often it is taken."""


class SettingsWarning(UserWarning):
    """What in the settings may not be as their writer expects; shown as a note."""


def suggest(name: str, names: Iterable[str]) -> str:
    """Suggest the nearest of some names, for a message: "; did you mean 'adam'?", or "".

    A slip is one letter too many, too few, wrong or swapped in five, two in ten, and so on;
    whatever differs by more is another word. Capitals and the dashes of options do not count.

    >>> suggest("adm", ["adam", "rmsprop"])
    "; did you mean 'adam'?"
    >>> suggest("iterations", ["version"])
    ''
    """
    near = find_nearest(name, names)
    return "" if near is None else f"; did you mean {near!r}?"


def find_nearest(name: str, names: Iterable[str]) -> str | None:
    """Find the name that a slip made of `name`, see `suggest`; None if there is none."""
    typed, found = _bare(name), list[tuple[int, float, str]]()
    for each in names:
        meant = _bare(each)
        slips = _slips(typed, meant)
        if typed and meant and slips <= 1 + len(typed) // 6:
            found.append((slips, -SequenceMatcher(None, typed, meant).ratio(), each))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _bare(name: str) -> str:
    return name.lower().lstrip("-")


def _slips(typed: str, meant: str) -> int:
    """How many letters were added, left out, mistaken or swapped with the next one.

    Words whose lengths differ by much are counted by that alone.
    """
    if abs(len(typed) - len(meant)) > 1 + len(typed) // 6:
        return abs(len(typed) - len(meant))
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(meant, 1):
            found = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                found = min(found, last[j - 2] + 1)
            row.append(found)
    return row[-1]


def pick(table: Mapping[str, Value], name: str, kind: str) -> Value:
    """Look up `table[name]`.

    Args:
        kind: what the entries are, for the message.

    Raises:
        ConfigError: if there is no such entry; the message lists all, and suggests the nearest.

    >>> pick({"adam": 1, "rmsprop": 2}, "adm", "optimiser")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    vqclip.errors.ConfigError: no optimiser is called 'adm'; did you mean 'adam'? (one of: ...
    """
    if name in table:
        return table[name]
    raise ConfigError(
        f"no {kind} is called {name!r}{suggest(name, table)} (one of: {', '.join(sorted(table))})"
    )
