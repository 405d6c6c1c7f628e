"""Run files as people write them: texts without quotes, comments, dotted keys, other shapes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from vqclip.cli import main
from vqclip.config import loading
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import ConfigError, SettingsWarning
from vqclip.training import recipes

STARTS = [*"@`%*&!>|", "? ", "- "]


# What YAML reads as truth values, numbers and dates.
CHANGED = ("no", "on", "12:30", "1984", "0x10", "1_000", ".5", "1e3", "2020-01-01")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, *overrides: str) -> Any:
    Path("art.yaml").write_text(text, encoding="utf-8")
    return loading.load_config(file="art.yaml", overrides=overrides)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


QUOTED = [
    ("prompts: a story: the fox", 'prompts: "a story: the fox"', "':' before a space"),
    ("prompts: a fox: 2", 'prompts: "a fox: 2"', "':' before a space"),
    ("prompts: 'a cat's tail'", 'prompts: "a cat\'s tail"', "the quote ' ends before"),
    ('prompts: "a" red fox', "prompts: '\"a\" red fox'", 'the quote " ends before'),
    ("prompts: 'a fox", 'prompts: "a fox"', "the quote ' is not closed"),
    ('prompts: "C:\\pics"', r"prompts: 'C:\pics'", "a backslash within"),
    ("prompts: {a|b} fox", 'prompts: "{a|b} fox"', "'{' at the beginning"),
    ("prompts: {a|b}", 'prompts: "{a|b}"', "'{' at the beginning"),
    ("prompts: [dark] wood", 'prompts: "[dark] wood"', "'[' at the beginning"),
    ("style: {}, neon", 'style: "{}, neon"', "'{' at the beginning"),
    ("style: [ink]", 'style: "[ink]"', "'[' at the beginning"),
    ("steps: 2\nnegative: a: b: c", 'negative: "a: b: c"', "':' before a space"),
    *((f"prompts: {s}fox", f'prompts: "{s}fox"', f"'{s[0]}' at the beginning") for s in STARTS),
    ("prompts:\n- {a|b}", '- "{a|b}"', "'{' at the beginning"),
    ("prompts:\n- a story: the fox", '- "a story: the fox"', "the weight 'the fox'"),
    ("prompts:\n- a fox:", '- "a fox:"', "a fox has no weight"),
    ("scenes:\n- a\n- @x.png", '- "@x.png"', "'@' at the beginning"),
    ("prompts: house #3 on", 'prompts: "house #3 on"', "'#' after a space"),
    ("prompts:\n- red #f00 on white", '- "red #f00 on white"', "'#' after a space"),
    ("scenes:\n- a\n- no #3", '- "no #3"', "'#' after a space"),
    ("losses:\n  colours: #c00, gold", 'colours: "#c00, gold"', "'#' after a space"),
    ("losses.colours: gold, #c00", 'losses.colours: "gold, #c00"', "'#' after a space"),
    ("style: ink #2", 'style: "ink #2"', "'#' after a space"),
    ("init_colour: #ff0000", 'init_colour: "#ff0000"', "'#' after a space"),
]


@pytest.mark.parametrize(("text", "fixed", "why"), QUOTED)
def test_a_text_that_needs_quotes_is_shown_in_them(text: str, fixed: str, why: str) -> None:
    message = refusal(text)
    number = len(text.splitlines())
    assert message.startswith(f"art.yaml, line {number}: ") and why in message
    assert message.endswith(f" quotes: {fixed}")
    *before, last = text.splitlines()
    indent = last[: len(last) - len(last.lstrip())]
    load("\n".join([*before, indent + fixed]))  # what is advised can be used


@pytest.mark.parametrize("name", ["art.yaml", "preset", "training"])
def test_presets_and_trainings_are_answered_alike(name: str) -> None:
    text = "recipe: vqgan\nout: a: b" if name == "training" else "style: a: b"
    Path("own.yaml").write_text(text)
    message = r"^own.yaml, line \d: .* quotes: (out|style): \"a: b\"$"
    with pytest.raises(ConfigError, match=message):
        if name == "training":
            recipes.read_recipe("own.yaml")
        elif name == "preset":
            loading.load_config("a fox", "own.yaml")
        else:
            load("extends: own.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "steps: @3",
            "art.yaml, line 1: steps is '@3'; it must be a whole number, such as 200, or seconds "
            "of film, such as 2s",
        ),
        ("steps: [", "art.yaml, line 1: a bracket is not closed: steps: ["),
        ("cutouts: {count: 3", "art.yaml, line 1: a bracket is not closed: cutouts: {count: 3"),
        (
            "losses: {colours: #c00}",
            "art.yaml, line 1: '#' after a space begins a comment in YAML; put the text with it "
            'in quotes: losses: {colours: "#c00"}',
        ),
        (
            "prompts: [a fox, house #3]",
            "art.yaml, line 1: '#' after a space begins a comment in YAML; put the text with it "
            'in quotes: prompts: [a fox, "house #3"]',
        ),
        (
            "steps: 3\nprompts: [a fox,\n  house #3, an owl]",
            "art.yaml, line 3: '#' after a space begins a comment in YAML; put the text with it "
            'in quotes: "house #3", an owl]',
        ),
        (
            "scenes:\n- prompts: house\n  length: 3",
            "art.yaml, line 3: a scene has prompts and for, its length, and no length; a length "
            "is written for: 2s",
        ),
        (
            "scenes:\n- prompts: house #3\n  for: 3",
            "art.yaml, line 2: '#' after a space begins a comment in YAML; put the text in "
            'quotes: - prompts: "house #3"',
        ),
        (
            "prompts: a\n steps: 3",
            "art.yaml, line 2: a colon where none can stand; check the indentation: steps: 3",
        ),
        (
            "prompts: x\n---\nsteps: 3",
            "art.yaml, line 2: --- stands between documents in YAML; remove the line",
        ),
        ("a\x07: b", r"art.yaml, line 1: the character '\x07' cannot stand in YAML; remove it"),
        (
            "prompts: a\nfilm.format=gif",
            "art.yaml, line 2: in a file, it is written with a colon: film.format: gif",
        ),
        (
            "prompts:a fox\nsteps: 3",
            "art.yaml, line 2: write a space after the colon: prompts: a fox",
        ),
    ],
)
def test_what_is_not_yaml_is_described_without_the_parsers_words(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "key", "wanted"),
    [
        *((f"prompts: {each}", "prompts", each) for each in CHANGED),
        ("aspect: 16:9", "aspect", "16:9"),
        ("size: [256, 192]", "size", "256x192"),
        ("size:\n- 256\n- 192", "size", "256x192"),
        ("init: no", "init", "no"),
        ("prompts: [a fox, 1984, off, 1.50]", "prompts", "a fox | 1984 | off | 1.50"),
        ("scenes:\n- no\n- 12:30", "prompts", "no ^ 12:30"),
        ("negative: {no: 1, 2:30: .5}", "negative", r"no | 2\:30:0.5"),
        (
            "prompts: {Subject: 1984, mood: no, hour: 12:30}",
            "prompts",
            r"1984, no mood, 12\:30 hour sentence(1984, no mood, 12\:30 hour.)",
        ),
        ("perceptors: [no, 1.50]", "perceptors", ["no", "1.50"]),
        ("growth: [{size: 064, steps: 50%}]", "growth", [{"size": "064", "steps": "50%"}]),
        ("seed: 0123", "seed", 123),
        ("seed: 0x10", "seed", 16),
        ("steps: 1e3", "steps", 1000),
        ("steps: 1_000", "steps", 1000),
        ("length: 1:30", "frames", 1080),
        ("length: 0:05.5", "frames", 66),
        ("loop: on", "loop", True),
        ("optimiser: {rate: ~}", "optimiser.rate", None),
        ("camera: {zoom: 1_0}", "camera.zoom", 10.0),
        ("camera:\n", "camera.zoom", 1.0),
        ("film.format: gif", "film.format", "gif"),
        ('"film.format": gif\nfilm:\n  fps: 9', "film.format", "gif"),
        ("film: {fps: 9}\nfilm.format: gif", "film.fps", 9),
        ("prompts: &a fox\nstyle: *a", "style", "fox"),
        ("camera: &c {zoom: 2}\ncamera.roll: 1", "camera.roll", 1.0),
    ],
)
def test_values_are_read_as_they_were_written(text: str, key: str, wanted: Any) -> None:
    assert flatten_keys(to_dict(load(text)))[key] == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "steps: 1:30",
            "steps is '1:30'; it must be a whole number, such as 200, or seconds of "
            "film, such as 2s",
        ),
        (
            "steps: yes",
            "steps is 'yes'; it must be a whole number, such as 200, or seconds of "
            "film, such as 2s",
        ),
        (
            "seed: 2020-01-01",
            "seed is '2020-01-01'; it must be a whole number or null, or a walk between two "
            "seeds, such as 3:8:0.4",
        ),
        ("loop: maybe", "loop is 'maybe'; it must be true or false, such as false"),
    ],
)
def test_a_refusal_names_what_was_written(text: str, message: str) -> None:
    assert refusal(text) == f"art.yaml: {message}"
    with pytest.raises(ConfigError) as caught:
        loading.load_config("a fox", overrides=[text.replace(": ", "=", 1)])
    assert str(caught.value) == f"the command line: {message}"


@pytest.mark.parametrize("key", ["prompts", "style", "init"])
@pytest.mark.parametrize("word", ["~", "null"])
def test_nothing_is_not_taken_for_a_text(key: str, word: str) -> None:
    assert refusal(f"{key}: {word}").startswith(
        f'art.yaml, line 1: {word} stands for nothing in YAML; write "{word}" in quotes'
    )


def test_a_comment_behind_words_is_remarked_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(SettingsWarning, match=r"^art.yaml, line 1: '# red' is a comment in YAML"):
        assert load("prompts: a fox # red").prompts == "a fox"
    assert main.main(["plan", "art.yaml"]) == 0
    err = capsys.readouterr().err
    assert err.count("is a comment in YAML") == 1 and "note: art.yaml, line 1" in err


def test_other_comments_are_comments() -> None:
    text = "# 1\nprompts:  # mine\n- a fox\n# 2\n- 'b' # c\nsteps: 3 #4\ndevice: cpu  # slow\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(text).prompts == "a fox | b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("film: {format: mp4}\nfilm.format: gif", ", line 2: film.format is given twice; remove"),
        ("film: off\nfilm.format: gif", ", line 2: film is given twice; remove"),
        ("film.fromat: gif", ": there is no setting film.fromat; did you mean 'film.format'?"),
        ("film: gif", ": film is 'gif', but it is a .*; did you mean film.format: gif[?]$"),
        ("film: 3", ": film is '3', but it is a .*; write such as film.format: mp4$"),
        (
            "losses: off",
            ": losses is 'off', but it is a group of settings; switch them off one by one: "
            "losses.distinct: 0, losses.smoothness: 0, ",
        ),
        ("cutouts: null", ": cutouts is 'null', but it is a group of settings; leave it out for"),
        ("- a fox\n- an owl", " holds a list alone; .* write prompts: in a line above it$"),
        ('["a fox"]', " holds a list alone; .* write prompts: in a line above it$"),
        ("a fox", " holds a text alone; .* write prompts: before it: prompts: a fox$"),
        ("2020-01-01", " holds a text alone; .* prompts: 2020-01-01"),
        ("steps=5", " must hold key: value lines; in a file, write a colon: steps: 5"),
        ("prompts a fox", " has no colon after prompts; write prompts: and the value behind it"),
        ("prompts:a fox", " needs a space after the colon: prompts: a fox"),
        ("scenes: a fox", ': scenes must be a list with .* behind a dash, such as - "a fox"'),
        ("scenes: [a]\nprompts: b", ": scenes replaces prompts; leave one of them out"),
    ],
)
def test_files_of_another_shape_are_told_what_to_write(text: str, message: str) -> None:
    Path("art.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"^art.yaml{message}"):
        loading.load_config(file="art.yaml")


def test_a_text_of_aliases_ends() -> None:
    lines = ["- &a0 [x, x]", *(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
    assert "too long" in refusal("prompts:\n" + "\n".join(lines))


def test_a_training_keeps_texts_and_comments(tmp_path: Path) -> None:
    text = "recipe: vqgan  # it\nout: no\nsteps: 3 #x\nzoom: [.5, 1e0]"
    (tmp_path / "own.yaml").write_text(text)
    recipe: Any = recipes.read_recipe("own.yaml")
    assert (recipe.out, recipe.steps, recipe.zoom) == ("no", 3, [0.5, 1.0])
