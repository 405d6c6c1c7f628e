"""Suffixes in capitals: a word that names a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqclip.cli.commands import classify
from vqclip.cli.options import PromptOptions
from vqclip.cli.prompt_arguments import read_configs
from vqclip.config import loading
from vqclip.errors import ConfigError
from vqclip.language.prompt_templates import expand_prompt


def read(*words: str) -> list[str]:
    """The prompts of `vqclip plan WORDS`."""
    options = PromptOptions(
        command=["vqclip", "plan", *words],
        json=False,
        quiet=False,
        debug=False,
        words=list(words),
        preset=[],
        negative=None,
        seed=None,
        out=None,
    )
    return [config.prompts for config in read_configs(options)]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "LIST.TXT": "a fox\nan owl\n",
        "FOX.Json": '{"subject": "a fox"}',
        "RUN.YAML": "prompts: a fox\nseed: 7\n",
        "Run.Yml": "extends: RUN.YAML\n",
    }.items():
        Path(name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("LIST.TXT", ["a fox", "an owl"]),
        ("FOX.Json", ['{"subject": "a fox"}']),
        ("RUN.YAML", ["a fox"]),
        ("Run.Yml", ["a fox"]),
        ("a {LIST.TXT} x", ["a a fox x", "a an owl x"]),
    ],
)
def test_suffixes_count_in_capitals_too(name: str, prompts: list[str]) -> None:
    assert read(name) == prompts


def test_presets_labels_and_choices_may_be_in_capitals() -> None:
    assert loading.load_config("a fox", "RUN.YAML").seed == 7
    assert classify.read_labels("LIST.TXT") == ["a fox", "an owl"]
    assert expand_prompt("{LIST.TXT}") == ["a fox", "an owl"]


@pytest.mark.parametrize(("name", "near"), [("LIST2.TXT", "LIST.TXT"), ("RUN2.YAML", "RUN.YAML")])
def test_a_missing_file_is_told_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no .* {name}; did you mean '{near}'"):
        read(name)
