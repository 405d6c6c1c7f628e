"""Runs that are killed in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from vqclip.cli import main
from vqclip.run.record import writer


def kill_run(monkeypatch: pytest.MonkeyPatch, count: int, *words: str) -> None:
    """Start a command that dies after so many steps, as by kill -9: nothing is put away."""
    keep = writer.record_steps

    class Killed(BaseException):
        pass

    def dying(steps: Any, *arguments: Any, **options: Any) -> Any:
        def some() -> Any:
            for step in steps:
                yield step
                if step.index + 1 == count:
                    raise Killed

        return keep(some(), *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "record_steps", dying)
        patch.setattr(writer, "_stop", lambda *_: None)
        with pytest.raises(Killed):
            main.main(list(words))
