"""What people and scripts see, and on which stream."""

from __future__ import annotations

import json

import pytest
import torch

from vqclip.cli.console import Console, table
from vqclip.generate import Step

Capture = pytest.CaptureFixture[str]


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


def test_the_bar_shows_step_loss_and_time_left(capsys: Capture) -> None:
    passed = list(Console().watch(iter(steps(0.25, 0.125)), 2))
    assert [step.index for step in passed] == [0, 1]
    out, err = capsys.readouterr()
    assert out == ""
    assert "100%" in err and "step 2/2" in err and "loss 0.125" in err and "left" in err


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"
    assert table([("a", "b")], {0: 4}) == "a     b"
    assert table([("only",)]) == "only"
    assert table([]) == ""
