"""Progress bars on stderr, by rich: how far, how much of it, and how long still.

A bar is seen on a terminal only. What others print on stderr while it is there stands above it.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vqclip.cli import terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task
    from rich.text import Text

PAUSE = 0.1  # seconds between two drawings of a bar
CELLS = 24  # characters of the bar itself
BYTES = "bytes"  # what a bar of a download counts


class Bar:
    """A bar of `total` things, `done` of which are done; a hidden one only counts.

    Args:
        total: None: nobody knows yet.
        what: one of the things, or BYTES.
        left: whether it says how long it will still take.
    """

    def __init__(
        self,
        total: int | None,
        done: int = 0,
        what: str = "step",
        *,
        left: bool = False,
        hidden: bool = False,
    ) -> None:
        self.total, self.n, self.what = total, done, what
        self.console: Console | None = None
        self._left, self._words, self._drawn = left, "", 0.0
        self._progress: Progress | None = None
        if not hidden and terminal.is_live(sys.stderr):
            self._show()

    def update(self, count: int = 1) -> None:
        """Count on."""
        self.n += count
        self._tell()

    def set_postfix_str(self, words: str, refresh: bool = True) -> None:
        """Say something after the count."""
        self._words = f", {terminal.on_one_line(words)}" if words else ""
        if refresh:
            self.refresh()

    def clear(self) -> None:
        """Make room for a line; the bar's console does so by itself."""

    def refresh(self) -> None:
        """Draw it as it is now."""
        self._tell(at_once=True)

    def close(self) -> None:
        """Leave it as it stands."""
        if self._progress is not None and self.console is not None:
            self.refresh()
            self._progress.stop()
            self._progress = None
            terminal.live.remove(self.console)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _show(self) -> None:
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.table import Column

        bar = self

        class Words(ProgressColumn):
            """What stands to the right of the bar."""

            max_refresh = None

            def render(self, task: Task) -> Text:
                return bar._said(task)

        self.console = terminal.console(sys.stderr)
        columns: list[Any] = [BarColumn(CELLS), Words(Column(no_wrap=True, overflow="crop"))]
        if self.what != BYTES:
            columns.insert(0, TextColumn("{task.percentage:>3.0f}%", markup=False))
        self._progress = Progress(
            *columns, console=self.console, auto_refresh=False, redirect_stdout=False
        )
        self._progress.add_task("", total=self.total, completed=self.n)
        self._progress.start()
        self.console.show_cursor()  # whoever ends us hard must not be left without one
        terminal.live.append(self.console)

    def _tell(self, at_once: bool = False) -> None:
        """Let the terminal know, but not too often."""
        if self._progress is None:
            return
        (task,) = self._progress.task_ids
        self._progress.update(task, total=self.total, completed=self.n)
        now = time.monotonic()
        if at_once or now - self._drawn >= PAUSE:
            self._drawn = now
            self._progress.refresh()

    def _said(self, task: Task) -> Text:
        from rich.filesize import decimal
        from rich.text import Text

        if self.what == BYTES:
            whole = "" if self.total is None else f" of {decimal(self.total)}"
            if task.finished:
                return Text(decimal(self.n))
            speed = f", {decimal(int(task.speed))}/s" if task.speed else ""
            return Text(f"{decimal(self.n)}{whole}{speed}{_left(task.time_remaining)}")
        left = _left(task.time_remaining) if self._left and not task.finished else ""
        return Text(f"{self.what} {self.n}/{self.total}{self._words}{left}")


def _left(seconds: float | None) -> str:
    """How long it will still take, in words.

    >>> _left(5.0), _left(754.2), _left(9000), _left(None)
    (', 00:05 left', ', 12:34 left', ', 2:30:00 left', '')
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f", {f'{hours}:' if hours else ''}{minutes:02d}:{rest:02d} left"
