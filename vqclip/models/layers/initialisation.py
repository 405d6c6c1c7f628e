"""Modules without random weights, which a checkpoint would replace anyway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# What timm's own functions for it call.
RANDOM = {torch.Tensor.normal_, torch.Tensor.uniform_}


class NoInitialisation(TorchFunctionMode):
    """A context in which the functions of `torch.nn.init` leave weights as they are.

    They take a fifth of a second for the bundled perceptors, half of it for tables of words.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the tensor that was to be filled; call any other function."""
        named = kwargs or {}
        own = getattr(function, "__module__", None) == torch.nn.init.__name__
        if own or function in RANDOM:
            return named["tensor"] if "tensor" in named else args[0]
        if function is torch.Tensor.triu_ and args[0].is_meta:
            return args[0]  # a mask without numbers; torch would import its compiler for it
        return function(*args, **named)
