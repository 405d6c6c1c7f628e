"""Colours by their names → numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from PIL import ImageColor
from torch import Tensor

from vqclip.errors import ConfigError, suggest

COLOUR = re.compile(r"#[0-9a-f]{3}|#[0-9a-f]{6}|[a-z]+", re.IGNORECASE)


def parse_colours(colours: str | Sequence[str]) -> Tensor:
    """Read colours into a tensor [K, 3], sRGB in [0, 1].

    They are a text such as "#ff0000, gold, teal" or a sequence of such names: CSS names, and
    three or six hex digits after a "#".

    Raises:
        ConfigError: if there is none, or one is not a colour.

    >>> parse_colours("#ff0000, blue").tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    names = colours.split(",") if isinstance(colours, str) else list(colours)
    if not names:
        raise ConfigError('no colours were given; write some, such as "#ff0000, gold, teal"')
    return torch.tensor([_colour(str(name).strip()) for name in names]) / 255


def _colour(name: str) -> tuple[int, ...]:
    """Read one colour."""
    try:
        # Pillow would also take transparent colours and rgb(300, 0, 0).
        if COLOUR.fullmatch(name) is None:
            raise ValueError(name)
        return ImageColor.getrgb(name)
    except ValueError:
        raise ConfigError(
            f"{name!r} is not a colour{suggest(name.lower(), ImageColor.colormap)}; write a CSS "
            "name such as gold, or hex digits such as #ff0000"
        ) from None
