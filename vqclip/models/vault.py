"""Are a model's files what they were? And how do large ones open quickly?

Beside the weights of a model in the cache lies the sha256 that they had when they came: it is
asked for each time they are read. A `.ckpt` holds much beside its VQGAN (a discriminator, an
optimiser, a transformer), and is a program; so after the first load a copy lies beside it,
`light.safetensors`, which is the VQGAN's tensors alone, and serves from then on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.errors import ModelError, OutputError
from vqclip.models import arrivals, zoo
from vqclip.models.catalogue import BUNDLED, CHECKPOINTS

if TYPE_CHECKING:
    import torch

    from vqclip.models.vqgan import VQGAN

COPY, NOTE = "light.safetensors", "light.json"


@dataclass(frozen=True)
class Check:
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


def load(name: str, device: torch.device | str = "cpu") -> tuple[VQGAN, str]:
    """Load a VQGAN by its name, and give the sha256 of its weights.

    Raises:
        ModelAbsent: if the model is known but not here.
        ModelError: if it cannot be read, or is not what it was when it came.
    """
    from vqclip.models import vqgan

    found = zoo.find(name)
    light = _light(found.weights)
    if light is not None:
        return vqgan.load(found.config, found.weights.with_name(COPY), device=device), light
    checked = _check(name, found.weights)
    if not checked.same:
        raise ModelError(_changed(checked))
    model = vqgan.load(found.config, found.weights, device=device)
    if zoo.cache_dir() in found.weights.parents and found.weights.suffix != ".safetensors":
        with suppress(OSError):  # a full disk, or one that is only read: next time, then
            _copy(model, found.weights, checked.sha256)
    return model, checked.sha256


def verify(names: list[str] | None = None) -> Iterator[Check]:
    """Read the weights of models through: of those that are named, or of all that are here.

    Raises:
        ModelError: if there is no model of a name; ModelAbsent if it is not here.
    """
    for row in zoo.listing():
        if names is None and row.where == "absent":
            continue
        if names is not None and row.name not in names:
            continue
        yield _check(row.name, zoo.find(row.name).weights)
    for name, digest in BUNDLED.items():
        if names is None and (file := zoo.STARTER / name).is_file() and "/" in name:
            yield Check(f"starter {name.partition('/')[0]}", file, zoo.sha256(file), digest)


def remove(name: str) -> int:
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
    folder = zoo.find(name).weights.parent
    freed = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    with arrivals.alone(name):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be deleted ({error.strerror})") from error
    return freed


def _check(name: str, weights: Path) -> Check:
    """Compare weights with what is published, or else with what was noted when they came."""
    row = CHECKPOINTS.get(name)
    noted = None if row is None else row.sha256
    if name == "starter":
        noted = BUNDLED[weights.name]
    elif noted is None and (note := weights.with_name("weights.sha256")).is_file():
        noted = note.read_text(encoding="utf-8").strip()
    return Check(name, weights, zoo.sha256(weights), noted)


def _changed(checked: Check) -> str:
    return (
        f"{checked.file} is not the file that came as {checked.name} (its sha256 is "
        f"{checked.sha256[:12]}…, and was {str(checked.noted)[:12]}…): it is damaged, or "
        f"something else wrote it. 'vqclip models remove {checked.name}', then fetch or import "
        "it again"
    )


def _stamp(weights: Path) -> list[int]:
    """What changes when somebody writes a file."""
    about = weights.stat()
    return [about.st_size, about.st_mtime_ns]


def _light(weights: Path) -> str | None:
    """The sha256 of weights, if there is a good copy of them that is not out of date."""
    try:
        note: Any = json.loads(weights.with_name(NOTE).read_text(encoding="utf-8"))
        if note["stamp"] == _stamp(weights) and note["copy"] == zoo.sha256(
            weights.with_name(COPY)
        ):
            return str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or it is damaged: it is made again
    return None


def _copy(model: VQGAN, weights: Path, digest: str) -> None:
    """Write the copy, and then the note without which it is not looked at."""
    from safetensors.torch import save_file

    copy, note = weights.with_name(COPY), weights.with_name(NOTE)
    note.unlink(missing_ok=True)
    aside = copy.with_name(f"{COPY}.part")
    try:
        save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, aside)
        aside.replace(copy)
    finally:
        aside.unlink(missing_ok=True)
    text = json.dumps({"stamp": _stamp(weights), "sha256": digest, "copy": zoo.sha256(copy)})
    part = note.with_name(f"{NOTE}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(note)
