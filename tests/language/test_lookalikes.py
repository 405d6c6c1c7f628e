"""What only looks like a sign of the language."""

from __future__ import annotations

from vqclip.language import prompt_parser
from vqclip.language.lexer import lex_text


def test_slips_of_one_part() -> None:
    assert prompt_parser.find_lookalikes(lex_text("@a in(top) b")) == []
    (said,) = prompt_parser.find_lookalikes(lex_text("a fox in (top left)"))
    assert said.endswith("for a region write in(top left)")
