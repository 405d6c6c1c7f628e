"""Interrupts: Ctrl-C and other signals, which end a run after its step.

The first of these signals lets the step that is under way finish, so that everything can be put
away; the second one ends the process as it always would.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Windows knows no SIGHUP; there, closing the terminal is a Ctrl-Break.
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)


@dataclass
class Interrupt:
    """Whether somebody asked to stop: the number of the signal, or 0."""

    signal: int = 0

    def __bool__(self) -> bool:
        return self.signal != 0


@contextmanager
def catch_interrupts() -> Iterator[Interrupt]:
    """Note the first signal, and let the next one do what it did before."""
    asked = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # Python hands signals to the main thread only
        return
    before = {each: signal.getsignal(each) for each in SIGNALS}

    def back() -> None:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)

    def stop(number: int, frame: Any) -> None:
        asked.signal = number
        back()

    try:
        for each, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup means it
                signal.signal(each, stop)
        yield asked
    finally:
        back()
