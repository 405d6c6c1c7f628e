"""The safe unpickler: an allow-list of what a checkpoint may contain.

A pickle is a small program: it pushes values, calls functions by name, writes attributes. Every
name that it uses goes through one gate:

- functions that rebuild tensors, and plain containers, torch's ParameterDict among them: allowed,
  through wrappers made for this file;
- objects of training tools (Lightning, OmegaConf, argparse, and `INERT_NAMES`): replaced by an
  inert stand-in that accepts any use and runs nothing;
- anything else: refused, by name, before it is looked up.

Nor can a pickle exhaust the machine: it has at most `LONGEST` opcodes, storages are as large as
their bytes in the file, tensors lie within their storages, and keys are quick to hash.

Source: the pickle protocol (Python's `pickletools`); torch's own `weights_only` reader, which
refuses the Lightning classes that the published VQGAN checkpoints contain.
Differs: those become stand-ins, so that the published files can be read. The program is run by
Python's slow unpickler, since the fast one allocates any number of memo entries at once.
"""

from __future__ import annotations

import math
import pickle
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from vqclip.errors import ModelError

CONTAINERS = (set, frozenset, dict, list, tuple, int, float, complex, bytearray, slice)
PLAIN = (str, bytes, bytearray, int, float, complex, list, tuple, set, frozenset, dict)
KEYS = (str, bytes, int, float, type(None), torch.dtype, torch.device, type)


class Refused(pickle.UnpicklingError):
    """A pickle asks for something that does not belong in a checkpoint; the text names it."""


class StandIn:
    """An inert replacement for an object of a training tool: it accepts any use."""

    def __new__(cls, *_: Any, **__: Any) -> StandIn:
        """Make a stand-in, whatever the arguments."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Ignore the arguments."""

    def __call__(self, *_: Any, **__: Any) -> StandIn:
        """Return itself, as the result of any call."""
        return self


class ParameterDict(OrderedDict[Any, Any]):
    """torch's container of numbers by name, read as a dictionary of what its state holds."""

    def read_state(self, state: Any) -> None:
        """Take the tensors, and nothing else, from the state of torch's object."""
        held = state.get("_parameters") if isinstance(state, dict) else None
        if not isinstance(held, dict):
            raise Refused("a ParameterDict without parameters")
        self.update({key: each for key, each in held.items() if isinstance(each, Tensor)})


def allow_list() -> dict[tuple[str, str], Any]:
    """Make the allow-list: (module, name) → a safe replacement.

    It is made anew for each file, since a pickle can change the objects in it.
    """

    def parameter(data: Tensor, *_: Any) -> Tensor:
        return data

    def text_to_bytes(text: str, encoding: str = "latin1") -> bytes:
        if encoding not in ("latin1", "latin-1"):
            raise Refused(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    def default(factory: Any = None, *rest: Any) -> defaultdict[Any, Any]:
        return defaultdict(None)  # no default is needed for reading

    def size(numbers: Any) -> torch.Size:
        return torch.Size(_numbers(numbers))

    def device(kind: Any, index: Any = None) -> torch.device:
        return torch.device(kind) if index is None else torch.device(kind, index)

    table: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *parts: _rebuild_tensor(*parts[:4]),
        ("torch._utils", "_rebuild_parameter"): parameter,
        ("torch", "Size"): size,
        ("torch", "device"): device,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch.nn.modules.container", "ParameterDict"): ParameterDict,
        ("collections", "defaultdict"): default,
        ("_codecs", "encode"): text_to_bytes,
    }
    for kind in CONTAINERS:
        table["builtins", kind.__name__] = _plain_constructor(kind)
    return table


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """Rebuild a tensor, checked to lie within its storage."""
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


def _plain_constructor(kind: type) -> Callable[..., Any]:
    """Wrap a plain type's constructor, so that it takes plain objects only, and no sizes."""

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
    """Make the stand-in class for a class or a function.

    It has to be a class, as pickle expects one; each name gets its own, because Lightning keys
    its dictionaries by class.
    """

    def describe(self: Any) -> str:
        return f"<{module}.{name}, not loaded>"

    short = name.rpartition(".")[2] or "StandIn"
    return type(short, (StandIn,), {"__module__": __name__, "__repr__": describe})


def require_key(key: Any) -> None:
    """Refuse a dictionary key that may take long to hash, such as nested tuples."""
    flat = key if type(key) is tuple and len(key) <= 8 else (key,)
    if not all(isinstance(each, (*KEYS, StandIn)) for each in flat):
        raise Refused(f"a {type(key).__name__} as a key")


INERT_FAMILIES = ("pytorch_lightning", "lightning", "omegaconf", "argparse")

# Further names that checkpoints of these tools use.
INERT_NAMES = {
    # OmegaConf stores the type of each setting.
    ("typing", "Any"),
    # Lightning stores a callback's score and a schedule's last rate, which are numpy's numbers if
    # the schedule is computed with numpy, as in latent-diffusion.
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    # numpy 2 renamed the module.
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
}


LONGEST = 1_000_000  # opcodes; a checkpoint of a thousand tensors has some ten thousand


def make_unpickler(path: Path, sizes: Mapping[str, int] | None) -> type[Any]:
    """Make the unpickler class for one file, of which torch derives its own.

    Args:
        path: of the file, for messages.
        sizes: storage → its bytes in the file; None for the format before torch 1.6, where no
            storage can be larger than the file.
    """
    table = allow_list()
    callables = {id(each) for each in table.values()}
    largest = path.stat().st_size

    slow: Any = pickle._Unpickler  # not known to all type checkers

    class Gate(slow):
        """An unpickler that resolves names by the allow-list, or to stand-ins."""

        dispatch = slow.dispatch.copy()

        def __init__(self, file: BinaryIO, **options: Any) -> None:
            _check_length(file)
            super().__init__(file, **options)

        def find_class(self, module: str, name: str, /) -> Any:
            module, name = _modern_name(module, name)
            found = table.get((module, name))
            if found is not None:
                return found
            # Not getattr, which would import torch's lazy submodules.
            if module == "torch" and isinstance(vars(torch).get(name), torch.dtype):
                return vars(torch)[name]
            family = module.partition(".")[0]
            if family in INERT_FAMILIES or (module, name) in INERT_NAMES:
                # Stored, so that a class is the same dictionary key each time.
                return table.setdefault((module, name), stand_in(module, name))
            raise ModelError(
                f"{path} would run {module}.{name} when opened; a checkpoint of weights needs "
                "no such thing, so it was not opened. Get the file from a source that you trust, "
                "as .safetensors if there is one"
            )

        def __setattr__(self, name: str, value: Any) -> None:
            """Wrap the function by which torch loads storages, so that requests are checked."""
            if name == "persistent_load":
                value = _checked_loader(value, sizes, largest)
            super().__setattr__(name, value)

        def load_reduce(self) -> None:
            function = self.stack[-2]
            inert = isinstance(function, StandIn) or (
                isinstance(function, type) and issubclass(function, StandIn)
            )
            if not inert and id(function) not in callables:
                raise Refused(f"a call of a {type(function).__name__}")
            super().load_reduce()

        def load_newobj(self) -> None:
            _check_class(self.stack[-2])
            super().load_newobj()

        def load_newobj_ex(self) -> None:
            _check_class(self.stack[-3])
            super().load_newobj_ex()

        def load_build(self) -> None:
            state, thing = self.stack[-1], self.stack[-2]
            if isinstance(thing, StandIn | ParameterDict):
                self.stack.pop()
                if isinstance(thing, ParameterDict):
                    thing.read_state(state)
            elif isinstance(thing, OrderedDict) and isinstance(state, dict):
                super().load_build()
            else:
                raise Refused(f"attributes for a {type(thing).__name__}")

        def load_setitem(self) -> None:
            self._put(self.stack[-3], [self.stack[-2], self.stack[-1]])
            del self.stack[-2:]

        def load_setitems(self) -> None:
            items = self.pop_mark()
            self._put(self.stack[-1], items)

        def load_append(self) -> None:
            value = self.stack.pop()
            self._add(self.stack[-1], [value], list)

        def load_appends(self) -> None:
            values = self.pop_mark()
            self._add(self.stack[-1], values, list)

        def load_additems(self) -> None:
            values = self.pop_mark()
            for value in values:
                require_key(value)
            self._add(self.stack[-1], values, set)

        def load_dict(self) -> None:
            items = self.pop_mark()
            made: dict[Any, Any] = {}
            self._put(made, items)
            self.append(made)

        def load_frozenset(self) -> None:
            values = self.pop_mark()
            for value in values:
                require_key(value)
            self.append(frozenset(values))

        def _put(self, thing: Any, items: list[Any]) -> None:
            if isinstance(thing, StandIn):
                return
            if not isinstance(thing, dict):
                raise Refused(f"items for a {type(thing).__name__}")
            for key, value in zip(items[::2], items[1::2], strict=True):
                require_key(key)
                thing[key] = value

        def _add(self, thing: Any, values: list[Any], kind: type[Any]) -> None:
            if isinstance(thing, StandIn):
                return
            if type(thing) is not kind:
                raise Refused(f"more for a {type(thing).__name__}")
            (thing.extend if kind is list else thing.update)(values)

        def _refused(self) -> None:
            raise Refused("an object of a class, in the old manner")

        for opcode, load in (
            *((pickle.REDUCE, load_reduce), (pickle.NEWOBJ, load_newobj)),
            *((pickle.NEWOBJ_EX, load_newobj_ex), (pickle.BUILD, load_build)),
            *((pickle.SETITEM, load_setitem), (pickle.SETITEMS, load_setitems)),
            *((pickle.APPEND, load_append), (pickle.APPENDS, load_appends)),
            *((pickle.ADDITEMS, load_additems), (pickle.FROZENSET, load_frozenset)),
            *((pickle.DICT, load_dict), (pickle.INST, _refused), (pickle.OBJ, _refused)),
        ):
            dispatch[opcode[0]] = load
        del opcode, load

    return Gate


def _check_length(file: BinaryIO) -> None:
    """Check the length and the memo indices of a pickle, and seek back to its beginning.

    Raises:
        Refused: if it is too long, or has a memo index that is too large.
        pickle.UnpicklingError: if it is malformed.
    """
    start = file.tell()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > LONGEST:
                raise Refused(f"more than {LONGEST:,} opcodes")
            if opcode.name.endswith("PUT") and int(argument or 0) > LONGEST:
                raise Refused(f"a memo at {argument}")
    except ValueError as error:
        raise pickle.UnpicklingError(str(error)) from error
    file.seek(start)


def _checked_loader(
    load: Callable[[Any], Any], sizes: Mapping[str, int] | None, largest: int
) -> Callable[[Any], Any]:
    """Wrap the function that loads a storage, and check the storage's size."""

    def storage(asked: Any) -> Any:
        # Before torch 1.6, the class of a module is stored with its source, which is not used.
        if isinstance(asked, tuple) and asked[:2] == ("module", ParameterDict):
            return ParameterDict
        if (
            not isinstance(asked, tuple)
            or len(asked) < 5
            or asked[0] not in ("storage", b"storage")
        ):
            raise Refused("something persistent that is no storage")
        _, kind, key, _, count = asked[:5]
        dtype = torch.uint8 if kind is torch.UntypedStorage else getattr(kind, "dtype", None)
        if not isinstance(dtype, torch.dtype) or type(count) is not int or type(key) is not str:
            raise Refused("a storage without a type, a name or a size")
        there = largest if sizes is None else sizes.get(key, 0)
        if not 0 <= count * dtype.itemsize <= there:
            raise pickle.UnpicklingError(
                f"the storage {key[:40]!r} claims {count:,} numbers, and the file has "
                f"{there:,} bytes of it"
            )
        return load(asked)

    return storage


def _check_class(kind: Any) -> None:
    """Refuse to make objects of classes other than stand-ins and ordered dictionaries."""
    if not (isinstance(kind, type) and issubclass(kind, StandIn | OrderedDict)):
        raise Refused(f"an object of {getattr(kind, '__name__', type(kind))}")


def _modern_name(module: str, name: str) -> tuple[str, str]:
    """Translate the Python 2 names in torch's pickles, as pickle itself does."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name
