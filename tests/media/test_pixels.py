"""Alpha, even sides and dissolves, against Pillow and plain sums."""

from __future__ import annotations

import numpy as np
from PIL import Image as pillow

from vqclip.media.film_encoder import blend_frames, to_pixels

RANDOM = np.random.default_rng(0)


def test_what_is_transparent_lies_on_white() -> None:
    pixels = RANDOM.integers(0, 256, (8, 6, 4), dtype=np.uint8)
    white = pillow.new("RGBA", (6, 8), "white")
    over = pillow.alpha_composite(white, pillow.fromarray(pixels)).convert("RGB")
    laid = to_pixels(pixels, keeps=False, even=False)
    assert np.abs(laid.astype(int) - np.asarray(over)).max() <= 1


def test_alpha_is_kept_or_added_and_sides_are_even() -> None:
    pixels = RANDOM.integers(0, 256, (3, 5, 3), dtype=np.uint8)
    made = to_pixels(pixels, keeps=True, even=True)
    assert made.shape == (4, 6, 4) and (made[..., 3] == 255).all()
    assert (made[:3, :5, :3] == pixels).all()
    assert (made[3] == made[2]).all() and (made[:, 5] == made[:, 4]).all()
    assert to_pixels(pixels, keeps=False, even=False) is pixels


def test_dissolves_are_weighted_means_and_the_last_stays() -> None:
    first, second = RANDOM.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    got = list(blend_frames([first, second], 3))
    wanted = [first + (second.astype(float) - first) * part / 4 for part in range(5)]
    assert len(got) == 8
    for mine, theirs in zip(got, wanted, strict=False):
        assert np.abs(mine - theirs).max() <= 0.5
    assert all((each == second).all() for each in got[4:])
    assert list(blend_frames([], 2)) == []


def test_the_colour_of_what_is_transparent_has_no_share() -> None:
    red, hidden = (np.zeros((1, 1, 4), np.uint8) for _ in range(2))
    red[...] = (255, 0, 0, 255)
    hidden[...] = (0, 255, 0, 0)
    _, middle, *_ = blend_frames([red, hidden], 1)
    assert middle[0, 0].tolist() == [255, 0, 0, 128]
