"""Tests of the paths of points, against camera moves whose inverse is known."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.camera_3d import CameraMove3D
from vqclip.animation.motion_sources import DepthWarp, _warp_by_camera
from vqclip.animation.point_motion import PointMotion
from vqclip.animation.surfaces import Plane
from vqclip.animation.warp import SampleGrid, Warp, pixel_grid, scale_warp

WIDTH, HEIGHT = 48, 32


def camera(move: CameraMove2D) -> Warp:
    return partial(_warp_by_camera, move)


def places(beyond: float = 0.0) -> Tensor:
    """Points all over the picture, and `beyond` of its size around it: [K, 2]."""
    share = torch.linspace(-beyond, 1 + beyond, 15)
    return torch.cartesian_prod(share * WIDTH, share * HEIGHT)


def transformed(move: CameraMove2D, points: Tensor) -> Tensor:
    """Where the view's inverse brings points, exactly."""
    forward = move.matrix(WIDTH, HEIGHT).inverse()
    ends = torch.cat([points.double() - 0.5, torch.ones(len(points), 1)], 1) @ forward.T
    return (ends[:, :2] / ends[:, 2:] + 0.5).float()


@pytest.mark.parametrize(
    "move",
    [
        CameraMove2D(zoom=1.05, roll=3, pan_x=0.04, pan_y=-0.02),
        CameraMove2D(zoom=0.4, centre=(0.2, 0.9)),
        CameraMove2D(zoom=3, roll=100),
        CameraMove2D(roll=180),
    ],
)
def test_points_go_with_an_affine_move(move: CameraMove2D) -> None:
    points = places(beyond=0.5)
    motion = PointMotion(camera(move), WIDTH, HEIGHT)
    assert motion.moves
    assert float((motion(points) - transformed(move, points)).abs().max()) < 0.01
    assert motion.scale == pytest.approx(move.zoom, rel=1e-6)


def test_points_go_with_a_perspective_move() -> None:
    move, points = CameraMove2D(tilt=12, swing=-8, zoom=1.1), places()
    motion, wanted = PointMotion(camera(move), WIDTH, HEIGHT), transformed(move, places())
    inside = ((wanted > 0) & (wanted < torch.tensor([WIDTH, HEIGHT]))).all(-1)
    errors = (motion(points) - wanted).abs().amax(-1)
    assert float(errors[inside].max()) < 0.01 and 150 < int(inside.sum()) < len(points)
    assert float(errors.max()) < 1  # beyond the border, its pixels tell
    assert 0.9 < motion.scale < 1.3


def test_a_share_of_a_move_and_the_way_back() -> None:
    move, points = CameraMove2D(pan_x=0.1, pan_y=0.25), places()
    whole = camera(move)
    for share in (0.25, -0.75):
        found = PointMotion(scale_warp(whole, share), WIDTH, HEIGHT)(points)
        wanted = points - share * torch.tensor([0.1 * WIDTH, 0.25 * HEIGHT])
        assert torch.allclose(found, wanted, atol=1e-4)


def test_points_go_with_any_smooth_flow() -> None:
    def waves(height: int, width: int) -> SampleGrid:
        here = pixel_grid(height, width)
        return SampleGrid(here + 2 * torch.sin(here.flip(-1) / 5))

    motion, points = PointMotion(waves, WIDTH, HEIGHT), places()
    found = motion(points)
    inside = ((found > 1) & (found < torch.tensor([WIDTH - 1.0, HEIGHT - 1.0]))).all(-1)
    middle = found.double() - 0.5
    origins = middle + 2 * torch.sin(middle.flip(-1) / 5) + 0.5
    assert int(inside.sum()) > 150
    # Between pixels, the flow is interpolated.
    assert float((origins - points)[inside].abs().max()) < 0.02


def test_nothing_moves_without_a_camera() -> None:
    motion = PointMotion(camera(CameraMove2D()), WIDTH, HEIGHT)
    assert not motion.moves and motion.scale == 1
    assert torch.allclose(motion(places()), places(), atol=1e-4)


@pytest.mark.parametrize("move", [CameraMove3D(z=0.3), CameraMove3D(x=0.2, pan=5)])
def test_points_of_a_flight_are_finite(move: CameraMove3D) -> None:
    motion = PointMotion(DepthWarp(move, Plane()), WIDTH, HEIGHT)
    found = motion(places(beyond=1))
    assert bool(found.isfinite().all()) and 0.5 < motion.scale < 4
    # Below the horizon, what the camera comes to grows.
    assert motion.moves and not torch.allclose(found, places(beyond=1), atol=0.1)


def test_positions_that_tell_nothing_are_no_motion() -> None:
    def nowhere(height: int, width: int) -> SampleGrid:
        return SampleGrid(torch.full((height, width, 2), torch.nan, dtype=torch.float64))

    motion = PointMotion(nowhere, WIDTH, HEIGHT)
    assert motion.scale == 1 and torch.allclose(motion(places()), places(), atol=1e-4)
