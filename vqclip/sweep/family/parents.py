"""Parents: the pictures that offspring are made of.

They are named by a run folder, by its PNG, or by a number on the sheet of a family:
`outputs/0001-a-fox`, `outputs/0001-a-fox/final.png`, `outputs/0002-vary-a-fox:3`.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import PictureError
from vqclip.media.files import FAMILY, read_object
from vqclip.run.record.provenance import Provenance, read_provenance, read_run_settings

_NUMBERED = re.compile(r"(.+):([0-9]{1,4})")


@dataclass(frozen=True)
class Parent:
    """A picture that offspring are made of.

    Args:
        folder: that it lies in.
        picture: the PNG; None where only the notes of the run are there.
        sha256: of the picture, or of its notes where there is none, in hexadecimal.
        notes: its notes.
        config: its settings.
        family: what the tree of the family says that it is one of; {} for any other run.
    """

    folder: Path
    picture: Path | None
    sha256: str
    notes: Provenance
    config: RunConfig
    family: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, in pixels."""
        from vqclip.media import images

        if self.picture is None:
            return final_size(self.config)
        return images.read_head(self.picture)[0]

    def describe(self, beside: Path) -> dict[str, Any]:
        """What a family tree says of it.

        Args:
            beside: the folder of the tree, which the path starts from.
        """
        found: dict[str, Any] = {
            "run": self.folder.absolute().name,
            "path": os.path.relpath(self.folder, beside).replace(os.sep, "/"),
            "picture": None if self.picture is None else self.picture.name,
            "sha256": self.sha256,
            "prompt": self.notes.prompt,
            "seed": self.notes.seed,
        }
        if self.family:
            found["family"] = self.family["id"]
        return found


def find_run(word: str) -> Path:
    """The folder or the PNG that a word names; `FOLDER:3` is number 3 of a family.

    Raises:
        PictureError: if there is no such thing.
    """
    path = Path(word)
    numbered = _NUMBERED.fullmatch(word)
    if os.path.lexists(path) or numbered is None:
        if (path / FAMILY).is_file():
            raise PictureError(
                f"{word} is a folder of offspring; say which one by its number on the sheet: "
                f"{path}:3"
            )
        return path
    folder, number = Path(numbered[1]), int(numbered[2])
    rows = read_object(folder / FAMILY).get("offspring")
    if not isinstance(rows, list):
        raise PictureError(
            f"{word} names number {number} of the offspring in {folder}, but there is no "
            f"{FAMILY}; expected a folder that vqclip vary made"
        )
    for row in rows:
        if isinstance(row, dict) and row.get("number") == number:
            found = folder / Path(str(row.get("folder"))).name
            if not (found / "final.png").is_file():
                raise PictureError(f"{word} is not drawn yet; vqclip sweep {folder} goes on")
            return found
    raise PictureError(f"{word}: there are {len(rows)} offspring in {folder}")


def read_parent(word: str) -> Parent:
    """Read the picture that a word names, with its notes.

    Raises:
        PictureError: if there is none, or it is an animation.
        ConfigError: if one of its settings no longer means anything.
    """
    path = find_run(word)
    notes, config = read_provenance(path), read_run_settings(path)
    folder = path if path.is_dir() else path.parent
    picture: Path | None = folder / "final.png" if path.is_dir() else path
    if picture is None or picture.suffix.lower() != ".png" or not picture.is_file():
        picture = None
    if config.frames or config.length or config.source.film:
        raise PictureError(
            f"{word} is an animation, and offspring are made of still pictures; draw one with "
            f"its settings first: vqclip again {folder} frames=0"
        )
    data = notes.to_json().encode() if picture is None else picture.read_bytes()
    tree = read_object(folder.absolute().parent / FAMILY)
    is_one = folder.name in {
        row.get("folder") for row in tree.get("offspring", []) if isinstance(row, dict)
    }
    family = tree if is_one and isinstance(tree.get("id"), str) else {}
    return Parent(folder, picture, hashlib.sha256(data).hexdigest(), notes, config, family)
