"""A device that has no numbers of 64 bits, as Apple's have none: what it refuses, fails here."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Single(Tensor):
    """A tensor on it. On the CPU again, it is an ordinary one."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = super().__torch_function__(func, types, args, kwargs or {})
        if func is Tensor.cpu:
            return found.as_subclass(Tensor)
        for each in found if isinstance(found, tuple | list) else (found,):
            if isinstance(each, Single) and each.dtype == torch.float64:
                raise TypeError("the device has no numbers of 64 bits")
        return found


def single(tensor: Tensor) -> Tensor:
    """Bring a tensor there."""
    return tensor.as_subclass(Single)
