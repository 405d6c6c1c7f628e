r"""Hints about what may be read in another way than it was meant.

Three kinds: signs of this language that are read as words, since they stand in the wrong place;
numbers that are read as weights, and may be part of the text; signs of other programs, which
are words here. Escapes and quotes make plain that words are meant: `a fox "--no" entry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vqclip.errors import PromptError
from vqclip.language.expressions import NUMBER
from vqclip.language.lexer import (
    Chars,
    fold_lines,
    lex_text,
    match_brackets,
    split,
    strip,
    text_of,
)
from vqclip.language.prompt_parser import (
    CALLS,
    MODIFIERS,
    call_content,
    ends_in_time_or_port,
    join_fields,
    name_before,
    parse_region,
    split_modifiers,
    split_numbers,
)

_WHOLE = re.compile(r"[0-9]+")
# Before a number that may be part of the text: a digit, a letter alone, an address.
_COUNTED = re.compile(r"[0-9]\Z|\A[A-Z]\Z")
_ADDRESS = re.compile(r"[:\0]//\S*\Z|\w\.[A-Za-z]{2,}\Z")
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_LINE_BREAK = re.compile(rf"[^|^\s]([^\S{_BREAKS}]*[{_BREAKS}]\s*)[^|^\s]")
# Of other programs: options in a prompt, for one thing.
_AVOIDED = re.compile(
    r"(?<!\S)((?:--|[—–])(?:neg|no|negative|negative[-_]prompt))(?![\w-])[ =:]*"
    r"((?:(?!\s(?:--|[—–])\w)[^|^])*)"
)
_OPTION = re.compile(
    r"(?<!\S)(?:--(?!(?:neg|no|negative|negative[-_]prompt)(?![\w-]))[A-Za-z][\w-]*"
    r"|[—–](?:ar|seed|steps|stylize|style|chaos|iw|niji))\b(?:[ =]+[0-9][\w.:]*)?"
)
_CAPITALS = re.compile(r"(?<!\S)(AND|BREAK)(?!\S)")
_TIMED = re.compile(r"\[[^][|^]+:\s*[0-9.]+\s*\]")
_BARRED = re.compile(r"\[[^][{}|^]+\|[^][{}^]+\]")
_WILDCARD = re.compile(r"(?<!\w)__([A-Za-z](?:[\w/-]*[A-Za-z0-9])?)__(?!\w)")
_DOUBLE_COLON = re.compile(r"\w::(?=\s)")
_NETWORK = re.compile(r"<(lora|lyco|locon|hypernet|lokr|loha):[^<>|^]*>", re.IGNORECASE)
_EMBEDDING = re.compile(r"(?<!\w)embedding:([\w.-]*\w)", re.IGNORECASE)
_FOREIGN_END = re.compile(rf"(?:{_NETWORK.pattern}|{_EMBEDDING.pattern})\Z", re.IGNORECASE)
_WEIGHT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?=[\s,;!?])")


def find_lookalikes(raw: Chars) -> list[str]:
    """List hints about modifiers, calls and weights that are read as plain words.

    Args:
        raw: one part of a prompt, without white space around it.
    """
    if raw[:1] == [("@", False)]:
        return []
    fields = split(raw, ":", outside="([{")
    split_numbers(fields, "", times=True)
    content, modifiers = split_modifiers(join_fields(fields, ":"))
    if (label := call_content(content, "label")) is not None:
        return list(_describe_label(label))
    if any(call_content(content, name) is not None for name in (*CALLS, "lasting")):
        return []
    found = [*_describe_doubts(raw), *_describe_middle(content)]
    inside = split(content, ":", outside="([{")
    tail = text_of(inside[-1]) if len(inside) > 1 else " "
    # What looks like a weight, not 12:30 train, nor 12:30, nor http://.
    is_clear = ends_in_time_or_port(inside) or _FOREIGN_END.search(show_signs(content))
    if not re.search(r"\s|^/", tail) and not is_clear:
        found.append(
            f"{':' + tail!r} is read as words, since only numbers, at most two, can follow the "
            r"colon of a weight: a fox:2:0.8 (a colon of the text is written \:)"
        )
    for start, end in sorted(match_brackets(content, "(").items()):
        name = name_before(content, start)
        if not name and name_before(strip(content[:start])) == "in":
            written = fold_lines(text_of(content[start : end + 1]))
            if _is_region(content[start + 1 : end]):
                found.append(
                    f"in {written} is read as words, since a space stands before the bracket; "
                    f"for a region write in{written}"
                )
            continue
        written = fold_lines(f"{name}{text_of(content[start : end + 1])}")
        if name in modifiers:
            found.append(f"{written} is read as words, since the part has another {name}( )")
        elif name in MODIFIERS:
            found.append(
                f"{written} is read as words, since it does not end its part; put it at the end "
                "of the part"
            )
        elif name in CALLS:
            found.append(
                f"{written} is read as words, since it is not the whole part; put | around it"
            )
    return found


def _describe_label(inner: Chars) -> Iterator[str]:
    """Describe a number in a label that looks like its weight."""
    fields = split(inner, ":", outside="([{")
    number = text_of(strip(fields[-1]))
    if len(fields) > 1 and NUMBER.fullmatch(number):
        words = fold_lines(text_of(join_fields(fields[:-1], ":")))
        yield (
            f"{f':{number}'!r} in label({words}:{number}) is read as words; a weight stands "
            f"behind the bracket: label({words}):{number}"
        )


def find_calls(texts: Iterable[str]) -> list[str]:
    """List hints about calls in the texts of a structure, where everything is words."""
    return [
        f"{text!r} in a structure is read as words; parts stand in a list of prompts"
        for text in map(str.strip, texts)
        if any(call_content(lex_text(text), name) is not None for name in CALLS)
    ]


def _is_region(chars: Chars) -> bool:
    """Whether the text in a bracket is a region; with a colon, it is attention."""
    try:
        return (":", False) not in chars and parse_region(chars) is not None
    except PromptError:
        return False


def show_signs(chars: Chars) -> str:
    """The text, with a null character for each that is literal and so no sign."""
    return "".join("\0" if literal else each for each, literal in chars)


def is_doubtful(fields: Sequence[Chars]) -> bool:
    """Whether the numbers after the first field may be part of the text: `ratio 16:9`."""
    before, *numbers = (show_signs(field).strip() for field in fields)
    if not all(_WHOLE.fullmatch(each) for each in numbers):
        return False
    return bool(_COUNTED.search(before)) or (
        len(numbers[0]) > 1 and bool(_ADDRESS.search(before))
    )


def _describe_doubts(raw: Chars) -> Iterator[str]:
    """Describe the weight and stop of a part, and attention, that may be part of the text."""
    fields = split(raw, ":", outside="([{")
    body = list(fields)
    split_numbers(body, "", times=True)
    # A number after a time or a fourth one, as in `a fox:2:3:4`, is not meant as text.
    is_clear = len(body) > 1 and (
        ends_in_time_or_port(body) or NUMBER.fullmatch(text_of(strip(body[-1])))
    )
    if len(body) < len(fields) and not is_clear:
        yield from _describe_doubt([join_fields(body, ":"), *fields[len(body) :]], "weight")
    for start, end in sorted(match_brackets(raw, "(").items()):
        if name_before(raw, start) not in (*MODIFIERS, *CALLS):
            inner = split(raw[start + 1 : end], ":")
            number = text_of(strip(inner[-1]))
            if len(inner) > 1 and NUMBER.fullmatch(number) and not ends_in_time_or_port(inner):
                yield from _describe_doubt([join_fields(inner[:-1], ":"), inner[-1]], "attention")


def _describe_doubt(fields: Sequence[Chars], what: str) -> Iterator[str]:
    if is_doubtful(fields):
        before, *numbers = (text_of(strip(field)) for field in fields)
        last = before.split()[-1]
        plain = [str(int(each)) for each in numbers]  # 25:00 has the weight 0
        meaning = "a weight and a stop" if len(numbers) > 1 else f"the {what} {plain[0]}"
        as_text = last + "".join(f"\\:{each}" for each in numbers)
        yield (
            f"{':'.join(('', *numbers))!r} after {last!r} is read as {meaning}; for text write "
            f"{as_text}, for the {what} :+{':'.join(plain)}"
        )


def _describe_middle(content: Chars) -> Iterator[str]:
    """Describe weights in the middle of a part."""
    fields = split(content, ":", outside="([{")
    found = []
    for index, field in enumerate(fields[1:], start=1):
        signs = show_signs(field)
        before = show_signs(fields[index - 1])
        weight = _WEIGHT.match(signs)
        if field[:1] == [("{", False)] and 0 in (ends := match_brackets(field, "{")):
            found.append(text_of(field[: ends[0] + 1]))
        elif weight is not None and not (
            _WHOLE.fullmatch(weight[0])
            and (
                before[-1:].isdigit()
                or ends_in_time_or_port([*fields[:index], field[: weight.end()]])
            )
        ):
            found.append(weight[0])
    if found:
        listed = " and ".join(repr(f":{each}") for each in found)
        yield (
            f"{listed} in the middle of a part {'is' if len(found) == 1 else 'are'} read as "
            "words; a weight ends its part, and parts are separated by |: PART:2 | ANOTHER:-1 (a "
            r"colon of the text is written \:)"
        )


def _shorten(text: str, last: bool = False) -> str:
    if len(text) <= 40:
        return text
    return f"…{text[-39:]}" if last else f"{text[:39]}…"


def find_foreign_signs(chars: Chars) -> list[str]:
    """List hints about line breaks and about signs of other programs, which are read as words.

    Args:
        chars: a whole prompt.
    """
    signs, text = show_signs(chars), text_of(chars)
    return [
        *_describe_lines(signs, text),
        *_describe_options(signs, text),
        *_describe_syntax(signs, text),
    ]


def _describe_lines(signs: str, text: str) -> Iterator[str]:
    """Describe the first line break within a part."""
    found = _LINE_BREAK.search(signs)
    if found is not None:
        above, below = text[: found.start(1)].splitlines(), text[found.end(1) :]
        before = re.split(r"[|^]", above[-1] if above else "")[-1]
        # A sign that is text, in quotes, ends the excerpt, too: there may be nothing before it.
        after = (re.split(r"[|^]", below)[0].splitlines() or [""])[0]
        yield (
            f"the line break between {_shorten(before.strip(), last=True)!r} and "
            f"{_shorten(after.strip())!r} is read as a space; parts are "
            "separated by |, scenes by ^"
        )


def _describe_options(signs: str, text: str) -> Iterator[str]:
    """Describe options among the words of a prompt."""
    for each in _AVOIDED.finditer(signs):
        what = fold_lines(text[each.start(2) : each.end(2)].strip(" ,"))
        yield (
            f"{each[1]!r} in a prompt is only words; what to avoid follows the prompt's quotes, "
            f'--negative "{what or "fog"}", or stands in them as | {what or "fog"}:-1'
        )
    if options := list(dict.fromkeys(fold_lines(each[0]) for each in _OPTION.finditer(signs))):
        verb = "is" if len(options) == 1 else "are"
        yield (
            f"{' and '.join(map(repr, options))} in a prompt {verb} "
            'only words; options follow its quotes: vqclip "a fox" --seed 3 (for the size --size '
            "512x512, for the rest see vqclip generate --help)"
        )


def _describe_syntax(signs: str, text: str) -> Iterator[str]:
    """Describe what has a meaning in the prompts of other programs."""
    capitals = dict.fromkeys(_CAPITALS.findall(signs)) if signs.upper() != signs else {}
    for word in capitals:
        yield f"{word} is read as a word; parts are separated by |: a fox | an owl"
    for found in _TIMED.finditer(signs):
        yield (
            f"{text[found.start() : found.end()]!r} is read as words with less attention; a "
            "number stands in round brackets, (red:1.4), and what changes is written in scenes: "
            "a cat ^ a dog"
        )
    for found in _BARRED.finditer(signs):
        yield (
            f"{text[found.start() : found.end()]!r} is split at |; choices stand in braces: "
            f"{{{text[found.start() + 1 : found.end() - 1]}}}"
        )
    for found in _WILDCARD.finditer(signs):
        yield (
            f"{found[0]!r} is only words; the lines of a file as choices are written "
            f"{{{found[1]}.txt}}"
        )
    if _DOUBLE_COLON.search(signs):
        yield "'::' is only words; parts are separated by |, and a weight has one colon: a fox:2"
    for found in _NETWORK.finditer(signs):
        yield (
            f"{text[found.start() : found.end()]!r} is only words: such files change a diffusion "
            "model, and there is none here; leave it out"
        )
    for found in _EMBEDDING.finditer(signs):
        yield f"{found[0]!r} is only words; a learnt word is written <{found[1]}>"
