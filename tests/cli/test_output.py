"""Output for people and for scripts, and its streams."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from typing import Any

import pytest
import torch

from vqclip.cli import progress_bar
from vqclip.cli.output import Console
from vqclip.cli.terminal import show_controls, table
from vqclip.optimisation_loop import Step

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def steps(*losses: float) -> list[Step]:
    image = torch.zeros(1, 3, 1, 1)
    return [Step(i, image, {"a fox": torch.tensor(loss)}) for i, loss in enumerate(losses)]


def test_people_are_told_on_stderr_and_the_result_is_alone_on_stdout(capsys: Capture) -> None:
    screen = Console()
    screen.say("loading")
    screen.event("start", run="x")
    screen.result("x/final.png")
    assert capsys.readouterr() == ("x/final.png\n", "loading\n")


def test_quiet_leaves_the_result_and_errors(capsys: Capture) -> None:
    screen = Console(quiet=True)
    screen.say("loading")
    screen.result("x/final.png")
    screen.error("no room")
    assert list(screen.watch(iter(steps(1.0)), 1))
    assert capsys.readouterr() == ("x/final.png\n", "error: no room\n")


def test_scripts_read_one_object_a_line(capsys: Capture) -> None:
    screen = Console(json=True)
    screen.say("loading")
    screen.event("start", run="狐 \udcff")  # a byte of a command line that is no UTF-8
    screen.result("x/final.png")
    screen.error("no room")
    assert len(list(screen.watch(iter(steps(1.5, float("nan"), float("-inf"))), 3))) == 3
    out, err = capsys.readouterr()
    assert out.isascii()
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "start", "run": "狐 \udcff"},
        {"event": "error", "message": "no room"},
        {"event": "step", "step": 0, "losses": {"a fox": 1.5}},
        {"event": "step", "step": 1, "losses": {"a fox": None}},
        {"event": "step", "step": 2, "losses": {"a fox": None}},
    ]
    assert err == "loading\nerror: no room\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: Patch, name: str = "stderr") -> Terminal:
    """A terminal of 80 columns as stderr, and an environment that says nothing of colours.

    No fixture: pytest puts its own streams back before the test itself.
    """
    for key in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    monkeypatch.setattr(sys, name, stream)
    return stream


def test_the_bar_shows_step_loss_and_time_left(monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    monkeypatch.setattr(progress_bar, "PAUSE", 0.0)
    watched = Console().watch(iter(steps(0.5, 0.25, 0.125)), 3)
    passed = [next(watched).index for _ in range(3)]
    time.sleep(0.01)
    assert passed == [0, 1, 2] and list(watched) == []
    shown = plain(stderr.getvalue())
    assert "100%" in shown and "step 3/3, loss 0.125" in shown
    assert re.search(r" 67% \S+ step 2/3, loss 0\.250, 00:0\d left", shown)
    assert stderr.getvalue().count("\x1b[?25l") == stderr.getvalue().count("\x1b[?25h") - 1


def plain(text: str) -> str:
    """A text without what moves the cursor and colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_nobody_sees_a_bar_in_a_pipe(capsys: Capture) -> None:
    passed = list(Console().watch(iter(steps(0.25, 0.125)), 2))
    assert [step.index for step in passed] == [0, 1]
    with Console().bar(2) as bar:
        bar.set_postfix_str("loss 1")
        bar.update()
    assert (bar.n, bar.console) == (1, None)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("screen", [Console(quiet=True), Console(json=True)])
def test_nobody_sees_a_bar_who_asked_for_none(screen: Console, monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    list(screen.watch(iter(steps(0.25)), 1))
    with screen.bar(3):
        pass
    assert stderr.getvalue() == ""


def test_a_dumb_terminal_has_no_bar(monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    list(Console().watch(iter(steps(0.25)), 1))
    Console().error("no room")
    assert stderr.getvalue() == "error: no room\n"


def test_lines_stand_above_the_bar(monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    with Console().bar(2) as bar:
        Console().say("skipped [red]x.png[/red]")
        Console().error("no [room]")
        bar.update(2)
    lines = [line.split("\r")[-1] for line in plain(stderr.getvalue()).strip().split("\n")]
    assert lines[-3:] == ["skipped [red]x.png[/red]", "error: no [room]", lines[-1]]
    assert lines[-1].startswith("100%") and lines[-1].endswith("step 2/2")


def test_a_download_counts_bytes(monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    with Console().bar(None, what=progress_bar.BYTES) as bar:
        bar.total = 5_000_000
        bar.update(2_500_000)
        bar.refresh()
        assert "2.5 MB of 5.0 MB" in plain(stderr.getvalue())


def test_errors_are_red_on_a_terminal_alone(monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    Console().error("there is no [bold]x[/bold]")
    said = stderr.getvalue()
    assert said == "\x1b[1;31merror:\x1b[0m there is no [bold]x[/bold]\n"


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_colours_can_be_refused(name: str, monkeypatch: Patch) -> None:
    stderr = terminal(monkeypatch)
    monkeypatch.setenv(name, "dumb")
    Console().error("no room")
    Console().say("note: short")
    assert stderr.getvalue() == "error: no room\nnote: short\n"


def test_colours_can_be_forced(capsys: Capture, monkeypatch: Patch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Console().error("no room")
    Console().table([("a", "x " * 200)])
    out, err = capsys.readouterr()
    assert err.startswith("\x1b[1;31merror:")
    assert len(out.splitlines()) == 1  # nothing wraps in a pipe
    monkeypatch.setenv("NO_COLOR", "1")
    Console().error("no room")
    assert capsys.readouterr().err == "error: no room\n"


def test_a_table_wraps_on_a_terminal_and_is_never_markup(monkeypatch: Patch) -> None:
    stream = terminal(monkeypatch, "stdout")
    Console().table(
        [("name", "about"), ("[red]ink[/red]", "words " * 30), ("\x1b[2J", "x")], heads=True
    )
    shown = plain(stream.getvalue())
    assert max(map(len, shown.splitlines())) <= 80 and len(shown.splitlines()) > 4
    assert "[red]ink[/red]  words words" in shown
    assert "\\x1b[2J" in shown and "\x1b[2J" not in stream.getvalue()


@pytest.mark.parametrize(("columns", "shown"), [("80", False), ("120", True)])
def test_a_spare_column_wants_a_wide_window(
    columns: str, shown: bool, monkeypatch: Patch
) -> None:
    stream = terminal(monkeypatch, "stdout")
    monkeypatch.setenv("COLUMNS", columns)
    Console().table([("name", "licence", "about"), ("x", "MIT", "y")], heads=True, spare=1)
    assert ("licence" in stream.getvalue()) is shown and ("MIT" in stream.getvalue()) is shown


def test_a_table_in_a_pipe_is_plain_and_as_wide_as_it_is(capsys: Capture) -> None:
    Console().table([("name", "about"), ("[red]", "words " * 30)], heads=True)
    assert capsys.readouterr().out == f"name   about\n[red]  {('words ' * 30).rstrip()}\n"
    Console(json=True).table([("a", "b")])
    Console().table([])
    assert capsys.readouterr().out == ""


def test_a_terminal_that_lacks_letters_is_written_to(monkeypatch: Patch) -> None:
    """Such as that of Windows, which has a code page."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp437", errors="backslashreplace")
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with Console().bar(2) as bar:
        bar.update()
    Console().table([("…", "狐 ×2")])
    Console().error("狐")
    stream.flush()
    assert b"\\u72d0" in raw.getvalue() and b"step 1/2" in raw.getvalue()


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"
    assert table([("a", "b")], {0: 4}) == "a     b"
    assert table([("only",)]) == "only"
    assert table([]) == ""


HOSTILE = "fox\x1b]0;title\x07\x1b[31m \x9b2J\u202egnp.\r\udcff"
SHOWN = r"fox\x1b]0;title\x07\x1b[31m \x9b2J\u202egnp.\r\xff"


@pytest.mark.parametrize("colours", ["", "1"])
def test_codes_of_strangers_are_shown_as_text(
    colours: str, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", colours)
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Console()
    screen.say(f"note: {HOSTILE}")
    screen.error(HOSTILE)
    screen.result(HOSTILE)
    screen.table([("prompt", f"{HOSTILE}\nsecond line")])
    out, err = capsys.readouterr()
    assert [line.count(SHOWN) for line in err.splitlines()] == [1, 1]
    assert [line.count(SHOWN) for line in out.splitlines()] == [1, 1]
    assert r"\nsecond line" in out
    for code in ("\x1b]", "\x1b[31m f", "\x07", "\x9b", "\u202e", "\r"):
        assert code not in out + err


def test_scripts_get_text_as_it_is(capsysbinary: Any, monkeypatch: Patch) -> None:
    path = "a\u202e\x1b.png"
    Console().result(path, exact=True)
    Console(json=True).event("done", path=path)
    plain, told = capsysbinary.readouterr().out.decode().splitlines()
    assert plain == path
    assert json.loads(told) == {"event": "done", "path": path}
    monkeypatch.setattr("vqclip.cli.terminal.is_live", lambda stream: True)
    Console().result(path, exact=True)
    assert capsysbinary.readouterr().out.decode() == "a\\u202e\\x1b.png\n"


@pytest.mark.parametrize(
    "words", ["a fox\n\tand more", "日本の城", "👩‍🚀", "קו", "e\u0301", "\u3000"]
)
def test_letters_line_ends_and_emoji_stay(words: str) -> None:
    assert show_controls(words) == words
