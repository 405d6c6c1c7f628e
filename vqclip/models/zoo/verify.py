"""Verification of model files by checksum, and their removal.

Beside the weights of a model in the cache lies the sha256 that they had when they came: it is
asked for each time they are read. A `.ckpt` holds much beside its VQGAN (a discriminator, an
optimiser, a transformer), and is a program; so after the first load a copy lies beside it,
`light.safetensors`, which is the VQGAN's tensors alone, and serves from then on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.errors import ModelError, OutputError
from vqclip.models.zoo import download, registry
from vqclip.models.zoo.catalogue import BUNDLED, CHECKPOINTS

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Verification:
    """What became of a file: `noted` is the sha256 that it had, `sha256` the one that it has."""

    name: str
    file: Path
    sha256: str
    noted: str | None

    @property
    def verdict(self) -> str:
        """One word."""
        return "unknown" if self.noted is None else "same" if self.same else "CHANGED"

    @property
    def same(self) -> bool:
        """Whether nothing speaks against it."""
        return self.noted in (None, self.sha256)


def verify_models(names: list[str] | None = None) -> Iterator[Verification]:
    """Read the weights of models through: of those that are named, or of all that are here.

    Raises:
        ModelError: if there is no model of a name; ModelAbsent if it is not here.
    """
    for row in registry.list_models():
        if names is None and row.where == "absent":
            continue
        if names is not None and row.name not in names:
            continue
        yield check_weights(row.name, registry.find_vqgan(row.name).weights)
    for name, digest in BUNDLED.items():
        if names is None and (file := registry.STARTER / name).is_file() and "/" in name:
            yield Verification(
                f"starter {name.partition('/')[0]}", file, registry.sha256(file), digest
            )


def remove_model(name: str) -> int:
    """Delete a model from the cache: how many bytes that freed.

    Raises:
        ModelError: if there is no such model here, or it came with vqclip.
        OutputError: if it cannot be deleted.
    """
    if name == "starter":
        raise ModelError("the starter models came with vqclip; they go when it is uninstalled")
    if "::" in name:
        raise ModelError(
            f"{name} lies in the cache that open_clip shares with others; 'hf cache delete' of "
            "huggingface_hub takes it out there"
        )
    folder = registry.find_vqgan(name).weights.parent
    freed = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    with download.locked_model(name):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be deleted ({error.strerror})") from error
    return freed


def check_weights(name: str, weights: Path) -> Verification:
    """Compare weights with what is published, or else with what was noted when they came."""
    row = CHECKPOINTS.get(name)
    noted = None if row is None else row.sha256
    if name == "starter":
        noted = BUNDLED[weights.name]
    elif noted is None and (note := weights.with_name("weights.sha256")).is_file():
        noted = note.read_text(encoding="utf-8").strip()
    return Verification(name, weights, registry.sha256(weights), noted)


def changed_message(checked: Verification) -> str:
    return (
        f"{checked.file} is not the file that came as {checked.name} (its sha256 is "
        f"{checked.sha256[:12]}…, and was {str(checked.noted)[:12]}…): it is damaged, or "
        f"something else wrote it. 'vqclip models remove {checked.name}', then fetch or import "
        "it again"
    )


def file_stamp(weights: Path) -> list[int]:
    """What changes when somebody writes a file."""
    about = weights.stat()
    return [about.st_size, about.st_mtime_ns]
