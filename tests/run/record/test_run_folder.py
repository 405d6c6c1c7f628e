"""Numbered folders, each a run's own."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import OutputError
from vqclip.media import files
from vqclip.run.record import run_folder


def test_numbers_rise_and_names_come_from_the_title(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "outputs"
    assert run_folder.make_run_folder(out, "A Fox!").name == "0001-a-fox"
    assert run_folder.make_run_folder(out, "狐").name == "0002-狐"
    (out / "0041").touch()
    (out / "20310704-sketches").mkdir()
    (out / "12-apes").mkdir()
    assert run_folder.make_run_folder(out, "x").name == "0042-x"
    (out / "9999-y").mkdir()
    assert run_folder.make_run_folder(out, "x").name == "10000-x"
    assert not [name for name in os.listdir(out) if name.startswith(".")]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("", "run"),
        ("|?", "run"),
        ("../../etc/passwd\0\n", "etc-passwd"),
        ("Cre\u0300me brûlée, don’t", "crème-brûlée-dont"),
        ("word " * 20, "-".join(["word"] * 8)),
        ("x" * 99, "x" * 40),
        ("x" * 40 + " b", "x" * 40),
        ("日本の城", "日本の城"),
        ("Красная лиса: 2", "красная-лиса-2"),
        ("قطة حمراء", "قطة-حمراء"),
        ("\u202eעברית\u200f!", "עברית"),  # without what turns the writing round
        ("हिन्दी", "हिन्दी"),
        ("👩‍🚀 on 🇯🇵", "👩‍🚀-on-🇯🇵"),
        ("ＡＢ", "ab"),
        ("NUL", "nul-run"),
        ("com¹", "com1-run"),
        ("a<b>:c|d*e. ", "a-b-c-d-e"),
        ("e" + "\u0301" * 500 + "x", "éx".replace("é", "é")),
        ("\udcff fox", "fox"),
    ],
)
def test_a_name_is_made_of_the_words_of_a_title(title: str, slug: str) -> None:
    assert files.make_slug(title) == slug


@pytest.mark.parametrize("character", ["狐", "👩‍👩‍👧‍👦", "हि", "ก็", "é", "👍🏽"])
def test_names_fit_a_file_system_and_end_in_a_whole_character(
    character: str, tmp_path: Path
) -> None:
    folder = run_folder.make_run_folder(tmp_path, character * 300)
    name = folder.name.removeprefix("0001-")
    assert len(folder.name.encode()) <= 143
    assert name
    assert not name.replace(character, "")
    long = files.fit_name(character * 300, "-2-frames.webm")
    assert len(long.encode()) <= 255
    assert not long.removesuffix("-2-frames.webm").replace(character, "")


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda n: run_folder.make_run_folder(tmp_path, f"t{n % 3}"), range(24))
        )
    assert len({path.name[:4] for path in made}) == 24 == len(os.listdir(tmp_path))


def test_a_claim_that_was_left_behind_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".0001").mkdir()
    assert run_folder.make_run_folder(tmp_path, "x").name == "0002-x"


def test_a_number_taken_since_it_was_looked_up_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001-other").mkdir()
    look = run_folder._numbers
    monkeypatch.setattr(
        run_folder,
        "_numbers",
        lambda out, claims=True: set() if claims else look(out, claims=False),
    )
    assert run_folder.make_run_folder(tmp_path, "x").name == "0002-x"


def test_places_that_cannot_be_written_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file; expected a folder in which runs are"):
        run_folder.make_run_folder(tmp_path / "file", "x")
    with pytest.raises(OutputError, match=r"file/in cannot be written .*choose another place"):
        run_folder.make_run_folder(tmp_path / "file" / "in", "x")

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(OutputError, match=r"Permission denied.*may write to with --out"):
        run_folder.make_run_folder(tmp_path / "out", "x")


def test_a_room_is_for_one(tmp_path: Path) -> None:
    with run_folder.locked_folder(tmp_path):
        message = r"another vqclip is drawing into .*; wait until it is done, or stop it"
        with pytest.raises(OutputError, match=message), run_folder.locked_folder(tmp_path):
            pass
    with run_folder.locked_folder(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
    (tmp_path / "file").touch()
    message = r"file cannot be written"
    with pytest.raises(OutputError, match=message), run_folder.locked_folder(tmp_path / "file"):
        pass


def test_a_finished_picture_makes_room_and_stays(tmp_path: Path) -> None:
    assert run_folder.set_final_aside(tmp_path) is None
    for number in (1, 2):
        (tmp_path / "final.png").write_text(str(number))
        assert run_folder.set_final_aside(tmp_path) == tmp_path / f"final-{number}.png"
    assert sorted(os.listdir(tmp_path)) == ["final-1.png", "final-2.png"]
    assert (tmp_path / "final-2.png").read_text() == "2"


def test_numbers_of_folders() -> None:
    names = {"0007-a-fox": 7, "12345": 12345, "a-fox": None, "20310704-x": None}
    assert {name: run_folder.run_number(Path(name)) for name in names} == names


def test_out_may_be_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "date", Calendar)
    out = tmp_path / "%DATE%/s%SEED%-%PROMPT%"
    found = run_folder.make_run_folder(out, "A Red Fox!", 7)
    assert found == tmp_path / "20310704/s7-a-red-fox/0001-a-red-fox"
    names = [run_folder.make_run_folder(tmp_path / "%DATE%_%SEQ%", "a", 1).name for _ in range(3)]
    assert names == ["20310704_01", "20310704_02", "20310704_03"]
    (tmp_path / "20310704_02").rmdir()
    again = run_folder.make_run_folder(tmp_path / "%DATE%_%SEQ%", "a", 1)
    assert again.name == "20310704_02"
    assert run_folder.make_run_folder(tmp_path / "100%A%", "a").parent.name == "100%A%"


class Calendar:
    """A day that stays."""

    @staticmethod
    def today() -> date:
        return date(2031, 7, 4)


def test_a_stretch_is_told_from_other_runs_in_an_animations_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "0001-a-fox"
    part = run / "stretches/0001"
    for each in (part, run / "variants/0001-a-fox", run / "stretches/0003-a-fox"):
        each.mkdir(parents=True)
        assert run_folder.find_animation(each) is None
    run_folder.stretches_file(run).touch()
    assert run_folder.find_animation(part) == run
    assert not run_folder.is_stretch(run / "variants/0001-a-fox")
    assert not run_folder.is_stretch(run / "stretches/0003-a-fox")
    link = tmp_path / "lnk"
    link.symlink_to(part)
    assert run_folder.find_animation(link) == run.resolve()
    monkeypatch.chdir(part)
    assert run_folder.find_animation(Path()) == run
    monkeypatch.chdir(tmp_path)
    relative = part.relative_to(tmp_path)
    assert run_folder.find_animation(relative) == relative.parent.parent
