"""What of a part of a prompt looks like a sign of the language, but is only words there?"""

from __future__ import annotations

import re

from vqclip import syntax
from vqclip.errors import PromptError
from vqclip.letters import Letters, pairs, plain, split, strip


def strays(raw: Letters) -> list[str]:
    """Say of a part, already trimmed, which modifiers and calls in it are only words."""
    if raw[:1] == [("@", False)]:
        return []
    fields = split(raw, ":", outside="([{")
    syntax.numbers(fields, "")
    wish, modifiers = syntax.modified(syntax.joined_fields(fields, ":"))
    if any(syntax.call(wish, name) is not None for name in (*syntax.CALLS, "lasting")):
        return []
    found = []
    last = split(wish, ":", outside="([{")[1:]
    tail = plain(last[-1]) if last else " "
    if not re.search(r"\s|^/", tail):  # what looks like a weight, not 12:30 train, nor http://
        found.append(
            f"{':' + tail!r} is read as words, since what follows the colon of a weight is a "
            r"number, at most two of them: a fox:2:0.8 (a colon of the text is written \:)"
        )
    for start, end in sorted(pairs(wish, "(").items()):
        name = syntax.name_before(wish, start)
        if not name and syntax.name_before(strip(wish[:start])) == "in":
            said = plain(wish[start : end + 1])
            if _is_region(wish[start + 1 : end]):
                found.append(
                    f"in {said} is read as words, since a space stands before the bracket; for "
                    f"a region write in{said}"
                )
            continue
        said = f"{name}{plain(wish[start : end + 1])}"
        if name in modifiers:
            found.append(f"{said} is read as words, since the part has another {name}( )")
        elif name in syntax.MODIFIERS:
            found.append(
                f"{said} is read as words, since it does not end its part; put it at the end of "
                "the part"
            )
        elif name in syntax.CALLS:
            found.append(
                f"{said} is read as words, since it is not the whole part; put | around it"
            )
    return found


def _is_region(letters: Letters) -> bool:
    """Whether letters name a part of a picture; with a colon, they tell attention."""
    try:
        return (":", False) not in letters and syntax.region_of(letters) is not None
    except PromptError:
        return False
