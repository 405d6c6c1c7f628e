"""The parser of one part of a prompt.

A number after a colon is a weight, a stop or attention, unless it is the end of a time of day
(`a train at 3:00`, `7:05:30`) or the port of an address (`http://example.com:8080`). A sign makes
it a number all the same: `a clock at 3:+20`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from vqclip.errors import ConfigError, PromptError
from vqclip.language import schedules
from vqclip.language.assets import WORD_NAME
from vqclip.language.clock import Length, parse_length
from vqclip.language.expressions import NUMBER
from vqclip.language.lexer import Chars, lex_text, match_brackets, split, strip, text_of
from vqclip.language.prompt_types import MOST_ATTENTION, Kind, Prompt, Region, TextSpan
from vqclip.language.schedules import Schedule

ATTENTION_FACTOR = 1.1  # what a pair of round brackets multiplies attention by
ENDLESS = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
MODIFIERS = ("in", "for", "sentence", "lasting")
_HOUR = re.compile(r"(?<![\w:.\0])(?:[01]?[0-9]|2[0-4])\Z")  # \0 stands for what is literal
_MINUTE = re.compile(r"[0-5][0-9]")
_HOST = re.compile(
    r"(?:[a-z][a-z0-9+.-]*[:\0]//[^\s/:\0]+"
    r"|(?<![\w.])(?:localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}))\Z",
    re.IGNORECASE,
)
_PORT = re.compile(r"[1-9][0-9]{1,4}")
# What stands in a call, if it is a part by itself; the names of files and directions are literal.
CALLS: dict[Kind, str] = {
    "noise": "a seed, such as noise(7)",
    "vector": "a direction's name",
    "label": "what it names, such as label(bee)",
    "like": "a picture, such as like(photo.jpg)",
}
OLD_CALLS: tuple[Kind, ...] = ("noise", "vector")  # in grammar 3 and before


def parse_part(
    raw: Chars, place: str, times: bool = True, calls: Collection[Kind] = tuple(CALLS)
) -> Prompt:
    """Parse one part of a prompt, without white space around it.

    Args:
        place: where it stands, for messages.
        times: whether times and ports are text; not so in grammar 2 and before.
        calls: those of `CALLS` that are no words.

    Raises:
        PromptError: if it cannot be read.
    """
    if not raw:
        raise PromptError(f'{place} is empty; put words there, or remove a "|" or a "^"')
    kind: Kind = "image" if raw[0] == ("@", False) else "text"
    fields = split(raw[1:] if kind == "image" else raw, ":", outside="([{")
    times = times and kind == "text"
    weight, stop = split_numbers(fields, place, times)
    content, modifiers = split_modifiers(join_fields(fields, ":"))
    late = split(content, ":", outside="([{")
    if modifiers and len(late) > 1 and _is_number(text_of(strip(late[-1])), late, times):
        raise PromptError(
            f"{place}, {text_of(raw)!r}: the weight comes last, after "
            f"{' and '.join(modifiers)}( )"
        )
    for name in calls:
        inner = call_content(content, name)
        if kind == "text" and inner is not None:
            kind, content = name, inner
            if not text_of(inner).strip():
                raise PromptError(f"{place}: {name}( ) is empty; write {CALLS[name]}")
    has_words = kind in ("text", "label")
    pieces = _spans(_separate_calls(content, calls), place, times) if has_words else ()
    body = "".join(piece.to_text for piece in pieces) if pieces else text_of(strip(content))
    if not body:
        missing = "the path of a picture" if kind == "image" else "words"
        written = text_of(raw)
        raise PromptError(
            f'{place}, {written!r}, is incomplete; put {missing} after the "@"'
            if kind == "image" and written == "@"
            else f"{place}, {written!r}, is incomplete; put {missing} before the number"
        )
    if kind == "noise" and not re.fullmatch("[0-9]{1,18}", body):
        raise PromptError(f"{place}: noise({body}) needs a seed, a whole number such as 7")
    ordinary = [piece for piece in pieces if piece.attention == 1 and not piece.learnt]
    return Prompt(
        body,
        weight,
        stop,
        kind,
        marked_spans=() if len(ordinary) == len(pieces) else pieces,
        region=parse_region(modifiers.get("in")),
        perceptors=_perceptor_names(modifiers.get("for"), place),
        sentence=text_of(strip(modifiers.get("sentence", []))),
        scene_length=_length(modifiers["lasting"], place) if "lasting" in modifiers else None,
    )


def _separate_calls(content: Chars, calls: Collection[Kind]) -> Chars:
    """Put a space before brackets that look like calls but are read as plain words.

    In "a cat in(top) left", "in" and "top" are words, and stay two.
    """
    starts = {
        s for s in match_brackets(content, "(") if name_before(content, s) in (*MODIFIERS, *calls)
    }
    found: Chars = []
    for index, char in enumerate(content):
        found += [(" ", False), char] if index in starts else [char]
    return found


def name_before(chars: Chars, start: int | None = None) -> str:
    """The word directly before `start` or the end; "" if any of it is literal."""
    start = len(chars) if start is None else start
    first = start
    while first > 0 and chars[first - 1][0].isalnum():
        first -= 1
    word = chars[first:start]
    return "" if any(literal for _, literal in word) else text_of(word)


def split_modifiers(content: Chars) -> tuple[Chars, dict[str, Chars]]:
    """Split the modifiers off the end of a part: the rest, and name → content of each."""
    modifiers: dict[str, Chars] = {}
    while (found := _modifier(content)) is not None and found[0] not in modifiers:
        modifiers[found[0]], content = found[1:]
    return content, modifiers


def scene_length(raw: Chars, place: str) -> Length | None:
    """The length in a part that is nothing but `scene_length(2s)`; else None.

    Raises:
        PromptError: if the bracket does not hold a length.
    """
    inner = call_content(raw, "lasting")
    return None if inner is None else _length(inner, place)


def _length(chars: Chars, place: str) -> Length:
    try:
        return parse_length(text_of(chars))
    except ConfigError as error:
        raise PromptError(
            f"{place}: {error}; for brackets in the text write lasting\\("
        ) from error


def ends_in_time_or_port(fields: Sequence[Chars]) -> bool:
    """Whether the last of fields parted by colons is minutes, seconds or a port.

    What is quoted or escaped is none of these, nor is the 2 of `a fox:2:10` an hour.
    """
    texts = ["".join("\0" if literal else each for each, literal in field) for field in fields]
    last = texts[-1].rstrip()
    if _PORT.fullmatch(last) and int(last) < 2**16 and _HOST.search(":".join(texts[:-1])):
        return True
    if len(fields) < 2 or not _MINUTE.fullmatch(last):
        return False
    has_seconds = len(fields) > 2 and _MINUTE.fullmatch(texts[-2]) is not None
    return any(
        _HOUR.search(texts[-count]) and (len(texts) == count or not NUMBER.fullmatch(hour))
        for count in ((2, 3) if has_seconds else (2,))
        if (hour := texts[-count].strip())
    )


def _is_number(text: str, fields: Sequence[Chars], times: bool) -> bool:
    """Whether the text of the last of fields parted by colons is a number of the part."""
    found = NUMBER.fullmatch(text) or ENDLESS.fullmatch(text)
    return found is not None and not (times and ends_in_time_or_port(fields))


def split_numbers(fields: list[Chars], place: str, times: bool) -> tuple[float | Schedule, float]:
    """Remove weight and stop from the end of a part's fields; by default 1 and -inf.

    Args:
        times: whether times and ports are text.
    """
    found: list[Any] = []
    while len(fields) > 1 and len(found) < 2:
        field = fields[-1]
        scheduled = field[:1] == [("{", False)] and strip(field)[-1:] == [("}", False)]
        text = text_of(strip(field))
        if not scheduled and not _is_number(text, fields, times):
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
    before = text_of(strip(fields[-1]))
    stops = NUMBER.fullmatch(before) is not None and _is_number(before, fields, times)
    if len(fields) > 1 and isinstance(weight, Schedule) and stops:
        raise PromptError(
            f"{place}: the stop cannot be a schedule; write the weight's schedule first, then "
            "the stop, a number"
        )
    return weight, found[1] if len(found) > 1 else -math.inf


def _number(text: str, place: str) -> float:
    """Convert text that matched `NUMBER` or `ENDLESS`, and refuse what is not finite.

    `float` alone would also take 1_000 and digits of other scripts.
    """
    value = float(text)
    if not math.isfinite(value):
        raise PromptError(
            f"the number {text} in {place} is not finite; write one such as 2, or put a "
            r"backslash before the colon (\:) if it belongs to the text"
        )
    return value


def join_fields(fields: Sequence[Chars], separator: str) -> Chars:
    """Join fields into one text again, with the separator between them."""
    joined = list(fields[0])
    for field in fields[1:]:
        joined += [(separator, False), *field]
    return strip(joined)


def call_content(chars: Chars, name: str) -> Chars | None:
    """The content of `name( )`, if the text is nothing but that; else None."""
    head = [(each, False) for each in f"{name}("]
    if chars[: len(head)] != head:
        return None
    return (
        strip(chars[len(head) : -1])
        if match_brackets(chars, "(").get(len(head) - 1) == len(chars) - 1
        else None
    )


def parse_call(text: str) -> Prompt | None:
    """Parse a text that is nothing but a call, such as `label(bee)`; None for any other text.

    Raises:
        PromptError: if the call is empty, or holds what it cannot.

    >>> parse_call("label(bee)").kind, parse_call("a label(old)")
    ('label', None)
    """
    chars = strip(lex_text(text))
    if all(call_content(chars, name) is None for name in CALLS):
        return None
    return parse_part(chars, f"the prompt {text!r}")


def _modifier(chars: Chars) -> tuple[str, Chars, Chars] | None:
    """The modifier that ends a part: its name, its content, and the text before it."""
    starts = [start for start, end in match_brackets(chars, "(").items() if end == len(chars) - 1]
    for start in starts:
        for name in MODIFIERS:
            first = start - len(name)
            if first > 0 and chars[first:start] == [(each, False) for each in name]:
                before = chars[first - 1]
                if before[0].isspace() and strip(chars[:first]):
                    return name, chars[start + 1 : -1], strip(chars[:first])
    return None


def parse_region(chars: Chars | None) -> Region | None:
    """Parse the content of `in( )`, and write its words in the canonical way."""
    if chars is None:
        return None
    outside = strip(chars)[:1] == [("-", False)]
    place = text_of(strip(strip(chars)[1:] if outside else chars))
    region = Region(place, outside)
    if region.mask:
        return region
    # Canonical words: lower case, "middle", and vertical before horizontal.
    words = ["middle" if word in ("centre", "center") else word for word in place.lower().split()]
    return Region(" ".join(words if len(words) > 2 else sorted(words, key=_horizontal)), outside)


def _horizontal(word: str) -> int:
    return {"left": 1, "right": 1}.get(word, 0)


def _perceptor_names(chars: Chars | None, place: str) -> tuple[str, ...]:
    if chars is None:
        return ()
    names = tuple(text_of(strip(each)) for each in split(chars, ","))
    if not all(names):
        raise PromptError(f"{place}: for( ) needs names of perceptors, such as for(starter)")
    return names


def _spans(chars: Chars, place: str, times: bool) -> tuple[TextSpan, ...]:
    """Split text into spans, by attention and learnt words."""
    chars = list(chars)
    attention = [1.0] * len(chars)
    marks: set[int] = set()  # brackets and numbers, which are not part of the text
    for opening, by in (("(", ATTENTION_FACTOR), ("[", 1 / ATTENTION_FACTOR)):
        for start, end in match_brackets(chars, opening).items():
            inner, factor = range(start + 1, end), by
            colon = next((i for i in reversed(inner) if chars[i] == (":", False)), None)
            if opening == "(" and colon is not None:
                text = text_of(strip(chars[colon + 1 : end]))
                if _is_number(text, split(chars[start + 1 : end], ":"), times):
                    factor, inner = _number(text, place), range(start + 1, colon)
                    if not 0 <= factor <= MOST_ATTENTION:
                        raise PromptError(
                            f"{place}: {text_of(chars[start : end + 1])} has the attention "
                            f"{factor:g}; it is from 0 to {MOST_ATTENTION:g}, such as 1.3 (a "
                            r"colon that belongs to the text is written \:)"
                        )
            if all(chars[i][0].isspace() for i in inner):
                continue  # nothing in it: these brackets stand for themselves
            for index in inner:
                attention[index] *= factor
            marks |= {start, *range(inner.stop, end + 1)}
    words = _find_learnt_words(chars, marks)
    found: list[TextSpan] = []
    index = 0
    while index < len(chars):
        if index in words:
            name = text_of(chars[index + 1 : words[index]])
            found.append(_span(name, attention[index], True, place))
            index = words[index] + 1
        elif index in marks:
            index += 1
        else:
            found.append(_span(chars[index][0], attention[index], False, place))
            index += 1
    return _merge_spans(found)


def _find_learnt_words(chars: Chars, marks: set[int]) -> dict[int, int]:
    """Find learnt words, `<name>`: index of the first bracket → index of the second."""
    signs = "".join(
        "\n" if literal or index in marks else each for index, (each, literal) in enumerate(chars)
    )
    return {
        found.start(): found.end() - 1
        for found in re.finditer(f"<(?:{WORD_NAME.pattern})>", signs)
    }


def _span(text: str, attention: float, learnt: bool, place: str) -> TextSpan:
    if attention > MOST_ATTENTION:
        raise PromptError(
            f"{place}: its brackets raise the attention to {attention:.4g}; at most "
            f"{MOST_ATTENTION:g} is read"
        )
    return TextSpan(text, round(attention, 4), learnt)


def _merge_spans(pieces: Sequence[TextSpan]) -> tuple[TextSpan, ...]:
    """Join neighbours of equal attention, and drop white space at both ends."""
    runs = groupby(pieces, key=lambda piece: (piece.attention, piece.learnt or None))
    found: list[TextSpan] = []
    for (attention, learnt), run in runs:
        found += run if learnt else [TextSpan("".join(p.text for p in run), attention)]
    # White space alone has no attention: in brackets, it would not be read back.
    spans = [p if p.learnt or p.text.strip() else TextSpan(p.text) for p in found]
    joined: list[TextSpan] = []
    for piece in spans:
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
