"""Named directions, and finding what `vector( )` names.

A named direction is a file in a folder `directions/`: `vqclip direction "letters | a caption"
"a picture" --name plain` writes `directions/plain.json`, with both lists of words and the
direction for each perceptor. `vector(plain)` in a prompt goes along it, `vector(plain):-1` away
from it. pixray's vector prompts are such differences of means, made by its `vectorize.py`.

A name that ends in `.json` is the path of a file: of one that `vqclip direction` wrote, or of a
vector file (`vqclip.language.directions.vector_files`).
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
from vqclip.language.assets import SearchPath
from vqclip.language.directions import vector_files

DIRECTION_FOLDER = "directions"
DIRECTION_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}")
MOST_BYTES = 2**24  # of a direction's file


@dataclass(frozen=True)
class Direction:
    """A direction in the embedding spaces of perceptors.

    Args:
        there: words that have the property, or "@" and the path of a picture; () for a vector
            file.
        lacking: words or pictures that lack it; () for a vector file.
        vectors: sha256 of a perceptor's weights, or in a vector file the perceptor's name → a
            unit vector [D].
    """

    there: tuple[str, ...]
    lacking: tuple[str, ...]
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def in_words(self) -> bool:
        """Whether it is defined by words alone, so that any perceptor can compute it."""
        words = (*self.there, *self.lacking)
        return bool(words) and not any(each.startswith("@") for each in words)

    @property
    def of_vector_file(self) -> bool:
        """Whether it is that of a vector file, which knows perceptors by their names."""
        return not (self.there or self.lacking)

    def find_vector(self, digest: str, name: str) -> Sequence[float] | None:
        """Find the vector of a perceptor, by the sha256 of its weights or by its name."""
        if self.of_vector_file:
            return vector_files.find_vector(self.vectors, name)
        return self.vectors.get(digest)


# Away from lettering, which CLIP learnt from captioned pictures; the name is pixray's.
BUILT_IN = {
    "textoff": Direction(
        there=("a picture", "a drawing", "a photograph", "a painting"),
        lacking=("text", "letters", "a caption", "a watermark", "a signature", "handwriting"),
    ),
}


def find_direction(name: str, search_path: SearchPath) -> Direction:
    """Find a direction by name: in a folder `directions/`, else among the built-in ones.

    Args:
        name: what stands in `vector( )`; a path if it ends in `.json`.
        search_path: its folders may hold a folder `directions/`.

    Raises:
        PromptError: if there is none of that name, or its file cannot be read.
        PictureError: for a web address.
    """
    if is_file_name(name):
        return _read_file(name, search_path)
    inside = [folder / DIRECTION_FOLDER for folder in search_path.folders]
    for folder in inside if DIRECTION_NAME.fullmatch(name) else []:
        path = folder / f"{name}.json"
        if path.is_file():
            return _read_direction(path)
    if name in BUILT_IN:
        return BUILT_IN[name]
    there = {path.stem for folder in inside if folder.is_dir() for path in folder.glob("*.json")}
    names = sorted({*BUILT_IN, *there})
    raise PromptError(
        f"there is no direction {name[:60]!r}{suggest(name[:60], names)} (there are: "
        f"{', '.join(names)}); vqclip direction makes one"
    )


def is_file_name(name: str) -> bool:
    """Whether `vector(name)` names a file, and not a direction."""
    return name.lower().endswith(".json")


def check_vectors(
    name: str, search_path: SearchPath, perceptors: Mapping[str, int | None]
) -> None:
    """Refuse a direction that is not here, or a vector file that does not fit a perceptor.

    Args:
        name: as the prompt has it.
        perceptors: those that are to follow it; see `vector_files.check_vectors`.

    Raises:
        PromptError, PictureError: as `find_direction`; also for the first perceptor without a
            vector, or with one of another length.
    """
    direction = find_direction(name, search_path)
    if direction.of_vector_file:
        vector_files.check_vectors(direction.vectors, name, perceptors)


def build_direction_path(name: str) -> Path:
    """Build the path of a new direction's file.

    Raises:
        PromptError: if the name is not valid.
        OutputError: if the file exists, or `directions` is not a folder.
    """
    if DIRECTION_NAME.fullmatch(name) is None:
        raise PromptError(
            f"a direction cannot be called {name[:60]!r}; use letters, digits, - and _"
        )
    path = Path(DIRECTION_FOLDER) / f"{name}.json"
    if os.path.exists(DIRECTION_FOLDER) and not os.path.isdir(DIRECTION_FOLDER):
        raise OutputError(
            f"{DIRECTION_FOLDER} is a file, and directions go into a folder of that name"
        )
    if os.path.lexists(path):
        raise OutputError(f"{path} already exists; choose another --name, or move it away")
    return path


def direction_to_json(direction: Direction) -> str:
    """Write a direction as JSON, as its file holds it."""
    return json.dumps(asdict(direction), ensure_ascii=False, indent=1) + "\n"


def hash_direction(direction: Direction) -> str:
    """Compute the sha256 of a direction's JSON, for the provenance."""
    return hashlib.sha256(direction_to_json(direction).encode()).hexdigest()


def _read_file(name: str, search_path: SearchPath) -> Direction:
    """Read the file of a path: a vector file, or what `vqclip direction` wrote.

    Raises:
        PromptError: if there is none, or it is neither.
        PictureError: for a web address.
    """
    path = search_path.find(name)
    if not os.path.isfile(path):
        inside = path.parent.glob("*.json") if os.path.isdir(path.parent) else []
        near = [each.name for each in sorted(inside)[:100]]
        raise PromptError(
            f"vector({name[:200]}) names a file that is not there (a vector file is "
            f"{vector_files.EXAMPLE}){suggest(path.name, near) or '; check its name'}"
        )
    try:
        found = _read_json(path)
    except (OSError, ValueError) as error:
        raise PromptError(
            f"{path} cannot be read as a vector file ({error}); it is JSON, such as "
            f"{vector_files.EXAMPLE}"
        ) from error
    if isinstance(found, dict) and {"there", "lacking"} <= found.keys():
        return _read_direction(path)
    return Direction((), (), vector_files.parse_vectors(found, path))


def _read_json(path: Path) -> Any:
    """Read the JSON of a direction's file.

    Raises:
        OSError, ValueError: if it cannot be read, is too long, or is nested too deeply.
    """
    with path.open(encoding="utf-8") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES // 2**20} MB")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python's limit of the digits that it reads as one number
        raise ValueError("a number in it is too long") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _read_direction(path: Path) -> Direction:
    try:
        return _parse_direction(_read_json(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PromptError(
            f"{path} cannot be read as a direction ({error}); make it again with vqclip direction"
        ) from error


def _parse_direction(found: Any) -> Direction:
    """Check the content of a direction's file, and build the direction.

    Raises:
        ValueError, KeyError, TypeError: if it is not a direction.
    """
    there, lacking = (tuple(found[key]) for key in ("there", "lacking"))
    if not (there and lacking and all(isinstance(each, str) for each in (*there, *lacking))):
        raise ValueError("it lacks words")
    vectors = {
        str(key): [float(number) for number in numbers]
        for key, numbers in dict(found.get("vectors", {})).items()
    }
    return Direction(there, lacking, vectors)
