"""Surfaces that a 3-D camera flies past: a wall, a ground plane, a tunnel, a depth map.

| surface  | what it is                                                                   |
|----------|------------------------------------------------------------------------------|
| Wall     | a plane across the direction of flight                                       |
| Plane    | the ground below the camera, up to a horizon                                 |
| Tunnel   | a round tunnel along the direction of flight                                 |
| DepthMap | a picture of depths, drawn or estimated: bright is near                      |

Each is described as seen from the frame before. The first three are exact. The wall always stays
at the same distance ahead; plane and tunnel stay fixed in space while the camera turns and moves;
a depth map is warped from frame to frame as the camera moves through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.animation.camera_3d import (
    BEHIND,
    CameraMove3D,
    Pose,
    Rays,
    Reprojection,
    depth_values,
    initial_pose,
)
from vqclip.errors import ConfigError
from vqclip.models.grid_sampling import sample_grid

_FINEST = 96  # most steps along a ray
# How far an edge is stretched in a frame, in pixels, until its points count as less than fully
# seen, and until they count as hidden.
_GIVE, _TORN = 0.15, 0.65
_EDGE = 7  # cells of a map; what is steep over a wider range is a slope, not an edge
_BLOCK = 128  # pixels to the side of a block of rays
_NARROWINGS = 3  # of the range in which rays are followed
_HALVINGS = 12  # of the step in which a ray meets a depth map

Following = Callable[[int, int], Reprojection]


@dataclass(frozen=True)
class Wall:
    """A wall across the direction of flight, always `distance` ahead."""

    distance: float = 1.0

    def intersect(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Intersect rays with the wall; for rays that point away from it, it is very far.

        Raises:
            ConfigError: if the flight goes through the wall.
        """
        if not self.distance > rays.move.z:
            raise ConfigError(
                f"the flight goes {rays.move.z:g} forward, and the wall is only "
                f"{self.distance:g} away; fly less far in a frame"
            )
        return _wall(rays, self.distance), torch.ones_like(rays.directions[..., 0])

    def next_frame(self, move: CameraMove3D, reprojection: Following) -> Wall:
        """Return the same wall, which is as far from the next frame."""
        return self

    def state(self) -> dict[str, Tensor]:
        """Return nothing: the wall does not change."""
        return {}

    def restored(self, state: Mapping[str, Tensor]) -> Wall:
        """Return the same wall, which does not change."""
        return self


@dataclass(frozen=True)
class Plane:
    """A ground plane; above the horizon everything is at the flight's `far`.

    Args:
        height: how far it is below the start of the flight.
        pose: of the frame before. If that is level, the horizon is at the flight's `centre`.
    """

    height: float = 1.0
    pose: Pose = field(default_factory=initial_pose)

    def intersect(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Intersect rays with the plane.

        Raises:
            ConfigError: if the flight goes through it.
        """
        down = self.pose.turn[1]  # dotted with a direction in the frame before: how far it sinks
        height, sinks = self.height - float(self.pose.place[1]), float(down @ rays.start)
        if not height > sinks:
            raise ConfigError(
                f"the flight goes {sinks:.4g} down, and the ground is only {height:.4g} below; "
                "fly less far down, or up again sooner (camera.up; with camera.tilt, "
                "camera.forward leads down or up, too)"
            )
        return _before_far((height - sinks) / (rays.directions @ down).clamp(min=BEHIND), rays)

    def next_frame(self, move: CameraMove3D, reprojection: Following) -> Plane:
        """Return the same plane, as seen from the next frame."""
        return replace(self, pose=self.pose.next_frame(move))

    def state(self) -> dict[str, Tensor]:
        """The pose."""
        return self.pose._asdict()

    def restored(self, state: Mapping[str, Tensor]) -> Plane:
        """Return the plane as seen from the pose of a state."""
        return replace(self, pose=Pose(state["place"], state["turn"]))


@dataclass(frozen=True)
class Tunnel:
    """A round tunnel, whose axis is the direction in which the flight began.

    Args:
        radius: of the tunnel.
        pose: of the frame before.
    """

    radius: float = 1.0
    pose: Pose = field(default_factory=initial_pose)

    def intersect(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Intersect rays with the tunnel's wall.

        Raises:
            ConfigError: if the flight goes through it.
        """
        across = self.pose.turn[:2]
        start, way = self.pose.place[:2] + across @ rays.start, rays.directions @ across.T
        aside = math.hypot(*start.tolist())
        if not self.radius > aside:
            raise ConfigError(
                f"the flight goes {aside:.4g} away from the tunnel's middle, and its wall is "
                f"{self.radius:g} away; fly less far to the side, or back sooner (camera.right, "
                "camera.up; with camera.swing and camera.tilt, camera.forward leads to the "
                "side, too)"
            )
        square = way.square().sum(-1).clamp(min=BEHIND**2)
        along = (way * start).sum(-1)
        # A line from inside a circle meets it at two points: take the one ahead.
        root = (along.square() + square * (self.radius**2 - aside**2)).sqrt()
        return _before_far((root - along) / square, rays)

    def next_frame(self, move: CameraMove3D, reprojection: Following) -> Tunnel:
        """Return the same tunnel, as seen from the next frame."""
        return replace(self, pose=self.pose.next_frame(move))

    def state(self) -> dict[str, Tensor]:
        """The pose."""
        return self.pose._asdict()

    def restored(self, state: Mapping[str, Tensor]) -> Tunnel:
        """Return the tunnel as seen from the pose of a state."""
        return replace(self, pose=Pose(state["place"], state["turn"]))


@dataclass(frozen=True)
class DepthMap:
    """A depth map of the frame before.

    Values are linear in 1 / distance, as MiDaS and its successors estimate them.

    Args:
        values: [h, w] in [0, 1] of any size: 1 is at the flight's `near`, 0 at its `far`.

    Raises:
        ConfigError: if the shape or a value is none of these.
    """

    values: Tensor

    def __post_init__(self) -> None:
        values = self.values
        if values.ndim != 2 or values.numel() == 0 or not bool(values.isfinite().all()):
            raise ConfigError(
                f"a depth map of shape {list(values.shape)} cannot be flown through; it must be "
                "rows of finite numbers between 0 (far) and 1 (near)"
            )
        if float(values.min()) < 0 or float(values.max()) > 1:
            raise ConfigError(
                f"a depth map goes from {float(values.min()):g} to {float(values.max()):g}; it "
                "must lie between 0 (far) and 1 (near)"
            )

    def intersect(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Follow each ray from near to far until it is behind the surface of the map.

        A point between two neighbouring cells of very different depth was hidden by the nearer
        one, and counts as hardly seen, or as hidden.
        """
        near, far = 1 / rays.move.near, 1 / rays.move.far
        map_ = self.values.detach().cpu().double() * (near - far) + far  # 1 / distance
        lines = _Lines.from_rays(rays)
        found = [
            # Of rays side by side, which fit into the processor's cache.
            torch.cat([_meet(map_, each, near, far) for each in row.split(_BLOCK, 1)], 1)
            for row in lines.split(_BLOCK, 0)
        ]
        inverse = torch.cat(found)
        along = lines.reach(inverse)
        return along, self._certain(map_, rays, inverse, along)

    def next_frame(self, move: CameraMove3D, reprojection: Following) -> DepthMap:
        """Return the map warped to the next frame, with its distances from there."""
        height, width = self.values.shape
        # In 32 bits, as a checkpoint stores it.
        return DepthMap(depth_values(reprojection(height, width).distance, move).float())

    def state(self) -> dict[str, Tensor]:
        """Return the map."""
        return {"values": self.values.detach().cpu()}

    def restored(self, state: Mapping[str, Tensor]) -> DepthMap:
        """Return the map of a state."""
        return DepthMap(state["values"])

    def _certain(self, map_: Tensor, rays: Rays, inverse: Tensor, along: Tensor) -> Tensor:
        """How surely points were seen: less where an edge of the map is stretched over pixels."""
        height, width = rays.directions.shape[:2]
        rows, columns = map_.shape
        x, y, _ = rays.project(along)
        shorter, further = (
            rays.project(
                (1 / (inverse * s) - rays.start[2]) / rays.directions[..., 2].clamp(min=BEHIND)
            )
            for s in (1.01, 0.99)
        )
        drift = torch.hypot(shorter[0] - further[0], shorter[1] - further[1]) / (0.02 * inverse)
        wide = functional.pad(map_[None, None], (0, 1, 0, 1), mode="replicate")
        jump = functional.max_pool2d(wide, 2, 1) + functional.max_pool2d(-wide, 2, 1)
        # A slope, which hides nothing, is steep over a wide range; an edge is not.
        jump = jump + functional.max_pool2d(-jump, _EDGE, 1, _EDGE // 2)
        place = [
            ((each + 0.5) * count / size - 0.5).floor().clamp(0, count - 1).long()
            for each, count, size in ((y, rows, height), (x, columns, width))
        ]
        cell = max(width / columns, height / rows)  # pixels of the frame for a cell of the map
        stretch = jump[0, 0][place[0], place[1]] * drift / cell
        return (1 - (stretch - _GIVE) / (_TORN - _GIVE)).clamp(0, 1)


def _wall(rays: Rays, distance: float) -> Tensor:
    """How far along each ray a wall is; very far for rays that point away from it."""
    return (distance - rays.start[2]) / rays.directions[..., 2].clamp(min=BEHIND)


def _before_far(reach: Tensor, rays: Rays) -> tuple[Tensor, Tensor]:
    """Limit the reach of rays to the flight's `far`; every point counts as seen."""
    return torch.minimum(reach, _wall(rays, rays.move.far)), torch.ones_like(reach)


class _Lines(NamedTuple):
    """Rays as lines in the frame before, over which 1 / distance goes evenly.

    x, y: where a ray is at 1 / distance of 0, from -1 to 1 across that frame, [h, w] each.
    right, down: by how much that changes where 1 / distance is 1 more, [h, w] each.
    start: where the rays begin, along z.
    ahead: how far they go along z, for a reach of 1, [h, w].
    """

    x: Tensor
    y: Tensor
    right: Tensor
    down: Tensor
    start: Tensor
    ahead: Tensor

    @classmethod
    def from_rays(cls, rays: Rays) -> _Lines:
        height, width = rays.directions.shape[:2]
        across, down, ahead = rays.directions.unbind(-1)
        ahead = ahead.clamp(min=BEHIND)
        focal, *centre = rays.lens
        ends, changes = [], []
        for start, way, middle, size in (
            (rays.start[0], across, centre[0], width),
            (rays.start[1], down, centre[1], height),
        ):
            slope = way / ahead
            ends.append((focal * slope + middle + 0.5) * 2 / size - 1)
            changes.append(focal * (start - rays.start[2] * slope) * 2 / size)
        x, y = ends
        right, below = changes
        return cls(x, y, right, below, rays.start[2], ahead)

    def split(self, size: int, axis: int) -> Iterator[_Lines]:
        """Part them into rows or columns of blocks."""
        parts = [each.split(size, axis) for each in (*self[:4], self.ahead)]
        for x, y, right, down, ahead in zip(*parts, strict=True):
            yield _Lines(x, y, right, down, self.start, ahead)

    def reach(self, inverse: Tensor) -> Tensor:
        """How far along the ray the point with this 1 / distance in the frame before is."""
        return (1 / inverse - self.start) / self.ahead

    def place(self, inverse: Tensor | float) -> Tensor:
        """Where that point is in the frame before, (x, y) from -1 to 1, [h, w, 2]."""
        return torch.stack([self.x + inverse * self.right, self.y + inverse * self.down], -1)


def _meet(map_: Tensor, lines: _Lines, near: float, far: float) -> Tensor:
    """Find the 1 / distance at which rays meet a map of it, [h, w]; rays that never do: `far`.

    Only those values between `near` and `far` are tried that the map has where the rays pass.
    """

    def behind(inverse: Tensor) -> Tensor:
        """Whether the ray is behind the surface there."""
        return _read(map_, lines.place(inverse)) >= inverse

    farthest = far
    for _ in range(_NARROWINGS):
        near, far = _find_range(map_, lines, near, far)
    sides = torch.tensor([map_.shape[1], map_.shape[0]]) / 2
    drift = torch.linalg.vector_norm((lines.place(near) - lines.place(far)) * sides, dim=-1)
    steps = math.ceil(min(_FINEST, max(4.0, 2 * float(drift.clamp(max=_FINEST).max()))))
    low, high = torch.full_like(lines.x, near), torch.full_like(lines.x, far)
    found = torch.zeros_like(low, dtype=torch.bool)
    # A surface that the camera has passed is not met: a ray has to be in front of it first.
    before = lines.reach(low) > 0
    for step in range(1, steps):
        inverse = torch.full_like(low, near + (far - near) * step / steps)
        inside = behind(inverse)
        hit = inside & before & ~found
        high = torch.where(hit, inverse, high)
        found |= hit
        low = torch.where(inside | found, low, inverse)
        before |= ~inside & (lines.reach(inverse) > 0)
        if bool(found.all()):
            break
    gone = ~(found | before)  # the ray is behind the surface all the way
    low, high = (torch.where(gone, farthest, each) for each in (low, high))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        hit = behind(middle)
        low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
    return (low + high) / 2


def _find_range(map_: Tensor, lines: _Lines, near: float, far: float) -> tuple[float, float]:
    """Find the greatest and the least value of the map where the rays pass.

    Args:
        near, far: the part of each ray that counts, as 1 / distance.
    """
    ends = torch.stack([lines.place(near), lines.place(far)])
    if not bool(ends.isfinite().all()):
        return near, far
    sides = torch.tensor([map_.shape[1], map_.shape[0]])
    cells = ((ends.clamp(-2, 2) + 1) / 2 * sides - 0.5).flatten(0, 2)
    left, top = (cells.amin(0).floor().long().clamp(min=0).minimum(sides - 1)).tolist()
    right, bottom = (cells.amax(0).ceil().long().clamp(min=0).minimum(sides - 1)).tolist()
    below = map_[top : bottom + 1, left : right + 1]
    # A little more, so that rays begin before the nearest point.
    room = 1e-6 * near
    return min(near, float(below.max()) + room), max(far, float(below.min()) - room)


def _read(map_: Tensor, places: Tensor) -> Tensor:
    """Sample a map at (x, y) from -1 to 1, [h, w, 2]; its border is repeated."""
    grid = places[None].nan_to_num(0.0, 2.0, -2.0).clamp(-2, 2)
    return sample_grid(map_[None, None], grid, padding="border")[0, 0]
