"""Which pictures words name, against a folder that is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqclip.errors import PictureError
from vqclip.media import paths

NAMES = ("b.png", "a.JPG", "sub/c.webp", "sub/deep/d.tiff", "10.gif", "[x].png")
OTHERS = ("notes.txt", ".hidden.png", ".vqclip-search/e.png", "sub/.f.png")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (*NAMES, *OTHERS):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return Path("photos")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["photos"], sorted(NAMES)),
        (["photos/"], sorted(NAMES)),
        (["photos/*.png"], ["[x].png", "b.png"]),
        (["photos/*"], sorted(NAMES)),  # the folder in it, too
        (["photos/**/*.webp"], ["sub/c.webp"]),
        (["photos/[ab].*"], ["a.JPG", "b.png"]),
        (["photos/[x].png"], ["[x].png"]),  # there is a file of that name
        (["photos/sub", "photos/b.png", "photos"], None),
        (["photos/b.png", "photos/b.png"], ["b.png"]),
        (["photos/notes.txt"], ["notes.txt"]),  # named outright: whoever reads it will say so
        (["photos/gone.png"], ["gone.png"]),
    ],
)
def test_words_name_pictures_in_order(
    photos: Path, words: list[str], names: list[str] | None
) -> None:
    if names is None:
        rest = sorted(set(NAMES) - {"sub/c.webp", "sub/deep/d.tiff", "b.png"})
        names = ["sub/c.webp", "sub/deep/d.tiff", "b.png", *rest]
    found, complaints = paths.find_pictures(words)
    assert sorted(found) == sorted(photos / name for name in names)
    assert found == list(dict.fromkeys(found))
    if len(words) > 1:
        assert found == [photos / name for name in names]
    else:
        assert found == sorted(found)
    assert complaints == []


def test_words_that_name_none_are_told(photos: Path) -> None:
    found, complaints = paths.find_pictures(["empty", "x*.png", "photos/*.txt", "photos/b.png"])
    assert found == [photos / "b.png"]
    assert complaints == [
        "empty holds no picture (png, jpg, jpeg, webp, bmp, gif, tif, tiff)",
        "no picture matches x*.png; check the pattern",
        "no picture matches photos/*.txt; check the pattern",
    ]


def test_a_folder_that_is_none_is_refused(photos: Path) -> None:
    with pytest.raises(PictureError, match="gone does not exist; expected a folder of pictures"):
        paths.list_below(Path("gone"))
    with pytest.raises(PictureError, match=r"b\.png is a file; expected a folder of pictures"):
        paths.list_below(photos / "b.png")


def test_of_a_run_the_finished_picture_is_taken(tmp_path: Path) -> None:
    for name in ("a/final.png", "a/steps/1.png", "a/frames/1.png", "b/steps/1.png", "c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a/run.json").touch()
    (tmp_path / "b/run.json").touch()  # stopped before its end: what there is
    wanted = ["a/final.png", "b/steps/1.png", "c.png"]
    assert [str(p.relative_to(tmp_path)) for p in paths.list_below(tmp_path)] == wanted
    assert paths.list_below(tmp_path / "a") == [tmp_path / "a/final.png"]


def test_names_are_sorted_as_people_number_them() -> None:
    names = ["a2", "a10", "a1", "b", "A3", "a01", "²", "10a", "9", "B1/2"]
    wanted = ["9", "10a", "a01", "a1", "a2", "A3", "a10", "b", "B1/2", "²"]
    assert [str(path) for path in paths.sort_naturally(map(Path, names))] == wanted
