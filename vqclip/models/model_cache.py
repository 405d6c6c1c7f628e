"""The model cache: models that stay loaded from one run of a process to the next.

What they are asked again, such as the embedding of a text, is kept with them.

Without `keep_models`, every run loads its own. Within it, a model is read once for a device and a
precision, and again when one of its files has changed. What a run gets are modules of its own
around the same weights, which are frozen: whatever a run sets on a network, such as how its
padding repeats, is not there in the next one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vqclip.models.zoo import model_files
from vqclip.models.zoo.verify import file_stamp

if TYPE_CHECKING:  # a command is refused before torch is here
    from torch import nn

MOST_BYTES = 2 * 2**30  # of weights that are kept; those used longest ago are dropped
Made = TypeVar("Made")
Stamps = tuple[tuple[str, ...], ...]


@dataclass
class _Kept:
    """What is kept, the last used at the end."""

    made: dict[Hashable, tuple[Stamps, Any, int]] = field(default_factory=dict)
    readers: int = 0


_kept = _Kept()


@contextmanager
def keep_models() -> Iterator[None]:
    """Keep models that are loaded within the context, until it ends; contexts may be nested."""
    _kept.readers += 1
    try:
        yield
    finally:
        _kept.readers -= 1
        if _kept.readers == 0:
            _kept.made.clear()


def load_once(key: Hashable, files: Iterable[Path], load: Callable[[], Made]) -> Made:
    """Load something, or give what was loaded before by the same key from the same files.

    Args:
        key: what it is: name, device, precision.
        files: those that it is read from.
        load: loads it; what it gives is not to be changed by whoever gets it, except for modules
            that `share_weights` has copied.
    """
    if _kept.readers == 0:
        return load()
    stamps = tuple((str(each), *map(str, file_stamp(each))) for each in files)
    before = _kept.made.pop(key, None)
    if before is not None and before[0] == stamps:
        made: Made = before[1]
        size = before[2]
    else:
        before = None  # an old model is not to be there beside the new one
        made = load()
        size = sum(_sizes(made))
    _kept.made[key] = stamps, made, size
    total = sum(size for _, _, size in _kept.made.values())
    while total > MOST_BYTES and len(_kept.made) > 1:
        oldest = next(iter(_kept.made))
        total -= _kept.made.pop(oldest)[2]
    return made


def digest_once(path: Path) -> str:
    """The sha256 of a file, computed again only where the file has changed."""
    return load_once(("sha256", path), [path], lambda: model_files.file_sha256(path))


def share_weights(network: nn.Module) -> Any:
    """Copy a network without its weights: modules of its own, and the same tensors.

    The original where nothing is kept, since nobody else has it then.
    """
    if _kept.readers == 0:
        return network
    tensors = [*network.parameters(), *network.buffers()]
    return _copy_module(network, {id(each): each for each in tensors})


def _copy_module(module: nn.Module, copied: dict[int, Any]) -> Any:
    """Copy a module as `copy.deepcopy` does, in less than half of its time.

    Args:
        copied: `deepcopy`'s memo, by the numbers of the originals.
    """
    if id(module) in copied:
        return copied[id(module)]
    if hasattr(module, "__deepcopy__"):
        return copy.deepcopy(module, copied)
    new: nn.Module = object.__new__(type(module))
    copied[id(module)] = new
    for key, value in vars(module).items():
        if key == "_modules":
            parts = {k: v if v is None else _copy_module(v, copied) for k, v in value.items()}
            vars(new)[key] = type(value)(parts)
        elif key in ("_parameters", "_buffers"):
            own = {k: v if v is None else copied[id(v)] for k, v in value.items()}
            vars(new)[key] = type(value)(own)
        elif isinstance(value, dict) and not value:  # of hooks, which there are seldom
            vars(new)[key] = type(value)()
        else:
            vars(new)[key] = copy.deepcopy(value, copied)
    return new


def _sizes(made: Any) -> Iterator[int]:
    """The bytes of a tensor that is kept, or of the weights of a network or what has one."""
    if hasattr(made, "nbytes"):
        yield made.nbytes
        return
    parts = made if isinstance(made, tuple) else getattr(made, "__dict__", {}).values()
    for part in (made, *parts):
        if hasattr(part, "parameters") and hasattr(part, "buffers"):
            yield sum(each.nbytes for each in (*part.parameters(), *part.buffers()))
