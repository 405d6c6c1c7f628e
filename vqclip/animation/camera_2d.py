"""The 2-D camera: zoom, pan, roll, tilt and swing as matrices.

A view is a 3x3 matrix that maps each pixel of a frame to where it comes from in the picture:
homogeneous (x, y, 1) → (x, y, w), in pixels, where (0, 0) is the middle of the upper left one
(Heckbert, "Fundamentals of texture mapping and image warping", 1989). An animation resamples each
frame once from the last one; what that costs in sharpness is measured by
`benchmarks/animation_camera.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ConfigError

Matrix = Tensor  # [3, 3] in float64

_HORIZON = 1e-9  # behind it there is nothing; before it, the picture is very far away
STEEPEST = 89.0  # degrees; at 90 a picture is seen from its edge, and shows nothing


@dataclass(frozen=True)
class CameraMove2D:
    """A 2-D camera's move from one frame to the next, in units of the picture.

    The picture is like a card in front of the camera: it tilts and swings about its middle, rolls
    and zooms about `centre`, and then the camera pans over it.

    Args:
        zoom: how many times larger things become; 1.02 zooms in.
        pan_x: how far the camera goes to the right, in widths; things go to the left.
        pan_y: how far it goes down, in heights; things go up.
        roll: by how many degrees things turn clockwise.
        tilt: by how many degrees the card leans back, so that its top is further away.
        swing: by how many degrees the card turns like a door, so that its right side is further
            away.
        centre: (x, y) of the point that zoom and roll leave in place, in widths and heights from
            the upper left corner.
        field_of_view: the angle, in degrees, under which the shorter side is seen before the
            move; the greater it is, the stronger is the perspective of tilt and swing.

    Raises:
        ConfigError: if a number is not finite, `zoom` is not above 0, `tilt` or `swing` goes
            beyond 89 degrees, or `field_of_view` is not between 1 and 170.
    """

    zoom: float = 1.0
    pan_x: float = 0.0
    pan_y: float = 0.0
    roll: float = 0.0
    tilt: float = 0.0
    swing: float = 0.0
    centre: tuple[float, float] = (0.5, 0.5)
    field_of_view: float = 60.0

    def __post_init__(self) -> None:
        require_finite(self, "camera")
        if self.zoom <= 0:
            raise ConfigError(
                f"the camera's zoom is {self.zoom:g}; it must be above 0: 1 stands still, 1.02 "
                "comes closer, 0.98 goes away"
            )
        for name, degrees in (("tilt", self.tilt), ("swing", self.swing)):
            if abs(degrees) > STEEPEST:
                raise ConfigError(
                    f"the camera's {name} is {degrees:g} degrees; beyond {STEEPEST:g} the "
                    "picture is seen from its edge; take less, such as 1 a frame"
                )
        require_field_of_view(self.field_of_view)

    @property
    def still(self) -> bool:
        """Whether the move changes nothing."""
        pans = (self.pan_x, self.pan_y, self.roll, self.tilt, self.swing)
        return self.zoom == 1 and not any(pans)

    def matrix(self, width: int, height: int) -> Matrix:
        """The view of the next frame, for a picture or a latent of this size: [3, 3] float64."""
        if self.still:
            return identity_view()
        middle = _shift((width - 1) / 2, (height - 1) / 2)
        focal = focal_length(self.field_of_view, width, height)
        lean = middle @ _lean(self.tilt, self.swing, focal) @ middle.inverse()
        x, y = self.centre[0] * width - 0.5, self.centre[1] * height - 0.5
        turn = _shift(x, y) @ _turn(self.roll, self.zoom) @ _shift(-x, -y)
        pan = _shift(-self.pan_x * width, -self.pan_y * height)
        return (pan @ turn @ lean).inverse()


def require_finite(movement: Any, whose: str) -> None:
    """Check that all numbers of a camera move are finite.

    Args:
        movement: a dataclass of numbers and pairs of numbers.
        whose: what the message calls it, such as "camera".

    Raises:
        ConfigError: if one is not; the message names it.
    """
    for each in fields(movement):
        value = getattr(movement, each.name)
        for number in value if isinstance(value, tuple) else (value,):
            if not math.isfinite(number):
                raise ConfigError(
                    f"the {whose}'s {each.name} is {number}; it must be a number, such as "
                    f"{each.default}"
                )


def require_field_of_view(degrees: float) -> None:
    """Check a field of view.

    Raises:
        ConfigError: if it is not between 1 and 170 degrees.
    """
    if not 1 <= degrees <= 170:
        raise ConfigError(
            f"the camera's field_of_view is {degrees:g} degrees; it must be between 1 and 170, "
            "such as 60"
        )


def focal_length(field_of_view: float, width: int, height: int) -> float:
    """The focal length in pixels: the distance at which the shorter side fills the field."""
    return min(width, height) / 2 / math.tan(math.radians(field_of_view) / 2)


def identity_view() -> Matrix:
    """The view that shows the picture as it is: [3, 3] in float64."""
    return torch.eye(3, dtype=torch.float64)


def sample_positions(view: Matrix, width: int, height: int) -> Tensor:
    """The positions at which a view samples the picture; for `resample`.

    Returns:
        [height, width, 2] in float64, (x, y) in pixels; very far away behind the horizon.
    """
    across = torch.arange(width, dtype=torch.float64)
    down = torch.arange(height, dtype=torch.float64)[:, None]
    rows = view.to("cpu", torch.float64)
    x, y, w = (row[0] * across + row[1] * down + row[2] for row in rows)
    w = w.clamp(min=_HORIZON)
    return torch.stack([x / w, y / w], -1)


def _shift(x: float, y: float) -> Matrix:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def _turn(degrees: float, zoom: float) -> Matrix:
    """Turn clockwise (y points down), and enlarge, about (0, 0)."""
    c, s = zoom * math.cos(math.radians(degrees)), zoom * math.sin(math.radians(degrees))
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def _lean(tilt: float, swing: float, focal: float) -> Matrix:
    """Tilt and swing a card about (0, 0), as seen from `focal` pixels in front of it."""
    t, s = math.radians(tilt), math.radians(swing)
    back = torch.tensor(
        [[1, 0, 0], [0, math.cos(t), math.sin(t)], [0, -math.sin(t), math.cos(t)]],
        dtype=torch.float64,
    )
    door = torch.tensor(
        [[math.cos(s), 0, -math.sin(s)], [0, 1, 0], [math.sin(s), 0, math.cos(s)]],
        dtype=torch.float64,
    )
    turned = door @ back  # of a card in x and y; the third row gives how much further away it is
    card = turned.clone()
    card[2] /= focal
    card[:, 2] = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    return card
