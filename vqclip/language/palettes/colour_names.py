r"""Colours by name: CSS, the xkcd survey, matplotlib's, and numbers.

| written                    | is                                                        |
|----------------------------|-----------------------------------------------------------|
| `#fc0`, `#ffcc00`          | hex digits                                                |
| `gold`                     | a CSS name; capitals do not count                         |
| `dusty rose`               | one of the 949 xkcd names that is not a CSS name          |
| `xkcd:red`                 | the xkcd colour, where CSS has another one of that name   |
| `tab:blue`, `k`, `0.5`     | matplotlib's: Tableau's ten, letters, greys               |
| `mat:red`, `mat:k`         | the same or a CSS name, and never an xkcd name            |
| `pixel_green`              | pixray's five tints of old screens                        |
| `(255+204+0)`              | red, green, blue from 0 to 255                            |
| `[1+.8+0]`                 | red, green, blue from 0 to 1                              |

Differs from pixray: there the xkcd names come first. 46 names are other colours in CSS.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from vqclip.errors import ConfigError, suggest

RGB = tuple[float, float, float]  # red, green, blue in [0, 1], sRGB
LUMA = (0.299, 0.587, 0.114)  # shares of red, green and blue in brightness

MATPLOTLIB: dict[str, RGB] = {
    "b": (0, 0, 1),
    "g": (0, 0.5, 0),
    "r": (1, 0, 0),
    "c": (0, 0.75, 0.75),
    "m": (0.75, 0, 0.75),
    "y": (0.75, 0.75, 0),
    "k": (0, 0, 0),
    "w": (1, 1, 1),
    "tab:blue": (31 / 255, 119 / 255, 180 / 255),
    "tab:orange": (1, 127 / 255, 14 / 255),
    "tab:green": (44 / 255, 160 / 255, 44 / 255),
    "tab:red": (214 / 255, 39 / 255, 40 / 255),
    "tab:purple": (148 / 255, 103 / 255, 189 / 255),
    "tab:brown": (140 / 255, 86 / 255, 75 / 255),
    "tab:pink": (227 / 255, 119 / 255, 194 / 255),
    "tab:grey": (127 / 255, 127 / 255, 127 / 255),
    "tab:olive": (188 / 255, 189 / 255, 34 / 255),
    "tab:cyan": (23 / 255, 190 / 255, 207 / 255),
}
SCREENS: dict[str, RGB] = {
    "pixel_green": (0.44, 1, 0.53),
    "pixel_orange": (1, 0.8, 0.2),
    "pixel_blue": (0.44, 0.53, 1),
    "pixel_red": (1, 0.53, 0.44),
    "pixel_grayscale": (1, 1, 1),
}

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})")
_NUMBER = r"\s*(\d+\.?\d*|\.\d+)\s*"
_BYTES = re.compile(rf"\({_NUMBER}\+{_NUMBER}\+{_NUMBER}\)", re.ASCII)
SHARES = re.compile(rf"\[{_NUMBER}\+{_NUMBER}\+{_NUMBER}\]", re.ASCII)  # [1+.8+0]
_GREY = re.compile(r"0|1|[01]?\.\d+", re.ASCII)


def parse_colour(text: str, key: str = "") -> RGB:
    """Read one colour; spaces around it are free.

    Args:
        key: the setting that it is the value of, for the message.

    Raises:
        ConfigError: if it is not a colour, with the nearest name.

    >>> parse_colour("#ff0000"), parse_colour("(0+255+0)"), parse_colour("Blue")
    ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    >>> parse_colour("golld", "init_colour")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    vqclip.errors.ConfigError: init_colour: 'golld' is not a colour; did you mean 'gold'?; ...
    """
    found = find_colour(text)
    if found is None:
        raise ConfigError(
            f"{name_setting(key)}{text.strip()!r} is not a colour{_suggest(text)}; write a CSS "
            "name such as gold, hex digits such as #ff0000, or an xkcd name such as dusty rose"
        )
    return found


def name_setting(key: str) -> str:
    """The beginning of a message about a setting; "" if there is none."""
    return f"{key}: " if key else ""


def find_colour(text: str) -> RGB | None:
    """The colour that a text is, or None."""
    name = " ".join(text.lower().split())
    if _HEX.fullmatch(name):
        return from_hex(name)
    for form, most in ((_BYTES, 255), (SHARES, 1)):
        if match := form.fullmatch(name):
            red, green, blue = (float(each) / most for each in match.groups())
            return (red, green, blue) if max(red, green, blue) <= 1 else None
    if name.startswith("xkcd:"):
        return xkcd_names().get(_grey(name.removeprefix("xkcd:").strip()))
    plain = name.removeprefix("mat:").strip()
    if plain in css_names():
        return css_names()[plain]
    if plain == name and _grey(name) in xkcd_names():
        return xkcd_names()[_grey(name)]
    if _GREY.fullmatch(plain) and (level := float(plain)) <= 1:
        return (level, level, level)
    return MATPLOTLIB.get(_grey(plain)) or (SCREENS.get(name) if plain == name else None)


def from_hex(digits: str) -> RGB:
    """Read "#fc0" or "#ffcc00", in small letters or capitals."""
    digits = digits.removeprefix("#")
    digits = "".join(2 * each for each in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def to_hex(colour: RGB) -> str:
    """Write a colour as "#rrggbb", rounded to the nearest of 256 levels, halves to even.

    >>> to_hex((1, 0.5, 0.0))
    '#ff8000'
    """
    return "#" + "".join(f"{round(255 * level):02x}" for level in colour)


@cache
def css_names() -> dict[str, RGB]:
    """The 148 CSS names."""
    return _read_names("css.txt")


@cache
def xkcd_names() -> dict[str, RGB]:
    """The 949 xkcd names, of which 49 are CSS names, too; they write "grey", never "gray"."""
    return _read_names("xkcd.txt")


def _read_names(file: str) -> dict[str, RGB]:
    text = resources.files(__package__).joinpath("names", file).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {name: from_hex(digits) for name, digits in rows}


def _grey(name: str) -> str:
    return name.replace("gray", "grey")


def _suggest(text: str) -> str:
    name = text.strip()[:80].lower()
    if name.startswith("xkcd:"):
        return suggest(name, [f"xkcd:{each}" for each in xkcd_names()])
    names = [*css_names(), *xkcd_names(), *SCREENS, *(each for each in MATPLOTLIB if each[1:])]
    return suggest(name.removeprefix("mat:"), names)
