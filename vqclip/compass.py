"""Directions with a name: what some words or pictures have, and others lack.

`vqclip direction "letters | a caption" "a picture" --name plain` writes the file
`directions/plain.json`: both lists, and the direction itself for each perceptor that was asked.
`vector(plain)` in a prompt goes along it, `vector(plain):-1` away from it. pixray's vector
prompts came from such differences of means, made by its `vectorize.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqclip.errors import OutputError, PromptError, suggest
from vqclip.folders import HERE

FOLDER = "directions"  # in one of the folders of `vqclip.folders`
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}")
MOST_BYTES = 2**24


@dataclass(frozen=True)
class Direction:
    """A direction in the space of perceptors.

    Args:
        there: words that have it, or "@" and a picture.
        lacking: words or pictures that lack it.
        vectors: of perceptors, by the sha256 of their weights: numbers, of length 1 together.
    """

    there: tuple[str, ...]
    lacking: tuple[str, ...]
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def in_words(self) -> bool:
        """Whether it is made of words only, so that any perceptor can work it out."""
        return not any(each.startswith("@") for each in (*self.there, *self.lacking))


# Away from lettering, which CLIP's captions bring into pictures; the name is pixray's.
KNOWN = {
    "textoff": Direction(
        there=("a picture", "a drawing", "a photograph", "a painting"),
        lacking=("text", "letters", "a caption", "a watermark", "a signature", "handwriting"),
    ),
}


def find(name: str, folders: Sequence[Path] = HERE) -> Direction:
    """Look a direction up: in `directions/` in one of some folders, or among the known.

    Raises:
        PromptError: if there is none of the name, or its file is none.
    """
    inside = [folder / FOLDER for folder in folders]
    for folder in inside if NAME.fullmatch(name) else []:
        path = folder / f"{name}.json"
        if path.is_file():
            return _read(path)
    if name in KNOWN:
        return KNOWN[name]
    there = {path.stem for folder in inside if folder.is_dir() for path in folder.glob("*.json")}
    names = sorted({*KNOWN, *there})
    raise PromptError(
        f"there is no direction {name[:60]!r}{suggest(name[:60], names)} (there are: "
        f"{', '.join(names)}); vqclip direction makes one"
    )


def path_of(name: str) -> Path:
    """Where a new direction goes.

    Raises:
        PromptError: if the name is no name.
        OutputError: if there is one already.
    """
    if NAME.fullmatch(name) is None:
        raise PromptError(
            f"a direction cannot be called {name[:60]!r}; take letters, digits, - and _"
        )
    path = Path(FOLDER) / f"{name}.json"
    if os.path.exists(FOLDER) and not os.path.isdir(FOLDER):
        raise OutputError(f"{FOLDER} is a file, and directions go into a folder of that name")
    if os.path.lexists(path):
        raise OutputError(f"{path} is there already; take another --name, or move it away")
    return path


def to_json(direction: Direction) -> str:
    """What stands in a direction's file."""
    return json.dumps(asdict(direction), ensure_ascii=False, indent=1) + "\n"


def digest(direction: Direction) -> str:
    """A sha256 of what a direction says, for the notes."""
    return hashlib.sha256(to_json(direction).encode()).hexdigest()


def _read(path: Path) -> Direction:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_BYTES + 1)
        found = json.loads(text) if len(text) <= MOST_BYTES else None
        return _checked(found)
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise PromptError(
            f"{path} cannot be read as a direction ({error}); make it again with vqclip direction"
        ) from error


def _checked(found: Any) -> Direction:
    """Make a direction of what a file holds."""
    there, lacking = (tuple(found[key]) for key in ("there", "lacking"))
    if not (there and lacking and all(isinstance(each, str) for each in (*there, *lacking))):
        raise ValueError("it lacks words")
    vectors = {
        str(key): [float(number) for number in numbers]
        for key, numbers in dict(found.get("vectors", {})).items()
    }
    return Direction(there, lacking, vectors)
