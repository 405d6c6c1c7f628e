"""Motion sources: how things get from a frame to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from vqclip.animation import camera_2d, camera_3d, motion_sources
from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.camera_3d import CameraMove3D, Reprojection, Surface
from vqclip.animation.motion_sources import CameraMotion2D, CameraMotion3D, FilmFrames, FlowMotion
from vqclip.animation.surfaces import DepthMap, Plane, Tunnel, Wall
from vqclip.animation.warp import pixel_grid
from vqclip.errors import PictureError

CPU = torch.device("cpu")


class Reel:
    """A film of so many frames, number n being n all over; notes when it is opened and left."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.opened: list[int] = []
        self.left = 0

    def at(self, frame: int) -> Any:
        self.opened.append(frame)
        return self._frames(frame)

    def _frames(self, frame: int) -> Iterator[Tensor]:
        try:
            for number in range(frame, self.count):
                yield torch.full((1, 3, 6, 8), float(number))
        finally:
            self.left += 1


def numbers(shots: FilmFrames, asked: list[int]) -> list[float]:
    return [float(shots.frame(number).mean()) for number in asked]


def test_a_film_is_opened_once_for_frames_in_order() -> None:
    reel = Reel(5)
    shots = FilmFrames(reel.at, CPU)
    assert numbers(shots, [0, 1, 0, 1, 2, 1, 2, 3, 4]) == [0, 1, 0, 1, 2, 1, 2, 3, 4]
    assert reel.opened == [0]


def test_a_film_that_ends_early_holds_its_last_frame() -> None:
    reel = Reel(3)
    shots = FilmFrames(reel.at, CPU)
    assert numbers(shots, [1, 2, 3, 4, 5, 4]) == [1, 2, 2, 2, 2, 2]
    assert reel.opened == [1]


@pytest.mark.parametrize("count", [1, 3])
def test_who_goes_on_behind_the_end_finds_the_last_frame(count: int) -> None:
    reel = Reel(count)
    shots = FilmFrames(reel.at, CPU)
    assert numbers(shots, [9, 10]) == [count - 1] * 2
    assert reel.left == len(reel.opened)


def test_a_film_without_frames_is_refused() -> None:
    with pytest.raises(PictureError, match="the film has no frame 2, and none before it"):
        FilmFrames(Reel(0).at, CPU).frame(2)


def test_going_back_opens_the_film_again_and_leaves_the_old_one() -> None:
    reel = Reel(6)
    shots = FilmFrames(reel.at, CPU)
    assert numbers(shots, [3, 4, 1, 2]) == [3, 4, 1, 2]
    assert (reel.opened, reel.left) == ([3, 1], 1)
    shots.close()
    assert reel.left == 2
    shots.close()
    assert numbers(shots, [3]) == [3]
    assert reel.opened == [3, 1, 3]


def test_a_camera_that_stands_still_moves_nothing() -> None:
    ride = CameraMotion2D(lambda frame: CameraMove2D(pan_x=0.25 if frame == 2 else 0.0))
    picture = torch.zeros(1, 3, 4, 8)
    assert ride.source_frame(1) is None
    assert ride.frame_warp(1, picture)(4, 8) is None
    places = ride.frame_warp(2, picture)(4, 8)
    assert places is not None and places.seen is None
    assert torch.allclose(places.positions, pixel_grid(4, 8) + torch.tensor([2.0, 0.0]))
    matrix = CameraMove2D(pan_x=0.25).matrix(8, 4)
    assert torch.equal(places.positions, camera_2d.sample_positions(matrix, 8, 4))


def test_things_move_as_in_a_film() -> None:
    reel, asked = Reel(4), []

    def flow(one: Tensor, two: Tensor) -> Tensor:
        asked.append((float(one.mean()), float(two.mean())))
        back = float(two.mean()) - float(one.mean())
        return torch.tensor([2.0 * back, 0.0])[None, :, None, None].expand(1, 2, 6, 8).clone()

    trace = FlowMotion(FilmFrames(reel.at, CPU), flow)
    first = trace.source_frame(0)
    assert float(first.image.mean()) == 0 and float(first.hidden.max()) == 0
    way = trace.frame_warp(2, first.image)
    places = way(6, 8)
    assert places is not None
    assert torch.allclose(places.positions, pixel_grid(6, 8) + torch.tensor([-2.0, 0.0]))
    small = way(3, 4)  # a latent's grid: half as many cells
    assert small is not None
    assert torch.allclose(small.positions, pixel_grid(3, 4) + torch.tensor([-1.0, 0.0]))
    ground = trace.source_frame(2)
    # Things go two pixels to the right: the two columns at the left were not in view.
    assert ground.hidden[0, 0].mean(0).tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert asked == [(2, 1), (1, 2)], "the flow was found more than once"
    trace.close()
    assert reel.left == 1


def test_a_flight_comes_closer_to_a_wall() -> None:
    left = []
    wall = Wall()
    air = CameraMotion3D(
        lambda frame: CameraMove3D(z=0.5), lambda frame, shown: wall, True, lambda: left.append(1)
    )
    assert air.state() == {}
    for frame in (1, 2):  # which is always as far away
        places = air.frame_warp(frame, SHOWN)(5, 5)
        assert places is not None and air.source_frame(frame) is None
        # Half of the way to a wall that is 1 away: twice as large.
        assert torch.allclose(places.positions, (pixel_grid(5, 5) - 2) / 2 + 2, atol=1e-6)
    air.close()
    assert left == [1]


SHOWN = torch.zeros(1, 3, 12, 16)
SLOPE = torch.linspace(0, 1, 12)[:, None].expand(12, 16) * torch.linspace(0.5, 1, 16)
STAYS = {"plane": Plane(), "tunnel": Tunnel(), "picture": DepthMap(SLOPE)}


def flights(frame: int) -> CameraMove3D:
    return CameraMove3D(x=0.02 * frame, z=0.1, roll=3 * frame, near=1, far=20)


def over(terrain: Surface, asked: list[int] | None = None) -> CameraMotion3D:
    def first(frame: int, shown: Tensor) -> Surface:
        if asked is not None:
            asked.append(frame)
        return terrain

    return CameraMotion3D(flights, first, fixed=True)


@pytest.mark.parametrize("kind", STAYS)
def test_what_stays_is_the_same_in_whatever_order_it_is_asked_for(kind: str) -> None:
    def places(air: CameraMotion3D, frame: int) -> Tensor:
        found = air.frame_warp(frame, SHOWN)(12, 16)
        assert found is not None
        return found.positions

    asked: list[int] = []
    one = over(STAYS[kind], asked)
    there = {frame: places(one, frame) for frame in (1, 2, 3, 4, 5)}
    assert asked == [1]
    alone = CameraMotion3D(lambda frame: flights(5), lambda frame, shown: STAYS[kind], fixed=True)
    assert not torch.allclose(there[5], places(alone, 1)), "what the flight passed is forgotten"
    other = over(STAYS[kind])
    for frame in (4, 4, 2, 5, 1, 3):
        assert torch.equal(places(other, frame), there[frame])


@pytest.mark.parametrize("kind", STAYS)
def test_a_flight_goes_on_where_it_was_left(kind: str) -> None:
    one, other = over(STAYS[kind]), over(STAYS[kind])
    one.frame_warp(3, SHOWN)
    state = one.state()
    other.restore(state)
    assert other.state().keys() == state.keys() and int(state["frame"]) == 3
    wanted, found = (each.frame_warp(4, SHOWN)(12, 16) for each in (one, other))
    assert wanted is not None and found is not None
    assert torch.equal(wanted.positions, found.positions)
    for name, each in one.state().items():
        assert torch.equal(each, other.state()[name])
    if kind == "picture":  # it is long to find again, and not done
        other.restore(state | {"values": torch.zeros(12, 16)})
        found = other.frame_warp(4, SHOWN)(12, 16)
        assert found is not None and not torch.allclose(wanted.positions, found.positions)
    # What was left over another terrain is no use: it is found from the first frame on.
    late = over(DepthMap(SLOPE) if kind != "picture" else Plane())
    late.restore(state)
    found = late.frame_warp(4, SHOWN)(12, 16)
    fresh = over(DepthMap(SLOPE) if kind != "picture" else Plane()).frame_warp(4, SHOWN)(12, 16)
    assert found is not None and fresh is not None
    assert torch.equal(found.positions, fresh.positions)


@pytest.mark.parametrize("stays", [True, False])
def test_a_flight_is_followed_once_for_a_grid(
    stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = []

    def follow(flight: CameraMove3D, terrain: Surface, width: int, height: int) -> Reprojection:
        followed.append((width, height))
        return camera_3d.reproject(flight, terrain, width, height)

    monkeypatch.setattr(motion_sources, "reproject", follow)
    air = CameraMotion3D(flights, lambda frame, shown: DepthMap(SLOPE), stays)
    for _ in range(2):
        for grid_of in ((12, 16), (3, 4), (12, 16), (3, 4)):
            air.frame_warp(1, SHOWN.clone())(*grid_of)
    assert followed == [(16, 12), (4, 3)]
    air.frame_warp(2, SHOWN)(3, 4)
    assert followed == [(16, 12), (4, 3), (4, 3)]
    if not stays:  # where a frame shows something else, something else may be there
        air.frame_warp(2, SHOWN + 1)(3, 4)
        assert len(followed) == 4
