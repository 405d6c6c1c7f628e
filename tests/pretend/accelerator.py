"""A pretend accelerator: tensors that say that they are on cuda or mps, computed on the CPU.

`pretending` gives torch such a device for the time of a `with`. It refuses what a real one
refuses, counts what the host waits for, and has as much memory as it is given:

- tensors of two devices in one operation, unless one is a single number of the CPU;
- a generator of another device;
- on MPS: float64; grid_sample with border padding, bicubic, or backwards; adaptive pooling whose
  sides do not divide;
- below CUDA's capability 8.0: depthwise convolutions in bfloat16 in channels_last;
- in strict deterministic mode: gradients that CUDA adds in any order.

For C++ the tensors are on the backend that torch keeps for others (PrivateUse1), because the
backward pass asks a device for its streams. That backend stays registered until the process
ends, so these tests have a process of their own.

Left out: the device's own random stream and autocast, which is float32 here.
"""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import vqclip
from vqclip.models.device import upload_tensor

BACKEND = "pretend"  # what C++ calls the device
PACKAGE = Path(vqclip.__file__).parent
UPLOAD = upload_tensor.__code__  # whoever calls it is the one that uploads
SINGLE_NUMBERS = ("masked_fill.Tensor", "masked_fill_.Tensor", "fill_.Tensor", "where.self")
INDEXING = ("index.Tensor", "_unsafe_index.Tensor", "index_put.default", "index_put_.default")
# Of unpinned memory, CUDA copies so many bytes at once, to where the device may read them later
# (CUDA C++ Programming Guide, asynchronous concurrent execution).
STAGED = 64 * 1024
READING = (
    *("_local_scalar_dense.default", "equal.default", "nonzero.default", "bincount.default"),
    *("masked_select.default", "repeat_interleave.Tensor", "_unique2.default"),
)
UNORDERED = ("grid_sampler_2d_backward.default", "_adaptive_avg_pool2d_backward.default")
BACKWARD = (torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad)


class Event(NamedTuple):
    """Something that concerns both the host and the device.

    Attributes:
        kind: "read", "download" or "upload", for which the host waits; "queued upload", for
            which it does not; "download aside", for which another thread does.
        operation: torch's name of it.
        line: of vqclip, `module.py:number`.
    """

    kind: str
    operation: str
    line: str


@dataclass
class Accelerator:
    """What is pretended, and what was seen.

    Attributes:
        place: the device, such as cuda:0.
        capability: CUDA's compute capability.
        memory: bytes that it has.
        failure: what every operation fails with; "" for a device in good order.
        events: in order.
        held: bytes in use; `peak`, the most that were.
        random_state: what stands for the state of its random stream.
        emptied: how often its cache was emptied.
    """

    place: torch.device
    capability: tuple[int, int] = (8, 0)
    memory: int = 8 * 10**9
    failure: str = ""
    events: list[Event] = field(default_factory=list)
    held: int = 0
    peak: int = 0
    random_state: torch.Tensor = field(default_factory=lambda: torch.arange(16).byte())
    emptied: int = 0
    in_backward: int = 0
    _pending: list[Exception] = field(default_factory=list)
    _users: Counter[int] = field(default_factory=Counter)

    @property
    def kind(self) -> str:
        return self.place.type

    @property
    def waits(self) -> int:
        """How often the host waited for the device."""
        return sum(event.kind in ("read", "download", "upload") for event in self.events)

    def refuse(self, error: Exception | None = None) -> None:
        """Raise an error; in the backward pass, whose C++ would end the process, at its end."""
        if error is not None and not self._pending:
            self._pending.append(error)
        del error  # a frame that holds its own error keeps all its tensors alive
        if self._pending and not self.in_backward:
            raise self._pending.pop()

    def note(self, kind: str, operation: str) -> None:
        frame = sys._getframe(1)
        while frame.f_back and _is_passed(frame.f_code):
            frame = frame.f_back
        line = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        self.events.append(Event(kind, operation, line))

    def allocate(self, numbers: torch.Tensor) -> None:
        """Count the memory of a tensor until it is freed."""
        storage = numbers.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if not self._users[key]:
            if self.held + size > self.memory:
                self.refuse(torch.OutOfMemoryError(f"{self.kind} out of memory"))
            self.held += size
            self.peak = max(self.peak, self.held)
        self._users[key] += 1
        weakref.finalize(numbers, self._free, key, size).atexit = False

    def _free(self, key: int, size: int) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            self.held -= size

    def check(
        self, func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor], to_device: bool
    ) -> None:
        """Note what the host waits for, and refuse what the device does not do."""
        name = str(func).removeprefix("aten.")
        if self.failure:
            self.refuse(RuntimeError(self.failure))
        here = [isinstance(x, Remote) for x in tensors]
        if name in ("_to_copy.default", "copy_.default"):
            target = to_device if name == "_to_copy.default" else here[0]
            if here[-1] != target:
                if target:
                    source = tensors[-1]
                    ready = getattr(source, "pinned_here", False) or source.nbytes <= STAGED
                    queued = ready and kwargs.get("non_blocking")
                    kind = "queued upload" if queued else "upload"
                else:
                    on_main = threading.current_thread() is threading.main_thread()
                    kind = "download" if on_main else "download aside"
                self.note(kind, name)
        elif name in INDEXING:
            self._check_indices(name, args, here)
        elif any(here) and not all(here):
            elementwise = torch.Tag.pointwise in func.tags or "_foreach_" in name
            strangers = [x for x in tensors if not isinstance(x, Remote)]
            allowed = elementwise or name in SINGLE_NUMBERS
            if not allowed or any(x.dim() for x in strangers):
                self._refuse_mixture(name, tensors)
        if name in READING:
            self.note("read", name)
        if self.kind == "mps":
            self._check_mps(name, args)
        else:
            self._check_cuda(name, args)

    def _check_indices(self, name: str, args: Any, here: list[bool]) -> None:
        indices = [index for index in args[1] if index is not None]
        if any(isinstance(i, Remote) and i.dtype is torch.bool for i in indices):
            self.note("read", name)
        if not all(isinstance(index, Remote) for index in indices):
            self.note("upload", name)
        values = args[2] if len(args) > 2 else None
        stranger = values is not None and values.dim() and isinstance(values, Remote) != here[0]
        if stranger or (not here[0] and any(isinstance(i, Remote) for i in indices)):
            self._refuse_mixture(name, [args[0], *indices])

    def _refuse_mixture(self, name: str, tensors: list[torch.Tensor]) -> None:
        described = ", ".join(f"{list(x.shape)} on {x.device}" for x in tensors)
        self.refuse(RuntimeError(f"Expected all tensors on the same device: {name}, {described}"))

    def _check_mps(self, name: str, args: Any) -> None:
        if name == "_adaptive_avg_pool2d.default" and any(
            side % pooled for side, pooled in zip(args[0].shape[-2:], args[1], strict=True)
        ):
            self.refuse(RuntimeError("Adaptive pool MPS: sizes must be divisible"))
        if name == "grid_sampler_2d.default" and args[3] == 1:
            self.refuse(RuntimeError("MPS: Unsupported Border padding mode"))
        if name == "grid_sampler_2d.default" and args[2] == 2:
            self.refuse(RuntimeError("MPS: Unsupported Bicubic interpolation mode"))
        if name == "grid_sampler_2d_backward.default":
            # The kind of error that torch raises for an operation that MPS lacks.
            self.refuse(NotImplementedError(f"aten::{name} is not implemented for MPS"))

    def _check_cuda(self, name: str, args: Any) -> None:
        if (
            self.capability < (8, 0)
            and name == "convolution.default"
            and args[0].dtype is torch.bfloat16
            and args[8] > 1
            and any(map(_is_channels_last, args[:2]))
        ):
            self.refuse(RuntimeError("unable to find an engine to execute this computation"))
        if name in UNORDERED and torch.are_deterministic_algorithms_enabled():
            short = name.removesuffix(".default").removeprefix("_")
            complaint = f"{short}_cuda does not have a deterministic implementation"
            if torch.is_deterministic_algorithms_warn_only_enabled():
                warnings.warn(complaint, stacklevel=1)
            else:
                self.refuse(RuntimeError(complaint))


@lru_cache
def _is_passed(code: CodeType) -> bool:
    return not Path(code.co_filename).is_relative_to(PACKAGE) or code is UPLOAD


def _is_channels_last(tensor: torch.Tensor) -> bool:
    """Whether it is in channels_last alone: with one channel, it may be contiguous, too."""
    last = tensor.is_contiguous(memory_format=torch.channels_last)
    return last and not tensor.is_contiguous()


current: Accelerator  # the one that is pretended now; `pretending` sets it


class Remote(torch.Tensor):
    """A tensor on the device; its numbers are in `numbers`."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> Remote:
        made: Remote = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=torch.device(BACKEND, 0),
        )
        made.numbers = numbers
        current.allocate(numbers)
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None):
        return dispatch(func, args, kwargs or {})

    def _replace(self, other: Remote) -> None:
        torch.Tensor.data.__set__(self, other)  # type: ignore[attr-defined]
        self.numbers = other.numbers

    device = property(lambda self: current.place)  # type: ignore[assignment]
    is_cuda = property(lambda self: current.kind == "cuda")  # type: ignore[assignment]
    is_mps = property(lambda self: current.kind == "mps")  # type: ignore[assignment]
    data = property(lambda self: self.detach(), _replace)  # type: ignore[assignment]

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:  # files hold numbers
        return self.detach().numbers.__reduce_ex__(protocol)


def _list_tensors(given: Any) -> list[torch.Tensor]:
    """The tensors of an operation's arguments, which are values, lists, tuples and dictionaries.

    torch's own walks through any structure take longer than all operations together.
    """
    found: list[torch.Tensor] = []
    for each in given.values() if type(given) is dict else given:
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif type(each) in (list, tuple, dict):
            found += _list_tensors(each)
    return found


def _replace_each(change: Callable[[Any], Any], given: Any) -> Any:
    """The same structure, with every value changed."""
    kind = type(given)
    if kind is list or kind is tuple:
        return kind([_replace_each(change, each) for each in given])
    if kind is dict:
        return {key: _replace_each(change, each) for key, each in given.items()}
    return change(given)


def _open_up(given: Any) -> Any:
    return given.numbers if isinstance(given, Remote) else given


def dispatch(func: Any, args: Any, kwargs: Any) -> Any:
    """Compute an operation that may concern the device."""
    tensors = _list_tensors(args) + _list_tensors(kwargs)
    some_here = any(isinstance(x, Remote) for x in tensors)
    asked = kwargs.get("device")
    to_device = some_here if asked is None else asked.type in (BACKEND, current.kind)
    if not to_device and not some_here:
        return func(*args, **kwargs)
    current.check(func, args, kwargs, tensors, to_device)
    known = {id(_open_up(x)): x for x in tensors}
    if asked is not None:
        kwargs = kwargs | {"device": torch.device("cpu") if to_device else asked}

    def close_up(made: Any) -> Any:
        if not isinstance(made, torch.Tensor) or id(made) in known or not to_device:
            return known.get(id(made), made)  # what changes in place stays the same object
        if current.kind == "mps" and made.dtype in (torch.float64, torch.complex128):
            current.refuse(TypeError("the MPS framework doesn't support float64"))
        return Remote(made.detach())

    made = func(*_replace_each(_open_up, args), **_replace_each(_open_up, kwargs))
    return _replace_each(close_up, made)


class Operations(TorchDispatchMode):
    """Brings operations that make tensors on the device here."""

    _should_skip_dynamo = classmethod(lambda cls: False)  # otherwise torch imports its compiler

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
        return dispatch(func, args, kwargs or {})


class Names(TorchFunctionMode):
    """Tells C++ the backend's name for the device's, and checks generators."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = kwargs or {}
        if func is torch.device:  # in Python it keeps its name
            return func(*args, **kwargs)
        if func is torch.Tensor.pin_memory:
            made = args[0].clone()
            made.pinned_here = True
            return made
        if func is torch.Tensor.cuda:
            func, args = torch.Tensor.to, (args[0], current.place)
        current.in_backward += func in BACKWARD
        try:
            made = func(*map(_rename, args), **{k: _rename(x) for k, x in kwargs.items()})
        finally:
            current.in_backward -= func in BACKWARD
        current.refuse()
        stream = kwargs.get("generator")
        if stream is not None and made.device.type != stream.device.type:
            raise RuntimeError(f"a generator of {stream.device} for a tensor on {made.device}")
        return made


def _rename(given: Any) -> Any:
    if isinstance(given, torch.device | str) and str(given).partition(":")[0] == current.kind:
        return torch.device(BACKEND, 0)
    return given


class Generator(torch._C.Generator):
    """A generator that knows its device; its numbers come from the CPU."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls, "cpu")
        made.remote = torch.device(device).type != "cpu"  # type: ignore[attr-defined]
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return current.place if self.remote else torch.device("cpu")  # type: ignore[attr-defined]


@contextmanager
def pretending(device: str = "cuda:0", *, count: int = 1, **about: Any) -> Iterator[Accelerator]:
    """Let torch have a device that this machine lacks.

    Args:
        device: its name, of kind cuda or mps, with a number.
        count: how many of them there are; only `device` computes.
        about: see `Accelerator`: capability, memory, failure.
    """
    global current
    accelerator = current = Accelerator(torch.device(device), **about)
    on_cuda = accelerator.kind == "cuda"
    constants = {
        "is_available": on_cuda,
        "is_initialized": True,
        "_is_in_bad_fork": False,
        "device_count": count,
        "current_device": 0,
        "_lazy_init": None,
        "manual_seed_all": None,
        "set_device": None,
        "get_device_name": "Pretend",
        "get_device_capability": accelerator.capability,
    }
    answers: dict[str, Callable[..., Any]] = {
        name: lambda *args, value=value: value for name, value in constants.items()
    }

    def empty_cache() -> None:
        accelerator.emptied += 1

    def set_random_state(state: torch.Tensor, *args: Any) -> None:
        accelerator.random_state = state

    answers |= {
        "get_rng_state": lambda *args: accelerator.random_state,
        "set_rng_state": set_random_state,
        "empty_cache": empty_cache,
    }
    if not hasattr(torch, BACKEND):
        module = SimpleNamespace(**answers | {"is_available": lambda: True})
        _setup_privateuseone_for_python_backend(BACKEND, backend_module=module)
    old = accelerator.capability < (8, 0)
    answers |= {
        # As torch says it: emulation counts unless it is left out.
        "is_bf16_supported": lambda including_emulation=True: including_emulation or not old,
        "mem_get_info": lambda *args: (accelerator.memory - accelerator.held, accelerator.memory),
        "memory_reserved": lambda *args: accelerator.held,
        "memory_allocated": lambda *args: accelerator.held,
    }
    cast = torch.autocast

    def autocast(kind: str, *args: Any, **kwargs: Any) -> Any:
        return nullcontext() if kind == accelerator.kind else cast(kind, *args, **kwargs)

    replaced: list[tuple[Any, str, Any]] = [(torch.cuda, *answer) for answer in answers.items()]
    replaced += [
        (torch, "Generator", Generator),
        (torch, "autocast", autocast),
        (torch.backends.mps, "is_available", lru_cache(lambda: not on_cuda)),
        (torch.accelerator, "current_accelerator", lambda **_: accelerator.place),
        (torch.mps, "empty_cache", empty_cache),
        (torch.mps, "get_rng_state", answers["get_rng_state"]),
        (torch.mps, "set_rng_state", set_random_state),
        (torch.mps, "recommended_max_memory", lambda: accelerator.memory),
    ]
    with ExitStack() as stack:
        for place, name, value in replaced:
            stack.enter_context(mock.patch.object(place, name, value))
        # Without this, torch.tensor(…, device=…) does not pass here.
        stack.callback(torch._C._set_only_lift_cpu_tensors, torch._C._only_lift_cpu_tensors())
        torch._C._set_only_lift_cpu_tensors(True)
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        stack.enter_context(Operations())
        stack.enter_context(Names())
        yield accelerator
