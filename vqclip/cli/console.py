"""The console: lines on stderr, JSON lines on stdout, and progress bars.

With `--json` every line on stdout is one object, flushed at once: `start`, `step`s, then `done`
or `error`. Everything for people goes to stderr, but for the path of the picture, which is
printed on stdout, so that `open "$(vqclip "a fox")"` works.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.config.schema import RunConfig

if TYPE_CHECKING:
    from vqclip.generate import Step


@dataclass
class Progress:
    """How far a command came, and with what; the border reads it when something goes wrong.

    Attributes:
        signal: the number of the signal that asked to stop, if one did.
    """

    started: bool = False
    folder: Path | None = None
    config: RunConfig | None = None
    signal: int = 0


@dataclass(frozen=True)
class Console:
    """Where a command speaks.

    Args:
        json: objects for scripts on stdout.
        quiet: nothing for people but errors.
    """

    json: bool = False
    quiet: bool = False

    def say(self, words: str) -> None:
        """Tell people something, on stderr."""
        if not self.quiet:
            _to_people(words)

    def event(self, name: str, /, **values: Any) -> None:
        """Tell a script something, on stdout; nothing without `--json`."""
        if self.json:
            print(json.dumps({"event": name, **values}, allow_nan=False), flush=True)

    def result(self, words: str) -> None:
        """Print what was asked for, on stdout; nothing with `--json`, which has its own event."""
        if not self.json:
            print(words, flush=True)

    def error(self, words: str) -> None:
        """Say what went wrong, to both."""
        self.event("error", message=words)
        _to_people(f"error: {words}")

    def watch(
        self, steps: Iterator[Step], total: int, done: int = 0, frames: int = 0
    ) -> Generator[Step, None, None]:
        """Show steps as they pass: a bar with loss and time left, or an event each.

        Args:
            frames: of an animation; 0 for a still.
        """
        from tqdm import tqdm

        form = "{percentage:3.0f}% {bar:24} step {n_fmt}/{total_fmt}{postfix}, {remaining} left"
        hidden = self.quiet or self.json
        with tqdm(
            total=total, initial=done, bar_format=form, disable=hidden, file=sys.stderr
        ) as bar:
            for step in steps:
                if self.json:
                    values = {name: loss.item() for name, loss in step.losses.items()}
                    # JSON has no word for what is not a number.
                    losses = {k: v if math.isfinite(v) else None for k, v in values.items()}
                    which = {"frame": step.frame} if frames else {}
                    self.event("step", step=step.index, **which, losses=losses)
                elif not hidden:
                    where = f"frame {step.frame + 1}/{frames}, " if frames else ""
                    bar.set_postfix_str(f"{where}loss {step.total():.3f}", refresh=False)
                    bar.update()
                yield step

    def bar(self, total: int, done: int, what: str = "step") -> Any:
        """Make a bar of steps, `done` of `total` taken; its postfix says the rest.

        It stays hidden where there is nobody to see it.
        """
        from tqdm import tqdm

        form = "{percentage:3.0f}% {bar:24} " + what + " {n_fmt}/{total_fmt}{postfix}"
        hidden = self.quiet or self.json
        return tqdm(total=total, initial=done, bar_format=form, disable=hidden, file=sys.stderr)


def _to_people(words: str) -> None:
    """Print on stderr; where the terminal is closed, there is nobody to tell."""
    with suppress(OSError):
        print(words, file=sys.stderr, flush=True)


def table(rows: Sequence[tuple[str, ...]], widths: Mapping[int, int] | None = None) -> str:
    """Lay out rows of words in columns as wide as their widest cell."""
    if not rows:
        return ""
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for column, width in (widths or {}).items():
        wide[column] = width
    return "\n".join(
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(row, wide, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    )
