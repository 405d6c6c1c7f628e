"""Pictures in and out of files."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from vqclip.errors import OutputError, PictureError
from vqclip.media import files, images


class Notes:
    def notes(self) -> dict[str, str]:
        return {"vqclip": "a 狐"}


def test_levels_are_rounded_clamped_and_never_undefined() -> None:
    row = torch.tensor([-1.0, 0.0, 0.499 / 255, 0.5 / 255, 254.6 / 255, 2.0, float("nan")])
    image = row.expand(1, 3, 1, 7)
    assert images.to_bytes(image)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 0]
    assert images.to_bytes(torch.full([1, 3, 2, 5], 0.5).bfloat16()).shape == (2, 5, 3)
    with pytest.raises(ValueError, match=r"shape \[3, 4, 4\]; expected \[1, 3, H, W\]"):
        images.to_bytes(torch.zeros(3, 4, 4))


def test_opacity_is_a_fourth_channel(tmp_path: Path) -> None:
    rgba = torch.tensor([1.0, 0.5, 0.0, 0.2]).reshape(1, 4, 1, 1)
    path = images.save_png(tmp_path / "a.png", rgba)
    with pillow.open(path) as picture:
        assert (picture.mode, picture.getpixel((0, 0))) == ("RGBA", (255, 128, 0, 51))


def test_every_level_comes_back(tmp_path: Path) -> None:
    levels = torch.arange(768).remainder(256).reshape(1, 3, 16, 16).float().div(255)
    path = images.save_png(tmp_path / "a.png", levels)
    assert torch.equal(images.read_picture(path), levels)


def test_same_picture_same_bytes_and_nothing_beside(tmp_path: Path) -> None:
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    first = images.save_png(tmp_path / "a.png", image, Notes()).read_bytes()
    second = images.save_png(tmp_path / "b.png", image.clone(), Notes()).read_bytes()
    assert first == second
    assert b"iTXtvqclip\0\0\0\0\0" + "a 狐".encode() in first
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_nothing_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = images.save_png(tmp_path / "a.png", torch.zeros(1, 3, 2, 2))
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"a.png already exists, and vqclip does not over"):
        images.save_png(path, torch.ones(1, 3, 2, 2))
    assert path.read_bytes() == before
    images.save_png(path, torch.ones(1, 3, 2, 2), overwrite=True)
    assert images.read_picture(path).min() == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device.*free some space on the disk, and run it again"),
        (errno.EROFS, "Read-only file system.*choose a place that you may write to with --out"),
        (errno.EIO, "check the disk and the folder's permissions"),
    ],
)
def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    path = files.write_whole(tmp_path / "a.txt", b"old")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=f"a.txt cannot be written .*{message}"):
        files.write_whole(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_is_gone_or_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"gone/a.png cannot be written .*moved or deleted"):
        images.save_png(tmp_path / "gone" / "a.png", torch.zeros(1, 3, 2, 2))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file stands where a folder should be"):
        images.save_png(tmp_path / "file" / "a.png", torch.zeros(1, 3, 2, 2))


def grey(values: np.ndarray, name: str, folder: Path) -> torch.Tensor:
    pillow.fromarray(values).save(folder / name)
    found = images.read_picture(folder / name)
    assert torch.equal(found[:, 0], found[:, 2])
    return found[0, 0] * 255


def test_grey_pictures_of_any_depth(tmp_path: Path) -> None:
    ramp = np.array([[0, 128, 255]])
    cases: list[tuple[np.ndarray, str]] = [
        (ramp.astype(np.uint8), "8.png"),
        ((ramp * 257).astype(np.uint16), "16.png"),
        ((ramp * 257).astype(np.uint16), "16.tif"),
        ((ramp * 257).astype(np.int32), "32.tif"),
        ((ramp / 255).astype(np.float32), "f.tif"),
    ]
    for values, name in cases:
        assert grey(values, name, tmp_path).round().int().tolist() == ramp.tolist()
    pillow.fromarray(ramp.astype(np.uint8)).convert("1", dither=pillow.Dither.NONE).save(
        tmp_path / "1.png"
    )
    assert images.read_picture(tmp_path / "1.png")[0, 0].tolist() == [[0, 1, 1]]


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    half = pillow.new("RGBA", (2, 1), (255, 0, 0, 0))
    half.putpixel((1, 0), (255, 0, 0, 128))
    half.save(tmp_path / "a.png")
    found = images.read_picture(tmp_path / "a.png")[0, :, 0]
    assert found[:, 0].tolist() == [1, 1, 1]
    assert torch.allclose(found[:, 1], torch.tensor([1, 127 / 255, 127 / 255]), atol=1 / 255)
    palette = pillow.new("P", (1, 1), 0)
    palette.putpalette([0, 0, 255])
    palette.save(tmp_path / "p.png", transparency=0)
    assert images.read_picture(tmp_path / "p.png").min() == 1
    palette.save(tmp_path / "q.png")
    assert images.read_picture(tmp_path / "q.png")[0, :, 0, 0].tolist() == [0, 0, 1]
    pillow.new("LA", (1, 1), (0, 0)).save(tmp_path / "la.png")
    assert images.read_picture(tmp_path / "la.png").min() == 1


def test_cmyk_animations_and_orientation(tmp_path: Path) -> None:
    pillow.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red = images.read_picture(tmp_path / "a.jpg")[0, :, 0, 0]
    assert red[0] > 0.85 and red[1:].max() < 0.25
    first, second = pillow.new("RGB", (3, 2), "lime"), pillow.new("RGB", (3, 2), "blue")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert images.read_picture(tmp_path / "a.gif")[0, :, 0, 0].tolist() == [0, 1, 0]
    wide = pillow.new("RGB", (2, 1), "black")
    wide.putpixel((0, 0), (255, 255, 255))
    exif = pillow.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left comes to the top
    wide.save(tmp_path / "o.png", exif=exif)
    assert images.read_picture(tmp_path / "o.png")[0, 0].tolist() == [[1], [0]]


def test_size_is_width_and_height(tmp_path: Path) -> None:
    path = images.save_png(tmp_path / "a.png", torch.full([1, 3, 4, 4], 0.2))
    found = images.read_picture(path, size=(6, 3))
    assert found.shape == (1, 3, 3, 6) and found.is_contiguous()
    assert torch.allclose(found, torch.tensor(51 / 255))


def test_what_is_no_picture_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(PictureError, match=r"there is no picture at .*a.png; check the name"):
        images.read_picture(path)
    with pytest.raises(PictureError, match="is a folder; expected a picture"):
        images.read_picture(tmp_path)
    path.write_text("hello")
    with pytest.raises(PictureError, match="is not a picture that can be read; expected PNG"):
        images.read_picture(path)
    buffer = io.BytesIO()
    pillow.effect_noise((64, 64), 90).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue()[:900])
    with pytest.raises(PictureError, match=r"cannot be read as a picture .*cut short\?"):
        images.read_picture(path)
    path.write_bytes(buffer.getvalue())
    for most in (3000, 1000):  # a warning of Pillow's up to twice its border, an error above
        monkeypatch.setattr(pillow, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(PictureError, match="more than 89 million pixels; make it smaller"):
            images.read_picture(path)


def test_the_border_is_pillows_own() -> None:
    assert pillow.MAX_IMAGE_PIXELS == images.LARGEST


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_mask_that_is_partly_transparent_is_its_opacity(mode: str, tmp_path: Path) -> None:
    colours = pillow.new("RGBA", (4, 2), (255, 255, 255, 0))
    colours.paste((0, 0, 0, 255), (0, 0, 2, 2))  # black where it is there
    picture = colours.convert(mode) if mode != "P" else colours.quantize(8)
    picture.save(tmp_path / "mask.png")
    found = images.read_mask(tmp_path / "mask.png")
    assert found.shape == (1, 1, 2, 4)
    assert found[0, 0].tolist() == [[1, 1, 0, 0]] * 2


def test_a_mask_half_there_is_half_there(tmp_path: Path) -> None:
    pillow.new("RGBA", (1, 1), (9, 9, 9, 51)).save(tmp_path / "mask.png")
    assert float(images.read_mask(tmp_path / "mask.png")) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("alpha", "box", "wanted"),
    [
        (255, (0, 0, 0, 0), None),
        (254, (3, 3, 4, 4), None),  # a speck
        (0, (3, 3, 4, 4), None),
        (254, (0, 0, 64, 64), None),  # as lossy formats leave it
        (0, (60, 58, 64, 64), None),  # corners, 0.6 % of it
        (0, (0, 0, 64, 16), "opacity"),
        (0, (0, 0, 64, 64), "opacity"),
        (128, (0, 0, 64, 64), "opacity"),
    ],
)
def test_a_few_odd_pixels_do_not_decide_how_a_mask_is_read(
    alpha: int, box: tuple[int, int, int, int], wanted: str | None, tmp_path: Path
) -> None:
    picture = pillow.new("RGBA", (64, 64), "black")
    picture.paste((255, 255, 255, 255), (32, 0, 64, 64))
    opacity = pillow.new("L", (64, 64), 255)
    opacity.paste(alpha, box)
    picture.putalpha(opacity)
    picture.save(tmp_path / "mask.png")
    found = images.read_mask(tmp_path / "mask.png")[0, 0]
    said = images.describe_mask(tmp_path / "mask.png")
    if wanted is None:
        assert found[:, :32].max() == 0 and found[:, 32:].mean() == pytest.approx(1, abs=0.02)
        assert said is None
    else:
        assert torch.equal(found, torch.from_numpy(np.array(opacity)) / 255)
        # Where something is opaque, white and black could have been meant.
        assert (said is not None and "its opacity is the region" in said) is (box[3] < 64)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L"])
def test_an_opaque_mask_is_its_brightness(mode: str, tmp_path: Path) -> None:
    picture = pillow.new("RGB", (2, 1), "black")
    picture.putpixel((1, 0), (255, 255, 255))
    picture.convert(mode).save(tmp_path / "mask.png")
    assert images.read_mask(tmp_path / "mask.png")[0, 0].tolist() == [[0, 1]]


def test_a_mask_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there is no picture at"):
        images.read_mask(tmp_path / "nil.png")


def test_the_head_tells_size_and_alpha(tmp_path: Path) -> None:
    for mode, alpha in (("RGB", False), ("L", False), ("RGBA", True), ("LA", True)):
        path = tmp_path / f"{mode}.png"
        pillow.new(mode, (8, 6)).save(path)
        assert images.read_head(path) == ((8, 6), alpha)
        assert images.open_rgb(path, alpha=True).mode == ("RGBA" if alpha else "RGB")
    with pytest.raises(PictureError, match=r"there is no picture at .*gone.png"):
        images.read_head(tmp_path / "gone.png")


def test_a_glance_decodes_nothing(tmp_path: Path) -> None:
    pillow.new("RGB", (8, 6)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: whole.index(b"IDAT") + 8])
    assert images.read_head(tmp_path / "cut.png") == ((8, 6), False)
