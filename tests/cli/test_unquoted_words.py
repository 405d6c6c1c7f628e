"""Words that a shell took apart: names, lists, and two prompts."""

import re
from pathlib import Path

import pytest

from tests.conftest import Refusal
from vqclip.cli.unquoted_words import explain_words, find_split_name


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("plan|a fox|--init|my|photo.png", '--init "my photo.png"'),
        ("plan|a fox|--init=my|photo.png", '--init="my photo.png"'),
        ("plan|a fox|init=my|photo.png", 'init="my photo.png"'),
        ("plan|@my|photo.png", '"@my photo.png"'),
        ("my|photo.png|a|fox", '"my photo.png"'),
        ("score|my|photo.png|a fox", '"my photo.png"'),
        ("film|my|photo.png", '"my photo.png"'),
        ("show|my|photo.png", '"my photo.png"'),
        ("again|my|photo.png", '"my photo.png"'),
        ("search|my|dir|a fox", '"my dir"'),
        ("plan|a fox|--init|two|blanks.png", '--init "two  blanks.png"'),
        ("plan|a fox|--init|my|dir/a|b.png", '--init "my dir/a b.png"'),
    ],
)
def test_a_file_that_is_there_is_found(
    words: str, advice: str, refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my dir").mkdir()
    for name in ("my photo.png", "two  blanks.png", "my dir/a b.png"):
        (tmp_path / name).touch()
    said = refused(*words.split("|"))
    assert said.endswith(f"a file's name was typed in pieces; put it in quotes: {advice}")


def test_an_error_about_something_else_is_said_first(
    refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a fox").touch()
    said = refused("plan", "a", "fox", "--no-such-option")
    assert "no-such-option" in said and said.endswith('put it in quotes: "a fox"')


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("a fox|--out|my|pictures", "'pictures' stands alone; .*: --out \"my pictures\""),
        ("a fox|--preset|a.yaml,|b.yaml", '--preset "a.yaml, b.yaml"$'),
        ("a fox|--preset=a.yaml,|b.yaml", '--preset="a.yaml, b.yaml"$'),
        ("a fox|--negative|blurry,|grey", '--negative "blurry, grey"$'),
        (r"a fox|--init|C:\pics\my|photo.png", r'--init "C:\\pics\\my photo.png"$'),
        ("a|fox", 'put the prompt in quotes: "a fox"$'),
        ("a|$5|bill", r"put the prompt in quotes: 'a \$5 bill'$"),
        (
            "a fox|an owl",
            'write "a fox | an owl" for both in one picture, or a command for each$',
        ),
        ("a fox|an owl|a cat", '"a fox | an owl | a cat" for all in one picture'),
        ("a fox|owl", 'quotes: "a fox owl", or "a fox | owl" for both in one picture$'),
        ("a fox|run.yaml", 'is a setting: run.yaml prompts="a fox"$'),
        ("a fox|list.txt", "the prompts are in list.txt already"),
        ("a.yaml|b.yaml", "write a command for each$"),
        ("a fox|pic.png", '--init pic.png; to draw towards .*: "a fox | @pic.png:0.5"$'),
        ("a fox|there", 'there is a folder; .*: "a fox | @there:0.5"; to write .*: --out there$'),
        ("a fox|clip.mp4", "vqclip animate --source clip.mp4$"),
        ("a fox|film.format|gif", "one word: film.format=gif$"),
    ],
)
def test_advice_looks_at_what_was_typed(
    words: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    typed = words.split("|")
    valued = [index + 1 for index, word in enumerate(typed) if re.match("--[a-z]+$", word)]
    bare = [w for i, w in enumerate(typed) if i not in valued and not w.startswith("--")]
    said = explain_words([word for word in bare if word != "film.format"], typed)
    assert re.search(advice.replace(" | ", r" \| "), said), said


def test_names_where_one_is_expected(refused: Refusal) -> None:
    assert 'quotes: "our photo.png"' in refused("again", "our", "photo.png")
    assert 'the folder\'s name belongs in quotes: "my dir"' in refused(
        "search", "my", "dir", "a b"
    )
    assert "'b.png' is more than vqclip show takes" in refused("show", "a", "b.png")


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a b").touch()
    assert find_split_name([str(tmp_path / "a b")]) is None  # in quotes already
    assert find_split_name(["\0", "b", "--init"]) is None
    assert find_split_name([]) is None
