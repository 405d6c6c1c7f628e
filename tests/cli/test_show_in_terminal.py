"""`--show`: finished pictures in the terminal, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.conftest import Home
from vqclip.cli import main, terminal

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def see(monkeypatch: Patch) -> Screen:
    """Make stdout a terminal; in a fixture, pytest would put its own back."""
    pytest.importorskip("textual_image")
    stream = Screen()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def test_a_picture_fits_the_terminal(monkeypatch: Patch, tmp_path: Path) -> None:
    screen = see(monkeypatch)
    path = tmp_path / "tall.png"
    pillow.new("RGB", (32, 64), (250, 20, 30)).save(path)
    assert terminal.show_picture(path)
    lines = screen.getvalue().splitlines()
    assert 10 <= len(lines) <= 18


def test_a_run_shows_its_picture_and_prints_its_path(home: Home, monkeypatch: Patch) -> None:
    screen = see(monkeypatch)
    assert main.main(["a fox", "--show", *home.words("seed=1")]) == 0
    lines = screen.getvalue().splitlines()
    assert len(lines) > 5
    assert lines[-1] == "outputs/0001-a-fox/final.png"


def test_a_pipe_gets_the_path_alone(home: Home, capsys: Capture) -> None:
    pytest.importorskip("textual_image")
    assert main.main(["a fox", "--show", *home.words("seed=1")]) == 0
    out, err = capsys.readouterr()
    assert out == "outputs/0001-a-fox/final.png\n"
    assert "note: --show shows pictures in a terminal, and this is none" in err


def test_without_the_package_the_command_says_what_to_install(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    found = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "textual_image" else found(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert main.main(["a fox", "--show", *home.words()]) == 2
    assert "pip install 'vqclip[show]'" in capsys.readouterr().err
    assert not Path("outputs").exists()
