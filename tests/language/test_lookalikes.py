"""Lookalikes: text that only looks like a sign of the language."""

from __future__ import annotations

import pytest

from vqclip.language import lookalikes
from vqclip.language.lexer import lex_text
from vqclip.language.prompts import describe_prompts, lint_prompts, parse_prompts, prompts_to_text


def test_slips_of_one_part() -> None:
    assert lookalikes.find_lookalikes(lex_text("@a in(top) b")) == []
    (said,) = lookalikes.find_lookalikes(lex_text("a fox in (top left)"))
    assert said.endswith("for a region write in(top left)")


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("a train at 3:00", "a train at 3:00 ×1"),
        ("John 3:16 | fog:2", "John 3:16 ×1"),
        ("7:05:30", "7:05:30 ×1"),
        ("open 9:00-17:30", "open 9:00-17:30 ×1"),
        ("a clock at 3:00:2:0.5", "a clock at 3:00 ×2 (stops at 0.5)"),
        ("a clock at 3:00:{0: 0, 50%: 1}", "a clock at 3:00 ×{0: 0, 50%: 1}"),
        ("a clock at 3:00 in(top)", "a clock at 3:00, in the top, ×1"),
        ("a (clock at 3:30) tower", "a (clock at 3:30 ×1.1) tower ×1"),
        ("a sign with http://example.com:8080", "a sign with http://example.com:8080 ×1"),
        ("localhost:8080:2", "localhost:8080 ×2"),
        ("192.168.0.1:80", "192.168.0.1:80 ×1"),
        # These are weights still.
        ("a fox:2:10", "a fox ×2 (stops at 10)"),
        ("a fox: 2:10", "a fox ×2 (stops at 10)"),
        ('at "3":10', "at 3 ×10"),
        ("a clock at 3:+10", "a clock at 3 ×10"),
        ("a clock at 3: 10", "a clock at 3 ×10"),
        ("@photo 3:15", "picture photo 3 ×15"),
        (r"16\:9:20", "16:9 ×20"),
    ],
)
def test_times_and_ports_are_text(text: str, understood: str) -> None:
    prompts = parse_prompts(text)
    assert describe_prompts(prompts)[0] == understood
    shown = prompts_to_text(prompts)
    assert parse_prompts(shown) == prompts and lint_prompts(shown) == []
    assert lookalikes.find_lookalikes(lex_text("a train at 3:00")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ratio 16:9", r"':9' after '16' is read as the weight 9; for text write 16\:9, for "),
        ("scale 1:100", r"':100' after '1' is read as the weight 100; for text write 1\:100"),
        ("C:1", r"':1' after 'C' is read as the weight 1; for text write C\:1"),
        ("2:1", r"':1' after '2' is read as the weight 1; for text write 2\:1"),
        ("6:4:6", r"':4:6' after '6' is read as a weight and a stop; for text write 6\:4\:6"),
        ("Genesis 50:20", r"':20' after '50' is read as the weight 20; for text write 50\:20"),
        ("example.com:8080", "':8080' after 'example.com' is read as the weight 8080"),
        ("a (ratio 16:9) sign", r"':9' after '16' is read as the attention 9; for text"),
        ("a fox:2 and an owl:3", "':2' in the middle of a part is read as words; a weight ends"),
        ("a fox, fog:-1, rain:2", "':-1' in the middle of a part is read as words"),
        ("a:2, b:.5; c", "':2' and ':.5' in the middle of a part are read as words"),
        ("a fox :2 owl", "':2' in the middle of a part is read as words"),
        ("a fox:{0: 1} and an owl", "':{0: 1}' in the middle of a part is read as words"),
    ],
)
def test_numbers_that_may_be_meant_otherwise_are_told(text: str, said: str) -> None:
    (found,) = lint_prompts(text)
    assert found.startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "12:30 train, 16:9 on a sign, http://example.com:8080 in neon",
        "(a fox:2) and (an owl:3)",
        r"ratio 16\:9 | C\:1 | ratio 16:+9 | a fox\:2 and | 16:9.0",
        "a portrait: 2 owls | a fox:2",
    ],
)
def test_numbers_that_are_clear_are_not_remarked_on(text: str) -> None:
    assert lint_prompts(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a dog --neg blurry, grey", """'--neg' in a prompt  … --negative "blurry, grey", or"""),
        (
            "a fox --no text | b",
            """'--no' … --negative "text", or … as | text:-1""",
        ),
        ("a fox —no text", """'—no' in a prompt is only words … --negative "text\""""),
        (
            "a fox --w 512 --seed 3",
            "'--w 512' and '--seed 3' in a prompt are only words",
        ),
        ("a fox AND an owl", "AND is read as a word; parts are separated by |"),
        ("a fox BREAK an owl", "BREAK is read as a word"),
        ("a [cat:dog:0.5] fox", "'[cat:dog:0.5]' is read as words with less attention"),
        ("a [cat|dog] fox", "'[cat|dog]' is split at |; choices  … : {cat|dog}"),
        ("a __colour__ fox", "'__colour__' is only words;  …  are written {colour.txt}"),
        ("hot:: dog", "'::' is only words"),
        ("a <lora:ink:0.8>", "'<lora:ink:0.8>' is only words: such files change a diffusion"),
        ("a <hypernet:ink:1>, wet", "'<hypernet:ink:1>' is only words"),
        ("a photo of embedding:toy", "'embedding:toy' is only words;  …  is written <toy>"),
        ("a fox\nin fog", "the line break between 'a fox' and 'in fog' is read as a space"),
        ("a fox \r\n\r\n owl", "the line break between 'a fox' and 'owl' is read as a space"),
        ("a\n\\^", "the line break between 'a' and '' is read as a space"),
        ("a | b\u2028c ^ d", "the line break between 'b' and 'c' is read as a space"),
        ('{"subject": "a fox", "style": "ink --no fog"}', "'--no' in a prompt is only words"),
    ],
)
def test_what_other_programs_read_is_told(text: str, said: str) -> None:
    (found,) = lint_prompts(text)
    assert all(each in found for each in said.split(" … ")), found


@pytest.mark.parametrize(
    "text",
    [
        'a "--neg" fox | a house -- big | a fox - no text',
        "A FOX AND AN OWL",
        "[cat] and [a cat: big] | a __ b__c",
        "a |\nb ^\n c\n",
        "x for(ViT-B-32::openai) | <my-cat> | a <lora> | embeddings: two",
    ],
)
def test_plain_words_are_not_remarked_on(text: str) -> None:
    assert lint_prompts(text) == []


def test_a_prompt_of_several_lines_is_told_on_one() -> None:
    assert describe_prompts(parse_prompts("a fox\n fog:-1:-2")) == ["a fox fog ×-1 (stops at -2)"]
