"""Shared parts of benchmarks/animation.py: vqclip's own commands, and what they say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory import VQCLIP

OWN = ("photo", "out", "count", "counts", "prompt")  # words of the benchmark; others are settings


@dataclass(frozen=True)
class Given:
    """What stands behind a part's name.

    Args:
        words: the benchmark's own.
        settings: of vqclip, for all runs.
        out: where frames go.
    """

    words: dict[str, str]
    settings: tuple[str, ...]
    out: Path

    @classmethod
    def read(cls, arguments: Sequence[str], place: Path) -> Given:
        """Read `key=value …`; `place` is where frames go unless `out` is named."""
        for each in arguments:
            if "=" not in each:
                raise SystemExit(f"{each!r} is not key=value")
        pairs = [each.split("=", 1) for each in arguments]
        words = {key: value for key, value in pairs if key in OWN}
        settings = tuple(f"{key}={value}" for key, value in pairs if key not in OWN)
        return cls(words, settings, Path(words["out"]) if "out" in words else place)

    def photo(self) -> Path:
        """The photograph, or the wheel that has it."""
        if "photo" not in self.words:
            raise SystemExit(
                "name a photograph: photo=FILE, or photo=scikit_learn-….whl after "
                "`pip download --no-deps scikit-learn`"
            )
        return Path(self.words["photo"])


def vqclip(words: Sequence[str]) -> list[dict[str, Any]]:
    """Run a command, and give its events."""
    done = subprocess.run([*VQCLIP, *words, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"vqclip {' '.join(words)}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def animate(words: Sequence[str], out: Path) -> Path:
    """Draw an animation; give its run's folder."""
    return Path(vqclip(["animate", *words, f"out={out}"])[-1]["run"])


def read(run: Path) -> dict[str, Any]:
    """A run's own record."""
    found: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return found


def sheet(frames: Path, step: int, path: Path) -> None:
    """Lay every `step`th frame on a contact sheet."""
    vqclip(["film", str(frames), "--sheet", str(step), "--out", str(path)])


def watch(
    frames: Path, source: Path | None = None, prompt: str = "", perceptors: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, float]]:
    """What `vqclip score --film` says: of its steadiness, and each perceptor's mean cosine."""
    words = ["score", "--film", str(frames)]
    words += [] if source is None else ["--source", str(source)]
    words += [prompt, f"perceptors=[{','.join(perceptors)}]"] if prompt else []
    events = vqclip(words)
    film = next(each for each in events if each["event"] == "film")
    scores = {e["perceptor"]: e["cosine"] for e in events if e["event"] == "score"}
    return film, scores
