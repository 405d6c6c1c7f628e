"""Pictures, films and names of files as nobody should make them: an answer or a sentence.

VQCLIP_FUZZ sets the number of examples, as in `test_fuzz`.
"""

from __future__ import annotations

import contextlib
import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as pillow
from PIL.PngImagePlugin import PngInfo

from tests.media.test_colour_profile import BLACK_INKS, LINEAR_GREY, SRGB
from tests.whole.test_fuzz import fuzzed
from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.media import colour_profile, file_kinds, film_encoder, images, paths
from vqclip.media.frames import frame_source
from vqclip.training.data import user_folder

NAMES = st.text(st.sampled_from("ab1[]!-*?{}()~. é"), min_size=1, max_size=8).filter(
    lambda name: name.strip(".") != "" and not name.startswith((".", "~"))
)


@fuzzed
@given(folder=st.lists(NAMES, min_size=1, max_size=3), name=NAMES)
def test_a_picture_is_found_in_a_folder_of_any_name(
    folder: list[str], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("names")
    there = home.joinpath(*folder)
    there.mkdir(parents=True)
    (there / f"{name}.png").touch()
    with contextlib.chdir(home):
        word = "/".join([*folder, "*.png"])
        wanted = [Path(*folder, f"{name}.png")]
        assert paths.find_pictures([word]) == (wanted, [])
        assert paths.find_source([word]).pictures == wanted
        assert paths.find_images(word, SearchPath.current()) == wanted
        assert frame_source.list_files(word) == wanted
        assert paths.match_paths(str(wanted[0])) == wanted
        assert paths.match_paths("/".join(["**", "*.png"])) == wanted


@fuzzed
@given(word=st.text(max_size=20) | st.text(st.sampled_from("a*?[]/.~!-\\{}\0"), max_size=12))
def test_any_word_names_files_or_is_told(
    word: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(not word.startswith(("/", "~")) and ".." not in word and "**" not in word)
    home = tmp_path_factory.mktemp("words")
    (home / "a").mkdir()
    (home / "a" / "[a].png").touch()
    with contextlib.chdir(home):
        assert all(path.exists() for path in paths.match_paths(word))
        for look in (paths.find_source, paths.find_pictures, paths.describe_unread):
            with contextlib.suppress(PictureError):
                look([word])
        with contextlib.suppress(PictureError):
            user_folder.find_pictures(word, lambda path, why: None)


STARTS = [
    b"",
    b"\0\0\0\x18ftyp",
    b"RIFF1234",
    b"II*\0",
    b"<?xml ?>",
    b"<!--",
    b"\xff\x0a",
    b"8BPS",
]


@fuzzed
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200), name=NAMES)
def test_what_is_no_picture_is_refused_by_its_name(
    start: bytes, rest: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("kinds") / f"{name}.jpg"
    path.write_bytes(start + rest)
    kind = file_kinds.identify_kind(path)
    for read in (paths.check_image, images.open_rgb):
        try:
            read(path)
        except PictureError as error:
            assert str(path) in str(error) or len(str(path)) > 200
            assert kind is None or kind[0] in str(error)


@fuzzed
@given(data=st.data(), profile=st.sampled_from([SRGB, LINEAR_GREY, BLACK_INKS]))
def test_any_profile_is_used_or_passed_over(data: st.DataObject, profile: bytes) -> None:
    damaged = bytearray(profile)
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = (
        bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
        if data.draw(st.booleans())
        else bytes(damaged)
    )
    mode = data.draw(st.sampled_from(["RGB", "RGBA", "CMYK", "L"]))
    picture = pillow.new("RGB" if mode == "L" else mode, (3, 2), "teal")
    seen = colour_profile.convert_to_srgb(picture, mode, {"icc_profile": cut})
    assert seen.size == (3, 2) and seen.mode == ("RGBA" if mode == "RGBA" else "RGB")


COUNTS = st.integers(0, 2**32 - 1) | st.integers(0, 100_000)


@fuzzed
@given(gamma=COUNTS, points=st.none() | st.lists(COUNTS, min_size=8, max_size=8))
def test_any_gamma_and_chromaticities_are_used_or_passed_over(
    gamma: int, points: list[int] | None
) -> None:
    info, file = PngInfo(), io.BytesIO()
    info.add(b"gAMA", struct.pack(">I", gamma))
    if points is not None:
        info.add(b"cHRM", struct.pack(">8I", *points))
    pillow.new("RGB", (3, 2), "teal").save(file, "PNG", pnginfo=info)
    with pillow.open(file) as picture:
        seen = colour_profile.convert_to_srgb(picture.convert("RGB"), "RGB", picture.info)
    assert seen.size == (3, 2) and seen.mode == "RGB"


@fuzzed
@given(
    count=st.integers(1, 400),
    rate=st.fractions(Fraction(1, 10), 2000, max_denominator=1001),
    kind=st.sampled_from(["gif", "webp", "mp4"]),
)
def test_a_film_that_is_thinned_out_keeps_its_length(
    count: int, rate: Fraction, kind: str
) -> None:
    most = film_encoder.limit_rate(kind, rate)
    frames = max(1, round(count * most / rate))
    kept = list(film_encoder._thin_out(range(count), frames, rate / most))  # type: ignore[arg-type]
    assert len(kept) == frames and len(set(kept)) == frames
    assert abs(frames / most - count / rate) <= 1 / most


@fuzzed
@given(
    alpha=st.lists(st.integers(0, 255), min_size=1, max_size=4),
    grey=st.lists(st.integers(0, 255), min_size=1, max_size=4),
    side=st.integers(1, 24),
)
def test_any_mask_is_read(
    alpha: list[int], grey: list[int], side: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("masks") / "mask.png"
    pixels = np.zeros([side, side, 4], np.uint8)
    pixels[..., :3] = np.resize(grey, [side, side, 1])
    pixels[..., 3] = np.resize(alpha, [side, side])
    pillow.fromarray(pixels).save(path)
    found = images.read_mask(path)
    assert found.shape == (1, 1, side, side) and found.min() >= 0 and found.max() <= 1
    images.describe_mask(path)
    assume(side > 10)
    pixels[0, 0, 3] = 0  # one pixel decides about itself
    pillow.fromarray(pixels).save(path)
    assert torch.equal(images.read_mask(path)[..., 1:, :], found[..., 1:, :])
