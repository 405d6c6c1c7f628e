"""File kinds by their first bytes, and the messages about them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.media import file_kinds, film_decoder, images, paths

SVG = b'<?xml version="1.0"?>\n<!-- a <b> -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
KINDS: list[tuple[bytes, str]] = [
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
    (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file"),
    (b"\0\0\0\x18ftypcrx \0\0\0\1", "a camera's raw file"),
    (b"FUJIFILMCCD-RAW 0201", "a camera's raw file"),
    (b"8BPS\0\1", "a Photoshop file"),
    (SVG, "an SVG drawing"),
    (b"\xef\xbb\xbf\n<SVG width='8'>", "an SVG drawing"),
    (b"\n<!DOCTYPE html><body><svg></svg>", "a page of HTML"),
    (b"<?xml version='1.0'?><html>", "a page of HTML"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
    (b"", "an empty file"),
    (b"%PDF-1.7", "a PDF"),
    (b"\0\0\0\x18ftypisom\0\0\2\0", "a film"),
    (b"\x1aE\xdf\xa3", "a film"),
]


@pytest.mark.parametrize(
    ("data", "kind"), KINDS, ids=[f"{n} {k}" for n, (_, k) in enumerate(KINDS)]
)
def test_a_file_is_called_what_it_is(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    said = rf"photo\.jpg is {kind}.*; \S+ "
    for reads in (paths.check_image, images.open_rgb, images.read_head, images.read_mask):
        with pytest.raises(PictureError, match=said) as refused:
            reads(path)
        assert "damaged" not in str(refused.value)
    assert ("whatever its name says" in str(refused.value)) is (data != b"")
    if kind != "a film":
        path = path.rename(tmp_path / "photo.mp4")
        with pytest.raises(PictureError, match=rf"photo\.mp4 (is {kind}|holds no moving)"):
            film_decoder.probe_film(path)


def test_a_suffix_that_says_it_is_not_contradicted(tmp_path: Path) -> None:
    (tmp_path / "a.HEIC").write_bytes(KINDS[0][0])
    with pytest.raises(PictureError, match=r"a\.HEIC is a HEIC picture; save it as JPEG or PNG$"):
        paths.check_image(tmp_path / "a.HEIC")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_pictures_that_are_read_are_of_no_other_kind(tmp_path: Path, kind: str) -> None:
    data = io.BytesIO()
    pillow.new("RGB", (8, 8)).save(data, kind)
    (tmp_path / "a").write_bytes(data.getvalue())
    assert file_kinds.identify_kind(tmp_path / "a") is None


@pytest.mark.parametrize("data", [b"<!---->" * 600, b"<" * 4096, b"hello", b"\0" * 64, SVG[:40]])
def test_what_is_none_of_them_is_damaged_or_no_picture(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PictureError, match="it is damaged or no picture"):
        paths.check_image(tmp_path / "a.png")
