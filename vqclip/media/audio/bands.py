"""Named frequency bands of a sound: `kick=40-100`.

    bands = band { "," band }
    band  = name "=" number "-" number        in Hz; 6k is 6000

A band becomes a variable of schedules, by its name. `low`, `mid` and `high` are always there;
a band of one of these names replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from vqclip.errors import ConfigError
from vqclip.language import expressions
from vqclip.language.expressions import format_number
from vqclip.language.schedules import EASINGS

Bands = Mapping[str, tuple[float, float]]  # name → lowest and highest frequency, in Hz
DEFAULT: Bands = {"low": (20.0, 250.0), "mid": (250.0, 4000.0), "high": (4000.0, 16000.0)}
AUDIBLE = (20.0, 20000.0)
HIGHEST = 22050.0  # Hz; sound is read at twice this rate
# Names that mean something else in schedules.
TAKEN = ("t", "frame", "loud", "onset", "beat", "pulse", "tempo", *EASINGS)
BAND = re.compile(
    r"(?P<name>[^=]*?)\s*=\s*(?P<low>[0-9]{1,5}(?:\.[0-9]*)?)\s*(?P<lows>k?)"
    r"\s*-\s*(?P<high>[0-9]{1,5}(?:\.[0-9]*)?)\s*(?P<highs>k?)(?:\s*Hz)?"
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


def parse_bands(text: str, *, taken: Collection[str] = ()) -> Bands:
    """Parse frequency bands: name → (lowest, highest) in Hz; an empty text has none.

    Args:
        taken: names that mean something in schedules, besides `TAKEN`.

    Raises:
        ConfigError: for a band that cannot be read, or a name that cannot be used.

    >>> parse_bands("kick=40-100, hats=6k-12k")
    {'kick': (40.0, 100.0), 'hats': (6000.0, 12000.0)}
    """
    found: dict[str, tuple[float, float]] = {}
    for raw in text.split(",") if text.strip() else []:
        name, edges = _parse_band(raw.strip())
        if name in TAKEN or name in taken or not _is_variable_name(name):
            raise ConfigError(
                f"a band cannot be called {name!r}, which means something else in schedules; "
                f"choose another name, such as {name}_band"
            )
        if name in found:
            raise ConfigError(
                f"the band {name!r} is written twice; give one of them another name"
            )
        found[name] = edges
    return found


def _is_variable_name(name: str) -> bool:
    """Whether an expression can use this name as a variable; `if` and `nan` cannot be."""
    try:
        return expressions.parse_expression(name).root == name
    except ConfigError:
        return False


def _parse_band(raw: str) -> tuple[str, tuple[float, float]]:
    read = BAND.fullmatch(raw)
    if read is None:
        raise ConfigError(
            f"the band {raw[:60]!r} cannot be read; write name=lowest-highest in Hz, such as "
            "kick=40-100"
        )
    if NAME.fullmatch(read["name"]) is None:
        raise ConfigError(
            f"a band cannot be called {read['name'][:60]!r}; use letters, digits and _, "
            "and begin with a letter, such as kick"
        )
    low, high = (
        float(read[edge]) * (1000 if read[f"{edge}s"] else 1) for edge in ("low", "high")
    )
    if not low < high <= HIGHEST:
        raise ConfigError(
            f"the band {raw[:60]!r} must go from a lower to a higher frequency, at most "
            f"{format_number(HIGHEST)} Hz; write the lower frequency first, such as kick=40-100"
        )
    return read["name"], (low, high)
