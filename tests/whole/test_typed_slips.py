"""Slips of what is typed or written are answered with what was meant, as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Refusal
from vqclip.cli import main
from vqclip.language.prompts import lint_prompts


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("steps: [1, 2]", "steps is [1, 2]; it must be a whole number, such as 200"),
        ("losses:\n- tv", "losses is [tv], but it is a group of settings"),
        ("film.: gif", "but it is a group of settings; did you mean film.format: gif?"),
        ("fps: 1e400", "fps is 1e400; write a smaller number"),
        ("fade: 1e999", "fade is 1e999; write a smaller number"),
    ],
)
def test_a_value_is_named_as_it_was_written(line: str, said: str, refused: Refusal) -> None:
    Path("run.yaml").write_text(f"prompts: a fox\n{line}\n")
    assert said in refused("plan", "run.yaml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a fox:1", "fog:-1"], """separate words; write "a fox:1 | fog:-1" for both in"""),
        (
            ["a fox", "fog:-1"],
            """put the prompt in quotes: "a fox fog:-1", or "a fox | fog:-1\"""",
        ),
        (["a fox", "--init", "[2024] trip/*.png"], "a run starts from one picture, so name that"),
        (["a fox", "init=no?.png"], "init is no?.png, and there is no file of that name"),
    ],
)
def test_what_is_advised_is_possible(words: list[str], said: str, refused: Refusal) -> None:
    assert said in refused("plan", *words)


@pytest.mark.parametrize("words", [["explain", "--"], ["explain", "fade=0.1", "--"]])
def test_what_stands_behind_two_dashes_is_no_option(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*words, "--size 3 fox"]) == 0
    assert "--size 3 fox ×1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a room at 25:00", r"the weight 0; for text write 25\:00, for the weight :+0"),
        ("a fox --no-bg", "'--no-bg' in a prompt is only words; options follow its quotes"),
        ("a fox --no bg", '--negative "bg", or stands in them as | bg:-1'),
    ],
)
def test_what_is_read_otherwise_is_named_as_it_is(prompt: str, said: str) -> None:
    (note,) = lint_prompts(prompt)
    assert said in note
