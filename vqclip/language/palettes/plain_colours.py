"""Plain colours: the shades of things that are said to be red, blue, golden.

CSS's `red` is that of a lamp, and no fox or car has it; these are shades as things have them.
"""

from __future__ import annotations

from vqclip.language.palettes.colour_names import RGB

PLAIN_COLOURS: dict[str, RGB] = {
    "red": (0.86, 0.12, 0.14),
    "orange": (0.96, 0.52, 0.08),
    "yellow": (0.98, 0.83, 0.15),
    "green": (0.20, 0.62, 0.24),
    "turquoise": (0.16, 0.70, 0.70),
    "blue": (0.14, 0.36, 0.82),
    "purple": (0.50, 0.22, 0.70),
    "pink": (0.96, 0.45, 0.68),
    "brown": (0.48, 0.30, 0.16),
    "black": (0.09, 0.09, 0.10),
    "grey": (0.52, 0.53, 0.55),
    "white": (0.96, 0.96, 0.96),
    "golden": (0.87, 0.68, 0.18),
    "silver": (0.73, 0.75, 0.78),
    "beige": (0.88, 0.79, 0.62),
    "crimson": (0.68, 0.07, 0.20),
    "magenta": (0.84, 0.12, 0.58),
    "lilac": (0.75, 0.62, 0.86),
    "navy": (0.09, 0.13, 0.38),
}
SYNONYMS = {
    "gray": "grey",
    "gold": "golden",
    "silvery": "silver",
    "scarlet": "red",
    "violet": "purple",
    "teal": "turquoise",
    "cyan": "turquoise",
}
# A shade of a colour: how much of black or of white is in it.
SHADES = {"dark": (0.0, 0.45), "deep": (0.0, 0.3), "light": (1.0, 0.45), "pale": (1.0, 0.55)}
SHADES |= {"bright": (1.0, 0.0), "vivid": (1.0, 0.0)}


def find_plain_colour(word: str) -> RGB | None:
    """Find the shade of a colour's name; None for any other word.

    >>> find_plain_colour("gray") == find_plain_colour("grey"), find_plain_colour("fox")
    (True, None)
    """
    return PLAIN_COLOURS.get(SYNONYMS.get(word, word))


def shade_colour(colour: RGB, shade: str) -> RGB:
    """Mix black or white into a colour, as a word of `SHADES` says.

    >>> shade_colour((1.0, 0.5, 0.0), "dark")
    (0.55, 0.275, 0.0)
    """
    end, share = SHADES[shade]
    red, green, blue = (round(one + share * (end - one), 4) for one in colour)
    return red, green, blue
