"""Comparisons of numbers: "more cats than dogs"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from vqclip.language.layout.layout_types import Mention

MOST = 12  # things of one kind; more is a crowd
Order = Literal["more", "fewer", "equal"]

STATEMENT = re.compile(
    r",? ?(?:and |where |while |with )?the (?:number|amount|count)s? of (?P<first>[^,.]+?) "
    r"(?:is |are |being |that is )?(?:much |far |exactly |also )?"
    r"(?P<order>more|greater|larger|bigger|higher|less|fewer|smaller|lower|equals?|same|the same"
    r"|identical|matches|exceeds)(?: than| as| to| with)? "
    r"(?:that of |those of |the number of |the amount of |of )?(?P<second>[^,.]+)"
)
FEWER = frozenset(["less", "fewer", "smaller", "lower"])
MORE = frozenset(["more", "greater", "larger", "bigger", "higher", "exceeds"])


class Comparison(NamedTuple):
    """The number of the first mention is more, fewer or equal to that of the second."""

    order: Order
    first: int
    second: int


def cut_statements(text: str) -> tuple[str, list[tuple[Order, str, str]]]:
    """Cut "the number of cats is less than that of dogs" out of a sentence.

    Returns:
        the rest, and for each statement the order and the words for both kinds of things.
    """
    found: list[tuple[Order, str, str]] = []

    def note(match: re.Match[str]) -> str:
        words = match["order"]
        order: Order = "fewer" if words in FEWER else "more" if words in MORE else "equal"
        found.append((order, match["first"], match["second"]))
        return ""

    return STATEMENT.sub(note, text), found


def adjust_counts(
    mentions: Sequence[Mention], comparisons: Sequence[Comparison], counted: Sequence[bool]
) -> list[Mention]:
    """The mentions with numbers that are as the comparisons say.

    A number that the sentence tells stays; one that it leaves open becomes one more, one less, or
    the same. Where both are open, three and two stand for more.

    Args:
        counted: whether the sentence tells the number of each mention.
    """
    result = list(mentions)
    fixed = [
        known and not mention.vague for known, mention in zip(counted, mentions, strict=True)
    ]
    for order, first, second in comparisons:
        if first == second:
            continue
        difference = {"more": 1, "fewer": -1, "equal": 0}[order]
        if fixed[first]:
            count = result[first].count - difference
            changed, number = second, count
        elif fixed[second]:
            changed, number = first, result[second].count + difference
        else:
            base = 3 if difference < 0 else 3 - difference
            result[second] = replace(result[second], count=base, vague=False)
            fixed[second] = True
            changed, number = first, result[second].count + difference
        result[changed] = replace(result[changed], count=min(max(number, 1), MOST), vague=False)
        fixed[changed] = True
    return result
