"""Numbers of steps or frames with a unit: `20`, `20i`, `50%`, `2s`.

    count = number [ unit ]
    unit  = "i" | "f" | "%" | "s"

    20      steps, where steps are counted; frames, where frames are
    20i     20 steps (iterations)
    20f     20 frames of an animation
    50%     half of the steps of the run
    2s      two seconds of the film

    vqclip "a fox" previews=20% film.every=2i
    vqclip "a fox" steps=10s film.fps=24
    vqclip animate "a fox" frames=5s checkpoint.every=1s

They are taken wherever a number of steps or frames is meant: on the command line, in run files
and as places of schedules (`0i: 1, 50%: 0.2, 3s: 0`) and lengths of scenes (`lasting(2s)`). What
a setting takes is told by `vqclip help settings`: "whole number, % or s".

A share is of all steps of the run; of growth and previews in an animation, of the steps of its
first frame; and `frames=50%` is half of the frames of source.film. A second has film.fps steps in
a picture, and fps frames in an animation, whose frames take several steps each. Both become a
whole number, the nearest, and at least 1 unless they are 0. pixray rounds down; what `vqclip
import` reads of its settings keeps pixray's number.

Units may be written out, in small letters or capitals, with a space or without: `20 iterations`,
`20 steps`, `20 frames`, `50 percent`, `50p`, `2 seconds`.

A share stays a share in the notes of a picture. So it follows another number of steps: in
`vqclip again PICTURE steps=…`, and from there on in `vqclip resume RUN steps=…`. Only film.every
keeps the number of steps that it had when the run began, so that its film goes on at one pace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vqclip.language.expressions import format_number

# A unit as it may be written, in small letters → as it is written here.
UNITS = {
    **dict.fromkeys(("i", "iter", "iters", "iteration", "iterations", "step", "steps"), "i"),
    **dict.fromkeys(("f", "frame", "frames"), "f"),
    **dict.fromkeys(("%", "p", "percent"), "%"),
    **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
}
UNIT = "(?i:" + "|".join(sorted(UNITS, key=len, reverse=True)) + ")"
MOST = 1e12  # that are read; the setting `steps` is a million at most
_COUNT = re.compile(rf"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*({UNIT})?\s*")


@dataclass(frozen=True)
class StepCount:
    """A number of steps or frames, before it is known how many they are.

    Args:
        number: 0 or more; at most 100 of a share.
        unit: "" where none is written, "i", "f", "%" or "s".
    """

    number: float
    unit: str = ""

    @property
    def to_text(self) -> str:
        """The count as canonical text, which `parse_count` reads back."""
        return f"{format_number(self.number)}{self.unit}"

    def settle(self, total: int, pace: float) -> int:
        """The number of steps or frames: the nearest, at least 1 unless it is 0.

        Args:
            total: what a share is of.
            pace: how many there are in a second.

        >>> StepCount(50, "%").settle(35, 15), StepCount(2, "s").settle(35, 23.976)
        (18, 48)
        """
        exact = self.number
        if self.unit == "%":
            exact = total * (self.number / 100)
        elif self.unit == "s":
            exact = self.number * pace
        return max(1, round(exact)) if exact > 0 else 0


def parse_count(text: str) -> StepCount | None:
    """Parse a number of steps or frames; None if the text is none.

    >>> parse_count("2.50 Percent"), parse_count("20.5i"), parse_count("120%")
    (StepCount(number=2.5, unit='%'), None, None)
    """
    match = _COUNT.fullmatch(text)
    if match is None:
        return None
    number, unit = float(match[1]), canonical_unit(match[2])
    if number > (100 if unit == "%" else MOST):
        return None
    return StepCount(number, unit) if unit in ("%", "s") or number.is_integer() else None


def canonical_unit(word: str | None) -> str:
    """A unit as it is written here; "" for none.

    >>> canonical_unit("Iterations"), canonical_unit(None)
    ('i', '')
    """
    return UNITS[word.lower()] if word else ""
