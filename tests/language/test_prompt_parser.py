"""The parser of one part of a prompt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.errors import PromptError
from vqclip.language.lexer import SIGNS
from vqclip.language.prompt_types import Prompt, Region, TextSpan
from vqclip.language.prompts import (
    describe_prompts,
    parse_prompts,
    parse_with_negative,
    prompts_to_text,
)
from vqclip.language.schedules import Schedule
from vqclip.language.schedules import parse_schedule as schedule


def one(text: str) -> Prompt:
    (found,) = parse_prompts(text)
    return found


def attention(text: str) -> list[tuple[str, float]]:
    return [(piece.text, piece.attention) for piece in one(text).spans]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a (red) fox", [("a ", 1), ("red", 1.1), (" fox", 1)]),
        ("a ((red)) fox", [("a ", 1), ("red", 1.21), (" fox", 1)]),
        ("a [red] fox", [("a ", 1), ("red", 0.9091), (" fox", 1)]),
        ("a (red:1.5) fox", [("a ", 1), ("red", 1.5), (" fox", 1)]),
        ("(a (red:2) fox:0.5)", [("a ", 0.5), ("red", 1), (" fox", 0.5)]),
        ("(a:0)b", [("a", 0), ("b", 1)]),
        ("(a)(b)", [("ab", 1.1)]),
        ("([a])", [("a", 1)]),
        ("a () b", [("a () b", 1)]),
        ("a ( ) b", [("a ( ) b", 1)]),
        ("a (b", [("a (b", 1)]),
        (":)", [(":)", 1)]),
        (r"a \(red\) fox", [("a (red) fox", 1)]),
        ('a "(red)" fox', [("a (red) fox", 1)]),
        ("(12:3)", [("12", 3)]),
        (r"(12\:30)", [("12:30", 1.1)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("[a:2]", [("a:2", 0.9091)]),
    ],
)
def test_attention(text: str, wanted: list[tuple[str, float]]) -> None:
    assert attention(text) == wanted
    assert one(prompts_to_text([one(text)])) == one(text)


def test_attention_is_no_weight() -> None:
    fox = one("(a fox:1.3):2")
    assert (fox.weight, fox.spans) == (2, (TextSpan("a fox", 1.3),))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<my-cat>", (TextSpan("my-cat", learnt=True),)),
        ("a <cat> b", (TextSpan("a "), TextSpan("cat", learnt=True), TextSpan(" b"))),
        ("(<cat> b:2)", (TextSpan("cat", 2, learnt=True), TextSpan(" b", 2))),
        (r"a \<cat>", ()),
        ("a < b > c", ()),
        ("<3", ()),
    ],
)
def test_learnt_words(text: str, wanted: tuple[TextSpan, ...]) -> None:
    assert one(text).marked_spans == wanted
    assert one(prompts_to_text([one(text)])) == one(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a in(top)", Prompt("a", region=Region("top"))),
        ("a in( Top  RIGHT ):2", Prompt("a", 2, region=Region("top right"))),
        ("a in(-left)", Prompt("a", region=Region("left", outside=True))),
        ("a in(10% 20% 30% 40%)", Prompt("a", region=Region("10% 20% 30% 40%"))),
        ("a in(Mask.png)", Prompt("a", region=Region("Mask.png"))),
        ("a in(- m.png)", Prompt("a", region=Region("m.png", outside=True))),
        ("@a.png in(top)", Prompt("a.png", kind="image", region=Region("top"))),
        ("a for(b)", Prompt("a", perceptors=("b",))),
        ("a for( b , c::d )", Prompt("a", perceptors=("b", "c::d"))),
        ("a sentence(An a.)", Prompt("a", sentence="An a.")),
        (
            "a sentence(x: y) for(b) in(top):2:1",
            Prompt("a", 2, 1, region=Region("top"), perceptors=("b",), sentence="x: y"),
        ),
        ("a cat in(top) b", None),
        ("in(top)", None),
        (r"a in\(top)", Prompt("a in(top)")),
        ("noise(7)", Prompt("7", kind="noise")),
        ("noise( 7 ):0.2", Prompt("7", 0.2, kind="noise")),
        ("vector(textoff)", Prompt("textoff", kind="vector")),
        ("vector(sunny) for(b):-1", Prompt("sunny", -1, kind="vector", perceptors=("b",))),
        ("noise(7) and", None),
        ("label(bee)", Prompt("bee", kind="label")),
        ("label( bee ) in(top):-2:-1", Prompt("bee", -2, -1, "label", region=Region("top"))),
        (
            "label((red:1.4) bee)",
            Prompt(
                "red bee",
                kind="label",
                marked_spans=(TextSpan("red", 1.4), TextSpan(" bee")),
            ),
        ),
        (
            "label(bee) for(b):{0: 0, 50%: 2}",
            Prompt("bee", schedule("0: 0, 50%: 2"), kind="label", perceptors=("b",)),
        ),
        ("like(a b/*.png):0.5", Prompt("a b/*.png", 0.5, kind="like")),
        (r"like(C:\x \(1\).png)", Prompt(r"C:\x (1).png", kind="like")),
        ("vector(a.json):0.1", Prompt("a.json", 0.1, kind="vector")),
        # With a space, something before or behind, or in capitals, they are words.
        *((text, None) for text in ("label (old)", "I like(this)", "label(a) b", "Like(a.png)")),
        ("I like it", Prompt("I like it")),
        ("a label", Prompt("a label")),
        ("a:{0: 0, 50%: 2 ease}", Prompt("a", schedule("0: 0, 50%: 2 ease"))),
        ("a:{0: 1}:0.5", Prompt("a", schedule("0: 1"), 0.5)),
    ],
)
def test_modifiers(text: str, wanted: Prompt | None) -> None:
    found = one(text)
    if wanted is None:  # these are words with brackets
        assert found.kind == "text" and found.marked_spans and found.region is None
    else:
        assert found == wanted
    assert one(prompts_to_text([found])) == found


@pytest.mark.parametrize(
    ("text", "body", "shown"),
    [
        ("a cat in(top left) b", "a cat in top left b", "a cat in (top left:1.1) b"),
        ("in(top)", "in top", "in (top:1.1)"),
        ("noise(7) a", "noise 7 a", "noise (7:1.1) a"),
        ("I like(this)", "I like this", "I like (this:1.1)"),
        ('"label"(old)', "labelold", '"label"(old:1.1)'),
        ('a "in"(top left) b', "a intop left b", 'a "in"(top left:1.1) b'),
        ("within(top) a", "withintop a", "within(top:1.1) a"),
    ],
)
def test_what_only_looks_like_a_modifier_stays_readable(text: str, body: str, shown: str) -> None:
    assert one(text).body == body
    assert prompts_to_text([one(text)]) == shown
    assert one(shown) == one(text)


def test_scenes() -> None:
    found = parse_prompts("a | b:2 ^ c")
    assert [(wish.body, wish.scene) for wish in found] == [("a", 0), ("b", 0), ("c", 1)]
    assert prompts_to_text(found) == "a | b:2 ^ c"
    assert describe_prompts(found)[-1] == "scene 2: c ×1"


def test_what_is_to_be_avoided_holds_in_every_scene() -> None:
    wanted = "a | fog:-0.5 | rain:{0: -1} ^ b | fog:-0.5 | rain:{0: -1}"
    assert prompts_to_text(parse_with_negative("a ^ b", "fog:0.5 | rain:{0: 1}")) == wanted
    assert parse_with_negative("a", "  ") == parse_prompts("a")


@pytest.mark.parametrize(
    ("region", "box"),
    [
        ("top", (0, 0, 1, 0.5)),
        ("right", (0.5, 0, 0.5, 1)),
        ("bottom left", (0, 0.5, 0.5, 0.5)),
        ("left bottom", (0, 0.5, 0.5, 0.5)),
        ("middle", (0.25, 0.25, 0.5, 0.5)),
        ("centre left", (0, 0.25, 0.5, 0.5)),
        ("top middle", (0.25, 0, 0.5, 0.5)),
        ("10% 20% 30% 40%", (0.1, 0.2, 0.3, 0.4)),
    ],
)
def test_regions_are_boxes(region: str, box: tuple[float, ...]) -> None:
    assert Region(region).box == pytest.approx(box)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a in(tpo)", r"in\(tpo\) names no part of a picture; did you mean 'top'\?; write top"),
        ("a in(top bottom)", r"in\(top bottom\) names no part"),
        (
            "a in(90% 0% 20% 10%)",
            r"height, and reaches over the right edge; what fits is in\(90% 0% 10% 10%\)$",
        ),
        ("a in(0% 40% 20% 62.5%)", r"the lower edge; what fits is in\(0% 40% 20% 60%\)$"),
        ("a in(10% 0% 0% 10%)", "and has no size; give it a width and a height above 0%"),
        ("a in(100% 0% 20% 10%)", "and lies outside the picture; left and top are less"),
        ("a in()", r"in\(\) names no part"),
        ("a for()", r"for\( \) needs names of perceptors"),
        ("noise(x)", r"noise\(x\) needs a seed, a whole number"),
        ("a:{0: 1 eese}", "the prompt .*: no easing is called 'eese'; did you mean 'ease'"),
        ("a:{b|c}", r"the expression 'b\|c' cannot be read from '\|c' on"),
        ("(a b:11)", r"\(a b:11\) has the attention 11; it is from 0 to 10.*is written"),
        (
            "(" * 40 + "a" + ")" * 40,
            "its brackets raise the attention to 45.26; at most 10 is read",
        ),
        ("(a:-1)", r"\(a:-1\) has the attention -1; it is from 0"),
        ("a:2 in(top)", r"the weight comes last, after in\( \)"),
        ("a:1:{0: 1}", "the stop cannot be a schedule; write the weight's schedule first"),
        ("noise()", r"noise\( \) is empty; write a seed, such as noise\(7\)"),
        ("(a:nan)", "the number nan in the prompt .* is not finite"),
        ("{red|blue} fox", r"is a template for several prompts; .*vqclip.expand"),
        (
            "a ^ ",
            r"part 2 of 'a \^ ' is empty; put words there, or remove a \"\|\" or a \"\^\"",
        ),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_prompts(text)


def test_what_is_avoided_has_no_scenes() -> None:
    with pytest.raises(PromptError, match=r"it cannot have scenes itself: write \| instead"):
        parse_with_negative("a", "b ^ c")


WORDS = st.text(st.sampled_from([*SIGNS, "a", "b", " ", "é"]), min_size=1).map(str.strip)
NAMES = st.from_regex(r"[A-Za-z0-9](?:[\w-]{0,8}[A-Za-z0-9])?", fullmatch=True)
PIECES = st.lists(
    st.tuples(st.text("ab(:<", min_size=1, max_size=5), st.sampled_from([1.0, 1.1, 0.5, 2.0]))
    | st.tuples(NAMES.map("<{}>".format), st.just(1.0)),
    min_size=1,
    max_size=4,
)


@st.composite
def wishes(draw: Any) -> Prompt:
    kind = draw(st.sampled_from(["text", "image", "noise", "vector"]))
    body = {
        "text": WORDS.filter(bool),
        "image": WORDS.filter(bool),
        "noise": st.integers(0, 10**9).map(str),
        "vector": NAMES,
    }[kind]
    weight: st.SearchStrategy[float | Schedule] = st.sampled_from(
        [1.0, -0.5, 2.0, 0.0]
    ) | st.just(schedule("0: 0, 50%: 2 ease"))
    return Prompt(
        draw(body),
        draw(weight),
        draw(st.sampled_from([float("-inf"), 0.75, -0.9])),
        kind,
        region=draw(st.none() | st.sampled_from([Region("top"), Region("m (1).png", True)])),
        perceptors=draw(st.sampled_from([(), ("starter",), ("ViT-B-32::openai", "b")])),
        sentence=draw(st.sampled_from(["", "A fox: red (wet)."])),
    )


@given(st.lists(wishes(), min_size=1, max_size=4))
def test_every_wish_can_be_written_and_read_back(found: list[Prompt]) -> None:
    assert parse_prompts(prompts_to_text(found)) == tuple(found)


@given(PIECES)
def test_attention_can_be_written_and_read_back(pieces: list[tuple[str, float]]) -> None:
    text = "".join(f"({t}:{w})" if w != 1 and not t.startswith("<") else t for t, w in pieces)
    try:
        found = parse_prompts(text)
    except PromptError:
        return
    assert parse_prompts(prompts_to_text(found)) == found


@pytest.mark.parametrize(
    "text", ["vector[art]", "noise[7]", "a fox in[left]", "waiting for[ever]"]
)
def test_words_before_a_bracket_stay_words(text: str) -> None:
    found = one(text)
    assert found.kind == "text" and found.region is None and found.perceptors == ()
    assert one(prompts_to_text([found])) == found


def test_what_is_turned_round_keeps_its_stop() -> None:
    (_, fog) = parse_with_negative("a", "fog:0.5:0.9")
    assert (fog.weight, fog.stop) == (-0.5, -0.9)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a fox lasting(2s) ^ an owl", "a fox lasting(2s) ^ an owl"),
        ("a fox lasting( 30 % ) in(top):2 ^ an owl", "a fox in(top) lasting(30%):2 ^ an owl"),
        ("fog:-1 | lasting(24f) | a fox ^ an owl", "fog lasting(24):-1 | a fox ^ an owl"),
        (r"a fox lasting\(long\)", r"a fox lasting\(long\)"),
        ("@a.png lasting(1.5s):0.5", "@a.png lasting(1.5s):0.5"),
        ("everlasting(2)", None),  # no modifier: it stands in a word
    ],
)
def test_lengths_of_scenes(text: str, wanted: str | None) -> None:
    found = parse_prompts(text)
    assert parse_prompts(prompts_to_text(found)) == found
    assert prompts_to_text(found) == wanted or (wanted is None and found[0].scene_length is None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a fox lasting(ages)", "'ages' is not a length; write frames.*write lasting"),
        ("a fox lasting(0s)", "a length of 0s is not possible"),
        ("a fox lasting(120%)", "a length of 120% is not possible"),
        ("a lasting(2) | b lasting(3)", "the length of scene 1 is given twice"),
        ("a ^ lasting(3)", "the length of scene 2 stands without words"),
    ],
)
def test_lengths_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_prompts(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a fox:{1+sin( t )}", "a fox:{1 + sin(t)}"),
        ("a fox:{0s:0, 2s : 1}:0.5", "a fox:{0s: 0, 2s: 1}:0.5"),
        ("fog:{0: -1, 50%: (t-2) ease}", "fog:{0: -1, 50%: (t - 2) ease}"),
        ("a:{1 if t<2 else min(beat, 2)} ^ b", "a:{1 if t < 2 else min(beat, 2)} ^ b"),
    ],
)
def test_weights_may_be_any_schedule(text: str, wanted: str) -> None:
    assert prompts_to_text(parse_prompts(text)) == wanted
    assert parse_prompts(wanted) == parse_prompts(text)
