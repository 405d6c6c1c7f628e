"""A data folder as small as one can be: coloured shapes with alpha, and noise for photographs."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

CONCEPTS = ("star", "fox", "red apple", "owl", "house", "cup")  # the first is held out
assert zlib.crc32(b"star") % 20 == 0


def picture(channels: int, seed: int, side: int = 16) -> Tensor:
    """A uint8 [channels, side, side] of four blocks, opaque but for one block if it has alpha."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 256, [channels, 2, 2], generator=generator, dtype=torch.uint8)
    if channels == 4:
        blocks[3] = torch.tensor([[255, 255], [255, 0]])
    return blocks.repeat_interleave(side // 2, 1).repeat_interleave(side // 2, 2)


def webp(pixels: Tensor) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file, "WEBP", lossless=True, exact=True)
    return file.getvalue()


def record(file: str, licence_class: str = "permissive", **words: Any) -> dict[str, Any]:
    notes = {"style": "flat icon", "source": "a package", "licence": "MIT"}
    return {"file": file, "licence_class": licence_class, **notes, **words}


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six permissive illustrations in two archives, one share-alike, and two photographs."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = []
    for index, concept in enumerate(CONCEPTS):
        long = f"{concept.title()} face, {concept}, animal, symbol"
        rows.append(record(f"flat/{index}.webp", captions=[concept.title(), long]))
    rows.append(record("flat/6.webp", "share-alike", captions=["shared thing"]))
    write(folder, "illustrations", rows)
    for half in range(2):
        with zipfile.ZipFile(folder / f"illustrations-{half}.zip", "w") as archive:
            for index in range(half, len(rows), 2):
                archive.writestr(f"flat/{index}.webp", webp(picture(4, index)))
    photos = [
        record("0.webp", "public-domain", caption="a beach", style="photograph"),
        record("1.webp", parent_caption="a wood", style="photograph"),
    ]
    write(folder, "photos", photos)
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for index in range(2):
            archive.writestr(f"{index}.webp", webp(picture(3, 90 + index)))
    return folder
