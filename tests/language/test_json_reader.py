"""JSON as people write it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vqclip.cli import main
from vqclip.errors import PromptError
from vqclip.language import structured
from vqclip.language.json_reader import read_json
from vqclip.language.prompts import parse_prompts

FOX = {"subject": "a fox", "style": "ink"}


@pytest.mark.parametrize(
    "text",
    [
        '{"subject": "a fox", "style": "ink",}',
        '{"subject": "a fox",, "style": "ink"}',
        '{"subject": "a fox", // main\n "style": "ink" # how\n}',
        '{/* main */ "subject": "a fox", "style": "ink"}',
        "{'subject': 'a fox', 'style': 'ink'}",
        "{“subject”: “a fox”, ”style”: „ink“}",
        '{‘subject’: ‘a fox’, «style»: “ink"}',
        '{subject: "a fox", style: "ink"}',
        '{"Subject": "a fox", "STYLE": "ink"}',
        '\ufeff{"subject": "a fox", "style": "ink"}',
    ],
)
def test_what_can_mean_only_one_thing_is_read(text: str) -> None:
    assert structured.read_structured(text) == structured.read_object(text) == FOX
    assert parse_prompts(text) == parse_prompts(json.dumps(FOX))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[True, FALSE, None, -1.5e2]", [True, False, None, -150.0]),
        ("['a cat's tail', 'b']", ["a cat's tail", "b"]),
        ("{'a': 'say \"x\" \\' \\u72d0'}", {"a": 'say "x" \' 狐'}),
        ('["a\nb", "http://x"]', ["a\nb", "http://x"]),
    ],
)
def test_values(text: str, value: object) -> None:
    assert read_json(text) == (value, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"subject": "a fox"', "the { is not closed; write } at the end (line 1)"),
        ('{"subject": ["a"}', "} closes a [; write ] (line 1)"),
        ('{"subject":', "it ends early (line 1)"),
        (
            '{"subject": "a",\n "subject": "b"}',
            "'subject' is given twice; remove one of them (line 2)",
        ),
        (
            '{"subject": "a"\n "style": "ink"}',
            """a comma is missing before '"style": "ink"}' (line 2)""",
        ),
        (
            '{"subject": "a,\n "style": "ink"}',
            """the text at '"a,' has no closing quote (line 1)""",
        ),
        (
            '{"subject": "a "red" fox"}',
            "a quote stands within the text before 'red\" fox\"}'; write",
        ),
        ('{"subject": "C:\\pics"}', "a backslash has a meaning in the text at"),
        ('{"subject": a fox}', "the text at 'a fox}' must stand in quotes (line 1)"),
        ('{"subject": "a"; "style": "b"}', 'a comma is missing before \'; "style"'),
    ],
)
def test_a_slip_is_named_with_its_line(text: str, message: str) -> None:
    for read in (parse_prompts, structured.read_object):
        with pytest.raises(PromptError) as caught:
            read(text)
        assert re.search(f"is not valid JSON: (the )?{re.escape(message)}", str(caught.value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "fox.json is empty, and must hold a structured prompt"),
        ('["a fox"]', "fox.json holds a list alone, and must hold one object in braces"),
        (
            '{"sbject": "a fox"}',
            "its keys are 'sbject', and none of them is .* did you mean 'subject'",
        ),
        ('{"Subject": "a", "subject": "b"}', "has 'subject' twice; remove one of them"),
        ('{"subject": "a"}}', "holds '}' after the structured prompt"),
    ],
)
def test_a_file_says_what_it_lacks(
    text: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fox.json").write_text(text)
    assert main.main(["plan", "fox.json"]) == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))


def test_templates_in_braces_stay_templates() -> None:
    for text in ("{red|blue}", "{subject|style}", "{style: a|b}", "{subject: a fox}"):
        assert structured.read_structured(text) is None
