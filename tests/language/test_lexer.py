"""Signs and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqclip.language.lexer import SIGNS, escaped, lex, pairs, plain, signs, split

TEXTS = st.text(st.sampled_from([*SIGNS, "a", " ", "x"]), max_size=30)


def signed(text: str) -> list[str]:
    return [sign for _, sign in signs(text)]


@pytest.mark.parametrize("sign", [*SIGNS])
def test_a_backslash_makes_a_sign_text(sign: str) -> None:
    assert lex(f"a\\{sign}b") == [("a", False), (sign, True), ("b", False)]


def test_before_anything_else_a_backslash_is_itself() -> None:
    assert plain(lex(r"C:\x\y")) == r"C:\x\y"
    assert plain(lex("a\\")) == "a\\"


def test_quotes_make_signs_text_and_vanish() -> None:
    assert plain(lex('say "a | (b)" | c')) == "say a | (b) | c"
    assert signed('say "a | (b)" | c') == ["|"]
    assert plain(lex(r'"a \" b"')) == 'a " b'
    assert plain(lex('a 5" screen')) == 'a 5" screen'


def test_brackets_find_their_partners() -> None:
    letters = lex("(a [b) c] (d")
    assert pairs(letters) == {0: 5}
    assert pairs(lex("([{}])"), "[") == {1: 4}
    assert pairs(lex(r"\(a)")) == {}


def test_splitting_may_spare_brackets() -> None:
    letters = lex("a:{0: 1}:2")
    assert [plain(each) for each in split(letters, ":")] == ["a", "{0", " 1}", "2"]
    assert [plain(each) for each in split(letters, ":", outside="{")] == ["a", "{0: 1}", "2"]


@given(TEXTS)
def test_escaped_text_holds_no_signs_and_is_read_back(text: str) -> None:
    letters = lex(escaped(text))
    assert plain(letters) == text
    assert all(literal or each == "@" for each, literal in letters if each in SIGNS)
    assert not (letters and letters[0] == ("@", False))


def test_long_texts_take_no_time() -> None:
    for text in ('"' * 20_001, "(" * 20_000, "([" * 10_000 + "])" * 10_000, '\\"' * 10_000):
        assert len(lex(text)) <= len(text)
        pairs(lex(text))
