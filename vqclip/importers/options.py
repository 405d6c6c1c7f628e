"""The options of another tool: their names, how their values are read, what becomes of them.

A tool is a table of `Option`s and a function that writes what depends on several of them. The
report of an import and the documentation's tables are both made of the rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vqclip.errors import ConfigError, find_nearest
from vqclip.language.units.step_counts import parse_count

KEPT, NEARLY, LEFT = "kept", "nearly", "left"  # what becomes of an option
TRUE, FALSE = ("yes", "true", "t", "y", "1", "on"), ("no", "false", "f", "n", "0", "off")
MANY, MAYBE = -1, -2  # how many words follow an option: any number; one that is true or false
MOST = 10**9  # of a number that stands in a settings file


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Args:
        read: makes the value; raises a ValueError if it cannot.
        expects: what it must be, for messages.
        words: how many words follow the option on a command line.
    """

    read: Callable[[Any], Any]
    expects: str
    words: int = 1


@dataclass(frozen=True)
class Option:
    """An option of a tool, and what becomes of it.

    Args:
        names: its name in settings files, then others, short ones included; apart by blanks.
        default: as its tool has it, for the documentation; "" where there is none.
        fate: KEPT, NEARLY or LEFT.
        to: the settings that it becomes, apart by blanks; "prompts" for a part of the prompt.
        told: what differs, or why it is left out.
        kind: of its value.
        convert: makes the value of the one setting `to`; None where the tool's function does.
        how: the value is converted, for the documentation; "" where it stays.
    """

    names: str
    default: str
    fate: str
    to: str
    told: str
    kind: Kind
    convert: Callable[[Any], Any] | None = None
    how: str = ""

    @property
    def name(self) -> str:
        """Its name in settings files."""
        return self.names.split()[0]

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that it becomes."""
        return tuple(self.to.split())


@dataclass(frozen=True)
class Peer:
    """A tool whose settings are understood.

    Args:
        name: in one word, as reports have it.
        title: as its authors call it.
        about: what an import of it begins with, in a sentence; "" for nothing.
        options: all of its options.
        write: given a `Draft`, writes what depends on several options, and what the tool's
            defaults imply.
        scripts: names of its programs, as a command line has them.
        marks: options that no other tool has, by which its settings are recognised.
        hyphens: whether `-` and `_` are the same in its names.
    """

    name: str
    title: str
    about: str
    options: tuple[Option, ...]
    write: Callable[..., None]
    scripts: tuple[str, ...]
    marks: tuple[str, ...]
    hyphens: bool = True

    @cached_property
    def by_name(self) -> Mapping[str, Option]:
        """The options by all of their names."""
        return {name: each for each in self.options for name in each.names.split()}

    def find(self, typed: str, *, prefixes: bool = False) -> Option | None:
        """The option of a name; None if there is none.

        Args:
            typed: as it was typed, dashes in front included.
            prefixes: whether the beginning of one name alone will do, as on a command line.
        """
        known, plain = self.by_name, self.plain(typed)
        if plain in known:
            return known[plain]
        if not prefixes or len(plain) < 3:
            return None
        begun = {option.name for name, option in known.items() if name.startswith(plain)}
        return known[begun.pop()] if len(begun) == 1 else None

    def plain(self, typed: str) -> str:
        """A name without the dashes in front, and with `_` inside."""
        bare = typed.strip().lstrip("-")
        return bare.replace("-", "_") if self.hyphens else bare

    def nearest(self, typed: str) -> str:
        """The nearest name of this tool's options to one that it does not have.

        A name that begins like it, such as wallpaper_type for wallpaper_shift, is near, too.
        """
        known, plain = self.by_name, self.plain(typed)[:60]
        if near := find_nearest(plain, known):
            return near
        head = plain.partition("_")[0]
        alike = [name for name in known if len(head) > 3 and name.partition("_")[0] == head]
        return alike[0] if alike else ""


def read_text(value: Any) -> str:
    """Read a text: what people write without quotes, numbers among it, is text, too."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return show_value(value)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return " ".join(value)
    raise ValueError(value)


def read_prompts(value: Any) -> str:
    """Read prompts: a text, or a list of texts, which `|` parts."""
    return " | ".join(map(read_text, value)) if isinstance(value, list) else read_text(value)


def read_names(value: Any) -> str:
    """Read names apart by commas, or a list of them."""
    return ",".join(map(read_text, value)) if isinstance(value, list) else read_text(value)


def read_number(value: Any) -> float:
    """Read a finite number."""
    if isinstance(value, str):
        value = float(value.strip()) if len(value) < 400 else math.nan
    if isinstance(value, list) and len(value) == 1:
        return read_number(value[0])
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise ValueError(value)
    return float(value)


def read_whole(value: Any) -> int:
    """Read a whole number."""
    number = read_number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def read_steps(value: Any) -> int:
    """Read a whole number of steps, which may have pixray's unit for them: `300i`."""
    count = parse_count(value) if isinstance(value, str) else None
    return read_whole(int(count.number) if count is not None and count.unit == "i" else value)


def read_truth(value: Any) -> bool:
    """Read true or false, in the words of YAML, Python and command lines."""
    if isinstance(value, bool):
        return value
    plain = str(value).strip().lower() if isinstance(value, str | int) else ""
    if plain not in (*TRUE, *FALSE):
        raise ValueError(value)
    return plain in TRUE


def read_texts(value: Any) -> list[str]:
    """Read a list of texts, or one text."""
    if isinstance(value, list):
        return [read_text(each) for each in value]
    return [read_text(value)]


def read_numbers(value: Any) -> list[float]:
    """Read several numbers: a list, or a text with blanks or commas between them."""
    if isinstance(value, str):
        value = [each for each in re.split(r"[\s,]+", value.strip(" []()")) if each]
    return [read_number(each) for each in (value if isinstance(value, list) else [value])]


def read_pair(value: Any) -> tuple[int, int]:
    """Read a width and a height: `[384, 216]`, `384 216`, `384x216` or `1280-720`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = [each for each in re.split(r"[\s,x×X-]+", value.strip(" []()")) if each]
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value, value]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(value)
    wide, high = (read_whole(each) for each in value)
    if min(wide, high) < 1:
        raise ValueError(value)
    return wide, high


def read_mapping(value: Any) -> dict[str, Any]:
    """Read a mapping, whose keys become texts."""
    if not isinstance(value, dict):
        raise ValueError(value)
    return {show_value(key): each for key, each in value.items()}


TEXT = Kind(read_text, "text")
PROMPTS = Kind(read_prompts, "text or a list of texts")
NUMBER = Kind(read_number, "a number")
WHOLE = Kind(read_whole, "a whole number")
TRUTH = Kind(read_truth, "true or false", MAYBE)
FLAG = Kind(read_truth, "true or false", 0)
TEXTS = Kind(read_texts, "a text or a list of them", MANY)
NUMBERS = Kind(read_numbers, "numbers", MANY)
PAIR = Kind(read_pair, "a width and a height", 2)
SIZE = Kind(read_pair, "a width and a height")  # in one word: 1280-720
MAPPING = Kind(read_mapping, "a mapping")
ANYTHING = Kind(lambda value: value, "anything", MANY)


def read_value(tool: str, name: str, value: Any, kind: Kind) -> Any:
    """Read the value of an option.

    Raises:
        ConfigError: if it is not of its kind; the message names tool, option and value.
    """
    try:
        return kind.read(value)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError(
            f"{name} is {show_value(value)[:60]!r}, and in {tool} it must be {kind.expects}"
        ) from None


def show_value(value: Any) -> str:
    """Show a value as it would be written in YAML, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{show_value(key)}: {show_value(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    try:
        return f"{value:g}" if isinstance(value, float) and abs(value) < 1e5 else str(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"


def kept(
    names: str,
    default: str,
    to: str,
    kind: Kind,
    convert: Callable[[Any], Any] | None = None,
    how: str = "",
) -> Option:
    """A row: an option that means the same here."""
    return Option(names, default, KEPT, to, "", kind, convert, how)


def nearly(
    names: str,
    default: str,
    to: str,
    kind: Kind,
    told: str,
    convert: Callable[[Any], Any] | None = None,
) -> Option:
    """A row: an option that becomes something near."""
    return Option(names, default, NEARLY, to, told, kind, convert)


def left(names: str, default: str, told: str, kind: Kind = ANYTHING) -> Option:
    """A row: an option that is left out."""
    return Option(names, default, LEFT, "", told, kind)


def same(value: Any) -> Any:
    """The value as it is, for rows that need no conversion."""
    return value


def check_rows(options: Iterable[Option]) -> tuple[Option, ...]:
    """The rows of a tool, as they stand.

    Raises:
        ValueError: if a name stands in two of them.
    """
    rows, seen = tuple(options), set[str]()
    for name in (name for row in rows for name in row.names.split()):
        if name in seen:
            raise ValueError(f"two options are called {name}")
        seen.add(name)
    return rows
