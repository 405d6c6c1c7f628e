"""Directions with a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqclip.errors import OutputError, PromptError
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.language.directions.direction_files import Direction

HERE = SearchPath.current()

SUNNY = Direction(("sun", "@a.png"), ("rain",), {"ab": (0.6, 0.8)})


@pytest.fixture(autouse=True)
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(folder: Path, text: str = direction_files.direction_to_json(SUNNY)) -> Path:
    (folder / "directions").mkdir(parents=True)
    path = folder / "directions" / "sunny.json"
    path.write_text(text)
    return path


def test_what_is_written_is_read_back() -> None:
    write(Path())
    found = direction_files.find_direction("sunny", HERE)
    assert (found.there, found.lacking) == (SUNNY.there, SUNNY.lacking)
    assert list(found.vectors["ab"]) == [0.6, 0.8]
    assert not found.in_words
    assert direction_files.hash_direction(found) == direction_files.hash_direction(SUNNY)


def test_a_direction_may_lie_beside_what_is_run(tmp_path: Path) -> None:
    write(tmp_path / "there")
    assert (
        direction_files.find_direction("sunny", SearchPath((tmp_path / "there",))).there
        == SUNNY.there
    )


def test_one_comes_along() -> None:
    assert direction_files.find_direction("textoff", HERE).in_words


def test_a_missing_one_is_refused_with_the_nearest() -> None:
    write(Path())
    with pytest.raises(PromptError, match=r"no direction 'suny'; did you mean 'sunny'\? \(there"):
        direction_files.find_direction("suny", HERE)
    with pytest.raises(PromptError, match=r"no direction '\.\./sunny'"):
        direction_files.find_direction("../sunny", HERE)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"there": [], "lacking": ["a"]}', '{"there": [1], "lacking": ["a"]}'),
        *('{"there": ["a"], "lacking": ["a"], "vectors": {"b": ["x"]}}', "[" * 100_000, "nul"),
    ],
)
def test_a_file_that_holds_none_is_refused(text: str) -> None:
    write(Path(), text)
    with pytest.raises(PromptError, match=r"cannot be read as a direction .*make it again"):
        direction_files.find_direction("sunny", HERE)


def test_new_ones_overwrite_nothing() -> None:
    write(Path())
    with pytest.raises(OutputError, match=r"sunny.json already exists; choose another --name"):
        direction_files.build_direction_path("sunny")
    with pytest.raises(PromptError, match="cannot be called 'a/b'; use letters"):
        direction_files.build_direction_path("a/b")
