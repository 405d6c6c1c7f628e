"""What is a voyage given? Where it goes, and what each frame keeps of the last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from vqclip.carrying import Way
from vqclip.tensors import Image


@dataclass(frozen=True)
class Ground:
    """A film's own frame, that is drawn over.

    Args:
        image: at the run's size.
        hidden: [1, 1, H, W] in [0, 1]: what the frame before could not show.
    """

    image: Image
    hidden: Tensor


class Route(Protocol):
    """Where an animation goes, frame by frame; frames are asked for in order."""

    def way(self, frame: int, shown: Image) -> Way:
        """How things get to a frame from the one before, which is `shown`."""

    def ground(self, frame: int) -> Ground | None:
        """The film's own frame, if there is a film."""

    def close(self) -> None:
        """Let go of what is open; it opens again when it is asked."""

    def state(self) -> dict[str, Tensor]:
        """What of it frames leave to the next ones, by name; on the CPU."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`; one of none, or of another route, is none."""


@dataclass(frozen=True)
class Habits:
    """What each frame keeps of the last, and how; see `MotionSettings`.

    Args:
        arriving: how much of the draft of which scene each frame takes up, by frame.
        noise: of what was moved, by frame.
        blend: share of the film's own frame that each begins with, by frame.
        loop: how many frames go before the first, and come again at the end.
    """

    edges: str = "fill"
    through: str = "picture"
    smooth: float = 0.0
    moments: bool = True
    steady: bool = True
    colours: str = "none"
    between: int = 0
    loop: int = 0
    arriving: Callable[[int], Mapping[int, float]] = lambda frame: {}
    noise: Callable[[int], float] = lambda frame: 0.0
    blend: Callable[[int], float] = lambda frame: 0.0


@dataclass(frozen=True)
class Return:
    """The end of a stretch that is drawn anew: back to frames that stay.

    Args:
        until: one after the last frame that is drawn.
        share: of what was there, by frame.
        old: what was there, by frame.
        leads_on: whether what was there follows.
        final: the last frame of the film, where that is none of the stretch.
    """

    until: int
    share: Callable[[int], float]
    old: Callable[[int], Image]
    leads_on: bool = False
    final: Callable[[], Image] | None = None
