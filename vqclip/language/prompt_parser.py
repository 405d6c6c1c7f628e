"""The parser of one part of a prompt, and hints about signs that are only text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from vqclip.errors import ConfigError, PromptError
from vqclip.language import schedules
from vqclip.language.assets import WORD_NAME
from vqclip.language.clock import Length, parse_length
from vqclip.language.expressions import NUMBER
from vqclip.language.lexer import Chars, pairs, plain, split, strip
from vqclip.language.prompt import MOST_ATTENTION, Kind, Prompt, Region, TextSpan
from vqclip.language.schedules import Schedule

MORE = 1.1  # what a pair of brackets multiplies attention by


ENDLESS = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


MODIFIERS = ("in", "for", "sentence", "lasting")


CALLS: dict[Kind, str] = {"noise": "a seed, such as noise(7)", "vector": "a direction's name"}


def parse_part(raw: Chars, place: str) -> Prompt:
    """Read one part, already trimmed.

    Args:
        place: where it stands, for messages.

    Raises:
        PromptError: if it cannot be read.
    """
    if not raw:
        raise PromptError(f'{place} is empty; put words there, or take out a "|" or a "^"')
    kind: Kind = "image" if raw[0] == ("@", False) else "text"
    fields = split(raw[1:] if kind == "image" else raw, ":", outside="([{")
    weight, stop = numbers(fields, place)
    wish, modifiers = modified(joined_fields(fields, ":"))
    late = [plain(strip(each)) for each in split(wish, ":", outside="([{")[1:]]
    if modifiers and late and NUMBER.fullmatch(late[-1]):
        raise PromptError(
            f"{place}, {plain(raw)!r}: the weight comes last, after {' and '.join(modifiers)}( )"
        )
    for name in CALLS:
        inner = call(wish, name)
        if kind == "text" and inner is not None:
            kind, wish = name, inner
            if not plain(inner).strip():
                raise PromptError(f"{place}: {name}( ) is empty; write {CALLS[name]}")
    pieces = _pieces(_parted(wish), place) if kind == "text" else ()
    body = "".join(piece.written for piece in pieces) if pieces else plain(strip(wish))
    if not body:
        missing = "the path of a picture" if kind == "image" else "words"
        said = plain(raw)
        raise PromptError(
            f'{place}, {said!r}, has no body; put {missing} after the "@"'
            if kind == "image" and said == "@"
            else f"{place}, {said!r}, has no body; put {missing} before the number"
        )
    if kind == "noise" and not re.fullmatch("[0-9]{1,18}", body):
        raise PromptError(f"{place}: noise({body}) wants a seed, a whole number such as 7")
    ordinary = [piece for piece in pieces if piece.attention == 1 and not piece.learnt]
    return Prompt(
        body,
        weight,
        stop,
        kind,
        pieces=() if len(ordinary) == len(pieces) else pieces,
        region=region_of(modifiers.get("in")),
        only=_names(modifiers.get("for"), place),
        sentence=plain(strip(modifiers.get("sentence", []))),
        lasting=_length(modifiers["lasting"], place) if "lasting" in modifiers else None,
    )


def _parted(wish: Chars) -> Chars:
    """A wish with a space before the brackets of calls that are only words in it.

    In "a cat in(top) left", "in" and "top" are words, and stay two.
    """
    starts = {s for s in pairs(wish, "(") if name_before(wish, s) in (*MODIFIERS, *CALLS)}
    found: Chars = []
    for index, letter in enumerate(wish):
        found += [(" ", False), letter] if index in starts else [letter]
    return found


def name_before(letters: Chars, start: int | None = None) -> str:
    """The word directly before a bracket, or at the end, if none of it is literal."""
    start = len(letters) if start is None else start
    first = start
    while first > 0 and letters[first - 1][0].isalnum():
        first -= 1
    word = letters[first:start]
    return "" if any(literal for _, literal in word) else plain(word)


def modified(wish: Chars) -> tuple[Chars, dict[str, Chars]]:
    """Take the modifiers off the end of a wish, each once: what is left, and what they hold."""
    modifiers: dict[str, Chars] = {}
    while (found := _modifier(wish)) is not None and found[0] not in modifiers:
        modifiers[found[0]], wish = found[1:]
    return wish, modifiers


def scene_length(raw: Chars, place: str) -> Length | None:
    """How long a scene takes, if a part of it says that and nothing else: `lasting(2s)`.

    Raises:
        PromptError: if what it says is no length.
    """
    inner = call(raw, "lasting")
    return None if inner is None else _length(inner, place)


def _length(letters: Chars, place: str) -> Length:
    try:
        return parse_length(plain(letters))
    except ConfigError as error:
        raise PromptError(f"{place}: {error}; for words in brackets write lasting\\(") from error


def numbers(fields: list[Chars], place: str) -> tuple[float | Schedule, float]:
    """Take weight and stop off the end of a part's fields, as far as there are any."""
    found: list[Any] = []
    while len(fields) > 1 and len(found) < 2:
        field = fields[-1]
        scheduled = field[:1] == [("{", False)] and strip(field)[-1:] == [("}", False)]
        text = plain(strip(field))
        if not scheduled and not (NUMBER.fullmatch(text) or ENDLESS.fullmatch(text)):
            break
        fields.pop()
        if not scheduled:
            found.insert(0, _number(text, place))
            continue
        try:
            found.insert(0, schedules.parse_schedule(text[1:-1]))
        except ConfigError as error:
            raise PromptError(f"{place}: {error}") from error
        break  # a schedule is a weight, and what stands before is the body
    weight = found[0] if found else 1.0
    before = plain(strip(fields[-1]))
    if len(fields) > 1 and isinstance(weight, Schedule) and NUMBER.fullmatch(before):
        raise PromptError(
            f"{place}: the stop cannot be a schedule; write the weight's schedule first, then "
            "the stop, a number"
        )
    return weight, found[1] if len(found) > 1 else -math.inf


def _number(text: str, place: str) -> float:
    """Read a number; python's own float() would also take 1_000 and digits of other scripts."""
    value = float(text)
    if not math.isfinite(value):
        raise PromptError(
            f"the number {text} in {place} is not finite; write one such as 2, or put a "
            r"backslash before the colon (\:) if it belongs to the text"
        )
    return value


def joined_fields(fields: Sequence[Chars], separator: str) -> Chars:
    """Put fields together again that were split one time too many."""
    joined = list(fields[0])
    for field in fields[1:]:
        joined += [(separator, False), *field]
    return strip(joined)


def call(letters: Chars, name: str) -> Chars | None:
    """What stands in `name( )`, if that is all there is."""
    head = [(each, False) for each in f"{name}("]
    if letters[: len(head)] != head:
        return None
    return (
        strip(letters[len(head) : -1])
        if pairs(letters, "(").get(len(head) - 1) == len(letters) - 1
        else None
    )


def _modifier(letters: Chars) -> tuple[str, Chars, Chars] | None:
    """A modifier at the end, what it holds, and what stands before it."""
    starts = [start for start, end in pairs(letters, "(").items() if end == len(letters) - 1]
    for start in starts:
        for name in MODIFIERS:
            first = start - len(name)
            if first > 0 and letters[first:start] == [(each, False) for each in name]:
                before = letters[first - 1]
                if before[0].isspace() and strip(letters[:first]):
                    return name, letters[start + 1 : -1], strip(letters[:first])
    return None


def region_of(letters: Chars | None) -> Region | None:
    if letters is None:
        return None
    outside = strip(letters)[:1] == [("-", False)]
    place = plain(strip(strip(letters)[1:] if outside else letters))
    region = Region(place, outside)
    if region.mask:
        return region
    # One way to write each: small letters, "middle", and how high before how far right.
    words = ["middle" if word in ("centre", "center") else word for word in place.lower().split()]
    return Region(" ".join(words if len(words) > 2 else sorted(words, key=_height)), outside)


def _height(word: str) -> int:
    return {"left": 1, "right": 1}.get(word, 0)


def _names(letters: Chars | None, place: str) -> tuple[str, ...]:
    if letters is None:
        return ()
    names = tuple(plain(strip(each)) for each in split(letters, ","))
    if not all(names):
        raise PromptError(f"{place}: for( ) wants names of perceptors, such as for(starter)")
    return names


def _pieces(letters: Chars, place: str) -> tuple[TextSpan, ...]:
    """Read attention and learnt words."""
    letters = list(letters)
    attention = [1.0] * len(letters)
    marks: set[int] = set()  # brackets and numbers, which are not part of the text
    for opening, by in (("(", MORE), ("[", 1 / MORE)):
        for start, end in pairs(letters, opening).items():
            inner, factor = range(start + 1, end), by
            colon = next((i for i in reversed(inner) if letters[i] == (":", False)), None)
            if opening == "(" and colon is not None:
                text = plain(strip(letters[colon + 1 : end]))
                if NUMBER.fullmatch(text) or ENDLESS.fullmatch(text):
                    factor, inner = _number(text, place), range(start + 1, colon)
                    if not 0 <= factor <= MOST_ATTENTION:
                        raise PromptError(
                            f"{place}: {plain(letters[start : end + 1])} has the attention "
                            f"{factor:g}; it is from 0 to {MOST_ATTENTION:g}, such as 1.3 (a "
                            r"colon that belongs to the text is written \:)"
                        )
            if all(letters[i][0].isspace() for i in inner):
                continue  # nothing in it: these brackets stand for themselves
            for index in inner:
                attention[index] *= factor
            marks |= {start, *range(inner.stop, end + 1)}
    words = _learnt(letters, marks)
    found: list[TextSpan] = []
    index = 0
    while index < len(letters):
        if index in words:
            name = plain(letters[index + 1 : words[index]])
            found.append(_piece(name, attention[index], True, place))
            index = words[index] + 1
        elif index in marks:
            index += 1
        else:
            found.append(_piece(letters[index][0], attention[index], False, place))
            index += 1
    return _tidied(found)


def _learnt(letters: Chars, marks: set[int]) -> dict[int, int]:
    """Where learnt words stand, `<name>`: from the first bracket's place to the second one's."""
    signs = "".join(
        "\n" if literal or index in marks else each
        for index, (each, literal) in enumerate(letters)
    )
    return {
        found.start(): found.end() - 1
        for found in re.finditer(f"<(?:{WORD_NAME.pattern})>", signs)
    }


def _piece(text: str, attention: float, learnt: bool, place: str) -> TextSpan:
    if attention > MOST_ATTENTION:
        raise PromptError(
            f"{place}: its brackets raise the attention to {attention:.4g}; at most "
            f"{MOST_ATTENTION:g} is read"
        )
    return TextSpan(text, round(attention, 4), learnt)


def _tidied(pieces: Sequence[TextSpan]) -> tuple[TextSpan, ...]:
    """Join neighbours of equal attention, and drop white space at both ends."""
    runs = groupby(pieces, key=lambda piece: (piece.attention, piece.learnt or None))
    found: list[TextSpan] = []
    for (attention, learnt), run in runs:
        found += run if learnt else [TextSpan("".join(p.text for p in run), attention)]
    # Attention to nothing but a space is none; so written, it would not be read again.
    calm = [p if p.learnt or p.text.strip() else TextSpan(p.text) for p in found]
    joined: list[TextSpan] = []
    for piece in calm:
        if joined and not piece.learnt and not joined[-1].learnt:
            before = joined[-1]
            if before.attention == piece.attention:
                joined[-1] = TextSpan(before.text + piece.text, piece.attention)
                continue
        joined.append(piece)
    while joined and not joined[0].learnt and (text := joined[0].text.lstrip()) != joined[0].text:
        joined[:1] = [replace(joined[0], text=text)] if text else []
    while (
        joined and not joined[-1].learnt and (text := joined[-1].text.rstrip()) != joined[-1].text
    ):
        joined[-1:] = [replace(joined[-1], text=text)] if text else []
    return tuple(joined)


def find_lookalikes(raw: Chars) -> list[str]:
    """Say of a part, already trimmed, which modifiers and calls in it are only words."""
    if raw[:1] == [("@", False)]:
        return []
    fields = split(raw, ":", outside="([{")
    numbers(fields, "")
    wish, modifiers = modified(joined_fields(fields, ":"))
    if any(call(wish, name) is not None for name in (*CALLS, "lasting")):
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
        name = name_before(wish, start)
        if not name and name_before(strip(wish[:start])) == "in":
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
        elif name in MODIFIERS:
            found.append(
                f"{said} is read as words, since it does not end its part; put it at the end of "
                "the part"
            )
        elif name in CALLS:
            found.append(
                f"{said} is read as words, since it is not the whole part; put | around it"
            )
    return found


def _is_region(letters: Chars) -> bool:
    """Whether letters name a part of a picture; with a colon, they tell attention."""
    try:
        return (":", False) not in letters and region_of(letters) is not None
    except PromptError:
        return False
