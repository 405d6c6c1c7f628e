"""The 3-D camera: flights through a depth map.

The eye sees along z, with x to the right and y downwards, as pixels count. A frame is found from
the one before by following each of its rays to where it meets what is there
(`animation.surfaces`), and looking from that place to the eye of the frame before. So nothing is
torn, and what was hidden is known. Distances are along z, in any unit, so long as it is one and
the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vqclip.animation.camera_2d import focal_length, require_field_of_view, require_finite
from vqclip.errors import ConfigError

BEHIND = 1e-9  # a distance so small that what is there lies beside every picture


@dataclass(frozen=True)
class CameraMove3D:
    """Where the camera goes from one frame to the next, and how it turns on the way.

    Args:
        x: how far it goes to the right.
        y: how far it goes down.
        z: how far it goes forward.
        pan: by how many degrees it turns to the right.
        tilt: by how many degrees it turns up.
        roll: by how many degrees things turn clockwise.
        field_of_view: degrees that the picture's shorter side fills.
        near: how far away the nearest thing of a depth map is.
        far: how far away its furthest thing is; nothing goes on beyond.
        centre: the point towards which z leads, where a horizon and the end of a tunnel are: (x,
            y) in widths and heights from the upper left corner.

    Raises:
        ConfigError: if a number is not finite, the field of view is not between 1 and 170
            degrees, `near` is not above 0, `far` is not above `near`, or `z` reaches `far`.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    field_of_view: float = 60.0
    near: float = 1.0
    far: float = 100.0
    centre: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        require_finite(self, "flight")
        require_field_of_view(self.field_of_view)
        if not 0 < self.near < self.far:
            raise ConfigError(
                f"the flight's near is {self.near:g} and its far {self.far:g}; near must be "
                "above 0 and far above near, such as 1 and 100"
            )
        if self.z >= self.far:
            raise ConfigError(
                f"the flight's z is {self.z:g}, as far as its far, {self.far:g}, or further; go "
                f"less far in a frame, such as z={self.near / 20:g}, or set far higher"
            )

    @property
    def start(self) -> Tensor:
        """Where the eye is, as seen from the frame before; [3] in float64."""
        return torch.tensor([self.x, self.y, self.z], dtype=torch.float64)

    @property
    def turn(self) -> Tensor:
        """Directions as seen from this frame → as seen from the one before; [3, 3] in float64."""
        (a, b), (c, d), (e, f) = (
            (math.cos(math.radians(each)), math.sin(math.radians(each)))
            for each in (self.pan, self.tilt, self.roll)
        )
        pan, tilt, roll = (
            torch.tensor(rows, dtype=torch.float64)
            for rows in (
                [[a, 0, b], [0, 1, 0], [-b, 0, a]],
                [[1, 0, 0], [0, c, -d], [0, d, c]],
                [[e, f, 0], [-f, e, 0], [0, 0, 1]],
            )
        )
        return pan @ tilt @ roll


class Pose(NamedTuple):
    """Where the eye of a frame is, and how it looks, as seen from where a flight began.

    Args:
        place: where it is, [3] in float64.
        turn: directions as seen from this frame → as seen from the first, [3, 3] in float64.
    """

    place: Tensor
    turn: Tensor

    def after(self, flight: CameraMove3D) -> Pose:
        """That of the next frame."""
        return Pose(self.place + self.turn @ flight.start, self.turn @ flight.turn)


def level() -> Pose:
    """The pose in which a flight begins."""
    return Pose(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))


class Rays(NamedTuple):
    """The rays of a frame, as seen from the frame before.

    Args:
        start: where they begin, [3].
        ways: where they go, [h, w, 3]; of length 1 along the z of their own frame.
        lens: (focal length, x and y of the centre), in pixels.
        flight: the flight whose frame it is.
    """

    start: Tensor
    ways: Tensor
    lens: tuple[float, float, float]
    flight: CameraMove3D

    def project(self, reach: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where a point on each ray is in the frame before: x and y in pixels, and its distance.

        Args:
            reach: how far along the ray, [h, w].
        """
        x, y, z = (
            s + reach * way for s, way in zip(self.start, self.ways.unbind(-1), strict=True)
        )
        focal, across, down = self.lens
        ahead = z.clamp(min=BEHIND)
        return focal * x / ahead + across, focal * y / ahead + down, z


class Reprojection(NamedTuple):
    """How a frame follows from the one before.

    Args:
        positions: [h, w, 2], for `vqclip.animation.resample`.
        seen: [h, w] in [0, 1], less where something hid in the frame before what is there; what
            lay beyond that frame's border is for `vqclip.animation.resample` to tell.
        distance: [h, w], how far away things are now.
    """

    positions: Tensor
    seen: Tensor
    distance: Tensor


class Surface(Protocol):
    """What is there, as a frame shows it."""

    def meet(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """[h, w] of how far along each ray of the next frame, and how surely in [0, 1] seen.

        Raises:
            ConfigError: if the flight goes through it.
        """

    def after(self, flight: CameraMove3D, course: Callable[[int, int], Reprojection]) -> Surface:
        """The same, as the next frame shows it.

        Args:
            course: that of the flight over it, on a grid of (height, width).
        """

    def state(self) -> dict[str, Tensor]:
        """What of it changes with the frames, by name; on the CPU."""

    def at(self, state: Mapping[str, Tensor]) -> Surface:
        """The same, where a `state` was told.

        Raises:
            KeyError: if that was of another kind.
        """


def follow(flight: CameraMove3D, terrain: Surface, width: int, height: int) -> Reprojection:
    """Find where the pixels of a frame come from.

    Args:
        terrain: as the frame before showed it.
        width: of the frames, in pixels.
        height: of the frames, in pixels.

    Raises:
        ConfigError: if the flight goes through the terrain.
    """
    focal = focal_length(flight.field_of_view, width, height)
    across, down = flight.centre[0] * width - 0.5, flight.centre[1] * height - 0.5
    x = (torch.arange(width, dtype=torch.float64) - across) / focal
    y = (torch.arange(height, dtype=torch.float64) - down) / focal
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    own = torch.stack([columns, rows, torch.ones_like(rows)], -1)
    rays = Rays(flight.start, own @ flight.turn.T, (focal, across, down), flight)
    reach, seen = terrain.meet(rays)
    x, y, ahead = rays.project(reach)
    return Reprojection(torch.stack([x, y], -1), seen * (ahead > BEHIND), reach)


def nearness(distance: Tensor, flight: CameraMove3D) -> Tensor:
    """Distances → values of a `DepthMap`, so that one picture of depths lasts for many frames.

    What has come nearer than the flight's `near` counts as that near.
    """
    near, far = 1 / flight.near, 1 / flight.far
    return ((1 / distance.clamp(min=BEHIND) - far) / (near - far)).clamp(0, 1)
