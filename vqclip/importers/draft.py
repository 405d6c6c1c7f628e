"""The run file while it is written, and the report of what became of each option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError
from vqclip.importers.options import KEPT, LEFT, NEARLY, Option, Peer, read_value, show_value
from vqclip.importers.sources.python_calls import Program
from vqclip.language.expressions import format_number

MOST_OPTIONS, MOST_SUGGESTED = 500, 50  # of a run; unknown ones with the nearest name
MOST_SHOWN = 300  # characters of a value in the report
SAVED = "save the picture, then put its name here; nothing is fetched"


@dataclass
class Entry:
    """A line of the report: an option of the input, and what became of it.

    Attributes:
        key: as it was written.
        value: as it was written, shown on one line.
        fate: KEPT, NEARLY or LEFT.
        told: what differs, or why it is left out; "" where nothing does.
        settings: the settings that it became, with their values.
    """

    key: str
    value: str
    fate: str
    told: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """An option as it was given.

    Attributes:
        option: its row.
        value: read.
        entry: its line in the report.
    """

    option: Option
    value: Any
    entry: Entry


@cache
def known_settings() -> frozenset[str]:
    """The settings that a run file of today may have; there may be more tomorrow."""
    return frozenset(each.key for each in describe_settings())


def is_known(setting: str) -> bool:
    """Whether a run file may have a setting: the tables name some that are only planned."""
    return setting in known_settings()


class Draft:
    """The settings of a run that are made of another tool's, and the report about it.

    Args:
        peer: the tool.
        pairs: key and value as they were written, in order.
        prefixes: whether the beginning of a name will do, as on a command line.
        loose: words of a command line that belong to no option.

    Raises:
        ConfigError: for a value that is not of its kind.
    """

    def __init__(
        self,
        peer: Peer,
        pairs: Sequence[tuple[str, Any]],
        *,
        prefixes: bool = False,
        loose: Sequence[str] = (),
    ) -> None:
        self.peer = peer
        self.settings: dict[str, Any] = {}
        self.entries: dict[str, Entry] = {}
        self.given: dict[str, Given] = {}
        self.notes: list[str] = []
        if len(pairs) + len(loose) > MOST_OPTIONS:
            raise ConfigError(
                f"it has more than {MOST_OPTIONS} options; no settings have so many"
            )
        for key, value in pairs:
            self._take(key, value, prefixes)
        for word in dict.fromkeys(loose):
            shown = _shorten(word)
            self.entries[f"'{word}'"] = Entry(f"'{shown}'", "", LEFT, "it follows no option")

    def _take(self, key: str, value: Any, prefixes: bool) -> None:
        option = self.peer.find(key, prefixes=prefixes)
        plain = self.peer.plain(key) or key
        again = self.entries.pop(plain, None)
        written = _shorten(key.strip().lstrip("-")) or plain.strip() or "(no name)"
        entry = Entry(written, _shorten(show_value(value)), LEFT)
        self.entries[plain] = entry
        if again is not None:
            self.notes.append(f"{plain} is given more than once; the last one counts")
        if option is None:
            unknown = len(self.entries) - len(self.given)
            near = self.peer.nearest(plain) if unknown < MOST_SUGGESTED else ""
            entry.told = f"{self.peer.name} has no such option" + (
                f"; did you mean {near}?" if near else ""
            )
            return
        if (before := self.given.get(option.name)) is not None and before.entry is not again:
            before.entry.fate = LEFT
            before.entry.told = f"the same option is given again, as {plain}, and that counts"
            before.entry.settings.clear()
        entry.fate, entry.told = option.fate, option.told
        if isinstance(value, Program):
            entry.fate = LEFT
            entry.told = "a program computes it, and none is run; write the value itself"
            return
        if value is None:
            entry.told = "it is empty, which is the default"
            entry.fate = KEPT
            self.given.pop(option.name, None)
            return
        read = read_value(self.peer.name, plain, value, option.kind)
        self.given[option.name] = Given(option, read, entry)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an option, or what it is if nobody gave it."""
        found = self.given.get(name)
        return default if found is None else found.value

    def has(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self.given

    def put(self, setting: str, value: Any, *names: str) -> bool:
        """Set a setting.

        Args:
            names: the options that it is made of; those that were given name it in the report.

        Returns:
            Whether vqclip has the setting; if not, these options are left out.
        """
        if not is_known(setting):
            for name in names:
                self.leave(name, f"vqclip has no {setting} yet")
            return False
        value = round(value, 6) if isinstance(value, float) else value
        self.settings[setting] = value
        for name in names:
            found = self.given.get(name)
            if found is not None and found.entry.fate != LEFT:
                found.entry.settings[setting] = value
        return True

    def base(self, settings: Mapping[str, Any]) -> None:
        """Set what a tool's defaults imply; settings that are only planned are passed over."""
        for setting, value in settings.items():
            if is_known(setting):
                self.settings.setdefault(setting, value)

    def apply_rows(self) -> None:
        """Set what single options become by themselves, as their rows say."""
        for name, found in self.given.items():
            if found.option.convert is not None:
                for setting in found.option.settings:
                    self.put(setting, found.option.convert(found.value), name)

    def say(self, name: str, fate: str, told: str = "") -> None:
        """Say in the report what became of an option, if it was given."""
        if (found := self.given.get(name)) is not None:
            found.entry.fate, found.entry.told = fate, told
            if fate == LEFT:
                found.entry.settings.clear()

    def keep(self, name: str) -> None:
        """Say that an option means the same here."""
        self.say(name, KEPT)

    def nearly(self, name: str, told: str) -> None:
        """Say that an option becomes something near."""
        self.say(name, NEARLY, told)

    def leave(self, name: str, told: str) -> None:
        """Say that an option is left out."""
        self.say(name, LEFT, told)

    def refuse(self, name: str, why: str) -> ConfigError:
        """The error for a value of the right kind that makes no sense."""
        found = self.given.get(name)
        shown = found.entry.value[:60] if found else "missing"
        key = found.entry.key if found else name
        return ConfigError(f"{key} is {shown!r}; {why}")

    def report(self) -> list[Entry]:
        """The lines of the report, in the order of the input."""
        return list(self.entries.values())


def _shorten(text: str) -> str:
    """A text on one line, as long as a report shows it."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN]}…"


def number_text(value: float) -> str:
    """Write a number in a schedule or a prompt, without the dust of sums."""
    return format_number(round(value, 6))
