"""The pictures that a run reads: found, refused, and compared in shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as pillow

from vqclip.config.checking.picture_checks import images_of_run, require_images
from vqclip.config.schema import RunConfig
from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.prompts import parse_prompts
from vqclip.media import paths

HERE = SearchPath.current()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_pictures_that_a_run_reads() -> None:
    wishes = parse_prompts("a fox | @b.png | @a.png:-1 | @b.png:2")
    assert images_of_run(RunConfig(), wishes) == ["b.png", "a.png"]
    assert images_of_run(RunConfig(init="c.png"), wishes) == [
        "b.png",
        "a.png",
        "c.png",
    ]
    assert images_of_run(RunConfig(init="a.png"), wishes) == ["b.png", "a.png"]
    assert images_of_run(RunConfig(init="fractal"), parse_prompts("a fox")) == []


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("fractl", "^init=fractl is neither a picture file nor .*; did you mean 'fractal'"),
        (
            "x" * 999,
            "^init=x{60}… is neither a picture file nor one of: auto, dream, random, source, ",
        ),
        ("no.png", "^no.png cannot be read .No such file or directory.; try another file$"),
        ("bad.png", "^bad.png cannot be read .it is damaged or no picture.; try another file$"),
    ],
)
def test_what_cannot_be_opened_is_refused(init: str, message: str) -> None:
    Path("bad.png").write_text("no picture")
    with pytest.raises(PictureError, match=message):
        require_images(RunConfig(init=init), parse_prompts("a fox"), HERE)


@pytest.mark.parametrize(
    ("prompt", "example"), [("like(none)", "like(photos/*.jpg)"), ("@none", "@photos/*.jpg")]
)
def test_a_folder_without_pictures_is_refused_with_what_to_write(
    prompt: str, example: str
) -> None:
    Path("none").mkdir()
    with pytest.raises(PictureError) as caught:
        require_images(RunConfig(), parse_prompts(prompt), HERE)
    assert f"from 1 to 256 of them, such as {example} (of the kinds" in str(caught.value)


@pytest.mark.parametrize(
    ("own", "size", "note"),
    [
        ((640, 480), (256, 256), "is 640x480 and is stretched to 256x256; aspect=4:3 would"),
        ((480, 640), (256, 256), "is 480x640 and is stretched to 256x256; aspect=3:4 would"),
        ((640, 480), (64, 48), None),
        ((100, 96), (64, 64), None),
        ((100, 94), (64, 64), "is 100x94 and is stretched to 64x64; aspect=50:47 would keep"),
        ((210, 10), (64, 64), r"is 210x10 and is stretched to 64x64$"),
    ],
)
def test_a_picture_of_another_shape_is_said_to_be_stretched(
    own: tuple[int, int], size: tuple[int, int], note: str | None
) -> None:
    path = Path("photo.png")
    pillow.new("RGB", own).save(path)
    found = paths.describe_stretch("~/photo.png", path, size)
    if note is None:
        assert found is None
    else:
        import re

        assert found is not None and re.match(f"~/photo.png {note}", found), found


def test_a_photograph_is_measured_as_it_is_held() -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6
    pillow.new("RGB", (64, 32)).save("held.jpg", exif=exif)
    assert paths.describe_stretch("held.jpg", Path("held.jpg"), (32, 64)) is None
