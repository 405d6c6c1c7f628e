"""Checkpoints of runs: tensors and notes in one file, nothing executable.

A `.safetensors` file: its header is JSON, the rest are numbers. A digest over all of it stands in
the header, so that a damaged file is refused, never drawn from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vqclip.errors import PictureError
from vqclip.media.files import CHECKPOINT, write_whole
from vqclip.run.record.run_folder import find_animation

KEY = "vqclip"
FORM = 1  # rises when an old checkpoint can no longer be read


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: tensors by name, and notes of plain JSON values."""

    tensors: dict[str, Tensor]
    notes: dict[str, Any]


def write_run_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]
) -> Path:
    """Write a checkpoint into a run's folder, in place of the last one, which stays until then.

    Raises:
        OutputError: if it cannot be written.
    """
    from safetensors.torch import save

    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(notes, sort_keys=True)
    known = {"form": FORM, "notes": text, "digest": _digest(kept, text)}
    # In one entry: safetensors writes several in an order of its own, other ones each time.
    header = {KEY: json.dumps(known)}
    return write_whole(folder / CHECKPOINT, save(kept, header), overwrite=True)


def read_run_checkpoint(folder: Path) -> Checkpoint:
    """Read the checkpoint of a run's folder.

    Raises:
        PictureError: if there is none, or it is damaged or of a newer vqclip.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    remedy = f"to draw it again from the start: vqclip again {folder}"
    if animation := find_animation(folder):
        remedy = f"delete {folder}, then draw it again: vqclip resume {animation}"
    if not path.is_file():
        raise PictureError(f"{folder} holds no checkpoint to continue from; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            known = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            form, text, digest = known["form"], known["notes"], known["digest"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise PictureError(f"{path} cannot be read ({error}); {remedy}") from error
    if form > FORM:
        raise PictureError(
            f"{path} was written by a newer vqclip (format {form}); install that version"
        )
    if digest != _digest(tensors, text):
        raise PictureError(f"{path} is damaged: its checksum is wrong; {remedy}")
    notes: dict[str, Any] = json.loads(text)
    return Checkpoint(tensors, notes)


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
