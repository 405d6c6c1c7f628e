"""Verification of model files by checksum, and their removal.

Beside the weights of a model in the cache is the sha256 that they had when they were downloaded
or imported; it is compared each time they are loaded. A `.ckpt` holds more than a VQGAN (a
discriminator, an optimiser, a transformer), and is a pickle. So the first load writes a copy
beside it, `light.safetensors`, with the VQGAN's tensors alone, which is loaded from then on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqclip.errors import ModelError, OutputError
from vqclip.models.zoo import download, model_files
from vqclip.models.zoo.catalogue import BUNDLED, find_published


@dataclass(frozen=True)
class Verification:
    """The verification of a file.

    Args:
        sha256: of the file now.
        noted: as published, or when the file came; None if unknown.
    """

    name: str
    file: Path
    sha256: str
    noted: str | None

    @property
    def verdict(self) -> str:
        """The result in one word: "unknown", "same" or "CHANGED"."""
        return "unknown" if self.noted is None else "same" if self.same else "CHANGED"

    @property
    def same(self) -> bool:
        """Whether the checksum is unchanged or unknown."""
        return self.noted in (None, self.sha256)


def verify_models(names: list[str] | None = None) -> Iterator[Verification]:
    """Verify the weights of models by their checksums.

    Args:
        names: of models; None for all that are on this machine.

    Raises:
        ModelAbsent: if a named model is not on this machine.
    """
    for row in model_files.list_models():
        if names is None and row.where == "absent":
            continue
        if names is not None and row.name not in names:
            continue
        yield check_weights(row.name, model_files.find_weights(row.name))
    for name, digest in BUNDLED.items():
        if (
            names is None
            and (file := model_files.STARTER_FOLDER / name).is_file()
            and "/" in name
        ):
            yield Verification(
                f"starter {name.partition('/')[0]}", file, model_files.file_sha256(file), digest
            )


def remove_model(name: str) -> int:
    """Delete a model from the cache, and return the number of bytes freed.

    Raises:
        ModelError: if there is no such model here, or it came with vqclip.
        OutputError: if it cannot be deleted.
    """
    if name == "starter":
        raise ModelError(
            "the starter models came with vqclip, and are removed when it is uninstalled"
        )
    if "::" in name:
        raise ModelError(
            f"{name} is in the cache that open_clip shares with other programs; 'hf cache "
            "delete' of huggingface_hub removes it from there"
        )
    folder = model_files.find_weights(name).parent
    freed = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    with download.locked_model(name):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be deleted ({error.strerror})") from error
    return freed


def check_weights(name: str, weights: Path) -> Verification:
    """Compare the sha256 of weights with the published one, else with that noted on arrival."""
    row = find_published(name)
    noted = None if row is None else row.sha256
    if name == "starter":
        noted = BUNDLED[weights.name]
    elif noted is None and (note := weights.with_name("weights.sha256")).is_file():
        noted = note.read_text(encoding="utf-8").strip()
    return Verification(name, weights, model_files.file_sha256(weights), noted)


def changed_message(checked: Verification) -> str:
    """The message for a file whose checksum has changed."""
    return (
        f"{checked.file} is not the file that came as {checked.name} (its sha256 is "
        f"{checked.sha256[:12]}…, and was {str(checked.noted)[:12]}…): it is damaged, or "
        f"something else wrote it. 'vqclip models remove {checked.name}', then fetch or import "
        "it again"
    )


def file_stamp(weights: Path) -> list[int]:
    """Size and time of modification of a file, which change when it is written."""
    about = weights.stat()
    return [about.st_size, about.st_mtime_ns]
