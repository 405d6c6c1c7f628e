"""Word embeddings: files of textual inversion.

The layouts that are read, all as data:

| who writes it              | file               | what is in it                              |
|----------------------------|--------------------|--------------------------------------------|
| vqclip                     | .safetensors       | {"vectors.768": [V, 768], …}, and notes    |
| AUTOMATIC1111's web UI     | .pt                | {"string_to_param": {"*": [V, W]}, "name"} |
| textual inversion's own    | .pt                | the same, in a ParameterDict               |
| the same, converted        | .safetensors       | {"emb_params": [V, W]}                     |
| diffusers                  | .bin, .safetensors | {"<token>": [W] or [V, W]}                 |
| the same, several vectors  | .bin, .safetensors | {"<token>": [W], "<token>_1": [W], …}      |
| anybody                    | .pt, .bin          | [W] or [V, W], a tensor alone              |
| SDXL, for its two towers   | .safetensors, .pt  | {"clip_l": [V, 768], "clip_g": [V, 1280]}  |

A word fits a text tower whose token embeddings are as wide as its vectors, but it has its meaning
only in the tower that it was learnt with. Most files do not tell which one that was; the width
nearly does (`WIDTHS`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.models.zoo.checkpoint_file import read_checkpoint

NOTES = "vqclip"  # the key of our notes in a .safetensors file
VECTORS_PREFIX = "vectors."
MOST_VECTORS = 75  # vectors of a word; CLIP reads no more tokens than that
MOST_BYTES = 64 * 2**20  # bytes of a file; a word has kilobytes
# Width of token embeddings → a perceptor that has it.
WIDTHS = {
    128: "the starter",
    512: "ViT-B-32::openai",
    768: "ViT-L-14::openai",
    1024: "ViT-H-14::laion2b_s32b_b79k",
    1280: "ViT-bigG-14::laion2b_s39b_b160k",
}


@dataclass(frozen=True, eq=False)
class WordEmbedding:
    """A learnt word.

    Args:
        name: as prompts write it, without angle brackets.
        vectors: width W of a text tower → vectors [V, W], float32.
        notes: how it was learnt, if its file says so.
    """

    name: str
    vectors: Mapping[int, Tensor]
    notes: Mapping[str, Any] = field(default_factory=dict)

    def would_fit(self) -> str:
        """Describe the text towers that are as wide as these vectors.

        >>> WordEmbedding("my-cat", {768: torch.zeros(1, 768)}).would_fit()
        'text encoders of width 768, such as that of ViT-L-14::openai'
        """
        known = [
            f"text encoders of width {wide}"
            + (f", such as that of {WIDTHS[wide]}" if wide in WIDTHS else "")
            for wide in sorted(self.vectors)
        ]
        return " or ".join(known)


def read_word(path: Path, name: str | None = None) -> WordEmbedding:
    """Read the embedding file of a learnt word, without running anything in it.

    Args:
        name: as the prompt writes it; None for the file's own name. It selects a word where the
            file holds several.

    Raises:
        ModelError: if the file is damaged, hostile, or holds no word.
    """
    wanted = path.stem if name is None else name
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        _refuse_other_kinds(path, _read_keys(path))
        raise ModelError(
            f"{path} has {path.stat().st_size / 1e6:.0f} MB, and a word of a few vectors has "
            "kilobytes; is it a whole model?"
        )
    content = read_checkpoint(path, lone_tensor=True)
    _refuse_other_kinds(path, content)
    found = _vectors(path, content, wanted)
    if not found:
        raise ModelError(f"{path} holds no learnt word: it holds no vectors")
    widths: dict[int, Tensor] = {}
    for key, tensor in found.items():
        rows = _to_rows(path, key, tensor)
        if rows.shape[1] in widths:
            raise _ambiguous(path, found)
        widths[rows.shape[1]] = rows
    return WordEmbedding(wanted, widths, _notes(path))


def pack_word(word: WordEmbedding) -> bytes:
    """Serialise a word with its notes, as a `.safetensors` file."""
    from safetensors.torch import save

    tensors = {
        f"{VECTORS_PREFIX}{wide}": rows.contiguous() for wide, rows in word.vectors.items()
    }
    notes = json.dumps(dict(word.notes), sort_keys=True, ensure_ascii=False)
    return bytes(save(tensors, metadata={NOTES: notes}))


def fitting_words(words: Iterable[WordEmbedding], wide: int) -> dict[str, Tensor]:
    """Select the words that fit a text tower of width `wide`: name → vectors [V, W]."""
    return {word.name: word.vectors[wide] for word in words if wide in word.vectors}


def unknown_word_notes(words: Iterable[WordEmbedding], widths: Mapping[str, int]) -> list[str]:
    """List notes about perceptors that do not know a word, and read its name as plain text.

    Args:
        widths: name of a perceptor → width of its text tower.

    Raises:
        ModelError: if no perceptor knows a word.
    """
    notes = []
    for word in words:
        strangers = [name for name, wide in widths.items() if wide not in word.vectors]
        if len(strangers) == len(widths):
            towers = ", ".join(f"{name} is {wide} wide" for name, wide in widths.items())
            raise ModelError(
                f"no perceptor of this run knows the word <{word.name}>: it was learnt for "
                f"{word.would_fit()}, and {towers}; choose a perceptor that fits"
            )
        notes += [
            f"{name} does not know <{word.name}>, which was learnt for {word.would_fit()}; it "
            f"reads the name as ordinary words"
            for name in strangers
        ]
    return notes


# What else lies about in folders of words: a key of its file → what it is.
_OTHER_KINDS = {
    r"(?:^|[._])(?:lora|hada|lokr|oft)(?:_|\.(?:up|down)|[._][AB]\b)": (
        "a LoRA, which changes a diffusion model"
    ),
    r"layer_structure$|^(?:320|640|1280)$": "a hypernetwork, which changes a diffusion model",
    r"^(?:control_model\.|controlnet_|input_hint_block\.)": (
        "a ControlNet, which steers a diffusion model"
    ),
    r"^(?:model\.diffusion_model|first_stage_model|cond_stage_model|state_dict$|down_blocks\.)": (
        "the checkpoint of a whole model"
    ),
    r"^(?:optimizer_state_dict|param_groups)$": "the state of an optimiser",
}


def _refuse_other_kinds(path: Path, content: Iterable[Any]) -> None:
    """Refuse files that hold another thing than a word, and say what it is."""
    keys = [str(key) for key in content]
    if "string_to_param" in keys:
        return
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        keys = [*map(str, content["state_dict"]), *keys]
    for pattern, kind in _OTHER_KINDS.items():
        if any(re.search(pattern, key) for key in keys):
            raise ModelError(
                f"{path} is no learnt word but {kind}; it is of no use here: leave the word out, "
                "or learn one from pictures with vqclip invert"
            )


def _read_keys(path: Path) -> list[str]:
    """List the keys of a `.safetensors` file without its tensors; [] for any other file."""
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() != ".safetensors":
        return []
    try:
        with safe_open(str(path), "pt") as file:
            return list(file.keys())
    except (SafetensorError, OSError):
        return []


def _vectors(path: Path, content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Select the tensors of one word from the content of a file."""
    inner = content.get("string_to_param")
    if inner is not None:
        if not isinstance(inner, Mapping):
            raise ModelError(
                f"{path} keeps its vectors in a {type(inner).__name__}, which is not read; "
                "convert it to .safetensors first"
            )
        own = [key for key in inner if str(key).strip("<>") == name]
        return {str(key): inner[key] for key in own or inner}
    tensors = {str(key): each for key, each in content.items() if isinstance(each, Tensor)}
    if len(tensors) < 2:
        return tensors
    if all(key.startswith(VECTORS_PREFIX) for key in tensors) or set(tensors) == {
        "clip_l",
        "clip_g",
    }:
        return tensors
    grouped: dict[str, dict[int, Tensor]] = {}
    for key, each in tensors.items():
        stem, _, number = key.rpartition("_")
        kin = number.isdigit() and stem in tensors
        grouped.setdefault(stem if kin else key, {})[int(number) if kin else 0] = each
    chosen = next((key for key in grouped if key.strip("<>") == name), None)
    if chosen is None and len(grouped) == 1:
        chosen = next(iter(grouped))
    if chosen is None:
        raise _ambiguous(path, grouped)
    rows = [_to_rows(path, f"{chosen}_{n}", each) for n, each in sorted(grouped[chosen].items())]
    if len({each.shape[1] for each in rows}) > 1:
        raise _ambiguous(path, tensors)
    return {chosen: torch.cat(rows)}


def _to_rows(path: Path, key: str, tensor: Any) -> Tensor:
    """Convert a tensor to float32 rows [V, W], and refuse what cannot be vectors."""
    shape = list(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
    fits = isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.dim() in (1, 2)
    if not fits or tensor.numel() == 0 or (tensor.dim() == 2 and len(tensor) > MOST_VECTORS):
        raise ModelError(
            f"{path} holds no learnt word: {key[:40]!r} in it is {shape}; expected 1 to "
            f"{MOST_VECTORS} rows of numbers, each as wide as a text encoder"
        )
    rows = tensor.detach().float().clone()
    rows = rows[None] if rows.dim() == 1 else rows
    if not bool(rows.isfinite().all()):
        raise ModelError(f"{path} holds values that are not finite numbers; get another copy")
    return rows


def _ambiguous(path: Path, found: Iterable[str]) -> ModelError:
    names = ", ".join(str(key)[:40] for key in list(found)[:8])
    return ModelError(
        f"{path} holds several words ({names}); name its file like one of them, or keep one"
    )


def _notes(path: Path) -> dict[str, Any]:
    """Read vqclip's notes in a `.safetensors` file; {} if there are none."""
    if path.suffix.lower() != ".safetensors":
        return {}
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        written = (file.metadata() or {}).get(NOTES, "{}")
    try:
        notes = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}
