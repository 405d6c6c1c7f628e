r"""The lexer of prompts: which characters are signs and which are text.

The first step of parsing: every character becomes a pair of the character and whether it is
literal. A backslash before a sign makes it literal, and so do double quotes around it; both are
removed. The parser can then look for signs without handling escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

Chars = list[tuple[str, bool]]
SIGNS = r'|:()[]{}^@<>"\ '.rstrip()
BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SIGN = re.compile(f"[{re.escape(SIGNS)}]")


def lex_text(text: str) -> Chars:
    r"""Lex a text: resolve its escapes and quotes into (character, is literal) pairs.

    >>> text_of(lex_text(r'a \| b "c | d" C:\x.png 5"'))
    'a | b c | d C:\\x.png 5"'
    """
    return [(each, literal) for _, each, literal in _scan(text)]


def find_signs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the signs that are not literal, as (index in the text, sign)."""
    for index, each, literal in _scan(text):
        if not literal and each in SIGNS:
            yield index, each


def _scan(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield (index in the text, character, is literal)."""
    last = text.rfind('"')
    index, quoted = 0, False
    while index < len(text):
        each = text[index]
        if each == "\\" and text[index + 1 : index + 2] in tuple(SIGNS):
            yield index, text[index + 1], True
            index += 2
            continue
        if each == '"' and (quoted or _closes(text, index + 1, last)):
            quoted = not quoted
        else:
            yield index, each, quoted or each == '"'
        index += 1


def _closes(text: str, start: int, last: int) -> bool:
    """Whether there is a quote from `start` on that is not escaped; the last one is at `last`."""
    while start <= last:
        if text[start] == '"':
            return True
        start += 2 if text[start] == "\\" and text[start + 1 : start + 2] in tuple(SIGNS) else 1
    return False


def text_of(chars: Iterable[tuple[str, bool]]) -> str:
    """Return the text of lexed characters."""
    return "".join(each for each, _ in chars)


def strip(chars: Sequence[tuple[str, bool]]) -> Chars:
    """Return lexed characters without the white space around them."""
    start, end = 0, len(chars)
    while start < end and chars[start][0].isspace():
        start += 1
    while start < end and chars[end - 1][0].isspace():
        end -= 1
    return list(chars[start:end])


def match_brackets(chars: Sequence[tuple[str, bool]], openings: str = "([{") -> dict[int, int]:
    """Match brackets: index of each opening bracket → index of its closing one.

    Brackets without a partner are left out; where pairs of two kinds cross, the one that closes
    first counts.
    """
    found: dict[int, int] = {}
    opened: list[int] = []
    unmatched = dict.fromkeys(BRACKETS, 0)
    opening_of = {closing: opening for opening, closing in BRACKETS.items()}
    for index, (each, literal) in enumerate(chars):
        if literal:
            continue
        if each in BRACKETS:
            opened.append(index)
            unmatched[each] += 1
        elif each in opening_of and unmatched[opening_of[each]] > 0:
            while True:
                start = opened.pop()
                kind = chars[start][0]
                unmatched[kind] -= 1
                if kind == opening_of[each]:
                    break
            found[start] = index
    return {start: end for start, end in found.items() if chars[start][0] in openings}


def split(chars: Sequence[tuple[str, bool]], separator: str, outside: str = "") -> list[Chars]:
    """Split lexed characters at a separator that is not literal.

    Args:
        outside: opening brackets; what stands between one and its partner is not split.
    """
    ends = match_brackets(chars, outside) if outside else {}
    pieces: list[Chars] = [[]]
    until = -1
    for index, char in enumerate(chars):
        if index > until and index in ends:
            until = ends[index]
        if char == (separator, False) and index > until:
            pieces.append([])
        else:
            pieces[-1].append(char)
    return pieces


def escape(text: str) -> str:
    r"""Escape all signs in a text; an "@" only where it comes first.

    >>> escape("a:b @home")
    'a\\:b @home'
    """
    written = _SIGN.sub(lambda found: "@" if found[0] == "@" else "\\" + found[0], text)
    return "\\" + written if text.startswith("@") else written


def fold_lines(text: str) -> str:
    r"""Put a text on one line, with a space for each line break.

    >>> fold_lines("a fox \r\n\n  in snow")
    'a fox in snow'
    """
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
