"""How are the tensors taken out of a checkpoint without running what else is in it?

A `.ckpt`, `.pt`, `.pth` or `.bin` file is a pickle: a small program that may call any function of
any installed package when it is opened. `read_checkpoint` is the only place where vqclip opens
one. Torch does the storages; every name that the pickle asks for goes through one gate:

- what rebuilds tensors, and plain containers: allowed, through wrappers made for this file;
- what training tools leave behind (Lightning, OmegaConf, argparse, and what is in
  `INERT_NAMES`): replaced by an inert stand-in that swallows all it is given and runs nothing;
- anything else: refused, by name, before it is looked up.

Source: the pickle protocol (Python's `pickletools`); torch's own `weights_only` reader, which
refuses the Lightning classes that the published VQGAN checkpoints contain.
Differs: those become stand-ins, so the published files open as they are.
"""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.models.layout import is_html

INERT_FAMILIES = ("pytorch_lightning", "lightning", "omegaconf", "argparse")
# Single names beyond these families, without which checkpoints of theirs do not open.
INERT_NAMES = {
    # OmegaConf notes with each setting which type it may have.
    ("typing", "Any"),
    # Lightning saves a callback's score and a schedule's last rate as they are; schedules that
    # are computed with numpy, as latent-diffusion's, leave numpy's numbers there.
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    # The second module is what numpy 2 calls the first.
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
}
CONTAINERS = (set, frozenset, dict, list, tuple, int, float, complex, bytearray, slice)
AGAIN = "download it again, and compare its size with the one that the source states"


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint's dictionary, with its tensors on the CPU, running none of its code.

    Tensors of large files are mapped, not read: those that nobody touches cost no memory. Copy
    what you keep, since mapped tensors need the file to stay as it is.

    Args:
        path: a `.safetensors` file, or a torch file (zip, or the format before torch 1.6).

    Returns:
        What the file holds: a flat dictionary of tensors, or one with "state_dict" and others.
        Objects of training tools are inert stand-ins.

    Raises:
        ModelError: if the file is absent, empty, a web page, text, cut short, of another kind, or
            asks for a function that has no business in a checkpoint.
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
    _refuse_what_is_no_checkpoint(path, head)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _read_torch(path, is_zip=head.startswith(b"PK"))


def _refuse_what_is_no_checkpoint(path: Path, head: bytes) -> None:
    """Name the usual mishaps of a download, each with its cure."""
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
    if path.suffix == ".safetensors" or head.startswith((b"PK", b"\x80")):
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
    """Read a file that holds tensors and nothing else."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(str(path)))
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise ModelError(f"{path} is damaged or cut short ({_short(error)}); {AGAIN}") from error


def _read_torch(path: Path, *, is_zip: bool) -> dict[str, Any]:
    """Let torch read the storages, and our gate the names."""
    mapped = is_zip and _check_zip(path)
    if not is_zip and tarfile.is_tarfile(path):
        raise ModelError(f"{path} is a tar archive under a pickle's first byte; it is not read")
    unpickler = _gate(path)
    shim = SimpleNamespace(
        __name__="vqclip.models.unpickle",
        Unpickler=unpickler,
        load=lambda file, **options: unpickler(file, **options).load(),
    )
    try:
        content = torch.load(
            path,
            map_location="cpu",
            pickle_module=shim,
            # False because torch's own gate is replaced by ours, which is narrower.
            weights_only=False,
            mmap=mapped,
        )
    except ModelError:
        raise
    # A damaged pickle can raise nearly anything: it is a program that was cut or altered.
    except Exception as error:
        if "explicit pickle_module" in str(error):
            raise ModelError(
                f"{path} cannot be read while TORCH_FORCE_WEIGHTS_ONLY_LOAD is set; unset it "
                "(vqclip's own reader runs nothing from the file), or use .safetensors"
            ) from error
        raise ModelError(f"{path} is damaged or cut short ({_short(error)}); {AGAIN}") from error
    if not isinstance(content, dict):
        raise ModelError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights; save the "
            "model's state_dict() and use that file"
        )
    return content


def _check_zip(path: Path) -> bool:
    """Refuse archives that are not torch checkpoints; say whether this one can be mapped."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelError(f"{path} is damaged or cut short ({_short(error)}); {AGAIN}") from error
    names = [entry.filename for entry in entries]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise ModelError(
            f"{path} is a TorchScript program, not a checkpoint; it would run its own code. Look "
            "for the same model as a state_dict or as .safetensors"
        )
    if not any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        raise ModelError(
            f"{path} is a zip archive but not a torch checkpoint (it has no data.pkl); if the "
            "checkpoint is packed in it, unpack it first"
        )
    return all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)


def _gate(path: Path) -> type[pickle.Unpickler]:
    """Make the unpickler for one file: the only subclass in this package, as pickle wants it."""
    allowed = _allowed()

    class Gate(pickle.Unpickler):
        """Resolves names by the table, to stand-ins, or not at all."""

        def find_class(self, module: str, name: str, /) -> Any:
            module, name = _today(module, name)
            found = allowed.get((module, name))
            if found is not None:
                return found
            # Not getattr: that would import torch's lazy parts.
            if module == "torch" and isinstance(vars(torch).get(name), torch.dtype):
                return vars(torch)[name]
            family = module.partition(".")[0]
            if family in INERT_FAMILIES or (module, name) in INERT_NAMES:
                # Kept, so that the same class stays the same dictionary key.
                return allowed.setdefault((module, name), _stand_in(module, name))
            raise ModelError(
                f"{path} would run {module}.{name} when opened; a checkpoint of weights needs "
                "no such thing, so it was not opened. Get the file from a source that you trust, "
                "as .safetensors if there is one"
            )

    return Gate


def _today(module: str, name: str) -> tuple[str, str]:
    """Translate the Python 2 names that torch's pickles use, as pickle itself does."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _allowed() -> dict[tuple[str, str], Any]:
    """Make the table of usable names, afresh, since a pickle can write on what it is given."""
    utils: Any = torch._utils

    def rebuild(*parts: Any) -> Tensor:
        tensor: Tensor = utils._rebuild_tensor(*parts[:4])
        return tensor  # parts[4:] are requires_grad and hooks, which reading has no use for

    def parameter(data: Tensor, *_: Any) -> Tensor:
        return data

    def text_to_bytes(text: str, encoding: str = "latin1") -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    table: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor"): rebuild,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch._utils", "_rebuild_parameter"): parameter,
        ("torch", "Size"): torch.Size,
        ("torch", "device"): torch.device,
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): defaultdict,
        ("_codecs", "encode"): text_to_bytes,
    }
    for kind in CONTAINERS:
        table["builtins", kind.__name__] = kind
    return table


def _stand_in(module: str, name: str) -> type:
    """Make a class that takes the place of another one, and does nothing, whatever happens to it.

    Pickle wants a class where the file says class; each name gets its own, because Lightning
    keys its dictionaries by class.
    """

    def make(cls: type, *_: Any, **__: Any) -> Any:
        return object.__new__(cls)

    def nothing(self: Any, *_: Any, **__: Any) -> None:
        return None

    def same(self: Any, *_: Any, **__: Any) -> Any:
        return self

    def describe(self: Any) -> str:
        return f"<{module}.{name}, not loaded>"

    swallowed = ("__init__", "__setstate__", "__setitem__", "append", "extend", "add", "update")
    methods: dict[str, Callable[..., Any]] = dict.fromkeys(swallowed, nothing)
    methods |= {"__new__": make, "__call__": same, "__repr__": describe}
    return type(name.rpartition(".")[2] or "StandIn", (), {"__module__": __name__, **methods})


def _short(error: BaseException) -> str:
    """The first line of an error, cut to what fits a message."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return line[:120]
