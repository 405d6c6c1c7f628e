"""Help: pages that fit a screen, and settings that are found by group, key or word."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_main import python
from tests.cli.test_output import plain, terminal
from tests.conftest import Home, Refusal
from vqclip.cli import command_help, main
from vqclip.cli.command_help import Block
from vqclip.config.setting_descriptions import describe_settings, list_groups
from vqclip.training.settings import SCHEMAS, InversionConfig

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def helped(capsys: Capture, *words: str) -> list[str]:
    """The lines of a command's help."""
    with pytest.raises(SystemExit, match="0"):
        main.main([*words, "--help"])
    return capsys.readouterr().out.splitlines()


def found(capsys: Capture, *words: str) -> str:
    assert main.main(["help", "settings", *words]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def eighty(monkeypatch: Patch) -> None:
    """A terminal of the usual width."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("words", [[], *([name] for name in main.COMMANDS)])
def test_help_fits_a_screen(words: list[str], capsys: Capture) -> None:
    lines = helped(capsys, *words)
    assert len(lines) <= 46 and max(map(len, lines)) <= 80
    assert lines[0].startswith(
        f"usage: vqclip {words[0] if words != ['generate'] and words else ''}"
    )


def test_the_first_page_has_commands_settings_and_where_the_rest_is(capsys: Capture) -> None:
    text = "\n".join(helped(capsys))
    for name, about in main.abouts().items():
        assert f"  {name} " in text and about in text
    assert sorted(main.COMMANDS) == sorted(
        name for some in command_help.SORTED.values() for name in some
    )
    for typed in command_help.FIRST.values():
        assert f"  {typed} " in text
    assert len(command_help.FIRST) == 10
    for flag in ("--json", "--quiet", "--debug", "--version", "vqclip help settings"):
        assert flag in text


def test_generate_has_a_page_of_its_own(capsys: Capture) -> None:
    text = "\n".join(helped(capsys, "generate"))
    for option in ("--preset", "--size", "--steps", "--seed", "--init", "--film", "--out"):
        assert f"  {option} " in text
    for flag in ("--json", "--quiet", "--debug", "--draft"):
        assert f"  {flag} " in text
    assert "vqclip help settings" in text and "  optimiser.rate=0.3 " in text


@pytest.mark.parametrize("name", ["film", "help", "generate"])
def test_help_may_be_asked_about_a_command(name: str, capsys: Capture) -> None:
    lines = helped(capsys, name)
    with pytest.raises(SystemExit, match="0"):
        main.main(["help", name])
    assert capsys.readouterr().out.splitlines() == lines


def test_every_setting_is_found(capsys: Capture) -> None:
    """All settings are in the list of the top level, or in that of their group."""
    text = found(capsys) + "".join(found(capsys, name) for name in list_groups())
    for setting in describe_settings():
        assert setting.key == "prompts" or f"  {setting.key}={setting.default}" in text
        assert all(choice in text for choice in setting.choices)
    for setting in describe_settings(InversionConfig):
        assert f"  {setting.key}={setting.default}" in found(capsys, "invert")


def test_settings_are_listed_with_their_groups(capsys: Capture) -> None:
    text = found(capsys)
    assert "\n  size=256x256 " in text and "camera.zoom=" not in text
    for name, about in list_groups().items():
        assert re.search(rf"^  {name}\.… +{re.escape(about)}$", text, re.MULTILINE)


def test_settings_of_a_group(capsys: Capture) -> None:
    lines = found(capsys, "camera").splitlines()
    assert lines[0] == "camera: how the camera of an animation moves"
    keys = [setting.key for setting in describe_settings() if setting.key.startswith("camera.")]
    assert [line.split("=")[0].strip() for line in lines[1:]] == keys
    assert found(capsys, "camera.") == found(capsys, "camera")


def test_one_setting_in_full(capsys: Capture) -> None:
    text = found(capsys, "film.codec")
    assert text.startswith("film.codec=auto\n") and "auto, h264, h265, prores" in text
    assert "true or false" in found(capsys, "loop")


def test_settings_are_found_by_words_of_their_help(capsys: Capture) -> None:
    text = found(capsys, "colour")
    for key in ("init_colour", "losses.palette", "losses.edge_colour", "motion.colours"):
        assert f"  {key}=" in text
    assert "camera.zoom" not in text
    assert found(capsys, "COLOUR") == text
    assert "losses.edges=" in found(capsys, "colour", "border")
    assert "losses.palette=" not in found(capsys, "colour", "border")
    assert "  up=" not in found(capsys, "flight")  # no word begins in the middle of another


def test_settings_of_trainings_are_found_too(capsys: Capture) -> None:
    text = found(capsys, "train")
    assert "settings of clip and teacher" in text and "  from=" in text and "begin=" not in text
    assert all(name in text for name in SCHEMAS)
    assert "settings of vqgan" in found(capsys, "discriminator")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["color"], "'color' in its name or its help; did you mean 'colour'?"),
        (["stepz"], "did you mean 'step'?"),
        (
            ["zqxzqx"],
            "no setting has 'zqxzqx' in its name or its help (all: vqclip help settings)",
        ),
    ],
)
def test_words_that_nobody_uses_are_refused(
    words: list[str], hint: str, refused: Refusal
) -> None:
    assert hint in refused("help", "settings", *words)


def test_a_topic_stands_alone(refused: Refusal) -> None:
    assert "'colour' after 'prompts' is one word too many" in refused("help", "prompts", "colour")


def test_settings_for_scripts(capsys: Capture) -> None:
    assert main.main(["help", "settings", "film.codec", "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["event"], row["key"], row["default"]) == ("setting", "film.codec", "auto")


def test_help_has_colours_on_a_terminal_alone(monkeypatch: Patch) -> None:
    stream = terminal(monkeypatch, "stdout")
    with pytest.raises(SystemExit):
        main.main(["--help"])
    coloured = stream.getvalue()
    assert "\x1b[36mgenerate" in coloured and len(plain(coloured).splitlines()) <= 46
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        stream = terminal(monkeypatch, "stdout")
        monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            main.main(["--help"])
        assert "\x1b" not in stream.getvalue() and "generate" in stream.getvalue()


def test_pipes_have_no_escape_codes(tmp_path: Path) -> None:
    for words in (["--help"], ["presets"], ["models", "list"], ["help", "settings", "camera"]):
        done = python("-m", "vqclip", *words, cwd=tmp_path, home=tmp_path)
        assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
    done = python("-m", "vqclip", "a fox", "stepz=3", cwd=tmp_path, home=tmp_path)
    assert done.stderr.startswith("error: ") and "\x1b" not in done.stderr


def test_pages_are_as_wide_as_they_may_be(monkeypatch: Patch) -> None:
    page = [Block(text="[red]x[/red]"), Block("title:", [("[blue]", "words " * 20)])]
    narrow, wide = command_help.as_text(page, 40), command_help.as_text(page, 100)
    assert max(map(len, narrow.splitlines())) <= 40
    assert wide.startswith("[red]x[/red]\n\ntitle:\n  [blue]  words words")


def test_prompts_are_printed_as_they_are(home: Home, monkeypatch: Patch) -> None:
    """Square brackets are rich's markup, and an artist's words."""
    stream = terminal(monkeypatch, "stdout")
    assert main.main(["plan", "a [red]fox[/red]", *home.words()]) == 0
    shown = plain(stream.getvalue())
    assert re.search(r"^ +prompts +a \[red\]fox\[/red\] *$", shown, re.MULTILINE)


def test_plan_shows_what_differs_or_all(home: Home, capsys: Capture) -> None:
    assert main.main(["plan", "a fox", *home.words()]) == 0
    short = capsys.readouterr().out
    assert "\n  steps " in short and "\n  cutouts.count " in short
    assert "cutouts.recipe" not in short and "--all" in short
    assert main.main(["plan", "a fox", "--all", *home.words()]) == 0
    whole = capsys.readouterr().out
    for setting in describe_settings():
        assert re.search(rf"^  {re.escape(setting.key)}\b", whole, re.MULTILINE)
    for words in ("sizes     32x32 for 3 steps", "device    cpu", "takes     about"):
        assert words in short and words in whole


def test_nothing_of_rich_is_needed_to_draw(tmp_path: Path) -> None:
    """It is imported by whoever prints a table or a bar on a terminal."""
    code = "import sys, vqclip.cli; print('rich' in sys.modules, 'shtab' in sys.modules)"
    done = python("-c", code, cwd=tmp_path, home=tmp_path)
    assert done.stdout.strip() == "False False", done.stderr
