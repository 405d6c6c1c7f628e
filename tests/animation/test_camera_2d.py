"""Views of a picture, against a pattern that is known everywhere, and kornia's homographies."""

from __future__ import annotations

import math
from typing import Any

import kornia
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.waves import disc, middles, psnr, waves
from vqclip.animation.camera_2d import (
    CameraMove2D,
    Matrix,
    identity_view,
    sample_positions,
)
from vqclip.animation.resample import EDGES, KERNELS, resample
from vqclip.errors import ConfigError

MOVES = {
    "zoom": CameraMove2D(zoom=1.3),
    "out": CameraMove2D(zoom=0.8),
    "pan": CameraMove2D(pan_x=0.0371, pan_y=-0.0533),
    "roll": CameraMove2D(roll=37),
    "tilt": CameraMove2D(tilt=9),
    "swing": CameraMove2D(swing=-7, field_of_view=40),
    "aside": CameraMove2D(zoom=1.1, roll=20, centre=(0.4, 0.55)),
    "all": CameraMove2D(zoom=1.05, pan_x=0.02, pan_y=0.03, roll=12, tilt=5, swing=-4),
}


def snow(width: int = 24, height: int = 16) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(5))


def plainly(move: CameraMove2D, x: Any, y: Any, width: int, height: int) -> tuple[Any, Any]:
    """Where a point of the picture goes: a card in space, written again, step by step."""
    side = min(width, height)
    eye = side / 2 / math.tan(math.radians(move.field_of_view) / 2)
    u, v, deep = x + 0.5 - width / 2, y + 0.5 - height / 2, 0.0
    angle = math.radians(move.tilt)
    v, deep = v * math.cos(angle), -v * math.sin(angle)
    angle = math.radians(move.swing)
    u, deep = (
        u * math.cos(angle) - deep * math.sin(angle),
        (u * math.sin(angle) + deep * math.cos(angle)),
    )
    u, v = u * eye / (eye + deep) + width / 2, v * eye / (eye + deep) + height / 2
    u, v = u - move.centre[0] * width, v - move.centre[1] * height
    angle = math.radians(move.roll)  # with y downwards, this way round is clockwise
    u, v = u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)
    u, v = u * move.zoom + move.centre[0] * width, v * move.zoom + move.centre[1] * height
    return u - move.pan_x * width - 0.5, v - move.pan_y * height - 0.5


def through(view: Tensor, x: float, y: float) -> tuple[float, float]:
    a, b, c = (view @ torch.tensor([x, y, 1.0], dtype=torch.float64)).tolist()
    return a / c, b / c


@pytest.mark.parametrize("name", sorted(MOVES))
@pytest.mark.parametrize("size", [(96, 96), (64, 40), (30, 70)])
def test_a_view_says_where_each_point_comes_from(name: str, size: tuple[int, int]) -> None:
    view = MOVES[name].matrix(*size)
    assert view.dtype == torch.float64 and view.shape == (3, 3)
    for point in ((0.0, 0.0), (11.5, 3.25), (size[0] - 1.0, size[1] - 1.0)):
        assert through(view, *plainly(MOVES[name], *point, *size)) == pytest.approx(point)


@pytest.mark.parametrize(
    ("move", "point", "goes"),
    [
        (CameraMove2D(zoom=2), (63.5, 31.5), (79.5, 31.5)),
        (CameraMove2D(pan_x=0.25), (40.0, 10.0), (16.0, 10.0)),
        (CameraMove2D(pan_y=0.25), (40.0, 20.0), (40.0, 4.0)),
        (CameraMove2D(roll=90), (57.5, 31.5), (47.5, 41.5)),  # from the right to the bottom
        (CameraMove2D(roll=90, centre=(0.5, 0.0)), (57.5, -0.5), (47.5, 9.5)),
    ],
)
def test_signs_and_units_are_as_written(
    move: CameraMove2D, point: tuple[float, float], goes: tuple[float, float]
) -> None:
    assert through(move.matrix(96, 64), *goes) == pytest.approx(point)


def test_leaning_back_shrinks_the_top_and_a_door_its_right_side() -> None:
    for move, small, large in (
        (CameraMove2D(tilt=20), ((20.0, 5.0), (30.0, 5.0)), ((20.0, 55.0), (30.0, 55.0))),
        (CameraMove2D(swing=20), ((55.0, 20.0), (55.0, 30.0)), ((5.0, 20.0), (5.0, 30.0))),
    ):
        lengths = [
            math.dist(*(plainly(move, *point, 64, 64) for point in pair))
            for pair in (small, large)
        ]
        view = move.matrix(64, 64)
        sources = [math.dist(*(through(view, *p) for p in pair)) for pair in (small, large)]
        assert lengths[0] < lengths[1] and sources[0] > sources[1]


def warp(
    image: Tensor, view: Matrix, edges: str = "mirror", kernel: str = "spline"
) -> tuple[Tensor, Tensor]:
    """Show a picture from a view, and where it was seen."""
    height, width = image.shape[-2:]
    return resample(image, sample_positions(view, width, height), edges, kernel)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_warp_is_the_pattern_warped(name: str) -> None:
    image = waves(middles(128, 128)).float()
    view = MOVES[name].matrix(128, 128)
    places = torch.stack(
        torch.broadcast_tensors(
            *(
                torch.from_numpy(each)
                for each in np.moveaxis(
                    np.einsum(
                        "ij,hwj->hwi",
                        view.numpy(),
                        np.concatenate([middles(128, 128).numpy(), np.ones((128, 128, 1))], -1),
                    ),
                    -1,
                    0,
                )
            )
        ),
        -1,
    )
    places = places[..., :2] / places[..., 2:]
    inside = ((places > 12) & (places < 115)).all(-1) & disc(128, 128)
    found, seen = warp(image, view)
    assert psnr(found, waves(places), inside) > 50
    assert float(seen[0, 0][inside].min()) == 1


def test_thirty_six_rolls_come_back_and_their_product_is_one() -> None:
    image = waves(middles(96, 96)).float()
    turn = CameraMove2D(roll=10).matrix(96, 96)
    found = image
    for _ in range(36):
        found, _ = warp(found, turn)
    assert psnr(found, image, disc(96, 96)) > 45
    whole = turn.matrix_power(36)
    torch.testing.assert_close(whole, identity_view())
    assert torch.equal(warp(image, whole)[0], image)


@pytest.mark.parametrize("name", sorted(MOVES))
@pytest.mark.parametrize("size", [(64, 64), (64, 40)])
def test_a_warp_is_kornias(name: str, size: tuple[int, int]) -> None:
    image = waves(middles(*size)).float()
    view = MOVES[name].matrix(*size)
    wanted = kornia.geometry.transform.warp_perspective(
        image.double(), view.inverse()[None], (size[1], size[0]), padding_mode="border"
    )
    found, seen = warp(image, view, "smear", "linear")
    well = (seen > 0.99)[0, 0]
    assert float((found - wanted)[..., well].abs().max()) < 1e-4


@pytest.mark.parametrize("edges", EDGES)
def test_standing_still_changes_no_bit(edges: str) -> None:
    image = snow()
    assert CameraMove2D().still and torch.equal(
        CameraMove2D(centre=(0.1, 0.2)).matrix(24, 16), identity_view()
    )
    assert not any(move.still for move in MOVES.values())
    shown, seen = warp(image, CameraMove2D().matrix(24, 16), edges)
    assert torch.equal(shown, image) and float(seen.min()) == 1


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pan_by_pixels_is_a_roll_of_the_tensor(kernel: str) -> None:
    image = snow()
    for right, down in ((5, 0), (0, 3), (-7, 2), (24, 16)):
        view = CameraMove2D(pan_x=right / 24, pan_y=down / 16).matrix(24, 16)
        shown, _ = warp(image, view, "wrap", kernel)
        assert torch.equal(shown, image.roll((-down, -right), (2, 3)))


@pytest.mark.parametrize("size", [(96, 96), (96, 64)])
def test_composed_is_one_after_the_other(size: tuple[int, int]) -> None:
    first, second = MOVES["all"], MOVES["aside"]
    view = first.matrix(*size) @ second.matrix(*size)
    for x, y in ((3.0, 4.0), (50.0, 20.0)):
        point = plainly(second, *plainly(first, x, y, *size), *size)
        assert through(view, *point) == pytest.approx((x, y))
    image = waves(middles(*size)).float()
    once, seen = warp(image, view)
    twice, _ = warp(warp(image, first.matrix(*size))[0], second.matrix(*size))
    where = disc(*size, 24) & (seen[0, 0] == 1)
    assert psnr(once, twice, where) > 45


def test_nothing_shears_in_a_picture_that_is_no_square() -> None:
    view = CameraMove2D(roll=30, zoom=1.2).matrix(90, 30)
    square = view[:2, :2] * 1.2
    torch.testing.assert_close(square @ square.T, torch.eye(2, dtype=torch.float64))


@pytest.mark.parametrize("edges", EDGES)
def test_behind_the_horizon_is_nothing(edges: str) -> None:
    view = CameraMove2D(tilt=80, field_of_view=90).matrix(32, 32)
    places = sample_positions(view, 32, 32)
    behind = places.abs().amax(-1) > 1e6
    assert behind.any() and not behind.all()
    shown, seen = warp(snow(32, 32), view, edges)
    assert torch.isfinite(shown).all()
    assert float(seen[0, 0][behind].max()) == 0
    if edges in ("wrap", "mirror"):  # so often repeated that it is one colour
        assert float(shown[..., behind].std(-1).max()) < 1e-6
    if edges == "black":
        assert float(shown[..., behind].abs().max()) == 0
    if edges == "smear":  # on to the sky
        torch.testing.assert_close(shown[..., 0, 16], snow(32, 32)[..., 0, 16], atol=0.5, rtol=0)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_latent_moves_as_its_picture_does(name: str) -> None:
    view = MOVES[name].matrix(96, 64)
    small = MOVES[name].matrix(12, 8)
    for x, y in ((2.0, 3.0), (9.5, 1.25)):
        there = through(small, x, y)
        wanted = through(view, x * 8 + 3.5, y * 8 + 3.5)
        assert (there[0] * 8 + 3.5, there[1] * 8 + 3.5) == pytest.approx(wanted)


def test_moments_stay_what_they_can_be() -> None:
    moments = torch.rand(1, 16, 8, 12).square() * 1e-6
    view = MOVES["all"].matrix(12, 8)
    for edges in EDGES:
        found, _ = warp(moments, view, edges, "linear")
        assert found.shape == moments.shape
        assert float(found.min()) >= 0 and float(found.max()) <= float(moments.max())


def detail(image: Tensor) -> float:
    """The energy between neighbours, in the middle of a picture."""
    middle = image[..., 24:72, 24:72]
    return float(middle.diff(dim=2).square().mean() + middle.diff(dim=3).square().mean())


def test_a_long_zoom_does_not_blur() -> None:
    image = snow(96, 96)
    move, again = CameraMove2D(zoom=1.02, roll=0.3), image
    for _ in range(60):
        again, _ = warp(again, move.matrix(96, 96))
    once, seen = warp(image, move.matrix(96, 96).matrix_power(60))
    assert float(seen.min()) == 1
    assert detail(again) > 0.8 * detail(once)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"zoom": 0.0}, "the camera's zoom is 0; it must be above 0: 1 stands still"),
        ({"zoom": -1.5}, "the camera's zoom is -1.5; it must be above 0"),
        ({"zoom": math.nan}, "the camera's zoom is nan; it must be a number, such as 1.0"),
        ({"pan_x": math.inf}, "the camera's pan_x is inf; it must be a number"),
        ({"centre": (0.5, math.nan)}, "the camera's centre is nan; it must be a number"),
        ({"tilt": 90.0}, "the camera's tilt is 90 degrees; beyond 89 the picture is seen from"),
        ({"swing": -89.5}, "the camera's swing is -89.5 degrees; beyond 89"),
        ({"field_of_view": 180.0}, "field_of_view is 180 degrees; it must be between 1 and 170"),
        ({"field_of_view": 0.0}, "field_of_view is 0 degrees; it must be between 1 and 170"),
    ],
)
def test_moves_that_no_camera_makes_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        CameraMove2D(**settings)
