"""Flights: where a frame comes from, against the geometry of cameras written again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.waves import disc, fly, middles, psnr, waves
from vqclip.animation.camera_2d import CameraMove2D, focal_length, sample_positions
from vqclip.animation.camera_3d import CameraMove3D, Surface, depth_values, reproject
from vqclip.animation.resample import EDGES
from vqclip.animation.surfaces import DepthMap, Plane, Tunnel, Wall
from vqclip.errors import ConfigError

TERRAINS: dict[str, Surface] = {
    "flat": Wall(3.0),
    "ground": Plane(0.8),
    "tunnel": Tunnel(1.2),
    "map": DepthMap(torch.linspace(0, 1, 40)[:, None].expand(40, 30)),
}


def axis_turn(axis: tuple[float, float, float], degrees: float) -> Any:
    """A rotation by Rodrigues' formula."""
    x, y, z = axis
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


@pytest.mark.parametrize("name", sorted(TERRAINS))
@pytest.mark.parametrize("size", [(64, 64), (60, 36)])
def test_turning_is_a_homography_whatever_is_near_or_far(
    name: str, size: tuple[int, int]
) -> None:
    flight = CameraMove3D(pan=7, tilt=-4, roll=11, field_of_view=50, centre=(0.45, 0.6))
    course = reproject(flight, TERRAINS[name], *size)
    f = min(size) / 2 / math.tan(math.radians(25))
    lens = np.array([[f, 0, 0.45 * size[0] - 0.5], [0, f, 0.6 * size[1] - 0.5], [0, 0, 1]])
    # To the right about the axis that points down; up about the one that points right.
    turn = axis_turn((0, 1, 0), 7) @ axis_turn((1, 0, 0), -4) @ axis_turn((0, 0, -1), 11)
    view = torch.from_numpy(lens @ turn @ np.linalg.inv(lens))
    torch.testing.assert_close(course.positions, sample_positions(view, *size), atol=1e-6, rtol=0)


def test_turning_to_the_right_sends_things_to_the_left() -> None:
    for flight, goes in (
        (CameraMove3D(pan=5), (1, 0)),
        (CameraMove3D(tilt=5), (0, -1)),
        (CameraMove3D(x=0.2), (1, 0)),
        (CameraMove3D(y=0.2), (0, 1)),
    ):
        course = reproject(flight, Wall(2.0), 33, 33)
        moved = course.positions[16, 16] - 16
        assert torch.equal(moved.sign() * (moved.abs() > 1e-9), torch.tensor(goes).double())
    rolled = reproject(CameraMove3D(roll=10), Wall(2.0), 33, 33).positions
    torch.testing.assert_close(
        rolled, sample_positions(CameraMove2D(roll=10).matrix(33, 33), 33, 33)
    )


@pytest.mark.parametrize("flat", [Wall(4.0), DepthMap(torch.full((5, 7), 1.0))])
@pytest.mark.parametrize("forward", [1.5, -2.0, 0.1])
def test_forward_to_a_wall_is_a_zoom(flat: Surface, forward: float) -> None:
    flight = CameraMove3D(z=forward, near=4.0, field_of_view=70, centre=(0.3, 0.55))
    course = reproject(flight, flat, 60, 40)
    zoom = CameraMove2D(zoom=4 / (4 - forward), centre=(0.3, 0.55))
    # A depth map is followed by halving steps; the best it can is a thousandth of a pixel.
    wanted = sample_positions(zoom.matrix(60, 40), 60, 40)
    torch.testing.assert_close(course.positions, wanted, atol=1e-2, rtol=0)
    torch.testing.assert_close(
        course.distance, torch.full((40, 60), 4 - forward).double(), atol=1e-3, rtol=0
    )
    assert torch.equal(course.seen, torch.ones(40, 60).double())


def test_aside_along_a_wall_is_a_pan() -> None:
    course = reproject(CameraMove3D(x=0.3, y=-0.2, field_of_view=60), Wall(4.0), 60, 40)
    focal = focal_length(60, 60, 40)
    shift = torch.tensor([0.3, -0.2], dtype=torch.float64) * focal / 4
    torch.testing.assert_close(course.positions, middles(60, 40) + shift)


@pytest.mark.parametrize("name", sorted(TERRAINS))
def test_not_to_fly_changes_nothing(name: str) -> None:
    image = torch.rand(1, 3, 40, 30)
    shown, seen = fly(image, CameraMove3D(), TERRAINS[name])
    torch.testing.assert_close(shown, image, atol=1e-4, rtol=0)
    torch.testing.assert_close(seen, torch.ones(1, 1, 40, 30), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["flat", "ground", "tunnel"])
def test_a_flight_shows_the_pattern_from_there(name: str) -> None:
    image = waves(middles(128, 128)).float()
    flight = CameraMove3D(x=0.05, z=0.2, pan=2, roll=3)
    course = reproject(flight, TERRAINS[name], 128, 128)
    shown, seen = fly(image, flight, TERRAINS[name])
    where = (seen[0, 0] == 1) & disc(128, 128)
    inside = ((course.positions > 8) & (course.positions < 119)).all(-1)
    assert psnr(shown, waves(course.positions), where & inside) > 50


@pytest.mark.parametrize("edges", EDGES)
def test_what_was_hidden_is_not_seen(edges: str) -> None:
    near = torch.zeros(48, 48)
    near[16:32, 16:32] = 1.0
    flight = CameraMove3D(x=0.2, near=1.0, far=10.0)
    _, seen = fly(torch.rand(1, 3, 48, 48), flight, DepthMap(near), edges)
    distance = reproject(flight, DepthMap(near), 48, 48).distance
    focal = focal_length(60, 48, 48)
    shift, slow = 0.2 * focal, 0.02 * focal  # of what is near, and of what is far
    row, columns = seen[0, 0, 24], torch.arange(48.0)
    hidden = (columns > 32 - shift + 1) & (columns < 32 - slow - 1)
    assert hidden.sum() >= 4 and float(row[hidden].max()) == 0
    away = (columns < 32 - shift - 1) | ((columns > 32 - slow + 1) & (columns < 47 - shift))
    assert float(row[away].min()) == 1
    block = (columns > 16 - shift + 1) & (columns < 32 - shift - 1)
    assert float((distance[24][block] - 1).abs().max()) < 1e-2
    assert float(distance[24, 2]) == pytest.approx(10, rel=1e-2)


def test_what_comes_nearer_hides_what_is_behind() -> None:
    near = torch.zeros(48, 48)
    near[16:32, 16:32] = 1.0
    image = near[None, None].expand(1, 3, 48, 48).contiguous()
    shown, _ = fly(image, CameraMove3D(z=0.5, near=1.0, far=100.0), DepthMap(near))
    # The block is twice as near, and so twice as large; the rest has hardly moved.
    assert float(shown[..., 10:38, 10:38].min()) > 0.8
    assert float(shown[..., :6, :].max()) < 0.2


@pytest.mark.parametrize(
    "flight", [CameraMove3D(z=0.3), CameraMove3D(x=0.1, pan=2), CameraMove3D(z=-0.3, roll=5)]
)
def test_a_map_of_depths_goes_along(flight: CameraMove3D) -> None:
    """Two flights over a slope, whose map was carried on, end where it says."""
    slope = DepthMap(torch.linspace(0.1, 0.9, 64)[:, None].expand(64, 64))
    first = reproject(flight, slope, 64, 64)
    second = reproject(flight, DepthMap(depth_values(first.distance, flight)), 64, 64)
    there = second.positions.round().long()
    known = ((there > 1) & (there < 62)).all(-1)
    # The way of a point that both saw, in space: back through both frames.
    focal = focal_length(60, 64, 64)
    rays = torch.cat([(middles(64, 64) - 31.5) / focal, torch.ones(64, 64, 1).double()], -1)
    points = second.distance[..., None] * rays @ flight.turn.T + flight.start
    columns, rows = there[known].unbind(-1)
    assert known.sum() > 1000
    found = points[known][:, 2] / first.distance[rows, columns]
    assert float((found - 1).abs().median()) < 0.01


def test_nearness_is_what_a_depth_map_says() -> None:
    flight = CameraMove3D(near=2.0, far=50.0)
    values: Tensor = torch.linspace(0, 1, 11).double()[:, None]
    distance = 1 / (values / 2 + (1 - values) / 50)
    torch.testing.assert_close(depth_values(distance, flight), values)
    assert depth_values(torch.tensor([1.0, 1e9]), flight).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"z": math.nan}, "the flight's z is nan; it must be a number, such as 0.0"),
        ({"centre": (math.inf, 0.5)}, "the flight's centre is inf; it must be a number"),
        ({"near": 0.0}, "near is 0 and its far 100; near must be above 0 and far above near"),
        ({"near": 5.0, "far": 5.0}, "near is 5 and its far 5; near must be above 0"),
        (
            {"z": 100.0},
            "the flight's z is 100, but the farthest point \\(far\\) is 100 away; fly less far",
        ),
        ({"field_of_view": 179.0}, "field_of_view is 179 degrees; it must be between 1 and 170"),
    ],
)
def test_flights_to_nowhere_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        CameraMove3D(**settings)
