"""GIFs and WebPs that move, as they were written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.media import film_decoder
from vqclip.media.film_decoder import AnimatedImage


def book(path: Path, times: list[int], mode: str = "RGB") -> AnimatedImage:
    """Look into one whose pictures stay so many milliseconds."""
    pages = [pillow.new(mode, (8, 6), (9 * n, 0, 0, 0)[: len(mode)]) for n in range(len(times))]
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=times, lossless=True)
    return film_decoder.probe_animation(path)


@pytest.mark.parametrize(
    ("times", "rate", "seconds"),
    [
        ([50, 150, 50], 20, [0.05, 0.15, 0.05]),
        ([30, 40, 30] * 3, 30, [1 / 30] * 9),  # as a gif rounds 30 fps
        ([10, 300, 100], 10, [0.1, 0.3, 0.1]),  # browsers do not hurry so
        ([100], 10, [0.1]),
    ],
)
def test_how_long_pictures_stay(
    tmp_path: Path, times: list[int], rate: int, seconds: list[float]
) -> None:
    found = book(tmp_path / "a.gif", times)
    assert (found.size, found.rate, found.alpha) == ((8, 6), rate, False)
    assert [float(time) for time in found.times] == pytest.approx(seconds)


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_what_is_transparent_is_noticed(tmp_path: Path, kind: str) -> None:
    assert book(tmp_path / f"a.{kind}", [100, 100], "RGBA").alpha


def test_slots_are_those_of_ffmpeg(tmp_path: Path) -> None:
    """Each picture comes at the frame that is nearest to its time, and stays until the next."""
    times = np.random.default_rng(0).integers(1, 40, 30)
    found = AnimatedImage((1, 1), tuple(Fraction(int(t), 100) for t in times), Fraction(1), False)
    for rate in (1, 7, 25, 100):
        begins = np.concatenate([[0], np.cumsum(times)]) * rate / 100
        assert film_decoder.page_frames(found, Fraction(rate)) == np.floor(begins + 0.5).tolist()
    assert film_decoder.page_frames(found, Fraction(1, 100)) == [0] * 30 + [1]


def test_damage_is_said(tmp_path: Path) -> None:
    book(tmp_path / "a.gif", [100] * 9)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"a\.gif cannot be read as a picture"):
        film_decoder.probe_animation(tmp_path / "a.gif")
