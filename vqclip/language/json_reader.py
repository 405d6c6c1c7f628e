"""JSON as people write it: what can mean only one thing is read, all else is named with its line.

Read besides JSON are comments, a comma too many, single and curly quotes, keys without quotes,
line breaks within a text, `True`, `False` and `None`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from vqclip.errors import PromptError

MOST_DEPTH = 50
# Opening quote → what may close it. What closes a single quote stands before , : ] } or the end,
# since an apostrophe may stand within.
_CLOSING = {
    '"': re.compile(r'(?P<text>(?:[^"\\]|\\.)*)"', re.DOTALL),
    **dict.fromkeys("“”„‟", re.compile(r"(?P<text>(?:[^“”‟\"\\]|\\.)*)[“”‟\"]", re.DOTALL)),
    **dict.fromkeys("«»", re.compile(r"(?P<text>[^«»]*)[«»]")),
    **dict.fromkeys(
        "'‘’‚`´",
        re.compile(
            r"(?P<text>(?:[^\\\n]|\\.)*?)['‘’`´](?=\s*(?:[,:}\]]|//|/\*|#|\Z))", re.DOTALL
        ),
    ),
}
_SPACE = re.compile(r"(?:[\s\ufeff]|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[^\s,:{}\[\]\"“”«»]+")
_CONSTANTS: dict[str, bool | float | None] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
}
_CONSTANTS |= {word: float(word) for word in ("nan", "infinity", "-infinity")}


def read_json(text: str) -> tuple[Any, str]:
    """Read the JSON value that a text begins with.

    Returns:
        The value, and the text that follows it.

    Raises:
        PromptError: with what is wrong, and its line.

    >>> read_json("{'subject': 'a cat's tail', /* main */ style: “ink”,}")
    ({'subject': "a cat's tail", 'style': 'ink'}, '')
    """
    reader = _Reader(text)
    value = reader.value()
    reader.skip()
    return value, text[reader.place :]


class _Reader:
    """Reads values from a place in a text on."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0

    def skip(self) -> str:
        """Skip white space and comments, and return the next character, or ""."""
        match = _SPACE.match(self.text, self.place)
        assert match is not None  # it may be empty
        self.place = match.end()
        return self.text[self.place : self.place + 1]

    def value(self) -> Any:
        """Read a value."""
        sign = self.skip()
        if sign in ("{", "["):
            return self.container(sign)
        if sign in _CLOSING:
            return self.string(sign)
        if match := _NUMBER.match(self.text, self.place):
            self.place = match.end()
            return json.loads(match[0])
        words = _WORD.match(self.text, self.place)
        if words is None:
            raise self.error(f"a value is missing before {sign!r}" if sign else "it ends early")
        if words[0].lower() in _CONSTANTS:
            self.place = words.end()
            return _CONSTANTS[words[0].lower()]
        raise self.error(f"the text at {self.rest()} must stand in quotes")

    def container(self, sign: str) -> Any:
        """Read an object or a list."""
        start, closing = self.place, "}" if sign == "{" else "]"
        self.place, self.depth = self.place + 1, self.depth + 1
        if self.depth > MOST_DEPTH:
            raise self.error("it is nested too deeply")
        found: dict[str, Any] = {}
        items: list[Any] = []
        needs_comma = False
        while (following := self.skip()) != closing:
            if following == "":
                raise self.error(f"the {sign} is not closed; write {closing} at the end", start)
            if following == ",":
                self.place, needs_comma = self.place + 1, False
            elif following in "}]":
                raise self.error(f"{following} closes a {sign}; write {closing}")
            elif needs_comma:
                raise self.error(f"a comma is missing before {self.rest()}")
            else:
                if sign == "{":
                    self.pair(found)
                else:
                    items.append(self.value())
                needs_comma = True
        self.place, self.depth = self.place + 1, self.depth - 1
        return found if sign == "{" else items

    def pair(self, found: dict[str, Any]) -> None:
        """Read a key and its value into an object."""
        start = self.place
        sign = self.skip()
        if sign in _CLOSING:
            key = self.string(sign)
        elif match := _WORD.match(self.text, self.place):
            key, self.place = match[0], match.end()
        else:
            raise self.error(f"a key is missing before {self.rest()}")
        if self.skip() != ":":
            raise self.error(f"a colon is missing after the key {key!r}")
        self.place += 1
        if key in found:
            raise self.error(f"{key!r} is given twice; remove one of them", start)
        found[key] = self.value()

    def string(self, sign: str) -> str:
        """Read a text in any quotes; a line break in it is white space."""
        start = self.place
        match = _CLOSING[sign].match(self.text, start + 1)
        if match is None:
            raise self.error(f"the text at {self.rest()} has no closing quote", start)
        self.place = match.end()
        written = match["text"]
        following = self.skip()
        if following and following not in ",:}]":
            if "\n" in written:
                raise self.error(f"the text at {self.rest(start)} has no closing quote", start)
            if sign == '"' and (following.isalnum() or following in "\\-"):
                raise self.error(
                    f'a quote stands within the text before {self.rest()}; write \\" there'
                )
        if sign != '"':  # of JSON's escapes, \' is none
            written = re.sub(r"\\(.)|\"", _escape_quote, written, flags=re.DOTALL)
        try:
            return str(json.loads(f'"{written}"', strict=False))
        except ValueError:
            raise self.error(
                f"a backslash has a meaning in the text at {self.rest(start)}; write \\\\ for it",
                start,
            ) from None

    def rest(self, place: int | None = None) -> str:
        """What stands at a place, for messages."""
        place = self.place if place is None else place
        found = self.text[place : place + 24].split("\n")[0]
        return repr(found) if found else "the end"

    def error(self, why: str, place: int | None = None) -> PromptError:
        """An error at a place."""
        before = self.text[: self.place if place is None else place]
        return PromptError(f"{why} (line {before.count(chr(10)) + 1})")


def _escape_quote(match: re.Match[str]) -> str:
    if match[0] == '"':
        return '\\"'
    return match[1] if match[1] in "'‘’`´“”" else match[0]
