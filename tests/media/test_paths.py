"""Which pictures words name, against a folder that is known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.media import paths
from vqclip.media.frames import frame_source
from vqclip.training.data import user_folder

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


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("[2024] trip/*.png", ["[2024] trip/a.png", "[2024] trip/b1.png"]),
        ("HERE/[2024] trip/b?.png", ["[2024] trip/b1.png"]),
        ("*/*1.png", ["[2024] trip/b1.png", "why?/c1.png"]),
        ("**/b*.png", ["[2024] trip/b1.png"]),
        ("why?/*.png", ["why?/c1.png"]),  # and not those of `whyx`
        ("wh??/*.png", ["why?/c1.png", "whyx/d.png"]),
        ("[2024]*/a.png", ["[2024] trip/a.png"]),  # no name begins with one of these digits
        ("[[]2024] trip/[a].png", ["[2024] trip/a.png"]),
        ("./{e}/*[/[f*.png", ["{e}/g[/[f.png"]),
        ("{e}/../why?/[!x]*.png", ["why?/c1.png"]),
        ("~/why[x-z]/d.*", ["whyx/d.png"]),
        ("[2024] trip", ["[2024] trip"]),
        ("[2024] trip/*.jpg", []),
        ("[2024] trip/a", []),
    ],
)
def test_what_is_there_is_taken_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, names: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = tmp_path / "in [brackets] *"
    for folder in (own, tmp_path):
        for name in ("[2024] trip/a.png", "[2024] trip/b1.png", "why?/c1.png", "whyx/d.png"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        (folder / "{e}" / "g[").mkdir(parents=True)
        (folder / "{e}" / "g[" / "[f.png").touch()
    monkeypatch.chdir(own)
    found = paths.match_paths(word.replace("HERE", str(own)))
    assert sorted(os.path.relpath(each.resolve(), own) for each in found) == sorted(
        os.path.relpath(tmp_path / n, own) if word[0] == "~" else n for n in names
    )


@pytest.mark.parametrize("brackets", ["[a]", "[2024] trip", "[", "x?", "*", "{a}"])
def test_every_command_names_pictures_in_one_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brackets: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(brackets)
    folder.mkdir()
    for name in ("b.png", "a.png"):
        pillow.new("RGB", (8, 8)).save(folder / name)
    word, wanted = f"{brackets}/*.png", [folder / "a.png", folder / "b.png"]
    assert paths.find_pictures([word]) == (wanted, [])
    assert paths.find_source([word]).pictures == wanted
    assert paths.find_images(word, SearchPath.current()) == wanted
    assert frame_source.list_files(word) == wanted
    assert user_folder.find_pictures(word, lambda path, why: None) == wanted
    assert paths.find_one(f"{brackets}/a*") == folder / "a.png"
    with pytest.raises(PictureError, match="stands for 2 pictures; name one of them"):
        paths.find_one(word)


def test_kinds_that_are_not_read_are_named_and_passed_over(photos: Path) -> None:
    heic = b"\0\0\0\x18ftypheic"
    for name in ("p.heic", "q.HEIC", "sub/r.heif", ".s.heic", "t.nef"):
        (photos / name).write_bytes(heic if "h" in name.lower() else b"II*\0")
    said = "(a HEIC picture; save it as JPEG or PNG)"
    raw = "passed over photos/t.nef (a camera's raw file; develop it, and save it as JPEG or PNG)"
    wanted = [f"passed over photos/p.heic and 2 more {said}", raw]
    assert paths.describe_unread(["photos"]) == wanted
    assert paths.describe_unread(["ph*", "photos/*.heic"]) == wanted
    assert paths.describe_unread(["photos/p.heic", "photos/b.png"]) == []
    found, complaints = paths.find_pictures(["photos/*.heic", "photos"])
    assert found == sorted(photos / name for name in NAMES)
    assert complaints == [
        f"no picture matches photos/*.heic; check the pattern; passed over photos/p.heic {said}"
    ]


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
