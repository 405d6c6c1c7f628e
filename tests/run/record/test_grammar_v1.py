"""Old pictures replay under their own grammar."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import PictureError
from vqclip.language import prompts
from vqclip.language.prompt_types import Prompt
from vqclip.run.record import provenance
from vqclip.run.record.grammar_v1 import modernise_prompt, parse_grammar_v1
from vqclip.run.record.provenance import Provenance


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a (red) fox", [Prompt("a (red) fox")]),
        ("a {red|blue} fox:2", [Prompt("a {red"), Prompt("blue} fox", 2)]),
        ("a ^ b", [Prompt("a ^ b")]),
        ('say "a:2"', [Prompt('say "a:2"')]),
        ("a moon in(top)", [Prompt("a moon in(top)")]),
        ("noise(7)", [Prompt("noise(7)")]),
        ("<my-cat>", [Prompt("<my-cat>")]),
        ('{"subject": "a fox"}', [Prompt('{"subject": "a fox"}')]),
        (r"a\|b:2:0.5 | @C:\x.png", [Prompt("a|b", 2, 0.5), Prompt(r"C:\x.png", kind="image")]),
        (r"\^", [Prompt(r"\^")]),
    ],
)
def test_an_old_prompt_means_what_it_meant(text: str, meaning: list[Prompt]) -> None:
    assert list(parse_grammar_v1(text)) == meaning
    assert list(prompts.parse_prompts(modernise_prompt(text, 1))) == meaning
    assert modernise_prompt(text, prompts.GRAMMAR) == text


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a train at 3:00", [Prompt("a train at 3", 0)]),
        ("http://example.com:8080 | b", [Prompt("http://example.com", 8080), Prompt("b")]),
        ("7:05:30", [Prompt("7", 5, 30)]),
        ("a fox 3:15:0.5", [Prompt("a fox 3", 15, 0.5)]),
    ],
)
def test_times_and_ports_of_grammar_2_stay_numbers(text: str, meaning: list[Prompt]) -> None:
    modern = modernise_prompt(text, 2)
    assert list(prompts.parse_prompts(modern)) == meaning
    assert prompts.lint_prompts(modern) == []
    assert list(prompts.parse_prompts(text)) != meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("label(bee)", "labelbee"),
        ("a fox | like(pic.png):0.5", "likepic.png"),
        ("I like(this)", "I likethis"),
        ("like() is a word", "like() is a word"),
    ],
)
def test_labels_and_likes_of_grammar_3_stay_words(text: str, meaning: str) -> None:
    before = prompts.parse_grammar(text, 3)
    modern = modernise_prompt(text, 3)
    assert prompts.parse_prompts(modern) == before
    assert all(each.kind == "text" for each in before)
    assert before[-1].body == meaning
    assert prompts.lint_prompts(modern) == []


def test_notes_have_a_new_grammar_only_where_they_need_it() -> None:
    """A vqclip that knows no labels reads all other pictures; again, ours reads all of them."""

    def noted(**values: object) -> int:
        notes = replace(Provenance({}, "a fox | @p.png:2", 1, {}, {}), **values)  # type: ignore[arg-type]
        assert provenance.read_json(notes.to_json()) == notes
        return int(json.loads(notes.to_json())["grammar"])

    assert noted() == noted(config={"negative": "fog", "steps": 3}) == noted(prompt="") == 3
    assert noted(prompt="I like (this) label") == 3
    assert noted(prompt="label(bee)") == noted(prompt="I like(this)") == 4
    assert noted(prompt='la""bel(bee)') == 4 and noted(prompt='"label"(bee)') == 3
    assert noted(config={"negative": "label(fog)"}) == 4
    assert noted(changes=[{"step": 3, "settings": {"prompts": "like(a.png)", "steps": 4}}]) == 4


def test_what_to_avoid_is_read_in_modern_words_too() -> None:
    old = {"config": {"negative": "fog 3:30"}, "seed": 1, "models": {}, "versions": {}}
    changes = [{"step": 3, "settings": {"negative": "a 3:30", "steps": 4}}]
    text = json.dumps(old | {"grammar": 2, "prompt": "a fox 3:15", "changes": changes})
    notes = provenance.read_json(text)
    assert (notes.prompt, notes.config) == ("a fox 3:+15", {"negative": "fog 3:+30"})
    assert notes.changes == [{"step": 3, "settings": {"negative": "a 3:+30", "steps": 4}}]


def test_what_reads_the_same_stays_as_it_is() -> None:
    for text in ("a fox:2 | fog:-0.5:-0.9", "12:30 train", r"C:\x.png"):
        assert modernise_prompt(text, 1) == text


@given(st.text(st.sampled_from([*'|:()[]{}^@<>"\\ ', "a", "1"]), min_size=1, max_size=25))
def test_every_old_prompt_can_be_written_anew(text: str) -> None:
    try:
        before = parse_grammar_v1(text)
    except Exception as error:  # no run can have had it
        assert "must hold words" in str(error) or "finite" in str(error)
        return
    assert prompts.parse_prompts(modernise_prompt(text, 1)) == before


def test_notes_are_read_in_modern_words() -> None:
    old = {"config": {}, "seed": 1, "models": {}, "versions": {}, "grammar": 1}
    changes = [{"step": 3, "settings": {"prompts": "a [b]", "steps": 4}}]
    notes = provenance.read_json(json.dumps(old | {"prompt": "a (b)", "changes": changes}))
    assert (notes.prompt, notes.grammar) == (r"a \(b\)", prompts.GRAMMAR)
    assert notes.changes == [{"step": 3, "settings": {"prompts": r"a \[b\]", "steps": 4}}]
    # Before there was a number, there was the first grammar.
    del old["grammar"]
    assert provenance.read_json(json.dumps(old | {"prompt": "a (b)"})).prompt == r"a \(b\)"
    new = Provenance({}, "a (b)", 1, {}, {})
    assert provenance.read_json(new.to_json()) == new


def test_old_notes_that_were_edited_are_refused() -> None:
    old = {"config": {}, "seed": 1, "models": {}, "versions": {}, "grammar": 1, "prompt": "a | "}
    with pytest.raises(
        PictureError, match=r"holds a prompt that cannot be read .* edited by hand"
    ):
        provenance.read_json(json.dumps(old))
