"""How do things get from one frame to the next? By the camera, through a depth, or as in a film.

Each route answers `Voyage`'s question with positions: where each pixel of a frame was a frame ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip import camera, flow
from vqclip.camera import Move
from vqclip.carrying import Way, grid
from vqclip.flow import Flow
from vqclip.footage import Footage
from vqclip.tensors import Image
from vqclip.voyage import Ground


@dataclass(frozen=True)
class Ride:
    """The camera moves over the picture.

    Args:
        moves: what it does on the way to each frame.
    """

    moves: Callable[[int], Move]

    def way(self, frame: int, shown: Image) -> Way:
        """By the camera's move."""
        return partial(_ridden, self.moves(frame))

    def ground(self, frame: int) -> Ground | None:
        """There is no film."""
        return None


class Trace:
    """A film is drawn over, and things move as in it.

    Args:
        open_at: gives the film from one of its frames on, counted as the animation's.
        flow: finds how things move between two of them.
        device: where frames are wanted.
    """

    def __init__(
        self, open_at: Callable[[int], Footage], flow: Flow, device: torch.device
    ) -> None:
        self._open_at, self._flow, self._device = open_at, flow, device
        self._next = 0
        self._frames: dict[int, Image] = {}
        self._pictures: Iterator[Image] = iter(())
        self._flows: tuple[int, Any] = (-1, None)

    def way(self, frame: int, shown: Image) -> Way:
        """As the film moves: by the flow from its frame to the one before."""
        return partial(_flowed, self._moved(frame)[0])

    def ground(self, frame: int) -> Ground:
        """The film's own frame, and what of it the one before could not show."""
        if frame == 0:
            image = self.frame(0)
            return Ground(image, torch.zeros_like(image[:, :1]))
        hidden = flow.occluded(*self._moved(frame))
        return Ground(self.frame(frame), hidden)

    def _moved(self, frame: int) -> tuple[Tensor, Tensor]:
        """The flow from a frame to the one before, and back again."""
        if self._flows[0] != frame:
            before, image = self.frame(frame - 1), self.frame(frame)
            self._flows = (frame, (self._flow(image, before), self._flow(before, image)))
        return self._flows[1]

    def frame(self, number: int) -> Image:
        """One of the film's frames; after its end, the last one again."""
        if number not in self._frames and number < self._next:
            self._frames = {}
        if number not in self._frames and not self._frames:
            self._pictures, self._next = iter(self._open_at(number)), number
        while number not in self._frames:
            picture = next(self._pictures, None)
            if picture is None:
                picture = self._frames[self._next - 1]
            kept = {k: v for k, v in self._frames.items() if k == self._next - 1}
            self._frames = kept | {self._next: picture.to(self._device)}
            self._next += 1
        return self._frames[number]


def _ridden(move: Move, height: int, width: int) -> Tensor | None:
    if move.still:
        return None
    return camera.positions(move.matrix(width, height), width, height)


def _flowed(moved: Tensor, height: int, width: int) -> Tensor:
    """Positions by a flow, on a grid of any size."""
    high, wide = moved.shape[-2:]
    if (high, wide) != (height, width):
        moved = functional.interpolate(moved, [height, width], mode="bilinear", antialias=True)
        moved = moved * torch.tensor([width / wide, height / high]).to(moved)[None, :, None, None]
    return grid(height, width) + moved[0].permute(1, 2, 0).double().cpu()
