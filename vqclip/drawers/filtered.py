"""The filtered drawer: a drawer's picture as a run shows it, filtered and on a ground.

What is transparent lies on grey while a run looks at it, of another level at every step: what is
there must look right on any. As pixray's --transparent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from vqclip.config.checking.seeds import Seed, purpose_seed
from vqclip.drawers.base import BaseDrawer, divide_by_alpha
from vqclip.optimisation_loop import Loss, View
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters, Scalar

LEVELS = 255  # of pictures that are filtered at last, as files and checkpoints have them


class FilteredDrawer:
    """What draws the pictures of a run's steps, and its last one.

    Nothing is encoded of what it shows: a filter may leave little of what the parameters hold.

    Args:
        drawer: whose picture it is; another one may take its place.
        seed: of the levels of grounds.
        colour_filter: changes colours in [0, 1], differentiably, in dimension 1 of 3; None:
            nothing is filtered.
        hold: puts what may not change back into a picture of an opaque drawer, differentiably;
            None: all of it may change.
    """

    def __init__(
        self,
        drawer: BaseDrawer,
        seed: Seed = 0,
        colour_filter: Callable[[Tensor], Tensor] | None = None,
        hold: Callable[[Image], Image] | None = None,
    ) -> None:
        self.drawer, self._level, self._hold = drawer, 1.0, hold
        self._seed, self._filter = purpose_seed(seed, "ground"), colour_filter
        self._alpha: Tensor | None = None
        self._before_and_after: tuple[Tensor, Tensor] | None = None

    def read_ground(self) -> float:
        """The grey level in [0, 1] of the step that is drawn; white if the drawer is opaque."""
        return self._level

    def set_grounds(self, steps: Iterable[int]) -> Iterator[int]:
        """Yield the numbers of steps, with the ground set to the level of each."""
        for step in steps:
            if self.drawer.has_alpha:
                self._level = purpose_seed(self._seed, str(step)) / 2**63
            else:
                self._level = 1.0
            yield step

    def draw(self) -> Image:
        """Draw the picture of a step, differentiably: [1, 3, H, W] in [0, 1]."""
        drawer = self.drawer
        if not drawer.has_alpha:
            self._alpha = None
            drawn = drawer.draw()
            return self._apply_filter(self._hold(drawn) if self._hold else drawn, None)
        colours, alpha = drawer.draw_layers(drawer.parameters)
        self._alpha = alpha
        if self._filter is not None:
            colours = self._apply_filter(colours / alpha.clamp(min=1e-6), alpha) * alpha
        drawer.ground = self._level
        try:
            return drawer.lay_on_ground(colours, alpha)
        finally:
            drawer.ground = None

    def clamp(self) -> None:
        """Clamp the parameters to their valid range, after a step."""
        self.drawer.clamp()

    def lay_on_white(self, picture: Image) -> Image:
        """The picture that was drawn last, on white in place of the step's ground; detached."""
        if self._alpha is None:
            return picture
        return (picture + (1 - self._alpha.detach()) * (1 - self._level)).clamp(0, 1)

    @torch.no_grad()
    def draw_plain(self, parameters: Parameters) -> Tensor:
        """Draw parameters as they are to be encoded: [1, 3, H, W], or with opacity [1, 4, H, W].

        Nothing is filtered.
        """
        if self.drawer.has_alpha:
            return self.drawer.draw_rgba(parameters)
        return self.drawer.draw_parameters(parameters)

    @torch.no_grad()
    def filter_picture(self, picture: Tensor) -> Tensor:
        """Filter a picture that is shown, [1, 3, H, W] or, with opacity, [1, 4, H, W]."""
        if self._hold is not None and not self.drawer.has_alpha:
            picture = self._hold(picture)
        if self._filter is None:
            return picture
        levels = picture.mul(LEVELS).round().div(LEVELS)
        return torch.cat([self._filter(levels[:, :3]), levels[:, 3:]], 1)

    def export(self, folder: Path, parameters: Parameters) -> None:
        """Write the drawer's other files into a run's folder, over those that are there.

        Raises:
            OutputError: if one cannot be written.
        """
        if self._filter is not None:
            parameters = self.drawer.filter_colours(parameters, self._filter)
        for suffix in self.drawer.exports:
            name = "cells.png" if suffix == ".png" else f"final{suffix}"
            self.drawer.export(folder / name, parameters)

    def opacity_loss(self, view: View) -> Scalar:
        """The opacity loss: the mean opacity of the step's picture, in [0, 1].

        pixray's transparency loss.
        """
        return view.image.new_zeros(()) if self._alpha is None else self._alpha.mean()

    def own_loss(self, name: str) -> Loss:
        """A loss that some drawers have on their parameters; 0 while another one draws."""

        def loss(view: View) -> Scalar:
            own = self.drawer.losses.get(name)
            return view.image.new_zeros(()) if own is None else own(self.drawer.parameters)

        return loss

    def filter_loss(self, distance: Callable[[Tensor, Tensor], Scalar]) -> Loss:
        """A loss of the distance between the picture before and after it was filtered.

        What is transparent counts as much as it is seen.
        """

        def loss(view: View) -> Scalar:
            assert self._before_and_after is not None
            return distance(*self._before_and_after)

        return loss

    def _apply_filter(self, colours: Tensor, alpha: Tensor | None) -> Tensor:
        if self._filter is None:
            return colours
        found = self._filter(colours)
        seen = 1.0 if alpha is None else alpha.detach()
        self._before_and_after = colours * seen, found * seen
        return found


def lay_on_white(picture: Tensor) -> Image:
    """Lay a picture with opacity, [1, 4, H, W], on white; one without, [1, 3, H, W], stays."""
    if picture.shape[1] == 3:
        return picture
    return picture[:, :3] * picture[:, 3:] + 1 - picture[:, 3:]


def resize_picture(picture: Tensor, height: int, width: int, repeat: Repeat = ONCE) -> Tensor:
    """Resize a picture [1, 3, H, W] smoothly; opacity, [1, 4, H, W], is resized with it.

    Args:
        repeat: how the picture repeats.
    """
    if picture.shape[1] == 4:
        picture = torch.cat([picture[:, :3] * picture[:, 3:], picture[:, 3:]], 1)
    found = repeat.resize(picture, [height, width], "bilinear", antialias=True)
    return found if found.shape[1] == 3 else divide_by_alpha(found[:, :3], found[:, 3:])
