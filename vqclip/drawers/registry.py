"""The registry of drawers: from a name to a drawer that is made as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.latent import LatentDrawer
from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN


@dataclass(frozen=True)
class DrawerInputs:
    """What drawers are made of.

    Args:
        width, height: of the picture at first, in pixels.
        settings: of the drawers.
        vqgan: for the one that decodes with it; else None.
        memory_policy: of its decoder.
    """

    width: int
    height: int
    settings: DrawSettings
    vqgan: VQGAN | None = None
    memory_policy: MemoryPolicy | None = None


def _make_latent(inputs: DrawerInputs) -> BaseDrawer:
    assert inputs.vqgan is not None
    return LatentDrawer(inputs.vqgan, inputs.width, inputs.height, inputs.memory_policy)


DRAWERS: dict[str, Callable[[DrawerInputs], BaseDrawer]] = {"vqgan": _make_latent}
