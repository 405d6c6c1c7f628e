"""Which pictures, or which film, words name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import PictureError
from vqclip.media.paths import find_source

ORDER = ["frame2.png", "frame10.png", "frame100.png"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("pictures")
    folder.mkdir()
    for name in (*ORDER, ".hidden.png", "notes.txt"):
        (folder / name).touch()
    return folder


def names(*words: str) -> list[str]:
    return [path.name for path in find_source(words).pictures]


def test_numbers_count_as_numbers(folder: Path) -> None:
    assert names("pictures") == ORDER
    assert names("pictures/*.png") == ORDER
    assert names(*sorted(f"pictures/{name}" for name in ORDER)) == ORDER  # as a shell puts them


def test_an_order_of_ones_own_is_kept(folder: Path) -> None:
    words = ["pictures/frame100.png", "pictures/frame2.png", "pictures/frame100.png"]
    assert names(*words) == ["frame100.png", "frame2.png", "frame100.png"]
    os.mkdir("more")
    Path("more/frame1.png").touch()
    assert names("pictures", "more") == [*ORDER, "frame1.png"]


def test_where_the_film_goes(folder: Path) -> None:
    assert find_source(["pictures"]).home == Path("pictures").absolute()
    (folder / "deep").mkdir()
    (folder / "deep" / "1.png").touch()
    assert find_source(["pictures/deep/../deep"]).home.name == "deep"
    assert find_source(["pictures/*.png"]).home == Path("film")
    Path("old.mp4").touch()
    found = find_source(["old.mp4"])
    assert (found.film, found.home, found.name) == (Path("old.mp4"), Path("old"), "old.mp4")


def test_of_a_run_the_best_that_there_is(folder: Path) -> None:
    run = Path("outputs/0001-a-fox")
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"config": {"film": {"fps": 7}}}))
    (run / "final.png").touch()
    with pytest.raises(PictureError, match=r"the run .*a-fox has neither frames nor a film nor"):
        find_source([str(run)])
    for place in ("steps", "film.gif", "film.frames", "frames"):
        if "." in place and "frames" not in place:
            (run / place).touch()
            assert (find_source([str(run)]).film, find_source([str(run)]).pictures) == (
                run / place,
                [],
            )
        else:
            (run / place).mkdir()
            (run / place / "00000.png").touch()
            found = find_source([str(run)])
            assert (found.film, found.pictures) == (None, [run / place / "00000.png"])
            assert (found.home, found.fps) == (run / "film", 7)
    (run / "run.json").write_text("{")
    assert find_source([str(run)]).fps is None


def test_an_animation_alone_is_a_film_and_among_others_a_picture(folder: Path) -> None:
    for name in ("a.gif", "b.webp", "c.mp4"):
        Path(name).touch()
    assert find_source(["a.gif"]).film == Path("a.gif") and find_source(["b.webp"]).film == Path(
        "b.webp"
    )
    assert names("a.gif", "b.webp") == ["a.gif", "b.webp"]
    with pytest.raises(PictureError, match=r"c.mp4 is a film, but not the only file; name"):
        find_source(["a.gif", "c.mp4"])


def test_what_names_nothing_is_said(folder: Path) -> None:
    os.mkdir("empty")
    for word, message in (
        ("empty", r"empty holds no picture \(png, jpg"),
        ("zz*.png", "nothing matches zz.*; check the pattern"),
        ("gone.png", "there is no gone.png; name a run, a folder"),
    ):
        with pytest.raises(PictureError, match=message):
            find_source([word])


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"film": {"fps": 7}}, 7),
        ({"film": {"fps": 7}, "frames": 24, "fps": None}, 12),
        ({"film": {"fps": 7}, "frames": 24, "fps": 23.976}, 23.976),
        ({"film": {"fps": 7}, "frames": 24, "fps": 0.5}, 0.5),
        ({"film": {"fps": 7, "between": 1, "between_by": "latent"}, "frames": 9, "fps": 10}, 20),
        ({"film": {"fps": 7, "between": 1, "between_by": "blend"}, "frames": 9, "fps": 10}, 10),
    ],
)
def test_a_runs_rate_is_that_of_its_film(told: Any, wanted: float, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"config": told}))
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/00000.png").touch()
    assert find_source([str(tmp_path)]).fps == wanted
