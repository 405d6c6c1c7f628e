"""Vector files: numbers for perceptors, by their names, as pixray's vector prompts have them.

    {"ViT-B/32": [[0.012, -0.034, …]], "RN50": [[…]]}

A key is the name of a perceptor, in OpenAI's spelling or in open_clip's (`ViT-B-32::openai`), or
that of a bundled one; a perceptor in a folder may be called by the folder alone. A value is a
list of numbers, or a list of such lists, of which the mean counts; before, each is scaled to the
length 1. A list has as many numbers as the perceptor's embeddings: 512 for ViT-B/32.

Only numbers are read. Nothing here needs torch, so that a file that does not fit is refused
before a run starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqclip.errors import PromptError

EXAMPLE = '{"ViT-B/32": [0.01, -0.03, …]}'
# How many numbers the embeddings of OpenAI's CLIPs have, by their plain names.
LENGTHS = {
    **{"rn50": 1024, "rn101": 512, "rn50x4": 640, "rn50x16": 768, "rn50x64": 1024},
    **{"vit-b-32": 512, "vit-b-16": 512, "vit-l-14": 768, "vit-l-14-336": 768},
}


def parse_vectors(found: Any, path: Path) -> dict[str, list[float]]:
    """Check the content of a vector file: perceptor's name → its vector, of length 1.

    Args:
        found: the parsed JSON.
        path: of the file, for messages.

    Raises:
        PromptError: if it is no vector file, or a vector is empty, of nothing but zeros, or has
            numbers that are not finite.
    """
    if not isinstance(found, dict) or not found:
        raise PromptError(
            f"{path} is no vector file; it holds a list of numbers for each perceptor, such as "
            f"{EXAMPLE}"
        )
    return {str(name): _read_vector(rows, str(name), path) for name, rows in found.items()}


def find_vector(vectors: Mapping[str, Sequence[float]], name: str) -> Sequence[float] | None:
    """Find a perceptor's vector among those of a file; None if it has none.

    >>> find_vector({"ViT-B/32": [1.0]}, "ViT-B-32::openai")
    [1.0]
    """
    if name in vectors:
        return vectors[name]
    plain = {plain_name(key): vector for key, vector in vectors.items()}
    short = name.replace("\\", "/").rstrip("/").rsplit("/")[-1]
    return plain.get(plain_name(name), plain.get(plain_name(short)))


def check_vectors(
    vectors: Mapping[str, Sequence[float]], name: str, perceptors: Mapping[str, int | None]
) -> None:
    """Check that a file has a vector that fits for each perceptor that is to follow it.

    Args:
        name: of the file, as the prompt has it.
        perceptors: their names → how many numbers their embeddings have; None if that is told
            only when they are loaded.

    Raises:
        PromptError: that names the perceptor.
    """
    for perceptor, length in perceptors.items():
        vector = find_vector(vectors, perceptor)
        if vector is None:
            listed = ", ".join(list(vectors)[:8])
            others = f"; or let the others follow it: vector({name}) for(NAME)"
            raise PromptError(
                f"vector({name}) has no vector for {perceptor}; it has one for {listed}. Add "
                f"one{others if len(perceptors) > 1 else ''}"
            )
        length = LENGTHS.get(plain_name(perceptor)) if length is None else length
        if length is not None and len(vector) != length:
            raise PromptError(
                f"vector({name}) has {len(vector)} numbers for {perceptor}, and its embeddings "
                f"have {length}; it was made for another perceptor"
            )


def plain_name(name: str) -> str:
    """The name of a perceptor in one spelling, whoever wrote it.

    >>> plain_name("ViT-L/14@336px"), plain_name("ViT-L-14-336::openai")
    ('vit-l-14-336', 'vit-l-14-336')
    >>> plain_name("ViT-B-32::laion2b_s34b_b79k")
    'vit-b-32::laion2b_s34b_b79k'
    """
    model, _, weights = name.strip().lower().partition("::")
    model = model.replace("/", "-").replace("@", "-").removesuffix("px")
    model = model.removesuffix("-quickgelu")
    return f"{model}::{weights}" if weights not in ("", "openai") else model


def _read_vector(value: Any, name: str, path: Path) -> list[float]:
    """Read the rows of a perceptor as one vector of length 1."""
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    for row in rows:
        if not (isinstance(row, list) and row and len(row) == len(rows[0])):
            raise _refused(path, name, "are no list of numbers, nor lists of as many")
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in row):
            raise _refused(path, name, "hold something else than numbers")
    try:
        units = [_scaled([float(x) for x in row]) for row in rows]
        return _scaled([sum(column) / len(units) for column in zip(*units, strict=True)])
    except (ValueError, OverflowError):
        raise _refused(path, name, "are not finite, or all of them 0") from None


def _scaled(row: Sequence[float]) -> list[float]:
    """Scale a vector to length 1.

    Raises:
        ValueError: if it has no length, or an infinite one.
    """
    most = max(map(abs, row))
    if not math.isfinite(sum(map(abs, row))) or most == 0:
        raise ValueError("a vector without a length")
    length = math.hypot(*(x / most for x in row))
    return [x / most / length for x in row]


def _refused(path: Path, name: str, why: str) -> PromptError:
    return PromptError(f"{path}: the values for {name[:60]!r} {why}; a vector file is {EXAMPLE}")
