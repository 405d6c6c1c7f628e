"""Pictures that tile, rolled."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from vqclip.repeats import Repeat

DIRECTIONS = ("both", "horizontal", "vertical", "brick")


def roll_picture(picture: Tensor, repeat: Repeat, down: int, across: int) -> Tensor:
    """The picture that is seen of a plane of tiles, moved by rows and columns."""
    high, wide = picture.shape[-2:]
    if not repeat.shifted:
        return picture.roll((down, across), (-2, -1))
    plane = repeat.lay_tiles(picture)  # it repeats by its own width and height
    return plane.roll((down, across), (-2, -1))[..., :high, :wide]


def shifts_of(repeat: Repeat, down: int, across: int) -> Iterator[tuple[int, int]]:
    """Moves by rows and columns in the directions in which a picture repeats."""
    for rows, columns in ((down, 0), (0, across), (down, across), (-down, across)):
        if (repeat.down or rows == 0) and (repeat.across or columns == 0):
            yield rows, columns
