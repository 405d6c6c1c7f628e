"""Deferred imports: heavy modules that others import, and that most runs never use.

open_clip imports `transformers` for text encoders of Hugging Face, and torchvision and timm
import torch's compiler for functions that nobody calls here. Together they take as long as torch
itself. Within `defer_imports`, such an import gives a stand-in; its names are looked up in the
real module when they are first used.

- Only the names in `DEFERRED` are deferred. Whatever else a stand-in is asked for, or by another
  thread, imports the real module at once, as without `defer_imports`.
- Outside the context nothing is deferred: an import gives the real module. A module that is there
  already, or is not installed, is left alone.
- Imports of other threads are not deferred. If they meet a stand-in, they get the real module.
- It is for processes of our own. A program that uses vqclip as a library, and may compile or
  inspect the classes of these modules, imports them as usual.

Why not `importlib.util.LazyLoader`: it loads a module at its first attribute, which
`from transformers import AutoModel` asks for at once.

`pause_collection` belongs to it: an import makes some hundred thousand objects that stay, and the
garbage collector looks through them again and again.
"""

from __future__ import annotations

import functools
import gc
import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

# The modules, and of each the names whose use can wait. A parent comes before what is in it.
DEFERRED: dict[str, frozenset[str]] = {
    "torch._dynamo": frozenset({"disable"}),
    "torch._dynamo.utils": frozenset({"is_compile_supported"}),
    "transformers": frozenset(
        {
            *("AutoConfig", "AutoModel", "AutoTokenizer", "PretrainedConfig"),
            *("BeamSearchScorer", "EosTokenCriteria", "LogitsProcessorList"),
            *("MaxLengthCriteria", "MinLengthLogitsProcessor", "StoppingCriteriaList"),
            *("RepetitionPenaltyLogitsProcessor", "StopStringCriteria"),
            *("TopKLogitsWarper", "TopPLogitsWarper"),
        }
    ),
    "transformers.modeling_outputs": frozenset(
        {
            *("BaseModelOutput", "BaseModelOutputWithPooling"),
            "BaseModelOutputWithPoolingAndCrossAttentions",
        }
    ),
}
MOVED = {"transformers": "transformers.generation"}  # where newer versions have some of its names


class DeferredName:
    """A class or function of a module that is not imported yet.

    It can be called, asked for attributes, and stand in `isinstance`.

    Args:
        module, name: where it is.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def look_up(self) -> Any:
        """The class or function itself, after the import of its module.

        Raises:
            ImportError: if the module lacks it.
        """
        _import_real(self._module)
        for place in (self._module, MOVED.get(self._module)):
            if place is not None and hasattr(importlib.import_module(place), self._name):
                return getattr(sys.modules[place], self._name)
        raise ImportError(f"{self._module} has no {self._name}", name=self._module)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it."""
        return self.look_up()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        """An attribute of it."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # what copies and shows objects asks for these
        return getattr(self.look_up(), name)

    def __instancecheck__(self, instance: object) -> bool:
        """Whether an object is of the class."""
        return isinstance(instance, self.look_up())


class StandIn(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        """A deferred name, or what the real module has."""
        if name.startswith("__") and name.endswith("__") and name != "__version__":
            raise AttributeError(name)  # the import system asks for these
        if _finder.defers(self.__name__) and name in DEFERRED[self.__name__]:
            if (self.__name__, name) == ("torch._dynamo", "disable"):
                return _disable_later
            return DeferredName(self.__name__, name)
        return getattr(_import_real(self.__name__), name)


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins, for one thread, while a context is open."""

    def __init__(self) -> None:
        self.thread: int | None = None  # that opened the context
        self.depth = 0
        self.real: set[str] = set()  # packages that something asked for in the context

    def defers(self, name: str) -> bool:
        """Whether the import of a module would be deferred now, in this thread."""
        known = name in DEFERRED and not any(_is_within(name, package) for package in self.real)
        return known and self.thread == threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a stand-in; None, so that others look, for any other module."""
        parent = name.rpartition(".")[0]
        if not self.defers(name):
            if isinstance(sys.modules.get(parent), StandIn):  # which has no path to search
                return PathFinder.find_spec(name, _import_real(parent).__path__)
            return None
        if not isinstance(sys.modules.get(parent), StandIn):
            real = PathFinder.find_spec(name, path)
            if real is None:  # not installed
                return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a stand-in."""
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the real module is executed when it is needed."""


@contextmanager
def defer_imports() -> Iterator[None]:
    """Defer the imports of `DEFERRED` within the context; contexts may be nested.

    Of two threads, the one that comes second imports as usual.
    """
    with _lock:
        mine = _finder.thread in (None, threading.get_ident())
        if mine:
            _finder.thread = threading.get_ident()
            _finder.depth += 1
            if _finder.depth == 1:
                sys.meta_path.insert(0, _finder)
    try:
        yield
    finally:
        if mine:
            with _lock:
                _finder.depth -= 1
                if _finder.depth == 0:
                    sys.meta_path.remove(_finder)
                    _finder.thread = None
                    _finder.real.clear()
                    for name in DEFERRED:
                        _forget(name)


@contextmanager
def pause_collection(freeze: bool = False) -> Iterator[None]:
    """Leave garbage alone within the context, which makes objects that stay; may be nested.

    Args:
        freeze: leave all objects that are there at the end alone from then on, for a process that
            is ours: garbage among them is never collected. Only the first such context does.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if freeze:
            _freeze_objects()
        if collects:
            gc.enable()


@functools.cache  # called again, it does nothing: to count what is left alone takes a while
def _freeze_objects() -> None:
    """Leave all objects that are there alone from now on, unless some are left alone already."""
    if gc.get_freeze_count() == 0:
        gc.freeze()


def _import_real(name: str) -> ModuleType:
    """Import the module that a stand-in stands for."""
    with _lock:
        if isinstance(sys.modules.get(name), StandIn):  # the context is still open
            package = next(each for each in DEFERRED if _is_within(name, each))
            _finder.real.add(package)
            for each in DEFERRED:
                if _is_within(each, package):
                    _forget(each)
    return importlib.import_module(name)


def _forget(name: str) -> None:
    """Remove a stand-in from where the import system looks, if it is there."""
    parent, _, own = name.rpartition(".")
    if isinstance(sys.modules.get(name), StandIn):
        del sys.modules[name]
    holder = sys.modules.get(parent)
    if holder is not None and isinstance(vars(holder).get(own), StandIn):
        delattr(holder, own)


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _disable_later(function: Any = None, *arguments: Any, **named: Any) -> Any:
    """`torch._dynamo.disable`: a function that is hidden from the compiler once that is there.

    It is the one deferred name that others call while they are imported, as a decorator. Until
    somebody imports the compiler, nothing is compiled, and there is nothing to hide from.
    """
    if not isinstance(function, FunctionType):
        return _import_real("torch._dynamo").disable(function, *arguments, **named)
    made: list[Callable[..., Any]] = []

    @wraps(function)
    def later(*given: Any, **by_name: Any) -> Any:
        if not made and isinstance(sys.modules.get("torch._dynamo"), StandIn | None):
            return function(*given, **by_name)
        if not made:
            made.append(_import_real("torch._dynamo").disable(function, *arguments, **named))
        return made[0](*given, **by_name)

    return later


_lock = threading.RLock()
_finder = _Finder()
