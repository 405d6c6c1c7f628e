"""Frame motion: by a 2-D camera, a 3-D camera, or the optical flow of a film.

Each of them gives, for every frame, a warp: where each pixel was in the frame before.
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
from vqclip.animation.camera_3d import CameraMove3D, Reprojection, Surface, reproject
from vqclip.animation.optical_flow import Flow
from vqclip.animation.warp import SampleGrid, Warp, pixel_grid
from vqclip.errors import PictureError
from vqclip.media.frames.frame_source import Footage
from vqclip.tensors import Image


@dataclass(frozen=True)
class SourceFrame:
    """A frame of the source film that an animation is drawn over.

    Args:
        image: [1, 3, H, W] in [0, 1], at the run's size.
        hidden: [1, 1, H, W] in [0, 1]: 1 where the frame before could not show it.
    """

    image: Image
    hidden: Tensor


class FrameMotion(Protocol):
    """The motion of an animation, frame by frame; frames are asked for in order."""

    def frame_warp(self, frame: int, shown: Image) -> Warp:
        """Return the warp to a frame from the one before, which is `shown`."""

    def source_frame(self, frame: int) -> SourceFrame | None:
        """Return the source film's frame; None if there is no film."""

    def close(self) -> None:
        """Close open files; they are opened again when they are needed."""

    def state(self) -> dict[str, Tensor]:
        """Return what the next frames depend on, by name; on the CPU."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state that `state` returned; an empty or foreign one is ignored."""


@dataclass(frozen=True)
class FeedbackOptions:
    """Options of frame feedback: what each frame keeps of the last; see `MotionSettings`.

    Args:
        edges: what lies beyond the picture; see `vqclip.animation.resample`.
        through: "picture" warps the picture and encodes it; "latent" warps the latent.
        smooth: share of the last frame, warped, in what is shown, in [0, 1].
        moments: whether the optimiser's moments are warped; if not, they are forgotten.
        colours: one of `COLOUR_MATCHES`, or "none".
        between: how many frames are interpolated between two.
        loop: how many frames are drawn before the first, and blended in at the end; 0: no loop.
        arriving: frame → scene → share of that scene's draft that is blended in.
        noise: frame → deviation of the noise added to the warped picture.
        blend: frame → share of the film's own frame that the frame begins with.
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
    """How a stretch that is drawn anew is blended back into the old frames after it.

    Args:
        until: the number after that of the last frame drawn.
        share: frame → share of the old frame.
        old_frame: frame → the old frame, [1, 3, H, W] in [0, 1].
        continues: whether an old frame follows the stretch.
        final: returns the last frame of the film, if it is not in the stretch.
    """

    until: int
    share: Callable[[int], float]
    old_frame: Callable[[int], Image]
    continues: bool = False
    final: Callable[[], Image] | None = None


@dataclass(frozen=True)
class CameraMotion2D:
    """The motion of a 2-D camera.

    Args:
        moves: frame → the camera's move to it.
    """

    moves: Callable[[int], CameraMove2D]

    def frame_warp(self, frame: int, shown: Image) -> Warp:
        """Return the warp of the camera's move."""
        return partial(_warp_by_camera, self.moves(frame))

    def source_frame(self, frame: int) -> SourceFrame | None:
        """Return None: there is no film."""
        return None

    def close(self) -> None:
        """Do nothing: no file is open."""

    def state(self) -> dict[str, Tensor]:
        """Return nothing: frames do not depend on those before."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Do nothing: there is no state."""


class FilmFrames:
    """The frames of a film, asked for roughly in order; two of them are held.

    Args:
        open_at: opens the film at a frame.
        device: that frames are moved to.
    """

    def __init__(self, open_at: Callable[[int], Footage], device: torch.device) -> None:
        self._open_at, self._device = open_at, device
        self._next = 0
        self._held: dict[int, Image] = {}
        self._pictures: Iterator[Image] = iter(())

    def frame(self, number: int) -> Image:
        """Return a frame, [1, 3, H, W] in [0, 1]; after the film's end, the last one again.

        Raises:
            PictureError: if the film has no frame at all.
        """
        if number not in self._held and not (self._held and number >= self._next):
            self._open(number)
        while number not in self._held:
            self._take()
        return self._held[number]

    def close(self) -> None:
        """Close the film; it is opened again when a frame is asked for."""
        close = getattr(self._pictures, "close", None)
        if close is not None:
            close()
        self._pictures, self._held = iter(()), {}

    def _open(self, number: int) -> None:
        """Open the film at a frame; if it is shorter, somewhere before its end."""
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
        """Read the next frame, and keep the one before it."""
        last = self._held[self._next - 1]
        picture = next(self._pictures, None)
        now = last if picture is None else picture.to(self._device)
        self._held = {self._next - 1: last, self._next: now}
        self._next += 1


class FlowMotion:
    """The motion of a film that is drawn over, by its optical flow.

    Args:
        frames: the film's own frames.
        flow: finds the optical flow between two of them.
    """

    def __init__(self, frames: FilmFrames, flow: Flow) -> None:
        self._frames, self._flow = frames, flow
        self._flows: tuple[int, Any] = (-1, None)

    def frame_warp(self, frame: int, shown: Image) -> Warp:
        """Return the warp of the flow from the film's frame to the one before."""
        return partial(_warp_by_flow, self._flow_pair(frame)[0])

    def source_frame(self, frame: int) -> SourceFrame:
        """Return the film's own frame, and what of it the one before could not show."""
        image = self._frames.frame(frame)
        if frame == 0:
            return SourceFrame(image, torch.zeros_like(image[:, :1]))
        return SourceFrame(image, optical_flow.occlusion_mask(*self._flow_pair(frame)))

    def close(self) -> None:
        """Close the film."""
        self._frames.close()

    def state(self) -> dict[str, Tensor]:
        """Return nothing: frames depend on the film alone."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Do nothing: there is no state."""

    def _flow_pair(self, frame: int) -> tuple[Tensor, Tensor]:
        """The flow from a frame to the one before, and that from the one before to it."""
        if self._flows[0] != frame:
            before, image = self._frames.frame(frame - 1), self._frames.frame(frame)
            self._flows = (frame, (self._flow(image, before), self._flow(before, image)))
        found: tuple[Tensor, Tensor] = self._flows[1]
        return found


class DepthWarp:
    """The warp of a 3-D camera's move past a surface; computed once for each size of grid.

    Args:
        move: the camera's move.
        surface: the surface, as seen from the frame before.
    """

    def __init__(self, move: CameraMove3D, surface: Surface) -> None:
        self.move, self.surface = move, surface
        self._reprojections: dict[tuple[int, int], Reprojection] = {}

    def __call__(self, height: int, width: int) -> SampleGrid:
        """Return where each pixel of a grid was in the frame before."""
        reprojection = self.reprojection(height, width)
        return SampleGrid(reprojection.positions, reprojection.seen)

    def reprojection(self, height: int, width: int) -> Reprojection:
        """Return the reprojection, which also holds the distances in the new frame."""
        if (height, width) not in self._reprojections:
            self._reprojections[height, width] = reproject(self.move, self.surface, width, height)
        return self._reprojections[height, width]


class CameraMotion3D:
    """The motion of a 3-D camera past a surface, which is fixed, or estimated for each frame.

    Args:
        moves: frame → the camera's move to it.
        surface: makes the surface, as seen from the frame before, from the number of a frame and
            the picture of the one before.
        fixed: whether the surface is fixed: made for frame 1 alone, and then moved past.
        close: closes what `surface` has open.
    """

    def __init__(
        self,
        moves: Callable[[int], CameraMove3D],
        surface: Callable[[int, Image], Surface],
        fixed: bool,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._moves, self._surface, self._fixed, self._close = moves, surface, fixed, close
        self._last: tuple[int, DepthWarp] | None = None  # a frame, and the warp to it
        self._left: Mapping[str, Tensor] = {}
        self._seen: tuple[int, Image, DepthWarp] | None = None

    def frame_warp(self, frame: int, shown: Image) -> Warp:
        """Return the warp of the camera's move past the surface of the frame before."""
        if not self._fixed:
            if self._seen is None or self._seen[0] != frame or not shown.equal(self._seen[1]):
                flown = DepthWarp(self._moves(frame), self._surface(frame, shown))
                self._seen = frame, shown, flown
            return self._seen[2]
        at, last = self._last or self._begun(frame, shown)
        if at > frame:
            at, last = self._first(shown)
        while at < frame:
            surface = last.surface.next_frame(last.move, last.reprojection)
            at += 1
            last = DepthWarp(self._moves(at), surface)
        self._last = at, last
        return last

    def source_frame(self, frame: int) -> SourceFrame | None:
        """Return None: there is no film."""
        return None

    def close(self) -> None:
        """Close the film of depths, if there is one."""
        self._close()

    def state(self) -> dict[str, Tensor]:
        """Return the number of the last frame, and the state of a fixed surface."""
        if self._last is None:
            return dict(self._left)
        at, last = self._last
        return {"frame": torch.tensor(at)} | last.surface.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state; without one, the surface is followed from the first frame on."""
        self._left, self._last = state, None

    def _first(self, shown: Image) -> tuple[int, DepthWarp]:
        return 1, DepthWarp(self._moves(1), self._surface(1, shown))

    def _begun(self, frame: int, shown: Image) -> tuple[int, DepthWarp]:
        """Begin at the restored state, if it is of this kind of surface; else at frame 1."""
        _, first = self._first(shown)
        try:
            at, surface = int(self._left["frame"]), first.surface.restored(self._left)
        except KeyError:
            return 1, first
        return at, DepthWarp(self._moves(at), surface)


def _warp_by_camera(move: CameraMove2D, height: int, width: int) -> SampleGrid | None:
    if move.still:
        return None
    return SampleGrid(camera_2d.sample_positions(move.matrix(width, height), width, height))


def _warp_by_flow(moved: Tensor, height: int, width: int) -> SampleGrid:
    """Convert a flow to positions on a grid of any size."""
    high, wide = moved.shape[-2:]
    if (high, wide) != (height, width):
        moved = functional.interpolate(moved, [height, width], mode="bilinear", antialias=True)
        moved = moved * torch.tensor([width / wide, height / high]).to(moved)[None, :, None, None]
    return SampleGrid(pixel_grid(height, width) + moved[0].permute(1, 2, 0).cpu().double())
