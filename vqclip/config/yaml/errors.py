"""Errors of YAML in words: the line, what in it has a meaning in YAML, and how to write it.

The parser names its own state ("mapping values are not allowed here"). What people nearly always
meant is a text that needs quotes, so that is tried first: if the line with its value in quotes
takes the error away, it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from vqclip.config.checking.setting_checks import describe_misfit
from vqclip.config.setting_descriptions import Kind, kind_of
from vqclip.errors import ConfigError

MOST_SHOWN = 120  # characters of a line in a message
_LINE = re.compile(
    r"""(?P<dashes>[ ]*(?:-[ ]+)*)
        (?P<key>(?:"[^"]*"|'[^']*'|[\w.]+)[ \t]*:[ \t]+)?
        (?P<value>.*?)[ \t]*$""",
    re.VERBOSE,
)
_ASSIGNMENT = re.compile(r"\s*(?P<key>[a-z_]+(?:\.[a-z_]+)*)\s*=\s*(?P<value>.*?)\s*$")
# A text within brackets, behind the sign in front of it, with a `#` that cuts it off.
_CUT_OFF = re.compile(r"""([\[{,]\s*|:\s+|^\s*)((?:[^][{},:"'#]*\s)?(?<=\s)\#[^][{},"']*)""")
_BEGINNINGS = "@`%*&![]{},>|-?\"'#:"  # what cannot begin a text without quotes

# What the parser says of errors that quotes would not mend → what to do, in words.
_PROBLEMS = (
    (r"found character '\\t'", "a tab; YAML is indented with spaces"),
    ("mapping values are not allowed", "a colon where none can stand; check the indentation"),
    ("could not find expected ':'", "a line without a colon; write key: value"),
    (r"expected ',' or|node content|found '<(document|stream) end>", "a bracket is not closed"),
    ("end of stream|document separator", "a quote is not closed"),
    ("unknown escape character", 'a backslash has a meaning in "…"; use single quotes'),
    ("undefined alias", "'*' has a meaning; put the text in quotes"),
    ("duplicate anchor", "a name after '&' is given twice; remove one of them"),
    ("but found another document", "--- begins another document; remove that line"),
    (
        r"block (end|mapping|sequence)|<block",
        "it does not fit the lines above; check the indentation",
    ),
)


def describe_error(text: str, where: str, error: Any, expected: Kind) -> str:
    """Describe why a text is not YAML.

    Args:
        where: what it was read from.
        error: PyYAML's error.
        expected: what it should have held.
    """
    lines = text.splitlines()
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow
        position = getattr(error, "position", 0)
        number = len(text[:position].splitlines()) or 1
        code = getattr(error, "character", "")
        shown = repr(chr(code)) if isinstance(code, int) else repr(code)
        return f"{where}, line {number}: the character {shown} cannot stand in YAML; remove it"
    start = getattr(error, "context_mark", None)
    in_block = "block" in (getattr(error, "context", None) or "")
    numbers = [mark.line] if start is None or in_block else [start.line, mark.line]
    if found := _describe_comment(lines, range(min(numbers), max(numbers) + 1), mark):
        return f"{where}, {found}"
    for number in dict.fromkeys(n for n in numbers if n < len(lines)):
        is_one_value = bool(expected.metadata)  # not a file of them
        if not is_one_value and (found := _meant_line(lines, number, expected.schema, error)):
            return f"{where}, line {number + 1}: {found}"
    number = min(numbers[0], max(len(lines) - 1, 0))
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    why = next((words for sign, words in _PROBLEMS if re.search(sign, said)), "")
    why = why or "it cannot be read as YAML; check its quotes, brackets and indentation"
    return f"{where}, line {number + 1}: {why}{_shown(lines[number] if lines else '')}"


def refuse_unquoted(where: str, line: str, number: int, why: str, *, whole: bool = False) -> Any:
    """Refuse a text that needs quotes.

    Args:
        line: the line that holds it; "" if it takes several.
        number: the line's number, from 0.
        why: what has a meaning in YAML.
        whole: whether what looks like a key belongs to the text.
    """
    fixed = f": {quote_line(line, whole=whole)}" if line else ""
    raise ConfigError(f"{where}, line {number + 1}: {why}; put the text in quotes{fixed}")


def quote_line(line: str, *, whole: bool = False) -> str:
    """Write a line with its value in quotes.

    Args:
        whole: whether what looks like a key belongs to the value.

    >>> quote_line("prompts: a story: the fox")
    'prompts: "a story: the fox"'
    >>> quote_line("  - 'a cat's tail'")
    '- "a cat\\'s tail"'
    """
    return _fixed(line, whole).strip()


def quote_text(text: str) -> str:
    """Write a text in quotes as YAML.

    >>> quote_text('the "red" fox')
    '\\'the "red" fox\\''
    """
    if '"' in text or "\\" in text:
        doubled = text.replace("'", "''")
        return f"'{doubled}'"
    return f'"{text}"'


def meaning_of(value: str) -> str:
    """Name what in a text has a meaning in YAML; "" for nothing that is known.

    >>> meaning_of("@sketch.png")
    "'@' at the beginning has a meaning in YAML"
    """
    if value[:1] in ("'", '"'):
        ends = "ends before the text does" if value[0] in value[1:] else "is not closed"
        return f"the quote {value[0]} {ends}"
    if value[:1] and value[0] in _BEGINNINGS:
        return f"'{value[0]}' at the beginning has a meaning in YAML"
    if re.search(r":(\s|$)", value):
        return "':' before a space has a meaning in YAML"
    return "'#' after a space begins a comment in YAML" if " #" in value else ""


def _fixed(line: str, whole: bool) -> str:
    match = _LINE.match(line)
    assert match is not None  # every line fits
    head = match["dashes"] + ("" if whole else match["key"] or "")
    value = line[len(head) :].strip()
    if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]:
        value = value[1:-1]
    elif value[:1] in ("'", '"') and value[0] not in value[1:]:
        value = value[1:]
    return head + quote_text(value)


def _meant_line(lines: list[str], number: int, schema: Any, error: Any) -> str:
    """Describe a line that was meant otherwise, or return ""."""
    line, mark = lines[number], error.problem_mark
    if re.match(r"(---|\.\.\.)(\s|$)", line):
        return f"{line[:3]} stands between documents in YAML; remove the line"
    for near in lines[max(0, number - 1) : number + 1]:
        glued = re.match(r"\s*([a-z_.]+):(?=[^\s:/\\])(.*)", near)
        if glued and kind_of(schema, glued[1]).hint is not None:
            return f"write a space after the colon: {glued[1]}: {glued[2].strip()}"
    if match := _ASSIGNMENT.fullmatch(line):
        return f"in a file, it is written with a colon: {match['key']}: {match['value']}"
    match = _LINE.match(line)
    assert match is not None
    key = _key_path(lines, number, match)
    kind = kind_of(schema, key)
    if kind.hint is not None and not {str} & (kind.types | {kind.item.hint}):
        return _misfit(schema, key, match["value"]) if match["key"] else ""
    for whole in (False, True) if match["key"] else (True,):
        value = line[len(match["dashes"]) :].strip() if whole else match["value"]
        why = meaning_of(value)
        if "escape" in str(error.problem):
            why = 'a backslash within "…" has a meaning in YAML'
        if value and why and _mends([*lines], number, _fixed(line, whole), mark):
            return f"{why}; put the text in quotes: {quote_line(line, whole=whole)}"
    return ""


def _describe_comment(lines: list[str], numbers: Iterable[int], mark: Any) -> str:
    """Describe a line in which `#` begins a comment within brackets, or return ""."""
    for number in numbers:
        line = lines[number] if number < len(lines) else ""
        fixed = _CUT_OFF.sub(lambda cut: f"{cut[1]}{quote_text(cut[2].rstrip())}", line)
        if fixed != line and _mends([*lines], number, fixed, mark):
            return (
                f"line {number + 1}: '#' after a space begins a comment in YAML; put the text "
                f"with it in quotes: {fixed.strip()}"
            )
    return ""


def _misfit(schema: Any, key: str, value: str) -> str:
    """Describe a value that begins like nothing that its setting takes."""
    kind = kind_of(schema, key)
    if value[:1] in ("", "[", "{") or not kind.types & {int, float, bool}:
        return ""
    group, _, name = key.rpartition(".")
    return describe_misfit(key, value, kind_of(schema, group).schema if group else schema, name)


def _key_path(lines: list[str], number: int, match: re.Match[str]) -> str:
    """The dotted key of the setting that a line gives, from the indentation above it."""
    names = [match["key"].strip().rstrip(":").strip("\"' ")] if match["key"] else []
    indent = len(match["dashes"]) - len(match["dashes"].lstrip())
    has_dash = "-" in match["dashes"]
    for line in reversed(lines[:number]):
        above = re.match(r"( *)([\w.]+)\s*:", line)
        if above and (len(above[1]) < indent or (has_dash and len(above[1]) == indent)):
            names.insert(0, above[2])
            indent, has_dash = len(above[1]), False
    return ".".join(names)


def _mends(lines: list[str], number: int, fixed: str, mark: Any) -> bool:
    """Whether a line written otherwise takes an error away, or moves it to a later line."""
    import yaml

    lines[number] = fixed
    try:
        yaml.compose("\n".join(lines), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        after = getattr(error, "problem_mark", None)
        return after is not None and after.line > max(mark.line, number)
    return True


def _shown(line: str) -> str:
    line = line.strip()
    return f": {line[:MOST_SHOWN]}" if line else ""
