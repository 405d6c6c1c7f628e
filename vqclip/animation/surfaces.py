"""Surfaces that a 3-D camera flies past: a wall, a ground plane, a tunnel, a depth map.

| terrain  | what it is                                                                   |
|----------|------------------------------------------------------------------------------|
| Flat     | a wall across the way                                                        |
| Ground   | a plain below the eye, up to a horizon                                       |
| Tunnel   | a round one, along the way                                                   |
| DepthMap | what a picture of depths says, drawn or estimated: bright is near            |

All are as the frame before showed them. The first three are exact. The wall is always as far away
and across the way; plane and tunnel stay where they are while the eye turns and goes up, down or
aside, frame for frame; the things of a depth map come along as the flight passes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.animation.camera_3d import (
    BEHIND,
    CameraMove3D,
    Pose,
    Rays,
    Reprojection,
    level,
    nearness,
)
from vqclip.errors import ConfigError

_FINEST = 96  # steps along a ray
_GIVE, _TORN = 0.15, 0.65  # pixels in a frame: what a surface may stretch, and what tears it
_EDGE = 7  # numbers of a map; what is steep over more is a slope
_HALVINGS = 12  # of the step in which a ray meets a depth map

Following = Callable[[int, int], Reprojection]


@dataclass(frozen=True)
class Wall:
    """A wall across the way, `distance` ahead of each frame."""

    distance: float = 1.0

    def meet(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Meet the wall; what turns away from it is far.

        Raises:
            ConfigError: if the flight goes through the wall.
        """
        if not self.distance > rays.flight.z:
            raise ConfigError(
                f"the flight goes {rays.flight.z:g} forward, and the wall is only "
                f"{self.distance:g} away; go less far in a frame"
            )
        return _wall(rays, self.distance), torch.ones_like(rays.ways[..., 0])

    def after(self, flight: CameraMove3D, course: Following) -> Wall:
        """The wall is as far from the next frame."""
        return self

    def state(self) -> dict[str, Tensor]:
        """Nothing of it changes."""
        return {}

    def at(self, state: Mapping[str, Tensor]) -> Wall:
        """Nothing of it changes."""
        return self


@dataclass(frozen=True)
class Plane:
    """A plain; above the horizon all is far.

    Args:
        height: how far it is below where the flight began.
        pose: of the frame before. Where that is level, the horizon is at the flight's `centre`.
    """

    height: float = 1.0
    pose: Pose = field(default_factory=level)

    def meet(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Meet the plain.

        Raises:
            ConfigError: if the flight goes through it.
        """
        down = self.pose.turn[1]  # how far down a direction leads, as the frame before sees it
        height, sinks = self.height - float(self.pose.place[1]), float(down @ rays.start)
        if not height > sinks:
            raise ConfigError(
                f"the flight goes {sinks:.4g} down, and the ground is only {height:.4g} below; "
                "go less far down, or up again sooner (camera.up; with camera.tilt, "
                "camera.forward leads down or up, too)"
            )
        return _before_far((height - sinks) / (rays.ways @ down).clamp(min=BEHIND), rays)

    def after(self, flight: CameraMove3D, course: Following) -> Plane:
        """The plain stays, and the eye goes on."""
        return replace(self, pose=self.pose.after(flight))

    def state(self) -> dict[str, Tensor]:
        """The pose."""
        return self.pose._asdict()

    def at(self, state: Mapping[str, Tensor]) -> Plane:
        """The plain as seen from a pose."""
        return replace(self, pose=Pose(state["place"], state["turn"]))


@dataclass(frozen=True)
class Tunnel:
    """A round tunnel, about the way on which the flight began.

    Args:
        radius: how far its wall is from its middle.
        pose: of the frame before.
    """

    radius: float = 1.0
    pose: Pose = field(default_factory=level)

    def meet(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Meet its wall.

        Raises:
            ConfigError: if the flight goes through it.
        """
        across = self.pose.turn[:2]
        start, way = self.pose.place[:2] + across @ rays.start, rays.ways @ across.T
        aside = math.hypot(*start.tolist())
        if not self.radius > aside:
            raise ConfigError(
                f"the flight goes {aside:.4g} away from the tunnel's middle, and its wall is "
                f"{self.radius:g} away; go less far aside, or back again sooner (camera.right, "
                "camera.up; with camera.swing and camera.tilt, camera.forward leads aside, too)"
            )
        square = way.square().sum(-1).clamp(min=BEHIND**2)
        along = (way * start).sum(-1)
        # Of the two places where a line meets a circle around its start, the one ahead.
        root = (along.square() + square * (self.radius**2 - aside**2)).sqrt()
        return _before_far((root - along) / square, rays)

    def after(self, flight: CameraMove3D, course: Following) -> Tunnel:
        """The tunnel stays, and the eye goes on."""
        return replace(self, pose=self.pose.after(flight))

    def state(self) -> dict[str, Tensor]:
        """The pose."""
        return self.pose._asdict()

    def at(self, state: Mapping[str, Tensor]) -> Tunnel:
        """The tunnel as seen from a pose."""
        return replace(self, pose=Pose(state["place"], state["turn"]))


@dataclass(frozen=True)
class DepthMap:
    """What the frame before showed, near and far.

    Depths are steps of 1 / distance, as MiDaS and its successors estimate them.

    Args:
        values: [h, w] in [0, 1] of any size: 1 is at the flight's `near`, 0 at its `far`.

    Raises:
        ConfigError: if it is none of that.
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

    def meet(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Follow each ray from near to far until it is behind what the map shows.

        What lies between two neighbours of the map, far apart in depth, was hidden by the nearer
        one: there it was hardly seen, if at all.
        """
        height, width = rays.ways.shape[:2]
        near, far = 1 / rays.flight.near, 1 / rays.flight.far
        map_ = self.values.detach().cpu().double() * (near - far) + far  # 1 / distance

        def reach(inverse: Tensor) -> Tensor:
            """How far along the ray things are of this 1 / distance in the frame before."""
            ahead = rays.ways[..., 2]
            return (1 / inverse - rays.start[2]) / ahead.clamp(min=BEHIND)

        def behind(inverse: Tensor) -> Tensor:
            """Is the ray, there, behind the surface?"""
            x, y, _ = rays.project(reach(inverse))
            return _read(map_, x, y, width, height) >= inverse

        ends = [
            rays.project(reach(torch.full_like(rays.ways[..., 0], e)))[:2] for e in (near, far)
        ]
        drift = torch.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1])
        steps = math.ceil(min(_FINEST, max(4.0, 2 * float(drift.clamp(max=_FINEST).max()))))
        low = torch.full_like(drift, near)
        high = torch.full_like(drift, far)
        found = torch.zeros_like(drift, dtype=torch.bool)
        # What the eye has passed is no longer met: a ray has to come from before a surface.
        before = reach(low) > 0
        for step in range(1, steps):
            inverse = torch.full_like(drift, near + (far - near) * step / steps)
            inside = behind(inverse)
            hit = inside & before & ~found
            high = torch.where(hit, inverse, high)
            found |= hit
            low = torch.where(inside | found, low, inverse)
            before |= ~inside & (reach(inverse) > 0)
            if bool(found.all()):
                break
        low = torch.where(found | before, low, high)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            hit = behind(middle)
            low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
        along = reach((low + high) / 2)
        return along, self._certain(map_, rays, (low + high) / 2, along)

    def after(self, flight: CameraMove3D, course: Following) -> DepthMap:
        """What the map shows, moved along, as near and far as it is now."""
        height, width = self.values.shape
        # In 32 bits, so that a checkpoint that keeps it keeps all of it.
        return DepthMap(nearness(course(height, width).distance, flight).float())

    def state(self) -> dict[str, Tensor]:
        """The map."""
        return {"values": self.values.detach().cpu()}

    def at(self, state: Mapping[str, Tensor]) -> DepthMap:
        """Another map."""
        return DepthMap(state["values"])

    def _certain(self, map_: Tensor, rays: Rays, inverse: Tensor, along: Tensor) -> Tensor:
        """Less where a step between neighbours of the map is stretched over several pixels."""
        height, width = rays.ways.shape[:2]
        rows, columns = map_.shape
        x, y, _ = rays.project(along)
        shorter, further = (
            rays.project(
                (1 / (inverse * s) - rays.start[2]) / rays.ways[..., 2].clamp(min=BEHIND)
            )
            for s in (1.01, 0.99)
        )
        drift = torch.hypot(shorter[0] - further[0], shorter[1] - further[1]) / (0.02 * inverse)
        wide = functional.pad(map_[None, None], (0, 1, 0, 1), mode="replicate")
        jump = functional.max_pool2d(wide, 2, 1) + functional.max_pool2d(-wide, 2, 1)
        # A slope is steep all around, and hides nothing; an edge is not.
        jump = jump + functional.max_pool2d(-jump, _EDGE, 1, _EDGE // 2)
        place = [
            ((each + 0.5) * count / size - 0.5).floor().clamp(0, count - 1).long()
            for each, count, size in ((y, rows, height), (x, columns, width))
        ]
        cell = max(width / columns, height / rows)  # pixels between two numbers of the map
        stretch = jump[0, 0][place[0], place[1]] * drift / cell
        return (1 - (stretch - _GIVE) / (_TORN - _GIVE)).clamp(0, 1)


def _wall(rays: Rays, distance: float) -> Tensor:
    """How far along each ray a wall is; very far where the ray turns away from it."""
    return (distance - rays.start[2]) / rays.ways[..., 2].clamp(min=BEHIND)


def _before_far(reach: Tensor, rays: Rays) -> tuple[Tensor, Tensor]:
    """What is met, but nothing beyond `far`; all of it is seen."""
    return torch.minimum(reach, _wall(rays, rays.flight.far)), torch.ones_like(reach)


def _read(map_: Tensor, x: Tensor, y: Tensor, width: int, height: int) -> Tensor:
    """A map at positions in a picture of that size, in pixels; beyond its border it goes on."""
    grid = torch.stack([(x + 0.5) * 2 / width - 1, (y + 0.5) * 2 / height - 1], -1)[None]
    grid = grid.nan_to_num(0.0, 2.0, -2.0).clamp(-2, 2)
    found = functional.grid_sample(
        map_[None, None], grid, padding_mode="border", align_corners=False
    )
    return found[0, 0]
