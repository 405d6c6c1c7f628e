"""Keyframe strings of Deforum and Disco: `0:(1.05), 50:(1.02)`.

    string = frame ":" "(" value ")" { "," frame ":" "(" value ")" }

Frames may stand in quotes, in any order, and a comma may follow the last; a unit of vqclip's for
frames or steps, f or i, is passed over. Between numbers, the
value changes evenly, or along a curve (Disco's `interp_spline`). Deforum's values may be
expressions of numexpr, in which `t` is the number of the frame and `max_f` that of the last one;
such an expression holds until the next keyframe.
"""

from __future__ import annotations

import re

from vqclip.errors import ConfigError
from vqclip.language.expressions import NUMBER, format_number
from vqclip.language.peers.python_expressions import rewrite_expression

SPLINES = {"linear": "", "quadratic": " spline", "cubic": " spline"}
NAMES = {"t": "frame", "max_f": "frames - 1"}  # numexpr's → of vqclip's expressions
LONGEST, MOST = 20_000, 1000  # characters, keyframes
MOST_BRACKETS = 30  # around a value
_KEY = re.compile(
    r"""["']?\s{0,9}(\d{1,9}|max_f(?:\s{0,9}-\s{0,9}1)?)\s{0,9}[if]?["']?\s{0,9}:(.*)""",
    re.DOTALL | re.ASCII,
)
_BRACKETED = re.compile(r"\(.*\)", re.DOTALL)


def is_keyframes(text: str) -> bool:
    """Whether a text is written as these tools write keyframes, with all values in brackets.

    >>> is_keyframes("0:(1.05), 50:(1.02)"), is_keyframes("0: 1.05, 50: 1.02")
    (True, False)
    """
    keys = [_KEY.fullmatch(part.strip()) for part in _split(text[:LONGEST])]
    return bool(keys) and all(key and _BRACKETED.fullmatch(key[2].strip()) for key in keys)


def rewrite_keyframes(text: str, spline: str = "Linear") -> str:
    """Rewrite a keyframe string as a schedule, or as a number where it is a single one.

    Args:
        text: with or without the brackets around values.
        spline: how the value changes between numbers: Linear, Quadratic or Cubic.

    Raises:
        ConfigError: if it cannot be read; the message holds the text.

    >>> rewrite_keyframes("0:(1.05), 50:(1.02)")
    '0: 1.05, 50: 1.02'
    >>> rewrite_keyframes("0: (10*sin(t/5)),", "Cubic")
    '10 * sin(frame / 5)'
    """
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    easing = SPLINES.get(spline.strip().lower())
    if easing is None:
        raise ConfigError(
            f"the interpolation {spline!r} is not known; it is one of Linear, Quadratic, Cubic"
        )
    parts = [] if len(text) > LONGEST else _split(text)
    if len(parts) == 1 and NUMBER.fullmatch(parts[0].strip().strip("()")):
        return _value(parts[0])
    values: dict[str, str] = {}
    for part in parts:
        key = _KEY.fullmatch(part.strip())
        if key is None or not key[2].strip():
            raise ConfigError(
                f"the keyframes {shown!r} cannot be read at {part.strip()[:40]!r}; they are "
                "written such as 0:(1.05), 50:(1.02)"
            )
        place = "100%" if key[1].startswith("max_f") else str(int(key[1]))
        values[place] = _value(key[2])
    if not 0 < len(values) <= MOST:
        raise ConfigError(
            f"the keyframes {shown!r} are none, or more than {MOST}; they are written such as "
            "0:(1.05), 50:(1.02)"
        )
    places = sorted(values, key=lambda each: (each == "100%", int(each.rstrip("%"))))
    if len(places) == 1:
        return values[places[0]]
    found, before = list[str](), ""
    for place in places:
        value = values[place]
        ease = (" hold" if before and not NUMBER.fullmatch(before) else easing) if found else ""
        plain = NUMBER.fullmatch(value) is not None
        found.append(f"{place}: {value if plain else f'({value})'}{ease}")
        before = value
    return ", ".join(found)


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets; what is empty is left out."""
    found, depth = [""], 0
    for each in text.strip().removeprefix("{").removesuffix("}"):
        depth += (each == "(") - (each == ")")
        if each == "," and depth == 0:
            found.append("")
        else:
            found[-1] += each
    return [part for part in found if part.strip()]


def _value(text: str) -> str:
    """A value: a number, or an expression in the names of vqclip."""
    bare = text.strip()
    for _ in range(MOST_BRACKETS):
        if not (bare.startswith("(") and _match(bare) == len(bare) - 1):
            break
        bare = bare[1:-1].strip()
    if NUMBER.fullmatch(bare):
        number = float(bare)
        if abs(number) == float("inf"):
            raise ConfigError(f"the keyframes hold {bare[:40]}, which is not a finite number")
        return format_number(number)
    return rewrite_expression(bare, NAMES)


def _match(text: str) -> int:
    """Where the bracket that opens a text is closed; -1 if it is not."""
    depth = 0
    for place, each in enumerate(text):
        depth += (each == "(") - (each == ")")
        if depth == 0:
            return place
    return -1
