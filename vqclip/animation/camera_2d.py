"""The 2-D camera: zoom, pan, roll, tilt and swing as matrices.

A view is a 3x3 matrix that says where each pixel of a frame comes from: homogeneous (x, y, 1) of
the frame → (x, y, w) of the picture, in pixels, where (0, 0) is the middle of the upper left one.
An animation resamples each frame once from the last one, over which steps have been drawn since.
Where one picture is moved several times and nothing is drawn in between, `compose` multiplies the
views, so that however many moves cost one resampling (Heckbert, "Fundamentals of texture mapping
and image warping", 1989), and a long zoom does not blur; what that saves is measured by
`benchmarks/animation_camera.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from vqclip.animation.resample import resample
from vqclip.errors import ConfigError

Matrix = Tensor  # [3, 3] in float64

_HORIZON = 1e-9  # behind it there is nothing; before it, the picture is very far away
STEEPEST = 89.0  # degrees; at 90 a picture is seen from its edge, and shows nothing


@dataclass(frozen=True)
class CameraMove2D:
    """What the camera does from one frame to the next, in units of the picture.

    The picture is a card before the camera: it leans and swings about its middle, rolls and grows
    about `centre`, and then the camera passes along it.

    Args:
        zoom: how many times larger things become; 1.02 comes closer.
        pan_x: how far the camera goes to the right, in widths; things go to the left.
        pan_y: how far it goes down, in heights; things go up.
        roll: by how many degrees things turn clockwise.
        tilt: by how many degrees the card leans back, so that its top is further away.
        swing: by how many degrees the card opens like a door with its right side further away.
        centre: (x, y) of what stands still under zoom and roll, in widths and heights from the
            upper left corner.
        field_of_view: degrees that the picture's shorter side fills before it is moved; the more,
            the stronger is the perspective of tilt and swing.

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
        """Does nothing move?"""
        pans = (self.pan_x, self.pan_y, self.roll, self.tilt, self.swing)
        return self.zoom == 1 and not any(pans)

    def matrix(self, width: int, height: int) -> Matrix:
        """Where the pixels of a frame of this size come from; also of a latent of that size."""
        if self.still:
            return identity()
        middle = _shift((width - 1) / 2, (height - 1) / 2)
        focal = focal_length(self.field_of_view, width, height)
        lean = middle @ _lean(self.tilt, self.swing, focal) @ middle.inverse()
        x, y = self.centre[0] * width - 0.5, self.centre[1] * height - 0.5
        turn = _shift(x, y) @ _turn(self.roll, self.zoom) @ _shift(-x, -y)
        pan = _shift(-self.pan_x * width, -self.pan_y * height)
        return (pan @ turn @ lean).inverse()


def require_finite(movement: Any, whose: str) -> None:
    """Refuse a movement, a dataclass of numbers and pairs of them, one of which is not finite.

    Raises:
        ConfigError: that names it.
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
    """Refuse a field of view that no lens has.

    Raises:
        ConfigError: if it is not between 1 and 170 degrees.
    """
    if not 1 <= degrees <= 170:
        raise ConfigError(
            f"the camera's field_of_view is {degrees:g} degrees; it must be between 1 and 170, "
            "such as 60"
        )


def focal_length(field_of_view: float, width: int, height: int) -> float:
    """How far from the eye the picture's shorter side fills the field, in pixels."""
    return min(width, height) / 2 / math.tan(math.radians(field_of_view) / 2)


def identity() -> Matrix:
    """The view that shows the picture as it is."""
    return torch.eye(3, dtype=torch.float64)


def compose(views: Iterable[Matrix]) -> Matrix:
    """One view for several, the first one taken first."""
    found = identity()
    for view in views:
        found = found @ view
    # Homogeneous numbers have no scale of their own; ten thousand frames would make them huge.
    return found / found.abs().max() if float(found.abs().max()) > 1e6 else found


def moved(moves: Iterable[CameraMove2D], width: int, height: int) -> Matrix:
    """One view of a picture of this size for several moves, the first one taken first."""
    return compose(move.matrix(width, height) for move in moves)


def resized(view: Matrix, size: tuple[int, int], other: tuple[int, int]) -> Matrix:
    """The same view of the same picture in another size, such as that of its latent.

    Args:
        size: (width, height) that `view` is meant for, in pixels.
        other: (width, height) of the other one.
    """
    scale = torch.ones(3, dtype=torch.float64)
    scale[0], scale[1] = other[0] / size[0], other[1] / size[1]
    # The middle of the upper left pixel is half a pixel from the corner in either size.
    there = _shift(-0.5, -0.5) @ torch.diag(scale) @ _shift(0.5, 0.5)
    return there @ view @ there.inverse()


def positions(view: Matrix, width: int, height: int) -> Tensor:
    """Where the pixels of a frame of this size come from; for `resample`.

    Returns:
        [height, width, 2] in float64, (x, y) in pixels; behind the horizon it is far away.
    """
    across = torch.arange(width, dtype=torch.float64)
    down = torch.arange(height, dtype=torch.float64)[:, None]
    rows = view.to("cpu", torch.float64)
    x, y, w = (row[0] * across + row[1] * down + row[2] for row in rows)
    w = w.clamp(min=_HORIZON)
    return torch.stack([x / w, y / w], -1)


def warp(
    image: Tensor, view: Matrix, edges: str = "mirror", kernel: str = "spline"
) -> tuple[Tensor, Tensor]:
    """Show a picture, or a latent, or moments of an optimiser, from a view.

    Args:
        image: [B, C, H, W].
        view: for that width and height; see `resized`.
        edges: what lies beyond the picture; see `vqclip.animation.resample`.
        kernel: "spline", or "linear" for what must not become negative.

    Returns:
        [B, C, H, W], and [1, 1, H, W] in [0, 1], where the picture was seen.

    Raises:
        ConfigError: if `edges` or `kernel` is not known.
    """
    height, width = image.shape[-2:]
    return resample(image, positions(view, width, height), edges, kernel)


def _shift(x: float, y: float) -> Matrix:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=torch.float64)


def _turn(degrees: float, zoom: float) -> Matrix:
    """Turn clockwise, with y downwards, and enlarge, about (0, 0)."""
    c, s = zoom * math.cos(math.radians(degrees)), zoom * math.sin(math.radians(degrees))
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def _lean(tilt: float, swing: float, focal: float) -> Matrix:
    """Lean a card back and swing it about (0, 0), as seen from `focal` pixels before it."""
    t, s = math.radians(tilt), math.radians(swing)
    back = torch.tensor(
        [[1, 0, 0], [0, math.cos(t), math.sin(t)], [0, -math.sin(t), math.cos(t)]],
        dtype=torch.float64,
    )
    door = torch.tensor(
        [[math.cos(s), 0, -math.sin(s)], [0, 1, 0], [math.sin(s), 0, math.cos(s)]],
        dtype=torch.float64,
    )
    turned = door @ back  # of a card in x and y; its third row is how much further things are
    card = turned.clone()
    card[2] /= focal
    card[:, 2] = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    return card
