"""Frame motion: by a 2-D camera, a 3-D camera, or the optical flow of a film.

Each route says where each pixel of a frame was a frame ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.animation import camera_2d, optical_flow
from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.camera_3d import CameraMove3D, Reprojection, Surface, follow
from vqclip.animation.optical_flow import Flow
from vqclip.animation.warp import SampleGrid, Warp, grid
from vqclip.errors import PictureError
from vqclip.media.footage import Footage
from vqclip.tensors import Image


@dataclass(frozen=True)
class SourceFrame:
    """A film's own frame, that is drawn over.

    Args:
        image: at the run's size.
        hidden: [1, 1, H, W] in [0, 1]: what the frame before could not show.
    """

    image: Image
    hidden: Tensor


class FrameMotion(Protocol):
    """Where an animation goes, frame by frame; frames are asked for in order."""

    def way(self, frame: int, shown: Image) -> Warp:
        """How things get to a frame from the one before, which is `shown`."""

    def ground(self, frame: int) -> SourceFrame | None:
        """The film's own frame, if there is a film."""

    def close(self) -> None:
        """Let go of what is open; it opens again when it is asked."""

    def state(self) -> dict[str, Tensor]:
        """What of it frames leave to the next ones, by name; on the CPU."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`; one of none, or of another route, is none."""


@dataclass(frozen=True)
class FeedbackOptions:
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
class BlendBack:
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


@dataclass(frozen=True)
class CameraMotion2D:
    """The camera moves over the picture.

    Args:
        moves: what it does on the way to each frame.
    """

    moves: Callable[[int], CameraMove2D]

    def way(self, frame: int, shown: Image) -> Warp:
        """By the camera's move."""
        return partial(_ridden, self.moves(frame))

    def ground(self, frame: int) -> SourceFrame | None:
        """There is no film."""
        return None

    def close(self) -> None:
        """Nothing is open."""

    def state(self) -> dict[str, Tensor]:
        """Nothing is kept."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing is kept."""


class FilmFrames:
    """The frames of a film, asked for in about their order; two of them are held.

    Args:
        open_at: gives the film from one of its frames on.
        device: where frames are wanted.
    """

    def __init__(self, open_at: Callable[[int], Footage], device: torch.device) -> None:
        self._open_at, self._device = open_at, device
        self._next = 0
        self._held: dict[int, Image] = {}
        self._pictures: Iterator[Image] = iter(())

    def frame(self, number: int) -> Image:
        """One of them; after the film's end, the last one again.

        Raises:
            PictureError: if there is none at all.
        """
        if number not in self._held and not (self._held and number >= self._next):
            self._open(number)
        while number not in self._held:
            self._take()
        return self._held[number]

    def close(self) -> None:
        """End the film; it begins again when a frame is asked for."""
        close = getattr(self._pictures, "close", None)
        if close is not None:
            close()
        self._pictures, self._held = iter(()), {}

    def _open(self, number: int) -> None:
        """Begin at a frame, or, where the film has ended before, at its last one or sooner."""
        back = 0
        while True:
            self.close()
            self._next = max(0, number - back)
            self._pictures = iter(self._open_at(self._next))
            first = next(self._pictures, None)
            if first is not None:
                self._held = {self._next: first.to(self._device)}
                self._next += 1
                return
            if self._next == 0:
                raise PictureError(f"the film has no frame {number}, and none before it")
            back = 2 * back or 1

    def _take(self) -> None:
        """Hold the next frame, and the one before it."""
        last = self._held[self._next - 1]
        picture = next(self._pictures, None)
        now = last if picture is None else picture.to(self._device)
        self._held = {self._next - 1: last, self._next: now}
        self._next += 1


class FlowMotion:
    """A film is drawn over, and things move as in it.

    Args:
        shots: the film's own frames.
        flow: finds how things move between two of them.
    """

    def __init__(self, shots: FilmFrames, flow: Flow) -> None:
        self._shots, self._flow = shots, flow
        self._flows: tuple[int, Any] = (-1, None)

    def way(self, frame: int, shown: Image) -> Warp:
        """As the film moves: by the flow from its frame to the one before."""
        return partial(_flowed, self._moved(frame)[0])

    def ground(self, frame: int) -> SourceFrame:
        """The film's own frame, and what of it the one before could not show."""
        image = self._shots.frame(frame)
        if frame == 0:
            return SourceFrame(image, torch.zeros_like(image[:, :1]))
        return SourceFrame(image, optical_flow.occluded(*self._moved(frame)))

    def close(self) -> None:
        """End the film."""
        self._shots.close()

    def state(self) -> dict[str, Tensor]:
        """Nothing is kept: the film is there."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing is kept."""

    def _moved(self, frame: int) -> tuple[Tensor, Tensor]:
        """The flow from a frame to the one before, and back again."""
        if self._flows[0] != frame:
            before, image = self._shots.frame(frame - 1), self._shots.frame(frame)
            self._flows = (frame, (self._flow(image, before), self._flow(before, image)))
        found: tuple[Tensor, Tensor] = self._flows[1]
        return found


class DepthWarp:
    """The way of a flight over a terrain; followed once for each size of grid.

    Args:
        flight: where the camera goes.
        terrain: as the frame before showed it.
    """

    def __init__(self, flight: CameraMove3D, terrain: Surface) -> None:
        self.flight, self.terrain = flight, terrain
        self._courses: dict[tuple[int, int], Reprojection] = {}

    def __call__(self, height: int, width: int) -> SampleGrid:
        """Where each pixel of a grid was a frame ago."""
        course = self.course(height, width)
        return SampleGrid(course.positions, course.seen)

    def course(self, height: int, width: int) -> Reprojection:
        """The same, and how far away things are now."""
        if (height, width) not in self._courses:
            self._courses[height, width] = follow(self.flight, self.terrain, width, height)
        return self._courses[height, width]


class CameraMotion3D:
    """The camera flies through what is near and far, which stays, or that each frame shows anew.

    Args:
        flights: where it goes on the way to each frame.
        terrain: what is there, as a frame shows it that led to the one of this number.
        stays: whether that is asked for frame 1 alone, and the flight passes it.
        let_go: of what is open for it.
    """

    def __init__(
        self,
        flights: Callable[[int], CameraMove3D],
        terrain: Callable[[int, Image], Surface],
        stays: bool,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self._flights, self._terrain, self._stays, self._let_go = flights, terrain, stays, let_go
        self._last: tuple[int, DepthWarp] | None = None  # the frame that it leads to, and the way
        self._left: Mapping[str, Tensor] = {}
        self._seen: tuple[int, Image, DepthWarp] | None = None

    def way(self, frame: int, shown: Image) -> Warp:
        """By the flight over what was last shown, or over what has stayed."""
        if not self._stays:
            if self._seen is None or self._seen[0] != frame or not shown.equal(self._seen[1]):
                flown = DepthWarp(self._flights(frame), self._terrain(frame, shown))
                self._seen = frame, shown, flown
            return self._seen[2]
        at, last = self._last or self._begun(frame, shown)
        if at > frame:
            at, last = self._first(shown)
        while at < frame:
            terrain = last.terrain.after(last.flight, last.course)
            at += 1
            last = DepthWarp(self._flights(at), terrain)
        self._last = at, last
        return last

    def ground(self, frame: int) -> SourceFrame | None:
        """There is no film."""
        return None

    def close(self) -> None:
        """Let go of a film of depths."""
        self._let_go()

    def state(self) -> dict[str, Tensor]:
        """Where what has stayed is by now."""
        if self._last is None:
            return dict(self._left)
        at, last = self._last
        return {"frame": torch.tensor(at)} | last.terrain.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`; without one, it is found from the first frame on."""
        self._left, self._last = state, None

    def _first(self, shown: Image) -> tuple[int, DepthWarp]:
        return 1, DepthWarp(self._flights(1), self._terrain(1, shown))

    def _begun(self, frame: int, shown: Image) -> tuple[int, DepthWarp]:
        """Begin where it was left, if there was such a terrain then."""
        _, first = self._first(shown)
        try:
            at, terrain = int(self._left["frame"]), first.terrain.at(self._left)
        except KeyError:
            return 1, first
        return at, DepthWarp(self._flights(at), terrain)


def _ridden(move: CameraMove2D, height: int, width: int) -> SampleGrid | None:
    if move.still:
        return None
    return SampleGrid(camera_2d.positions(move.matrix(width, height), width, height))


def _flowed(moved: Tensor, height: int, width: int) -> SampleGrid:
    """Positions by a flow, on a grid of any size."""
    high, wide = moved.shape[-2:]
    if (high, wide) != (height, width):
        moved = functional.interpolate(moved, [height, width], mode="bilinear", antialias=True)
        moved = moved * torch.tensor([width / wide, height / high]).to(moved)[None, :, None, None]
    return SampleGrid(grid(height, width) + moved[0].permute(1, 2, 0).cpu().double())
