"""The index of run folders: what it lists, how it is filtered, and what it never leads to."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import ConfigError
from vqclip.web import folder_index
from vqclip.web.folder_index import FolderIndex, RunEntry, RunFilter


def make_run(out: Path, name: str, prompt: str = "a fox", **notes: Any) -> Path:
    folder = out / name
    folder.mkdir(parents=True)
    told = {"prompt": prompt, "seed": 7, "started": "2026-11-30T08:00:00+00:00"}
    told |= {"config": {"drawer": "vqgan", "vqgan": "starter", "size": "64x64"}} | notes
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def names(index: FolderIndex) -> list[str]:
    return sorted(each.name for each in index.list_runs())


def test_runs_and_those_in_a_folder_of_their_own_are_listed(tmp_path: Path) -> None:
    make_run(tmp_path, "0001-a-fox", verdict={"score": 0.25})
    make_run(tmp_path / "sweep", "0002-a-fox")
    make_run(tmp_path, ".hidden")
    (tmp_path / "notes.txt").write_text("")
    index = FolderIndex(tmp_path)
    assert names(index) == ["0001-a-fox", "sweep/0002-a-fox"]
    first = next(each for each in index.list_runs() if each.name == "0001-a-fox")
    assert (first.prompt, first.score, first.model, first.size) == (
        "a fox",
        0.25,
        "vqgan",
        "64x64",
    )
    assert names(FolderIndex(tmp_path / "absent")) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"prompt": 3, "config": [], "seed": "x"}', "[" * 99_999]
)
def test_notes_that_cannot_be_read_leave_an_entry(text: str, tmp_path: Path) -> None:
    make_run(tmp_path, "0001-a").joinpath("run.json").write_text(text)
    assert names(FolderIndex(tmp_path)) == ["0001-a"]


def test_only_what_has_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_run(tmp_path, f"{number:04d}-a-fox")
    FolderIndex(tmp_path).list_runs()
    read: list[str] = []
    real = folder_index._read_entry

    def reading(folder: Path, name: str, stamp: int) -> RunEntry:
        read.append(name)
        return real(folder, name, stamp)

    monkeypatch.setattr(folder_index, "_read_entry", reading)
    index = FolderIndex(tmp_path)  # as after the server has started anew
    index.list_runs()
    assert read == []
    path = tmp_path / "0003-a-fox" / "run.json"
    path.write_text(path.read_text().replace("a fox", "a bear"))
    os.utime(path, (1, 1))
    assert {each.prompt for each in index.list_runs()} == {"a fox", "a bear"}
    assert read == ["0003-a-fox"]


@pytest.mark.parametrize("text", ["", "{}", '{"version": 1, "runs": [{}]}', '{"version": 9}'])
def test_a_broken_index_is_made_again(text: str, tmp_path: Path) -> None:
    make_run(tmp_path, "0001-a-fox")
    FolderIndex(tmp_path).list_runs()
    FolderIndex(tmp_path).file.write_text(text)
    assert names(FolderIndex(tmp_path)) == ["0001-a-fox"]


def test_two_thousand_runs_are_listed_at_once_after_the_first_time(tmp_path: Path) -> None:
    for number in range(2000):
        make_run(tmp_path, f"{number:04d}-a-fox")
    FolderIndex(tmp_path).list_runs()
    began = time.perf_counter()
    assert len(FolderIndex(tmp_path).list_runs()) == 2000
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret",
        "0001-a-fox/../../secret",
        "/etc",
        "0001-a-fox/",
        "link",
        "a/b/c",
        "0001-a-fox\0",
        "..\\secret",
        ".web",
        "0001-a-fox/steps",
    ],
)
def test_a_name_leads_to_runs_of_the_folder_only(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_run(out, "0001-a-fox").joinpath("steps").mkdir()
    make_run(tmp_path, "secret")
    (out / "link").symlink_to(tmp_path / "secret")
    index = FolderIndex(out)
    assert index.find_folder("0001-a-fox") == out / "0001-a-fox"
    assert index.find_folder(name) is None
    assert names(index) == ["0001-a-fox"]


RUNS = [
    RunEntry("0001-a-fox", 1, "a red fox", "vqgan", 0.2, "2026-11-01", "2026-11-01T10"),
    RunEntry("0002-a-bear", 1, "a bear", "strokes", None, "2026-11-20", "2026-11-20T10"),
    RunEntry("0003-a-fox", 1, "A FOX in snow", "vqgan", 0.4, "2026-11-30", "2026-11-30T10"),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [3, 2, 1]),
        ({"sort": "oldest"}, [1, 2, 3]),
        ({"sort": "best"}, [3, 1, 2]),
        ({"sort": "prompt"}, [2, 3, 1]),
        ({"text": "fox"}, [3, 1]),
        ({"text": "SNOW fox"}, [3]),
        ({"text": "0002"}, [2]),
        ({"model": "strokes"}, [2]),
        ({"least": 0.3}, [3]),
        ({"least": 0.0}, [3, 1]),
        ({"since": "2026-11-20"}, [3, 2]),
        ({"until": "2026-11-20"}, [2, 1]),
    ],
)
def test_runs_are_filtered_and_ordered(asked: dict[str, Any], found: list[int]) -> None:
    wanted = RunFilter(**asked)
    assert [int(each.name[:4]) for each in wanted.order(filter(wanted.takes, RUNS))] == found


def test_a_filter_that_means_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'yesterday' is no date; write it as 2026-11-30"):
        RunFilter(since="yesterday")
    with pytest.raises(ConfigError, match="sort is 'size'; expected one of newest"):
        RunFilter(sort="size")
