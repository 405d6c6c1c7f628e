"""Prompts with a structure."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from vqclip.config import loading, presets
from vqclip.errors import PromptError
from vqclip.language import structured
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import lint_prompts, parse_prompts, prompts_to_text

WHOLE = {
    "subject": ["a fox", "a crow"],
    "appearance": {"fur": "red", "eyes": ["green", "wet"]},
    "action": "running",
    "setting": "a wood",
    "mood": "calm",
    "style": "ink",
}


def test_keywords_for_clip_and_a_sentence_for_others() -> None:
    (fox,) = parse_prompts(json.dumps(WHOLE))
    assert fox.body == (
        "a fox, a crow, red fur, green eyes, wet eyes, running, a wood, calm mood, ink"
    )
    assert fox.sentence == (
        "A fox and a crow with red fur, green eyes and wet eyes, running, in a wood, calm mood, "
        "in the style of ink."
    )
    assert "{" not in fox.body + fox.sentence


def test_both_may_be_said_outright() -> None:
    (fox,) = parse_prompts(
        '{"subject": "x", "keywords": ["fox", "red"], "sentence": "A red fox."}'
    )
    assert (fox.body, fox.sentence) == ("fox, red", "A red fox.")


def test_what_is_avoided_has_a_weight_of_its_own() -> None:
    told = {"subject": "a fox", "negative": ["fog", "rain"], "weight": 2, "negative_weight": -1}
    assert parse_prompts(json.dumps(told)) == (
        Prompt("a fox", 2, sentence="A fox."),
        Prompt("fog", -1),
        Prompt("rain", -1),
    )


def test_a_setting_with_its_own_preposition_keeps_it() -> None:
    (fox,) = parse_prompts('{"subject": "a fox", "setting": "under a tree"}')
    assert fox.sentence == "A fox, under a tree."


def test_what_is_avoided_may_be_several_in_a_text() -> None:
    wishes = parse_prompts('{"subject": "a fox", "negative": "fog | mud |"}')
    assert wishes[1:] == (Prompt("fog", -0.5), Prompt("mud", -0.5))


def test_what_it_becomes_is_read_back() -> None:
    fox = parse_prompts(json.dumps(WHOLE | {"negative": "f|og (thick)"}))
    assert parse_prompts(prompts_to_text(fox)) == fox


def test_yaml_takes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("prompts: {subject: a fox, appearance: {fur: red}}")
    (fox,) = parse_prompts(loading.load_config(file=path).prompts)
    assert (fox.body, fox.sentence) == ("a fox, red fur", "A fox with red fur.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "says nothing to draw; give it a subject"),
        ('{"style": ""}', "says nothing to draw"),
        ('{"subject": true}', "subject is True; write words there"),
        ('{"subject": {"a": {"b": false}}}', r"subject.a.b is False; write words there"),
        ('{"subject": "a", "weight": "2"}', "weight is '2'; it must be a number, such as 1"),
        ('{"subject": "a", "weight": true}', "weight is True; it must be a number, such as 1"),
        ('{"subject": "a", "weight": NaN}', "weight is nan; it must be a number"),
        ('{"stlye":\n ink}', r"'ink}' must stand in quotes \(line 2\); see vqclip help"),
        (
            '{"subject": "a"} | fog:-1',
            r"must be the whole prompt, but '\| fog:-1' follows it; put",
        ),
        ('{"s": ' * 12 + "1" + "}" * 12, "is nested too deeply; flatten it"),
    ],
)
def test_what_says_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_prompts(text)


def test_other_braces_are_no_structure() -> None:
    with pytest.raises(PromptError, match="is a template"):
        parse_prompts('{"subject" "a fox"}')


@pytest.mark.parametrize(
    "frames",
    [{"50": "an owl", "0": "a fox"}, {0: "a fox", 50: "an owl"}],
    ids=["text", "numbers"],
)
def test_prompts_by_frames_are_told_as_scenes(frames: dict[object, str]) -> None:
    with pytest.raises(PromptError, match=r"animate 'a fox \| lasting\(50\) \^ an owl'"):
        structured.translate_structured(frames)  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="prompts by frames"):
        presets.prompt_text(frames)


def test_a_line_break_in_a_text_is_told() -> None:
    notes = lint_prompts('{"subject": "a fox\\nfog:-0.5"}')
    assert [note.split(" is read")[0] for note in notes] == [
        "the line break between 'a fox' and 'fog:-0.5'"
    ]
    assert lint_prompts('{"subject": "a fox", "mood": "calm"}') == []


@pytest.mark.parametrize(
    ("first", "last", "scenes", "left_out"),
    [
        ("a cat", "a dog | fog:-1", "a cat | lasting(24) ^ a dog | fog:-1", ""),
        ("a dog | fog:-1", "a cat", "a dog | fog:-1 | lasting(24) ^ a cat", ""),
        ("it's $HOME `x`", 'a "red" fox', 'it\'s $HOME `x` | lasting(24) ^ a "red" fox', ""),
        (
            "a cat --neg blurry, grey",
            "a dog --ar 3:2 --no fog",
            "a cat | blurry, grey:-1 | lasting(24) ^ a dog | fog:-1",
            " (left out: --ar 3:2)",
        ),
    ],
)
def test_the_scenes_for_prompts_by_frames_can_be_typed_as_shown(
    first: str, last: str, scenes: str, left_out: str
) -> None:
    with pytest.raises(PromptError) as told:
        structured.refuse_frames({"0": first, "24": last})
    command = str(told.value).partition(": ")[2]
    assert command.endswith(left_out)
    assert shlex.split(command.removesuffix(left_out)) == ["vqclip", "animate", scenes]
    assert {each.scene for each in parse_prompts(scenes)} == {0, 1}
