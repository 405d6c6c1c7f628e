"""Checkpoint files: reading tensors without running anything that is in the file.

A `.ckpt`, `.pt`, `.pth` or `.bin` file is a pickle: a small program that may call any function of
any installed package when it is opened. `read_checkpoint` is the only place where vqclip opens
one. torch reads the storages; every name that the pickle uses is checked by
`vqclip.models.zoo.safe_pickle`.

`pack_table` and `unpack_tables` quantise one table of a checkpoint to 8 bits. CLIP's tokenizer
has 49,408 tokens, and in a small CLIP their embeddings are larger than both towers. Rows of
zeros, which training never reached, are left out; the others are stored as integers of one byte,
with a scale for each row. Unpacking restores the whole table: rows that were left
out are zero, and the others are off by at most half a step.
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.models.zoo.download import is_html
from vqclip.models.zoo.safe_pickle import Refused, make_unpickler

_STEPS = 127  # of a signed byte, on either side of zero
_VALUES, _SCALES, _ROWS, _COUNT = (
    f".packed_{part}" for part in ("values", "scales", "rows", "count")
)


def pack_table(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Quantise one table to 8 bits a value, without its rows of zeros.

    Args:
        tensors: a state dict; its other tensors are returned as they are.
        name: of the table, [N, W] of any floating type.
    """
    table = tensors[name].float()
    rows = table.abs().amax(1).nonzero()[:, 0]
    kept = table[rows]
    # The scale is rounded to half precision first, since it is stored so.
    scales = (kept.abs().amax(1) / _STEPS).half().clamp(min=torch.finfo(torch.half).tiny)
    values = (kept / scales.float()[:, None]).round().clamp(-_STEPS, _STEPS).to(torch.int8)
    packed = {key: tensor for key, tensor in tensors.items() if key != name}
    packed |= {name + _VALUES: values, name + _SCALES: scales}
    return packed | {
        name + _ROWS: rows.to(torch.int32),
        name + _COUNT: torch.tensor([len(table)], dtype=torch.int32),
    }


def unpack_tables(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Restore the tables that `pack_table` quantised, in float32; other tensors stay as they are.

    Raises:
        KeyError: if a part of a packed table is missing.
    """
    whole = {key: tensor for key, tensor in tensors.items() if ".packed_" not in key}
    for key, values in tensors.items():
        if key.endswith(_VALUES):
            name = key.removesuffix(_VALUES)
            scales, rows = tensors[name + _SCALES].float(), tensors[name + _ROWS].long()
            table = torch.zeros(int(tensors[name + _COUNT]), values.shape[1])
            table[rows] = values.float() * scales[:, None]
            whole[name] = table
    return whole


LONGEST_PICKLE = 8 * 2**20  # bytes of a zip archive's pickle, which is small without weights
MOST_COMPRESSION = 20  # greatest compression; weights usually shrink to nine tenths
AGAIN = "download it again, and compare its size with the one that the source states"


def read_checkpoint(path: Path | str, *, lone_tensor: bool = False) -> dict[str, Any]:
    """Read a checkpoint as a dictionary, tensors on the CPU, without running its code.

    Tensors of torch files are memory-mapped where possible: those that are not used cost no
    memory. Copy those that you keep, since the file has to stay as it is.

    Args:
        path: a `.safetensors` file, or a torch file (zip, or the format before torch 1.6).
        lone_tensor: whether a file may hold one tensor alone; it then has the key "".

    Returns:
        What the file holds: a flat dictionary of tensors, or one with "state_dict" and others.
        Objects of training tools are inert stand-ins.

    Raises:
        ModelError: if the file is absent, empty, a web page, text, truncated, of another kind, or
            uses a function that does not belong in a checkpoint.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give the checkpoint file in it")
    if not path.is_file():
        raise ModelError(f"there is no checkpoint at {path}; check the path")
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); check its rights") from error
    _refuse_other_files(path, head)
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    content = _read_torch(path, is_zip=head.startswith(b"PK"))
    if lone_tensor and isinstance(content, Tensor):
        return {"": content}
    if not isinstance(content, dict):
        raise ModelError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights; save the "
            "model's state_dict() and use that file"
        )
    return content


def _refuse_other_files(path: Path, head: bytes) -> None:
    """Refuse files that are no checkpoints, such as failed downloads, with a remedy."""
    if not head:
        raise ModelError(f"{path} is empty; {AGAIN}")
    if is_html(head):
        raise ModelError(
            f"{path} is a web page saved under a checkpoint's name, not a checkpoint; open the "
            "link in a browser to see what the host wants, and save the file itself"
        )
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(
            f"{path} is a Git LFS pointer, not the checkpoint itself; run 'git lfs pull' there"
        )
    if path.suffix.lower() == ".safetensors" or head.startswith((b"PK", b"\x80")):
        return
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):
        raise ModelError(
            f"{path} is text, not a checkpoint: it begins with {head[:40].decode()!r}; were the "
            "config and the weights given in the wrong order?"
        )
    if tarfile.is_tarfile(path):
        raise ModelError(
            f"{path} is a tar archive; if a checkpoint is packed in it, unpack it first; torch's "
            "own tar format (before 0.1.10) is not read"
        )
    raise ModelError(
        f"{path} is not a checkpoint: it begins with the bytes {head[:4].hex(' ')}; expected "
        "a torch file (.ckpt, .pt, .pth, .bin) or .safetensors"
    )


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Read a `.safetensors` file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(str(path)))
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise ModelError(
            f"{path} is damaged or cut short ({_first_line(error)}); {AGAIN}"
        ) from error


def _read_torch(path: Path, *, is_zip: bool) -> Any:
    """Read a torch file: torch reads the storages, `safe_pickle.make_unpickler` the pickle."""
    sizes = _check_zip(path) if is_zip else None
    if not is_zip and tarfile.is_tarfile(path):
        raise ModelError(f"{path} is a tar archive under a pickle's first byte; it is not read")
    unpickler = make_unpickler(path, sizes)
    shim = SimpleNamespace(
        __name__="vqclip.models.zoo.checkpoint_file",
        Unpickler=unpickler,
        load=lambda file, **options: unpickler(file, **options).load(),
    )
    try:
        content = torch.load(
            path,
            map_location="cpu",
            pickle_module=shim,
            # False because `make_unpickler` replaces torch's own check, and is stricter.
            weights_only=False,
            mmap=sizes is not None and _is_mappable(path),
        )
    except ModelError:
        raise
    except Refused as error:
        raise ModelError(
            f"{path} wants {error}, which a checkpoint of weights has no use for, so it was not "
            "opened. Get the file from a source that you trust, as .safetensors if there is one"
        ) from error
    # A damaged pickle can raise nearly anything: it is a program that was cut or altered.
    except Exception as error:
        if "explicit pickle_module" in str(error):
            raise ModelError(
                f"{path} cannot be read while TORCH_FORCE_WEIGHTS_ONLY_LOAD is set; unset it "
                "(vqclip's own reader runs nothing from the file), or use .safetensors"
            ) from error
        raise ModelError(
            f"{path} is damaged or cut short ({_first_line(error)}); {AGAIN}"
        ) from error
    return content


def _check_zip(path: Path) -> dict[str, int]:
    """Refuse archives that are not torch checkpoints; storage → its size in bytes."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is damaged or cut short ({_first_line(error)}); {AGAIN}"
        ) from error
    names = [entry.filename for entry in entries]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise ModelError(
            f"{path} is a TorchScript program, not a checkpoint; it would run its own code. Look "
            "for the same model as a state_dict or as .safetensors"
        )
    programs = [
        e for e in entries if e.filename.count("/") == 1 and e.filename[-9:] == "/data.pkl"
    ]
    if not programs:
        raise ModelError(
            f"{path} is a zip archive but not a torch checkpoint (it has no data.pkl); if the "
            "checkpoint is packed in it, unpack it first"
        )
    fault = _find_fault(entries, path.stat().st_size)
    if fault is None and any(each.file_size > LONGEST_PICKLE for each in programs):
        fault = f"its data.pkl has {programs[0].file_size:,} bytes"
    if fault is not None:
        raise ModelError(
            f"{path} is no archive as torch writes it: {fault}; it was not opened. Get the "
            "file from a source that you trust, as .safetensors if there is one"
        )
    return {
        name.partition("/data/")[2]: e.file_size for name, e in zip(names, entries, strict=True)
    }


def _find_fault(entries: list[zipfile.ZipInfo], size: int) -> str | None:
    """Describe what is wrong with a zip archive: its names, its compression or its sizes."""
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        return "it holds two files of one name"
    for entry in entries:
        name = entry.filename
        if "\\" in name or name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            return f"it holds a file called {name[:40]!r}"
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return f"{name[:40]!r} is packed in a way that torch does not know"
        if entry.flag_bits & 1:
            return f"{name[:40]!r} is encrypted"
        packed = entry.compress_type == zipfile.ZIP_DEFLATED
        if entry.compress_size > size or (not packed and entry.file_size != entry.compress_size):
            return f"{name[:40]!r} claims {entry.file_size:,} bytes"
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_COMPRESSION * size + 2**20:
        return f"{size:,} bytes claim to unpack to {unpacked:,}"
    return None


def _is_mappable(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return all(e.compress_type == zipfile.ZIP_STORED for e in archive.infolist())


def _first_line(error: BaseException) -> str:
    """The first line of an error, cut to what fits a message."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return line[:120]
