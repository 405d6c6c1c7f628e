"""The registry of drawers: from a name to a drawer that is made as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.fourier import FourierDrawer
from vqclip.drawers.latent import LatentDrawer
from vqclip.drawers.lines import LinesDrawer
from vqclip.drawers.mosaic import MosaicDrawer
from vqclip.drawers.palette import PaletteDrawer
from vqclip.drawers.pixels import PixelsDrawer
from vqclip.drawers.pyramid import PyramidDrawer
from vqclip.drawers.strokes import StrokesDrawer
from vqclip.drawers.wavelets import WaveletsDrawer
from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.repeats import ONCE, Repeat


@dataclass(frozen=True)
class DrawerInputs:
    """What drawers are made of.

    Args:
        width, height: of the picture at first, in pixels.
        settings: of the drawers.
        vqgan: for the one that decodes with it; else None.
        memory_policy: of its decoder.
        repeat: how the picture repeats.
    """

    width: int
    height: int
    settings: DrawSettings
    vqgan: VQGAN | None = None
    memory_policy: MemoryPolicy | None = None
    repeat: Repeat = ONCE


class SettingsDrawer(Protocol):
    """A class of drawers that are made of the settings `draw.…` alone."""

    @classmethod
    def from_settings(
        cls, width: int, height: int, settings: DrawSettings, repeat: Repeat = ONCE
    ) -> BaseDrawer:
        """A drawer of a size in pixels."""


def _make_latent(inputs: DrawerInputs) -> BaseDrawer:
    assert inputs.vqgan is not None
    return LatentDrawer(
        *(inputs.vqgan, inputs.width, inputs.height, inputs.memory_policy, inputs.repeat)
    )


def _make_wavelets(inputs: DrawerInputs) -> BaseDrawer:
    """The wavelets, whose picture does not repeat; see `vqclip.config.checking.drawer_checks`."""
    return WaveletsDrawer.from_settings(inputs.width, inputs.height, inputs.settings)


def _from_settings(drawer: type[SettingsDrawer]) -> Callable[[DrawerInputs], BaseDrawer]:
    return lambda inputs: drawer.from_settings(
        inputs.width, inputs.height, inputs.settings, inputs.repeat
    )


DRAWERS: dict[str, Callable[[DrawerInputs], BaseDrawer]] = {
    "vqgan": _make_latent,
    "pixels": _from_settings(PixelsDrawer),
    "mosaic": _from_settings(MosaicDrawer),
    "palette": _from_settings(PaletteDrawer),
    "pyramid": _from_settings(PyramidDrawer),
    "fourier": _from_settings(FourierDrawer),
    "wavelets": _make_wavelets,
    "strokes": _from_settings(StrokesDrawer),
    "lines": _from_settings(LinesDrawer),
}
