"""The parsed prompt, as dataclasses."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vqclip.errors import PromptError, suggest
from vqclip.language.assets import WORD_NAME
from vqclip.language.clock import Length
from vqclip.language.schedules import Schedule

RIGHT_ANGLE = math.pi**2 / 8  # on the scale of `losses.spherical_distance`
MOST_ATTENTION = 10.0
Kind = Literal["text", "image", "noise", "vector"]
Box = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture

_ACROSS = {"left": (0.0, 0.5), "right": (0.5, 0.5)}
_DOWN = {"top": (0.0, 0.5), "bottom": (0.5, 0.5)}
_MIDDLE = ("middle", "centre", "center")
_PICTURE = re.compile(r".*\.[A-Za-z0-9]{2,4}", re.DOTALL)
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


@dataclass(frozen=True)
class TextSpan:
    """A stretch of text that gets the same attention.

    Args:
        text: the words, or a learnt word's name.
        attention: how much more than other words it counts, in [0, 10]; 1 is as usual.
        learnt: whether `text` names a word that was learnt from pictures: `<my-cat>`.

    Raises:
        PromptError: if the text is empty, or the attention out of its range.
    """

    text: str
    attention: float = 1.0
    learnt: bool = False

    def __post_init__(self) -> None:
        if not self.text or (self.learnt and WORD_NAME.fullmatch(self.text) is None):
            raise PromptError(f"{self.text!r} is no stretch of text, nor the name of a word")
        if not 0 <= self.attention <= MOST_ATTENTION:
            raise PromptError(
                f"the attention of {self.text!r} is {self.attention:g}; write a number from 0 "
                f"to {MOST_ATTENTION:g}, such as ({self.text}:1.3)"
            )

    @property
    def written(self) -> str:
        """The text, or the name in its angle brackets."""
        return f"<{self.text}>" if self.learnt else self.text


@dataclass(frozen=True)
class Region:
    """A part of the picture: words such as "top right", a box in percents, or a mask's file.

    Args:
        place: as it was written, without the minus sign.
        outside: whether everything else is meant.

    Raises:
        PromptError: for a place that is neither.
    """

    place: str
    outside: bool = False

    def __post_init__(self) -> None:
        bare = self.place == self.place.strip() and not self.place.startswith("-")
        if bare and self.box is None and (size := _percents(self.place)):
            raise PromptError(
                f"in({self.place}) is a box of left, top, width and height, {_misfit(*size)}"
            )
        if not bare or (self.mask is None and self.box is None):
            words = [*_ACROSS, *_DOWN, "middle"]
            raise PromptError(
                f"in({self.place}) names no part of a picture"
                f"{suggest(self.place.lower(), words)}; write top, bottom, left, right, middle "
                "or two of them, a box as left top width height in percent (10% 10% 40% 30%), or "
                r"a black and white picture (mask.png); for words in brackets write in\("
            )

    @property
    def mask(self) -> str | None:
        """The file of a mask: white, or opaque where it is partly transparent, is the region."""
        return self.place if _PICTURE.fullmatch(self.place) else None

    @property
    def box(self) -> Box | None:
        """The region as a box, if words or percents say it."""
        words = self.place.lower().split()
        if size := _percents(self.place):
            left, top, wide, high = (each / 100 for each in size)
            fits = wide > 0 and high > 0 and left + wide <= 1.0001 and top + high <= 1.0001
            return (left, top, wide, high) if fits else None
        rest = [word for word in words if word not in _MIDDLE]
        across = [_ACROSS[word] for word in rest if word in _ACROSS]
        down = [_DOWN[word] for word in rest if word in _DOWN]
        known = len(rest) == len(across) + len(down) and len(words) in (1, 2)
        if not known or len(across) > 1 or len(down) > 1:
            return None
        whole = (0.0, 1.0) if len(words) == 1 and rest else (0.25, 0.5)
        (left, wide), (top, high) = (found[0] if found else whole for found in (across, down))
        return left, top, wide, high


def _percents(place: str) -> Box | None:
    """Four numbers in percent, if a place is just that."""
    words = place.split()
    if len(words) != 4 or not all(_PERCENT.fullmatch(word) for word in words):
        return None
    left, top, wide, high = (float(word[:-1]) for word in words)
    return left, top, wide, high


def _misfit(left: float, top: float, wide: float, high: float) -> str:
    """Say why a box in percents is no part of the picture, and what would be."""
    if wide <= 0 or high <= 0:
        return "and has no size; give it a width and a height above 0%"
    if left >= 100 or top >= 100:
        return "and lies outside the picture; left and top are less than 100%"
    edge = "right" if left + wide > 100 else "lower"
    fits = [left, top, min(wide, 100 - left), min(high, 100 - top)]
    return (
        f"and reaches over the {edge} edge; what fits is "
        f"in({' '.join(f'{each:.6g}%' for each in fits)})"
    )


@dataclass(frozen=True)
class Prompt:
    """One wish, still in words.

    Args:
        body: what is wished for, escapes resolved; of an image prompt the picture's path, of
            noise its seed, of a vector its name.
        weight: strength; finite. Below 0 pushes away, 0 has no effect. It may change on the way.
        stop: where the prompt no longer pulls, as signed distance; -inf where none is written.
        kind: what `body` is.
        pieces: the body, where its parts get different attention or are learnt words; else ().
        region: the part of the picture that is meant; None for all of it.
        only: the perceptors that are to read it; () for all.
        sentence: what a perceptor that reads sentences reads instead of the body; "" for none.
        scene: in which scene it holds, counted from 0.
        lasting: how long that scene takes; None where nothing is written beside this wish.

    Raises:
        PromptError: if the body is empty or begins or ends in white space, the weight is not
            finite, or the stop is neither finite nor -inf: such a prompt could not be written.
    """

    body: str
    weight: float | Schedule = 1.0
    stop: float = -math.inf
    kind: Kind = "text"
    pieces: tuple[TextSpan, ...] = ()
    region: Region | None = None
    only: tuple[str, ...] = ()
    sentence: str = ""
    scene: int = 0
    lasting: Length | None = None

    def __post_init__(self) -> None:
        if not self.body or self.body != self.body.strip():
            raise PromptError(
                f"a prompt's body {self.body!r} must hold words, without white space around them"
            )
        if not (isinstance(self.weight, Schedule) or math.isfinite(self.weight)):
            raise PromptError(
                f"the weight {self.weight} of {self.body!r} must be a finite number, such as 2"
            )
        if not (math.isfinite(self.stop) or self.stop == -math.inf):
            raise PromptError(
                f"the stop {self.stop} of {self.body!r} must be a finite number, such as 0.75; "
                "leave it out to never stop"
            )

    @property
    def values(self) -> tuple[float, ...]:
        """The weights that it passes through."""
        return self.weight.values if isinstance(self.weight, Schedule) else (self.weight,)

    @property
    def most(self) -> float:
        """The greatest weight that it has on the way."""
        return max(self.values)

    @property
    def rest(self) -> float:
        """The stop that holds: what is written, or else a right angle for one that pushes."""
        return -RIGHT_ANGLE if min(self.values) < 0 and self.stop == -math.inf else self.stop

    @property
    def spoken(self) -> tuple[TextSpan, ...]:
        """The body as pieces, also where it is a single plain one."""
        return self.pieces or (TextSpan(self.body),)


def learnt_words_in(wishes: Iterable[Prompt]) -> list[str]:
    """The learnt words of texts, in their angle brackets."""
    pieces = (piece for wish in wishes if wish.kind == "text" for piece in wish.pieces)
    return [piece.written for piece in pieces if piece.learnt]


def positive_texts(wishes: Iterable[Prompt]) -> list[Prompt]:
    """Keep the texts that are wished for, rather than avoided."""
    return [wish for wish in wishes if wish.kind == "text" and wish.most > 0]


def draft_text(wishes: Iterable[Prompt]) -> str:
    """Join the texts that are wished for into one, the weightiest first, for a draft.

    Of several scenes, only the first is meant.

    Raises:
        PromptError: if there is none.
    """
    found = positive_texts(wishes)
    if not found:
        raise PromptError(
            "a draft is made from words, and the prompt wishes for none; add some, or start "
            "with init=random"
        )
    first = [wish for wish in found if wish.scene == min(each.scene for each in found)]
    # What is only wished for later is not in the draft, unless nothing else is.
    now = [wish for wish in first if wish.values[0] > 0] or first
    return ", ".join(wish.body for wish in sorted(now, key=lambda wish: -wish.values[0]))


def styled(wishes: Sequence[Prompt], style: str) -> tuple[Prompt, ...]:
    """Put the words of a style around (or, without {}, after) every text that is wished for.

    What is to be avoided is left alone: nobody means "fog, but not as an etching".
    """
    return tuple(
        _styled(wish, style) if wish.kind == "text" and wish.most > 0 else wish for wish in wishes
    )


def around(text: str, style: str) -> str:
    """Put the words of a style around a text."""
    before, after = _halves(style)
    return f"{before}{text}{after}".strip()


def _styled(wish: Prompt, style: str) -> Prompt:
    before, after = _halves(style)
    pieces: tuple[TextSpan, ...] = ()
    if wish.pieces:
        edges = [TextSpan(text) if text else None for text in (before, after)]
        pieces = tuple(each for each in (edges[0], *wish.pieces, edges[1]) if each is not None)
    return replace(
        wish,
        body=around(wish.body, style),
        pieces=pieces,
        sentence=around(wish.sentence, style) if wish.sentence else "",
    )


def _halves(style: str) -> tuple[str, str]:
    if not style.strip():
        return "", ""
    halves = (style if "{}" in style else f"{{}}, {style}").strip().partition("{}")
    # A backslash keeps braces from being a template's; see `vqclip.language.templates`.
    before, _, after = (re.sub(r"\\([{|}])", r"\1", half) for half in halves)
    return before, after
