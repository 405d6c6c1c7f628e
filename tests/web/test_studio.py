"""The studio: what can be done with runs, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.language.prompts import GRAMMAR
from vqclip.run.record.run_folder import locked_folder
from vqclip.web.jobs import Job
from vqclip.web.studio import Studio

COMMANDS = ("generate", "resume", "again", "film", "show", "diff")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio(tmp_path / "runs", COMMANDS)
    made.started = []  # type: ignore[attr-defined]

    def start(kind: str, words: Sequence[str], title: str, run: str = "") -> Job:
        made.started.append([kind, *words])  # type: ignore[attr-defined]
        return Job("1700000000000-00000000", kind, title, words, run)

    monkeypatch.setattr(made.jobs, "start_job", start)
    return made


def make_run(studio: Studio, name: str, **more: Any) -> Path:
    folder = studio.out / name
    folder.mkdir(parents=True)
    notes = {"prompt": "a <b>fox</b>", "seed": 7, "config": {"steps": 9, "size": "64x64"}}
    notes |= {
        "grammar": GRAMMAR,
        "models": {"starter": "0123456789abcdef"},
        "versions": {},
    } | more
    (folder / "run.json").write_text(json.dumps(notes))
    return folder


def test_a_run_can_be_what_its_folder_lets_it(studio: Studio) -> None:
    folder = make_run(studio, "0001-a-fox")
    assert studio.list_actions(folder) == ["again", "trash"]
    (folder / "checkpoint.safetensors").touch()
    assert studio.list_actions(folder) == ["resume", "again", "trash"]
    (folder / "final.png").touch()
    (folder / "frames").mkdir()
    assert studio.list_actions(folder) == ["again", "film", "trash"]
    (folder / "film.mp4").touch()
    assert studio.list_actions(folder) == ["again", "trash"]


def test_what_is_no_command_here_is_not_offered(studio: Studio) -> None:
    folder = make_run(studio, "0001-a-fox")
    with locked_folder(folder):
        os.utime(folder / ".lock", (1, 1))
        assert studio.list_actions(folder) == []  # somebody else draws: nobody here can stop it
        studio.commands |= {"steer"}
        assert studio.list_actions(folder) == ["steer"]
    (folder / "final.png").touch()
    assert "vary" not in studio.list_actions(folder)
    with pytest.raises(ConfigError, match="there is no action 'vary' here"):
        studio.perform("vary", "0001-a-fox")
    with pytest.raises(ConfigError, match="there is no action 'models' here"):
        studio.perform("models", "0001-a-fox")


def test_commands_are_started_with_the_run_and_its_place(studio: Studio) -> None:
    folder = make_run(studio, "0001-a-fox")
    studio.perform("again", "0001-a-fox", ["steps=5"])
    studio.perform("resume", "0001-a-fox")
    studio.commands |= {"steer", "vary"}
    studio.perform("steer", "0001-a-fox", ["--pause"])
    studio.perform("vary", "0001-a-fox")
    assert studio.started == [  # type: ignore[attr-defined]
        ["again", str(folder), "steps=5", "--json", "--out", str(studio.out)],
        ["resume", str(folder), "--json"],
        ["steer", str(folder), "--pause", "--json"],
        ["vary", str(folder / "final.png"), "--json", "--out", str(studio.out)],
    ]


@pytest.mark.parametrize("word", ["--debug", "--pause", "out=/tmp", "a fox", "", "../x"])
def test_a_page_sends_settings_and_nothing_else(word: str, studio: Studio) -> None:
    make_run(studio, "0001-a-fox")
    with pytest.raises(ConfigError, match="is no setting; write key=value"):
        studio.perform("again", "0001-a-fox", [word])


@pytest.mark.parametrize("what", ["stop", "resume", "again", "trash"])
@pytest.mark.parametrize("name", ["", "0002", "../secret", "/etc", "x" * 500])
def test_what_is_no_run_is_refused(what: str, name: str, studio: Studio, tmp_path: Path) -> None:
    make_run(studio, "0001-a-fox")
    make_run(Studio(tmp_path, COMMANDS), "secret")
    with pytest.raises((PictureError, OutputError), match=r"there is no run|not being drawn"):
        studio.perform(what, name)
    assert (tmp_path / "secret" / "run.json").is_file()


def test_a_run_that_is_drawn_is_left_alone(studio: Studio) -> None:
    folder = make_run(studio, "0001-a-fox")
    with locked_folder(folder):
        os.utime(folder / ".lock", (1, 1))
        with pytest.raises(OutputError, match="being drawn; stop it"):
            studio.perform("trash", "0001-a-fox")
        with pytest.raises(OutputError, match="being drawn; stop it, or wait"):
            studio.perform("resume", "0001-a-fox")
        with pytest.raises(OutputError, match="started elsewhere; stop it there"):
            studio.perform("stop", "0001-a-fox")
    assert folder.is_dir()


def test_a_run_from_the_shell_is_listed_and_watched(studio: Studio) -> None:
    folder = make_run(studio, "0001-a-fox")
    with locked_folder(folder):
        (work,) = studio.list_works()
        assert (work["run"], work["status"], work["title"]) == (
            "0001-a-fox",
            "drawing",
            "a <b>fox</b>",
        )
        seen = studio.describe_work("0001-a-fox")
        assert seen is not None and seen["state"]["steps"] == 9 and seen["status"] == "drawing"
    assert studio.describe_work("0002") is None


def test_what_made_a_run_and_how_two_differ(studio: Studio) -> None:
    make_run(studio, "0001-a-fox")
    make_run(studio, "0002-a-fox", seed=8)
    told = studio.describe_run("0001-a-fox")
    assert (told["prompt"], told["seed"]) == ("a <b>fox</b>", 7)
    assert told["settings"] == {"steps": "9", "size": "64x64"}
    assert told["models"] == {"starter": "0123456789ab"}
    rows = studio.compare_runs("0001-a-fox", "0002-a-fox")
    assert rows == [{"what": "seed", "first": "7", "second": "8"}]


def test_deleting_goes_to_the_bin_or_says_what_is_missing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(studio, "0001-a-fox")
    monkeypatch.setitem(sys.modules, "send2trash", None)
    with pytest.raises(ConfigError, match=r"pip install 'vqclip\[web\]'"):
        studio.perform("trash", "0001-a-fox")
    assert folder.is_dir()
