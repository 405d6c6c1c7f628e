r"""The lexer of prompts: which characters are signs and which are text.

The first step of reading: every character becomes a letter, a pair of itself and whether it is
literal. A backslash before a sign makes it literal, and so do double quotes around it; both are
gone afterwards. What comes next can then look for signs without thinking of escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

Chars = list[tuple[str, bool]]
SIGNS = r'|:()[]{}^@<>"\ '.rstrip()
BRACKETS = {"(": ")", "[": "]", "{": "}"}
_SIGN = re.compile(f"[{re.escape(SIGNS)}]")


def lex(text: str) -> Chars:
    r"""Read escapes and quotes.

    >>> plain(lex(r'a \| b "c | d" C:\x.png 5"'))
    'a | b c | d C:\\x.png 5"'
    """
    return [(each, literal) for _, each, literal in _scan(text)]


def signs(text: str) -> Iterator[tuple[int, str]]:
    """Find the signs that are not literal: place in the text, and sign."""
    for index, each, literal in _scan(text):
        if not literal and each in SIGNS:
            yield index, each


def _scan(text: str) -> Iterator[tuple[int, str, bool]]:
    """Every letter with its place in the text."""
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


def plain(letters: Iterable[tuple[str, bool]]) -> str:
    """The text of letters."""
    return "".join(each for each, _ in letters)


def strip(letters: Sequence[tuple[str, bool]]) -> Chars:
    """Letters without the white space around them."""
    start, end = 0, len(letters)
    while start < end and letters[start][0].isspace():
        start += 1
    while start < end and letters[end - 1][0].isspace():
        end -= 1
    return list(letters[start:end])


def pairs(letters: Sequence[tuple[str, bool]], openings: str = "([{") -> dict[int, int]:
    """Find brackets that belong together: the place of the opening one → that of its partner.

    Those without a partner are left out; where pairs of two kinds cross, the one that closes
    first counts.
    """
    found: dict[int, int] = {}
    open_ones: list[int] = []
    waiting = dict.fromkeys(BRACKETS, 0)
    opening_of = {closing: opening for opening, closing in BRACKETS.items()}
    for index, (each, literal) in enumerate(letters):
        if literal:
            continue
        if each in BRACKETS:
            open_ones.append(index)
            waiting[each] += 1
        elif each in opening_of and waiting[opening_of[each]] > 0:
            while True:
                start = open_ones.pop()
                kind = letters[start][0]
                waiting[kind] -= 1
                if kind == opening_of[each]:
                    break
            found[start] = index
    return {start: end for start, end in found.items() if letters[start][0] in openings}


def split(letters: Sequence[tuple[str, bool]], separator: str, outside: str = "") -> list[Chars]:
    """Split at a sign.

    Args:
        outside: opening brackets; what stands between one and its partner is not split.
    """
    ends = pairs(letters, outside) if outside else {}
    pieces: list[Chars] = [[]]
    until = -1
    for index, letter in enumerate(letters):
        if index > until and index in ends:
            until = ends[index]
        if letter == (separator, False) and index > until:
            pieces.append([])
        else:
            pieces[-1].append(letter)
    return pieces


def escaped(text: str) -> str:
    r"""Write text so that none of it is a sign; an "@" only matters where it comes first.

    >>> escaped("a:b @home")
    'a\\:b @home'
    """
    signs = _SIGN.sub(lambda found: "@" if found[0] == "@" else "\\" + found[0], text)
    return "\\" + signs if text.startswith("@") else signs
