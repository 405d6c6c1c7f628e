"""Surfaces of flights: points in space, reached again from either camera."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers.waves import fly, middles
from vqclip.animation import surfaces
from vqclip.animation.camera_2d import focal_length
from vqclip.animation.camera_3d import CameraMove3D, Reprojection, Surface, reproject
from vqclip.animation.motion_sources import DepthWarp
from vqclip.animation.surfaces import DepthMap, Plane, Tunnel, Wall
from vqclip.animation.warp import warp
from vqclip.errors import ConfigError

FLIGHT = CameraMove3D(x=0.1, y=-0.15, z=0.4, pan=6, tilt=-3, roll=8, far=30.0, centre=(0.5, 0.45))


def points(course: Reprojection, flight: CameraMove3D, width: int, height: int) -> Tensor:
    """What each pixel shows, in the space of the frame before."""
    focal = focal_length(flight.field_of_view, width, height)
    corner = torch.tensor([flight.centre[0] * width - 0.5, flight.centre[1] * height - 0.5])
    rays = torch.cat(
        [(middles(width, height) - corner) / focal, torch.ones(height, width, 1).double()], -1
    )
    found = course.distance[..., None] * rays @ flight.turn.T + flight.start
    # Seen from the eye before, it lies where the course says.
    torch.testing.assert_close(focal * found[..., :2] / found[..., 2:] + corner, course.positions)
    return found


def test_a_wall_is_where_it_is() -> None:
    space = points(reproject(FLIGHT, Wall(5.0), 40, 30), FLIGHT, 40, 30)
    torch.testing.assert_close(space[..., 2], torch.full((30, 40), 5.0).double())


def test_ground_is_below_and_the_sky_far() -> None:
    space = points(reproject(FLIGHT, Plane(0.7), 40, 30), FLIGHT, 40, 30)
    low = space[..., 2] < 30 - 1e-6
    assert low.any() and not low.all()
    torch.testing.assert_close(space[..., 1][low], torch.full_like(space[..., 1][low], 0.7))
    assert float(space[..., 1][~low].max()) <= 0.7 + 1e-6
    torch.testing.assert_close(space[..., 2][~low], torch.full_like(space[..., 2][~low], 30.0))
    # Without a turn the horizon stays where the centre is.
    level = reproject(CameraMove3D(z=0.3, centre=(0.5, 0.4), far=1e6), Plane(0.7), 40, 30)
    far = level.distance.amin(1) > 1e3
    assert far[:12].all() and not far[13:].any()


def test_a_tunnel_is_round() -> None:
    space = points(reproject(FLIGHT, Tunnel(1.5), 40, 30), FLIGHT, 40, 30)
    near = space[..., 2] < 30 - 1e-6
    radius = space[..., :2].norm(dim=-1)
    assert near.any() and not near.all()
    torch.testing.assert_close(radius[near], torch.full_like(radius[near], 1.5))
    assert float(radius[~near].max()) <= 1.5
    straight = reproject(CameraMove3D(z=0.3), Tunnel(1.0), 33, 33)  # with a ray along its middle
    assert torch.isfinite(straight.positions).all()


TURNS = [
    CameraMove3D(x=0.05, y=-0.1, z=0.2, roll=9, tilt=2, far=30.0, centre=(0.5, 0.45)),
    CameraMove3D(x=-0.1, y=0.05, z=0.3, roll=-2, tilt=-1, pan=4, far=30.0, centre=(0.5, 0.45)),
    CameraMove3D(z=0.2, roll=11, pan=-3, far=30.0, centre=(0.5, 0.45)),
]


def from_the_first(flights: list[CameraMove3D], space: Tensor) -> Tensor:
    """Points as the last of these frames sees them → as the one before the first does."""
    for each in reversed(flights):
        space = space @ each.turn.T + each.start
    return space


@pytest.mark.parametrize("terrain", [Plane(0.7), Tunnel(1.5)])
def test_what_stays_is_where_it_was_however_the_eye_has_turned(terrain: Any) -> None:
    for number, flight in enumerate(TURNS):
        way = DepthWarp(flight, terrain)
        course = way.reprojection(30, 40)
        space = from_the_first(TURNS[:number], points(course, flight, 40, 30))
        met = points(course, flight, 40, 30)[..., 2] < 30 - 1e-6
        assert met.any()
        away = space[..., 1] if isinstance(terrain, Plane) else space[..., :2].norm(dim=-1)
        size = terrain.height if isinstance(terrain, Plane) else terrain.radius
        torch.testing.assert_close(away[met], torch.full_like(away[met], size))
        terrain = terrain.next_frame(flight, way.reprojection)


def test_the_horizon_lies_where_the_eye_has_turned() -> None:
    terrain: Any = Plane(1.0)
    roll = CameraMove3D(roll=7.2, far=1e5, centre=(0.5, 0.4))
    for _ in range(2):
        terrain = terrain.next_frame(roll, lambda height, width: pytest.fail("not needed"))
    course = reproject(CameraMove3D(z=0.1, far=1e5, centre=(0.5, 0.4)), terrain, 61, 41)
    # Things turned clockwise, by 14.4 degrees in all: so did the line where plain and sky meet.
    x, y = middles(61, 41).unbind(-1)
    slope = math.tan(math.radians(14.4))
    below = (y - (0.4 * 41 - 0.5)) - slope * (x - 30)
    far = course.distance > 1e4
    assert far[below < 0].all() and not far[below > 0.1].any()


def test_a_depth_map_comes_along() -> None:
    """A disc in an empty distance grows as the flight nears it, frame for frame."""
    x, y = middles(96, 96).unbind(-1)
    disc = ((x - 30) ** 2 + (y - 48) ** 2 < 12**2).double()
    flight = CameraMove3D(z=0.1, near=1.0, far=20.0)
    terrain, image = DepthMap(disc), disc[None, None].float()
    areas = []
    for _ in range(6):
        way = DepthWarp(flight, terrain)
        image = warp(image, way, "smear")[0].clamp(0, 1)
        terrain = terrain.next_frame(flight, way.reprojection)
        areas.append(int((image > 0.5).sum()))
        red = image[0, 0] > 0.9
        assert float((terrain.values[red] > 0.9).float().mean()) > 0.9  # depths go with things
    assert areas == sorted(areas) and areas[-1] > 2 * float(disc.sum())
    assert terrain.values.dtype == torch.float32
    assert torch.equal(DepthMap(disc).restored(terrain.state()).values, terrain.values)


@pytest.mark.parametrize("size", [(40, 30), (10, 8), (80, 90)])
def test_a_depth_map_of_any_size_is_the_same_surface(size: tuple[int, int]) -> None:
    """A plane that leans is straight in 1 / distance, so that a map of it is exact between."""
    flight = CameraMove3D(x=0.1, z=0.2, pan=2, far=20.0)
    x = (torch.arange(size[0]).double() + 0.5) / size[0]
    y = (torch.arange(size[1]).double()[:, None] + 0.5) / size[1]
    course = reproject(flight, DepthMap(0.1 + 0.3 * x + 0.5 * y), 40, 30)
    space = points(course, flight, 40, 30)
    across, down = (
        (course.positions[..., axis] + 0.5) / side for axis, side in ((0, 40), (1, 30))
    )
    inside = (across > 0.1) & (across < 0.9) & (down > 0.1) & (down < 0.9)
    value = 0.1 + 0.3 * across + 0.5 * down
    wanted = 1 / (value + (1 - value) / 20)
    error = (space[..., 2] / wanted - 1).abs()[inside]
    assert inside.sum() > 400 and float(error.max()) < 2e-3
    assert float(course.seen[inside].min()) == 1


def test_of_two_surfaces_the_nearer_is_met() -> None:
    values = torch.zeros(1, 64)
    values[:, 20:30] = 1.0
    flight = CameraMove3D(x=-0.4, near=1.0, far=50.0)
    course = reproject(flight, DepthMap(values), 64, 9)
    focal = focal_length(60, 64, 9)
    row = course.distance[4]
    shift = 0.4 * focal
    there = (torch.arange(64) > 21 + shift) & (torch.arange(64) < 28 + shift)
    assert there.sum() >= 5 and float((row[there] - 1).abs().max()) < 0.01


def test_what_the_eye_has_passed_is_gone() -> None:
    values = torch.zeros(48, 48)
    values[16:32, 16:32] = 1.0
    course = reproject(CameraMove3D(z=0.5, near=0.3, far=10.0), DepthMap(values), 48, 48)
    torch.testing.assert_close(
        course.distance, torch.full((48, 48), 9.5).double(), atol=0, rtol=1e-2
    )


@pytest.mark.parametrize(("value", "far"), [(1.0, 100.0), (0.5, 100.0), (1.0, 20.0)])
def test_rays_that_begin_behind_everything_end_at_far(value: float, far: float) -> None:
    flight = CameraMove3D(z=2.5, near=1.0, far=far)
    course = reproject(flight, DepthMap(torch.full((8, 8), value)), 24, 17)
    torch.testing.assert_close(
        course.distance, torch.full((17, 24), far - 2.5).double(), atol=0, rtol=1e-6
    )


@pytest.mark.parametrize("size", [(300, 140), (140, 300), (129, 97)])
def test_blocks_of_rays_give_what_all_rays_give(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 1, 6, 7, generator=stream)
    hills = torch.nn.functional.interpolate(coarse, (60, 70), mode="bilinear")[0, 0]
    flight = CameraMove3D(x=0.05, z=0.2, pan=4, roll=7, near=1.0, far=20.0)
    parted = reproject(flight, DepthMap(hills), *size)
    monkeypatch.setattr(surfaces, "_BLOCK", 10_000)
    monkeypatch.setattr(surfaces, "_NARROWINGS", 0)
    whole = reproject(flight, DepthMap(hills), *size)
    assert parted.positions.shape == whole.positions.shape == (size[1], size[0], 2)
    away = (parted.positions - whole.positions).norm(dim=-1)
    # Where a ray grazes a hill, one search may see it and the other not.
    assert float(away.median()) < 1e-3 and float((away > 0.05).double().mean()) < 0.01


@pytest.mark.parametrize(
    "flight",
    [CameraMove3D(z=5.0), CameraMove3D(z=-5.0), CameraMove3D(pan=120), CameraMove3D(x=9)],
)
@pytest.mark.parametrize(
    "terrain", [Plane(1.0), DepthMap(torch.eye(9)), DepthMap(torch.ones(1, 1) / 2), Wall(6.0)]
)
def test_wild_flights_give_numbers(flight: CameraMove3D, terrain: Surface) -> None:
    course = reproject(flight, terrain, 24, 17)
    assert torch.isfinite(course.positions).all() and torch.isfinite(course.distance).all()
    assert float(course.seen.min()) >= 0 and float(course.seen.max()) <= 1
    shown, seen = fly(torch.rand(1, 3, 17, 24), flight, terrain)
    assert torch.isfinite(shown).all()
    assert flight.pan != 120 or float(seen.max()) == 0


@pytest.mark.parametrize(
    ("terrain", "settings", "complaint"),
    [
        (
            Wall(1.0),
            {"z": 1.0},
            "goes 1 forward, and the wall is only 1 away; fly less far",
        ),
        (
            Plane(0.5),
            {"y": 0.6},
            "the flight goes 0.6 down, and the ground is only 0.5 below; fly less",
        ),
        (
            Tunnel(1.0),
            {"x": 0.6, "y": 0.8},
            "goes 1 away from the tunnel's middle, and its wall is 1 away; fly less",
        ),
    ],
)
def test_flights_through_walls_are_refused(
    terrain: Surface, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        reproject(CameraMove3D(**settings), terrain, 8, 8)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (torch.zeros(3, 4, 4), r"a depth map of shape \[3, 4, 4\] cannot be flown through"),
        (torch.zeros(0, 4), r"a depth map of shape \[0, 4\] cannot be flown through"),
        (torch.full((2, 2), math.nan), "must be rows of finite numbers between 0 .far. and 1"),
        (torch.tensor([[0.0, 255.0]]), "goes from 0 to 255; it must lie between 0 .far. and 1"),
        (torch.tensor([[-0.1, 0.5]]), "goes from -0.1 to 0.5; it must lie between"),
    ],
)
def test_what_is_no_depth_map_is_refused(values: Tensor, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        DepthMap(values)
