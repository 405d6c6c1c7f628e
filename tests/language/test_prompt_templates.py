"""One text for several prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqclip.errors import PictureError, PromptError
from vqclip.language.prompt_templates import expand_prompt, read_lines


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a fox", ["a fox"]),
        ("{red|blue} fox", ["red fox", "blue fox"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("{ a | b }:2", ["a:2", "b:2"]),
        ("{a|{b|c} d}", ["a", "b d", "c d"]),
        ("{2 of a|b|c}", ["a, b", "a, c", "b, c"]),
        ("{2 of {a|b}|c}", ["a, b", "a, c", "b, c"]),
        ("{a|}x", ["ax", "x"]),
        ("{old |}fox", ["old fox", "fox"]),
        ("a {old |young }fox", ["a old fox", "a young fox"]),
        ("a {old |young } fox", ["a old fox", "a young fox"]),
        ("a {old|} fox", ["a old fox", "a fox"]),
        ("a{ big | }fox", ["a big fox", "a fox"]),
        ("{old |}{red |}fox", ["old red fox", "old fox", "red fox", "fox"]),
        ("a ({{red |blue }|})fox", ["a (red )fox", "a (blue )fox", "a ()fox"]),
        ("{2 of a|b }fox", ["a, b fox"]),
        ("a | {b |c }:2 ^ d", ["a | b:2 ^ d", "a | c:2 ^ d"]),
        (
            "a fox:{0: 0, 50%: 2} | {b|c}",
            ["a fox:{0: 0, 50%: 2} | b", "a fox:{0: 0, 50%: 2} | c"],
        ),
        (r"\{a|b\}", [r"\{a|b\}"]),
        ('"{a|b}"', ['"{a|b}"']),
        ("a { b", ["a { b"]),
        ('{"subject": "a fox"}', ['{"subject": "a fox"}']),
    ],
)
def test_expansion(text: str, wanted: list[str]) -> None:
    assert expand_prompt(text) == wanted


def test_choices_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "colours.txt").write_text("# warm ones\nred\n\n {orange|pink} \n")
    wanted = ["a red fox", "a orange fox", "a pink fox"]
    assert expand_prompt("a {colours.txt} fox", str(tmp_path)) == wanted
    monkeypatch.chdir(tmp_path)
    assert expand_prompt("a {colours.txt} fox") == wanted


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("an etching of {}", ["an etching of {}"]),
        ("{ink|oil} of {}", ["ink of {}", "oil of {}"]),
        ("{an etching of {}|{}, in oil|}", ["an etching of {}", "{}, in oil", ""]),
        ("a {frame} around {}", ["a {frame} around {}"]),
        (r"\{ink|oil\} of {}", [r"\{ink|oil\} of {}"]),
        ("{2 of a|b|c}: {}", ["a, b: {}", "a, c: {}", "b, c: {}"]),
    ],
)
def test_in_a_style_the_place_of_the_prompt_is_left_alone(style: str, wanted: list[str]) -> None:
    assert expand_prompt(style, slot=True) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {} fox", r"the template '{}' holds no choices; write some, \{red\|blue\}"),
        ("{a fox}", r"holds no choices; .* the schedule of a weight directly follows its colon"),
        ("a: {0: 1}", "holds no choices"),
        ('{"subject": "a fox" "b"}', "is not valid JSON"),
        ("{3 of a|b}", r"asks for 3 of 2 choices; write from 1 to 2"),
        ("{0 of a|b}", r"asks for 0 of 2 choices"),
        ("{a|b}" * 11, "makes 2048 prompts; at most 1000 are allowed at a time"),
        ("{10 of " + "|".join("abcdefghijklmnopqrst") + "}", "makes 184756 prompts"),
        ("{a|" * 30 + "b" + "}" * 30, "is nested more than 8 levels deep"),
    ],
)
def test_what_stands_for_nothing_or_for_too_much_is_refused(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        expand_prompt(text)


def test_files_that_hold_no_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(PictureError, match=r"cannot be read \(No such file or directory\)"):
        read_lines(path)
    path.write_text("# nothing\n\n")
    with pytest.raises(PictureError, match="holds no lines; write from 1 to 1000 prompts"):
        read_lines(path)
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PictureError, match="it is not UTF-8 text"):
        read_lines(path)
    path.write_text("a\n" * 1001)
    with pytest.raises(PictureError, match="holds more than 1000"):
        read_lines(path)
    path.write_text("{a.txt}")
    with pytest.raises(PromptError, match="names a file that names itself"):
        expand_prompt("{a.txt}", str(tmp_path))


def test_braces_in_the_name_of_a_folder_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "{c}").mkdir()
    with pytest.raises(
        PromptError, match=r"^\{c\} is a file or folder here, .*; write \\\{c\\\}$"
    ):
        expand_prompt("a tree | @{c}/*.png:0.5")
    assert expand_prompt(r"a tree | @\{c\}/*.png:0.5") == [r"a tree | @\{c\}/*.png:0.5"]
