"""What is a checkpoint made of? The few things that a pickle may ask for, made safe.

Tensors lie within their storages; plain containers are made of plain things, with keys that are
quickly hashed; whatever a training tool left behind is a stand-in.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

CONTAINERS = (set, frozenset, dict, list, tuple, int, float, complex, bytearray, slice)
PLAIN = (str, bytes, bytearray, int, float, complex, list, tuple, set, frozenset, dict)
KEYS = (str, bytes, int, float, type(None), torch.dtype, torch.device, type)


class Refused(pickle.UnpicklingError):
    """What a pickle wants is not for a checkpoint to want; the text says what."""


class StandIn:
    """What takes the place of an object of a training tool: does nothing, whatever is done."""

    def __new__(cls, *_: Any, **__: Any) -> StandIn:
        """Make one, whatever it is made of."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Forget what it is made of."""

    def __call__(self, *_: Any, **__: Any) -> StandIn:
        """Give itself, as the result of whatever was called."""
        return self


def allowed() -> dict[tuple[str, str], Any]:
    """Make the table of usable names, afresh, since a pickle can write on what it is given."""

    def parameter(data: Tensor, *_: Any) -> Tensor:
        return data

    def text_to_bytes(text: str, encoding: str = "latin1") -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise Refused(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    def default(factory: Any = None, *rest: Any) -> defaultdict[Any, Any]:
        return defaultdict(None)  # nothing is missing in what is read

    def size(numbers: Any) -> torch.Size:
        return torch.Size(_numbers(numbers))

    def device(kind: Any, index: Any = None) -> torch.device:
        return torch.device(kind) if index is None else torch.device(kind, index)

    table: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *parts: _tensor(*parts[:4]),
        ("torch._utils", "_rebuild_parameter"): parameter,
        ("torch", "Size"): size,
        ("torch", "device"): device,
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): default,
        ("_codecs", "encode"): text_to_bytes,
    }
    for kind in CONTAINERS:
        table["builtins", kind.__name__] = _plain(kind)
    return table


def _tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """Rebuild a tensor, which has to lie within its storage."""
    sides, steps = _numbers(size), _numbers(stride)
    (first,) = _numbers((offset,))
    if not isinstance(storage, torch.storage.TypedStorage) or len(sides) != len(steps):
        raise Refused("a tensor without a storage, or with too few strides")
    untyped = storage._untyped_storage
    there, count = untyped.nbytes() // storage.dtype.itemsize, math.prod(sides)
    last = first + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    if count > there or (count and last >= there):
        raise pickle.UnpicklingError(f"a tensor of {list(sides)} in a storage of {there:,}")
    utils: Any = torch._utils
    tensor: Tensor = utils._rebuild_tensor(storage, first, sides, steps)
    return tensor


def _numbers(given: Any) -> tuple[int, ...]:
    if not isinstance(given, tuple) or not all(type(n) is int and n >= 0 for n in given):
        raise Refused(f"{type(given).__name__} instead of whole numbers")
    return tuple(given)


def _plain(kind: type) -> Callable[..., Any]:
    """Make a plain object's constructor take plain objects only, and no sizes."""

    def make(*parts: Any) -> Any:
        if not all(part is None or isinstance(part, PLAIN) for part in parts):
            raise Refused(f"a {kind.__name__} of something else")
        if kind is bytearray and parts and not isinstance(parts[0], str | bytes | list):
            raise Refused("a bytearray of nothing")
        if kind in (set, frozenset, dict) and parts:
            for each in parts[0]:
                require_key(each)
        return kind(*parts)

    return make


def stand_in(module: str, name: str) -> type:
    """Make a stand-in for a class or a function.

    Pickle wants a class where the file says class; each name gets its own, because Lightning
    keys its dictionaries by class.
    """

    def describe(self: Any) -> str:
        return f"<{module}.{name}, not loaded>"

    short = name.rpartition(".")[2] or "StandIn"
    return type(short, (StandIn,), {"__module__": __name__, "__repr__": describe})


def require_key(key: Any) -> None:
    """Refuse keys that take long to hash, such as tuples of tuples of tuples."""
    flat = key if type(key) is tuple and len(key) <= 8 else (key,)
    if not all(isinstance(each, (*KEYS, StandIn)) for each in flat):
        raise Refused(f"a {type(key).__name__} as a key")
