"""Signs and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.language.lexer import (
    SIGNS,
    escape,
    find_signs,
    lex_text,
    match_brackets,
    split,
    text_of,
)

TEXTS = st.text(st.sampled_from([*SIGNS, "a", " ", "x"]), max_size=30)


def signed(text: str) -> list[str]:
    return [sign for _, sign in find_signs(text)]


@pytest.mark.parametrize("sign", [*SIGNS])
def test_a_backslash_makes_a_sign_text(sign: str) -> None:
    assert lex_text(f"a\\{sign}b") == [("a", False), (sign, True), ("b", False)]


def test_before_anything_else_a_backslash_is_itself() -> None:
    assert text_of(lex_text(r"C:\x\y")) == r"C:\x\y"
    assert text_of(lex_text("a\\")) == "a\\"


def test_quotes_make_signs_text_and_vanish() -> None:
    assert text_of(lex_text('say "a | (b)" | c')) == "say a | (b) | c"
    assert signed('say "a | (b)" | c') == ["|"]
    assert text_of(lex_text(r'"a \" b"')) == 'a " b'
    assert text_of(lex_text('a 5" screen')) == 'a 5" screen'


def test_brackets_find_their_partners() -> None:
    chars = lex_text("(a [b) c] (d")
    assert match_brackets(chars) == {0: 5}
    assert match_brackets(lex_text("([{}])"), "[") == {1: 4}
    assert match_brackets(lex_text(r"\(a)")) == {}


def test_splitting_may_spare_brackets() -> None:
    chars = lex_text("a:{0: 1}:2")
    assert [text_of(each) for each in split(chars, ":")] == ["a", "{0", " 1}", "2"]
    assert [text_of(each) for each in split(chars, ":", outside="{")] == ["a", "{0: 1}", "2"]


@given(TEXTS)
def test_escaped_text_holds_no_signs_and_is_read_back(text: str) -> None:
    chars = lex_text(escape(text))
    assert text_of(chars) == text
    assert all(literal or each == "@" for each, literal in chars if each in SIGNS)
    assert not (chars and chars[0] == ("@", False))


def test_long_texts_take_no_time() -> None:
    for text in ('"' * 20_001, "(" * 20_000, "([" * 10_000 + "])" * 10_000, '\\"' * 10_000):
        assert len(lex_text(text)) <= len(text)
        match_brackets(lex_text(text))
