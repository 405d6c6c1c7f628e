"""The prompt language."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import PromptError
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import (
    check_scenes,
    describe_prompts,
    lint_prompts,
    parse_prompts,
    prompts_to_text,
)

NEVER = -math.inf


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a fox", [Prompt("a fox")]),
        ("  a fox \n", [Prompt("a fox")]),
        ("a fox:2", [Prompt("a fox", 2)]),
        ("a fox : 2 : .75 ", [Prompt("a fox", 2, 0.75)]),
        ("a fox:+2.:1e-3", [Prompt("a fox", 2, 0.001)]),
        ("a fox:0", [Prompt("a fox", 0)]),
        (
            "a fox:2 | fog:-0.5:-0.9 | @picture.png:0.3",
            [
                Prompt("a fox", 2),
                Prompt("fog", -0.5, -0.9),
                Prompt("picture.png", 0.3, kind="image"),
            ],
        ),
        ("12:30 train", [Prompt("12:30 train")]),
        ("ratio 16:9", [Prompt("ratio 16", 9)]),
        (r"ratio 16\:9", [Prompt("ratio 16:9")]),
        ("a: b:1", [Prompt("a: b", 1)]),
        ("a:1:2:3", [Prompt("a:1", 2, 3)]),
        ("a:2:", [Prompt("a:2:")]),
        ("2001", [Prompt("2001")]),
        (":)", [Prompt(":)")]),
        ("http://a/b", [Prompt("http://a/b")]),
        ("@http://a/b.png:2", [Prompt("http://a/b.png", 2, kind="image")]),
        (r"C:\x.png", [Prompt(r"C:\x.png")]),
        (r"@C:\x.png:0.3", [Prompt(r"C:\x.png", 0.3, kind="image")]),
        (r"@ C:\x.png", [Prompt(r"C:\x.png", kind="image")]),
        (r"@\\\\host\x.png", [Prompt(r"\\host\x.png", kind="image")]),
        (r"a\|b | c", [Prompt("a|b"), Prompt("c")]),
        (r"\@home | me@home", [Prompt("@home"), Prompt("me@home")]),
        ("@@home.png", [Prompt("@home.png", kind="image")]),
        (r"a\\:2", [Prompt("a\\", 2)]),
        ("a\\", [Prompt("a\\")]),
        (r"\n and \t", [Prompt(r"\n and \t")]),
        ("a:1_000", [Prompt("a:1_000")]),
        ("a:٣", [Prompt("a:٣")]),
        ("a:0x10", [Prompt("a:0x10")]),
        ("to infinity", [Prompt("to infinity")]),
        (r"to\:infinity", [Prompt("to:infinity")]),
        (r"a # b $\{x\}", [Prompt("a # b ${x}")]),
    ],
)
def test_parse(text: str, expected: list[Prompt]) -> None:
    assert parse_prompts(text) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the prompt is empty; write what you would like to see"),
        (" \n ", "the prompt is empty"),
        ("a | | b", r"part 2 of 'a \| \| b' is empty; put words there, or remove a \"\|\""),
        ("a |", r"part 2 of 'a \|' is empty"),
        ("|", r"part 1 of '\|' is empty"),
        (":2", "the prompt ':2', ':2', is incomplete; put words before the number"),
        (
            "a | :2:3",
            r"part 2 of 'a \| :2:3', ':2:3', is incomplete; put words before the number",
        ),
        ("@:2", "'@:2', is incomplete; put the path of a picture before the number"),
        ("@", "'@', is incomplete; put the path of a picture after the \"@\""),
        ("a:nan", "the number nan in the prompt 'a:nan' is not finite; write one such as 2"),
        ("a:Infinity", r"put a backslash before the colon \(\\:\) if it belongs to the text"),
        ("a:-inf", "the number -inf in"),
        ("b | a:1:-INF", r"the number -INF in part 2 of"),
        ("a:nan:1", "the number nan in"),
        ("a:1e999", "the number 1e999 in"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_prompts(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "a prompt's body '' must hold words, without white space around them"),
        ((" a",), "a prompt's body ' a' must hold words"),
        (("a", math.nan), "the weight nan of 'a' must be a finite number, such as 2"),
        (("a", math.inf), "the weight inf of 'a' must be a finite number"),
        (("a", 1.0, math.nan), "the stop nan of 'a' must be a finite number, such as 0.75"),
        (("a", 1.0, math.inf), "the stop inf of 'a' .* leave it out to never stop"),
    ],
)
def test_a_prompt_that_could_not_be_written_is_refused(
    arguments: tuple[str, float, float], message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        Prompt(*arguments)


finite = st.floats(allow_nan=False, allow_infinity=False)
bodies = st.one_of(st.text(), st.text("|:@\\ 1.nfax")).map(str.strip).filter(bool)
prompts = st.builds(
    Prompt, bodies, finite, st.one_of(st.just(NEVER), finite), st.sampled_from(["text", "image"])
)


@given(st.lists(prompts, min_size=1, max_size=4))
def test_show_is_read_back(wishes: list[Prompt]) -> None:
    assert parse_prompts(prompts_to_text(wishes)) == tuple(wishes)


@given(st.text("ab12.-:|@\\ en"))
def test_whatever_is_read_is_shown_canonically(text: str) -> None:
    try:
        understood = parse_prompts(text)
    except PromptError:
        return
    assert parse_prompts(prompts_to_text(understood)) == understood
    assert prompts_to_text(parse_prompts(prompts_to_text(understood))) == prompts_to_text(
        understood
    )


def test_show_leaves_out_what_is_the_default() -> None:
    text = "a fox:2 | fog:-0.5:-0.9 | @picture.png | dawn:1:0.75"
    assert prompts_to_text(parse_prompts(text)) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a fox:2", "a fox ×2"),
        ("a fox", "a fox ×1"),
        ("ratio 16:9", "ratio 16 ×9"),
        ("fog:-0.5:-0.9", "fog ×-0.5 (stops at -0.9)"),
        ("@picture.png:0.3", "picture picture.png ×0.3"),
        ("fog:-2", "fog ×-2 (stops at -1.23, a right angle)"),
        ("fog:0", "fog ×0 (no effect)"),
        ("fog:-1:0.9", "fog ×-1 (stops at 0.9, so at once: with a negative weight, write a "),
        ("sky:1:-0.7", "sky ×1 (stops at -0.7, so never: with a positive weight, write a "),
    ],
)
def test_echo(text: str, line: str) -> None:
    (said,) = describe_prompts(parse_prompts(text))
    assert said.startswith(line) and (said == line or line.endswith("write a "))


def test_reading_prompts_does_not_load_torch() -> None:
    script = "import sys, vqclip.language.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a moon in(top) shining", ["in(top) is read as words, since it does not end its part"]),
        ("in(top) a moon for(a):2", ["in(top) is read as words, since it does not end"]),
        (
            "a (moon in(top)) in(left)",
            ["in(top) is read as words, since the part has another in("],
        ),
        ("a in(left) in(top)", ["in(left) is read as words, since the part has another in( )"]),
        ("a fox noise(7) | b ^ vector(x) c", ["noise(7) is read as words", "vector(x) is read"]),
        ("I like(this) | a label(old)", ["like(this) is read as words", "label(old) is read"]),
        ("I like (this) | a label (old) | label(bee):2", []),
        ("label(bee:2)", ["':2' in label(bee:2) is read as words; a weight stands behind the"]),
        ("a moon sentence(b) up | c for(x) d", ["sentence(b) is read", "for(x) is read"]),
        ("a moon in(top)", []),
        ("noise(7) in(top) for(a):2:3", []),
        (r"a moon in\(top) up | within(it) all", []),
        ('a moon "in"(top) up | plugin(top) x | in (topp) x', []),
        ("a fox in (top left)", ["in (top left) is read as words, since a space stands before"]),
        ("a fox in (m.png) | a in (top:1.2) b", ["in (m.png) is read as words, since a space"]),
        ("a fox:two", ["':two' is read as words, since only numbers"]),
        ("a fox:2:3:4", ["':2' is read as words"]),
        ("a fox:.5:", ["':' is read as words"]),
        ("a fox:two in(top):3", ["':two' is read as words"]),
        (r"12:30 train | http://a/b | a\:b | portrait: fox | (red:x) a", []),
        ("@in(top) x.png | a:{0: 1}", []),
        ('{"subject": "a moon in(top) up"}', []),
        ('{"subject": ["label(bee)", "a label(x)"]}', ["'label(bee)' in a structure is read as"]),
        (
            '{"subject": "a moon", "stlye": "ink"}',
            ["'stlye' is read as a property of the picture; did you mean 'style'?"],
        ),
        (" ", []),
    ],
)
def test_modifiers_that_are_only_words_are_told(text: str, said: list[str]) -> None:
    found = lint_prompts(text)
    assert len(found) == len(said)
    assert all(each.startswith(start) for each, start in zip(found, said, strict=True)), found


def test_what_is_told_of_strays_is_how_to_mend_them() -> None:
    assert lint_prompts("a in(top) b", "vector(x) c") == [
        "in(top) is read as words, since it does not end its part; put it at the end of the part",
        "vector(x) is read as words, since it is not the whole part; put | around it",
    ]


def test_more_scenes_than_steps_are_refused() -> None:
    wishes = parse_prompts("a ^ b ^ c")
    check_scenes(wishes, 3)
    with pytest.raises(PromptError, match=r"^the prompt has 3 scenes, and steps is 2, too few"):
        check_scenes(wishes, 2)
    with pytest.raises(PromptError, match=r"frames is 2, too few .*; write frames=3 or more"):
        check_scenes(wishes, 9, 2)
