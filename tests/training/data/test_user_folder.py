"""The user's own pictures: found, made small, and cut into squares."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image as pillow
from torch import Generator, Tensor

from vqclip.errors import PictureError
from vqclip.training.data import user_folder
from vqclip.training.data.user_folder import RandomSquares, find_pictures, read_small, split_paths


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def squares(
    paths: list[Path], skipped: list[str] | None = None, room: int = 10**6
) -> RandomSquares:
    heard = [] if skipped is None else skipped
    return RandomSquares(
        paths,
        size=16,
        crop=(0.5, 1.0),
        flips=True,
        room=room,
        skip=lambda path, why: heard.append(f"{path.name}: {why}"),
    )


def never(path: Path, why: str) -> None:
    raise AssertionError(f"{path}: {why}")


def plain(path: Path, colour: str, size: tuple[int, int] = (20, 20)) -> Path:
    pillow.new("RGB", size, colour).save(path)
    return path


def test_pictures_are_found_below_and_in_order(tmp_path: Path) -> None:
    names = ["b.JPG", "a.png", "c/z.tiff", "c/d/y.gif", "c/x.bmp", "w.webp"]
    for name in [*names, ".hidden.png", ".thumbs/t.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        plain(tmp_path / name, "teal")
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:20])
    (tmp_path / "text.jpeg").write_text("no picture")
    (tmp_path / "page.jpeg").write_text("<html>")
    (tmp_path / "v.heic").write_bytes(b"\0\0\0\x18ftypheic")
    heard: list[tuple[str, str]] = []
    found = find_pictures(str(tmp_path), lambda path, why: heard.append((path.name, why)))
    got = [path.relative_to(tmp_path).as_posix() for path in found]
    assert got == ["a.png", "b.JPG", "w.webp", "c/x.bmp", "c/z.tiff", "c/d/y.gif"]
    assert [name for name, _ in heard] == ["cut.png", "page.jpeg", "text.jpeg", "v.heic"]
    assert [why for _, why in heard[1:]] == [
        "is a page of HTML, whatever its name says; download the file itself",
        "no picture that can be read",
        "is a HEIC picture; save it as JPEG or PNG",
    ]
    assert find_pictures(f"{tmp_path}/c*/*.bmp", never) == [tmp_path / "c" / "x.bmp"]
    with pytest.raises(PictureError, match="x: nothing matches it; check the pattern"):
        find_pictures(f"{tmp_path}/*.x", never)


def test_no_folder_and_no_picture_are_errors(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"none: there is no such folder; check"):
        find_pictures(str(tmp_path / "none"), never)
    with pytest.raises(
        PictureError, match=r"holds no picture to learn from; put some .*\(png, j"
    ):
        find_pictures(str(tmp_path), never)
    (tmp_path / "a.png").touch()
    with pytest.raises(PictureError, match="to learn from; none of 1 could be read; put some"):
        find_pictures(str(tmp_path), lambda path, why: None)


def test_few_pictures_serve_as_both_and_of_many_some_are_held_out() -> None:
    few = [Path(str(index)) for index in range(39)]
    assert split_paths(few) == (few, few)
    many = [Path(str(index)) for index in range(45)]
    known, held = split_paths(many)
    assert held == [many[0], many[20], many[40]] and sorted([*known, *held]) == sorted(many)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((300, 200), (48, 72)),  # made small: the shorter side is 3 squares
        ((40, 30), (30, 40)),  # as it is
        ((8, 4), (16, 32)),  # enlarged to a square
        ((1, 1), (16, 16)),
        ((1000, 2), (16, 128)),  # cut to its middle, 8 times as wide as high
        ((2, 1000), (128, 16)),
    ],
)
def test_pictures_are_made_small(
    tmp_path: Path, size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    got = read_small(plain(tmp_path / "a.png", "#3264c8", size), 16)
    assert got.shape == (3, *wanted) and got.dtype == torch.uint8
    assert (got == torch.tensor([50, 100, 200])[:, None, None]).all()


def test_pictures_are_seen_as_they_are_meant(tmp_path: Path) -> None:
    left_red = pillow.new("RGB", (32, 16), "blue")
    left_red.paste("red", (0, 0, 16, 16))
    exif = pillow.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    left_red.save(tmp_path / "turned.png", exif=exif)
    turned = read_small(tmp_path / "turned.png", 16)
    assert turned.shape == (3, 32, 16)
    assert turned[0, :16].min() == 255 and turned[2, 16:].min() == 255

    pillow.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_small(tmp_path / "clear.png", 16) == 255).all()
    wide = numpy.full([16, 16], 32768, numpy.uint16)
    pillow.fromarray(wide).save(tmp_path / "wide.png")
    assert (read_small(tmp_path / "wide.png", 16) == 128).all()
    frames = [pillow.new("RGB", (16, 16), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert read_small(tmp_path / "film.gif", 16)[:, 0, 0].tolist() == [255, 0, 0]
    pillow.new("CMYK", (400, 300), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    assert read_small(tmp_path / "print.jpg", 16).shape == (3, 48, 64)


def test_a_huge_picture_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plain(tmp_path / "a.png", "red", (30, 30))
    monkeypatch.setattr(pillow, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match=r"a.png: more than 89 million pixels; make it small"):
        read_small(path, 16)


def test_squares_are_random_details(tmp_path: Path) -> None:
    ramp = torch.arange(64).mul(4).expand(64, 64).to(torch.uint8)
    pixels = torch.stack([ramp, ramp.T, torch.zeros_like(ramp)], 2)
    pillow.fromarray(pixels.numpy()).save(tmp_path / "a.png")
    made = squares([tmp_path / "a.png"])
    before = torch.get_rng_state()
    got = made.draw(60, stream())
    assert got.shape == (60, 3, 16, 16) and got.min() >= -1 and got.max() <= 1
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(got, squares([tmp_path / "a.png"]).draw(60, stream()))
    across, down = got[:, 0, 0, -1] - got[:, 0, 0, 0], got[:, 1, -1, 0] - got[:, 1, 0, 0]
    mirrored = float((across < 0).float().mean())
    assert 0.3 < mirrored < 0.7 and (down > 0).all()
    sides = down / 2 * 64 / 60 * 16 / 15  # how much of the whole they show
    assert 0.45 < sides.min() < 0.6 and 0.85 < sides.max() < 1.1
    still = RandomSquares(
        [tmp_path / "a.png"], size=16, crop=(1, 1), flips=False, room=0, skip=never
    ).draw(2, stream())
    assert torch.equal(still[0], still[1])


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [plain(tmp_path / f"{index}.png", "red", (48, 48)) for index in range(6)]
    read: list[Path] = []

    def spy(path: Path, size: int) -> Tensor:
        read.append(path)
        return read_small(path, size)

    monkeypatch.setattr(user_folder, "read_small", spy)
    made = squares(paths, room=2 * 3 * 48 * 48)
    made.draw(60, stream())
    assert len(made.held) == 2 and sum(t.numel() for t in made.held.values()) == 2 * 3 * 48 * 48
    kept = {paths[index] for index in made.held}
    assert all(read.count(path) == (1 if path in kept else read.count(path)) for path in paths)
    assert 20 < len(read) < 60
    read.clear()
    squares(paths).draw(60, stream())
    assert len(read) == 6


def test_a_damaged_picture_is_named_once_and_drawn_past(tmp_path: Path) -> None:
    noise = torch.randint(0, 256, [64, 64, 3], generator=stream(), dtype=torch.uint8)
    whole = tmp_path / "whole.png"
    pillow.fromarray(noise.numpy()).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:3000])
    assert find_pictures(str(tmp_path), never) == [cut, whole]  # its header is whole
    heard: list[str] = []
    made = squares([cut, whole], heard)
    generator = stream()
    first, second = made.draw(9, generator), made.draw(9, generator)
    assert len(heard) == 1 and heard[0].startswith("cut.png: ") and str(tmp_path) not in heard[0]
    # Whoever begins in the middle, and finds the damage then, draws the same.
    other = stream()
    squares([cut, whole]).draw(9, other)
    assert torch.equal(squares([cut, whole]).draw(9, other), second)
    assert not torch.equal(first, second)
    with pytest.raises(PictureError, match="none of the 1 pictures could be read; are they dam"):
        squares([cut]).draw(1, stream())
