"""Output of commands: lines on stderr, JSON lines on stdout, and progress bars.

With `--json` every line on stdout is one object, flushed at once: `start`, `step`s, then `done`
or `error`. Everything for people goes to stderr, but for the path of the picture, which is
printed on stdout, so that `open "$(vqclip "a fox")"` works.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli import terminal
from vqclip.cli.progress_bar import Bar
from vqclip.config.schema import RunConfig
from vqclip.errors import SettingsWarning

if TYPE_CHECKING:
    from vqclip.optimisation_loop import Step


@dataclass
class Progress:
    """The progress of a command; `main` reads it to choose the exit code and what to say.

    Attributes:
        signal: the number of the signal that asked to stop, if one did.
    """

    started: bool = False
    folder: Path | None = None
    config: RunConfig | None = None
    signal: int = 0


@dataclass(frozen=True)
class Console:
    """The output of a command.

    Args:
        json: objects for scripts on stdout.
        quiet: nothing for people but errors.
        show: finished pictures are shown in the terminal.
    """

    json: bool = False
    quiet: bool = False
    show: bool = False

    def say(self, words: str) -> None:
        """Tell people something, on stderr."""
        if not self.quiet:
            head = "note:" if words.startswith("note:") else ""
            _to_people(words.removeprefix(head), head, "yellow")

    def event(self, name: str, /, **values: Any) -> None:
        """Tell a script something, on stdout; nothing without `--json`."""
        if self.json:
            print(json.dumps({"event": name, **values}, allow_nan=False), flush=True)

    def result(self, words: str, *, exact: bool = False) -> None:
        """Print what was asked for, on stdout; nothing with `--json`, which has its own event.

        Args:
            exact: for a path, a table or a script that another program reads: as it is, unless
                it goes to a terminal.
        """
        if self.json:
            return
        if exact and not terminal.is_live(sys.stdout):
            _print_exactly(words)
        else:
            print(terminal.show_controls(words), flush=True)

    def picture(self, path: Path) -> None:
        """Show a finished picture in the terminal, if that is asked for, and print its path."""
        if self.show and not self.json and not terminal.show_picture(path):
            self.say("note: --show shows pictures in a terminal, and this is none")
        self.result(str(path), exact=True)

    def table(
        self,
        rows: Sequence[tuple[str, ...]],
        *,
        heads: bool = False,
        spare: int | None = None,
    ) -> bool:
        """Print rows in columns, on stdout; nothing with `--json`, which has its own events.

        Args:
            heads: whether the first row says what the columns are.
            spare: a column that is left out where a terminal is narrow.

        Returns:
            Whether every column is there.
        """
        if self.json or not rows:
            return True
        return terminal.print_table(rows, heads=heads, spare=spare)

    def error(self, words: str) -> None:
        """Say what went wrong, to both."""
        self.event("error", message=words)
        _to_people(f" {words}", "error:", "bold red")

    def watch(
        self, steps: Iterator[Step], total: int, done: int = 0, frames: int = 0
    ) -> Generator[Step, None, None]:
        """Show steps as they pass: a bar with loss and time left, or an event each.

        Args:
            frames: of an animation; 0 for a still.
        """
        hidden = self.quiet or self.json
        with Bar(total, done, left=True, hidden=hidden) as bar:
            for step in steps:
                if self.json:
                    # JSON has no word for what is not a number.
                    values = step.values().items()
                    losses = {k: v if math.isfinite(v) else None for k, v in values}
                    which = {"frame": step.frame} if frames else {}
                    self.event("step", step=step.index, **which, losses=losses)
                elif bar.console is not None:  # a loss is read for nobody else
                    where = f"frame {step.frame + 1}/{frames}, " if frames else ""
                    bar.set_postfix_str(f"{where}loss {step.total():.3f}", refresh=False)
                    bar.update(step.index + 1 - bar.n)  # a plateau passes over some
                yield step

    def bar(self, total: int | None, done: int = 0, what: str = "step") -> Bar:
        """Make a bar of steps, `done` of `total` taken; its postfix says the rest.

        It stays hidden where there is nobody to see it.
        """
        return Bar(total, done, what, hidden=self.quiet or self.json)


@contextmanager
def say_warnings(screen: Console) -> Iterator[None]:
    """Show what is warned of in settings as notes, each once."""
    with warnings.catch_warnings():
        show, said = warnings.showwarning, set[str]()

        def say(
            message: Warning | str, category: type[Warning], *more: Any, **named: Any
        ) -> None:
            if not issubclass(category, SettingsWarning):
                show(message, category, *more, **named)
            elif str(message) not in said:
                said.add(str(message))
                screen.say(f"note: {message}")

        warnings.simplefilter("always", SettingsWarning)
        warnings.showwarning = say
        yield


def _to_people(words: str, head: str = "", style: str = "") -> None:
    """Print on stderr; where the terminal is closed, there is nobody to tell."""
    with suppress(OSError):
        terminal.print_line(words, sys.stderr, head, style)


def _print_exactly(words: str) -> None:
    """Print text for another program: a path in the bytes of the file system, in any locale."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        with suppress(UnicodeEncodeError):  # letters that the file system does not have
            raw = os.fsencode(words)
            stream.flush()
            stream.buffer.write(raw + os.linesep.encode())
            stream.flush()
            return
    print(words, flush=True)
