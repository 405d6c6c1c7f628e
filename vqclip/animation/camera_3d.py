"""The 3-D camera: flights through a depth map.

The camera looks along z, with x to the right and y down, as pixels are counted. Each ray of a new
frame is followed to where it meets a surface (`vqclip.animation.surfaces`), and that point is
projected into the frame before. So the picture is never torn, and what was hidden is known.
Distances are along z, all in the same unit, whichever it is.
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

BEHIND = 1e-9  # the least distance that a division takes; points nearer are outside the picture


@dataclass(frozen=True)
class CameraMove3D:
    """A 3-D camera's move from one frame to the next.

    Args:
        x: how far it goes to the right.
        y: how far it goes down.
        z: how far it goes forward.
        pan: by how many degrees it turns to the right.
        tilt: by how many degrees it turns up.
        roll: by how many degrees things turn clockwise.
        field_of_view: the angle, in degrees, under which the picture's shorter side is seen.
        near: the distance of the nearest point of a depth map.
        far: the distance of its furthest point; no surface is further away.
        centre: the vanishing point of z, where a horizon and the end of a tunnel are: (x, y) in
            widths and heights from the upper left corner.

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
                f"the flight's z is {self.z:g}, but the farthest point (far) is {self.far:g} "
                f"away; fly less far in a frame, such as z={self.near / 20:g}, or set far higher"
            )

    @property
    def start(self) -> Tensor:
        """The camera's position, as seen from the frame before; [3] in float64."""
        return torch.tensor([self.x, self.y, self.z], dtype=torch.float64)

    @property
    def turn(self) -> Tensor:
        """The rotation from this frame's directions to those of the last; [3, 3] in float64."""
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
    """The camera's position and orientation in a frame, as seen from the start of the flight.

    Args:
        place: the position, [3] in float64.
        turn: the rotation from this frame's directions to those of the first; [3, 3] in float64.
    """

    place: Tensor
    turn: Tensor

    def next_frame(self, move: CameraMove3D) -> Pose:
        """Return the pose of the next frame."""
        return Pose(self.place + self.turn @ move.start, self.turn @ move.turn)


def initial_pose() -> Pose:
    """The pose at the start of a flight."""
    return Pose(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))


class Rays(NamedTuple):
    """The rays through the pixels of a frame, as seen from the frame before.

    Args:
        start: where they begin, [3].
        directions: their directions, [h, w, 3]; of length 1 along the z of their own frame.
        lens: (focal length, x and y of the centre), in pixels.
        move: the camera's move to that frame.
    """

    start: Tensor
    directions: Tensor
    lens: tuple[float, float, float]
    move: CameraMove3D

    def project(self, reach: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project a point on each ray into the frame before.

        Args:
            reach: how far along the ray the point is, [h, w].

        Returns:
            x and y in pixels, and the distance along z, [h, w] each.
        """
        x, y, z = (
            s + reach * way for s, way in zip(self.start, self.directions.unbind(-1), strict=True)
        )
        focal, across, down = self.lens
        ahead = z.clamp(min=BEHIND)
        return focal * x / ahead + across, focal * y / ahead + down, z


class Reprojection(NamedTuple):
    """How a new frame samples the one before.

    Args:
        positions: [h, w, 2], (x, y) in pixels, for `vqclip.animation.resample`.
        seen: [h, w] in [0, 1], less than 1 where the point was hidden in the frame before.
            `vqclip.animation.resample` reports what lay beyond that frame's border.
        distance: [h, w], the distance of each point along z in the new frame.
    """

    positions: Tensor
    seen: Tensor
    distance: Tensor


class Surface(Protocol):
    """A surface in space, as seen from a frame."""

    def intersect(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Intersect the rays of the next frame with the surface.

        Returns:
            How far along each ray the surface is, [h, w]; and [h, w] in [0, 1], 1 where the
            point was seen in this frame, less where it was hidden.

        Raises:
            ConfigError: if the flight goes through the surface.
        """

    def next_frame(
        self, move: CameraMove3D, reprojection: Callable[[int, int], Reprojection]
    ) -> Surface:
        """Return the surface as seen from the next frame.

        Args:
            move: the camera's move to that frame.
            reprojection: (height, width) → the reprojection of that move.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what changes from frame to frame, by name; on the CPU."""

    def restored(self, state: Mapping[str, Tensor]) -> Surface:
        """Return the surface with a state that `state` returned.

        Raises:
            KeyError: if that is of another kind of surface.
        """


def reproject(move: CameraMove3D, surface: Surface, width: int, height: int) -> Reprojection:
    """Reproject: find where the pixels of a new frame are in the frame before.

    Args:
        move: the camera's move to the new frame.
        surface: the surface, as seen from the frame before.
        width, height: of the frames, in pixels.

    Raises:
        ConfigError: if the flight goes through the surface.
    """
    focal = focal_length(move.field_of_view, width, height)
    across, down = move.centre[0] * width - 0.5, move.centre[1] * height - 0.5
    x = (torch.arange(width, dtype=torch.float64) - across) / focal
    y = (torch.arange(height, dtype=torch.float64) - down) / focal
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    own = torch.stack([columns, rows, torch.ones_like(rows)], -1)
    rays = Rays(move.start, own @ move.turn.T, (focal, across, down), move)
    reach, seen = surface.intersect(rays)
    x, y, ahead = rays.project(reach)
    return Reprojection(torch.stack([x, y], -1), seen * (ahead > BEHIND), reach)


def depth_values(distance: Tensor, move: CameraMove3D) -> Tensor:
    """Convert distances [h, w] to values of a `DepthMap` in [0, 1].

    Points nearer than the flight's `near` count as that near.
    """
    near, far = 1 / move.near, 1 / move.far
    return ((1 / distance.clamp(min=BEHIND) - far) / (near - far)).clamp(0, 1)
