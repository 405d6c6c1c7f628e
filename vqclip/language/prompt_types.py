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

RIGHT_ANGLE = math.pi**2 / 8  # on the scale of `guidance.prompt_losses.spherical_distance`
MOST_ATTENTION = 10.0
Kind = Literal["text", "label", "image", "like", "noise", "vector"]
KINDS: dict[Kind, str] = {  # what is said of each before its body
    **{"text": "", "label": "label ", "image": "picture ", "like": "the whole of picture "},
    **{"noise": "noise of seed ", "vector": "direction "},
}
Box = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture

_ACROSS = {"left": (0.0, 0.5), "right": (0.5, 0.5)}
_DOWN = {"top": (0.0, 0.5), "bottom": (0.5, 0.5)}
_MIDDLE = ("middle", "centre", "center")
_PICTURE = re.compile(r".*\.[A-Za-z0-9]{2,4}", re.DOTALL)
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")


@dataclass(frozen=True)
class TextSpan:
    """A span of text with one attention weight.

    Args:
        text: the words, or a learnt word's name.
        attention: its attention weight, in [0, 10]; 1 is the default.
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
    def to_text(self) -> str:
        """The text, or the name in its angle brackets."""
        return f"<{self.text}>" if self.learnt else self.text


@dataclass(frozen=True)
class Region:
    """A region of the picture: words such as "top right", a box in per cent, or a mask file.

    Args:
        place: as it was written, without the minus sign.
        outside: whether everything outside of it is meant.

    Raises:
        PromptError: if `place` is none of these.
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
                r"a black and white picture (mask.png); for brackets in the text write in\("
            )

    @property
    def mask(self) -> str | None:
        """The mask's file, or None; the region is white, or opaque if it has transparency."""
        return self.place if _PICTURE.fullmatch(self.place) else None

    @property
    def box(self) -> Box | None:
        """The box of words or percentages, in shares of the picture; None for a mask."""
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
    """The four numbers of a box in per cent, or None if `place` is not one."""
    words = place.split()
    if len(words) != 4 or not all(_PERCENT.fullmatch(word) for word in words):
        return None
    left, top, wide, high = (float(word[:-1]) for word in words)
    return left, top, wide, high


def _misfit(left: float, top: float, wide: float, high: float) -> str:
    """Explain why a box does not fit into the picture, and how it would."""
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
    """A prompt as it was parsed, not yet embedded.

    Args:
        body: the text, escapes resolved; for a label what it names, for an image prompt or a
            like its path, for noise its seed, for a vector its name.
        weight: strength, a finite number or a schedule; below 0 pushes away, 0 has no effect.
        stop: signed distance at which the prompt no longer pulls; -inf if none is written.
        kind: what `body` is: "text", "label", "image", "like", "noise" or "vector".
        marked_spans: the spans of the body, if any has attention or is a learnt word; else ().
        region: where in the picture it holds; None for all of it.
        perceptors: names of the perceptors that read it; () for all.
        sentence: text for perceptors that read sentences, instead of the body; "" for none.
        scene: the number of its scene, from 0.
        scene_length: the length of its scene; None if it is not written beside this prompt.

    Raises:
        PromptError: if the body is empty or begins or ends in white space, the weight is not
            finite, or the stop is neither finite nor -inf: such a prompt could not be written.
    """

    body: str
    weight: float | Schedule = 1.0
    stop: float = -math.inf
    kind: Kind = "text"
    marked_spans: tuple[TextSpan, ...] = ()
    region: Region | None = None
    perceptors: tuple[str, ...] = ()
    sentence: str = ""
    scene: int = 0
    scene_length: Length | None = None

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
    def has_words(self) -> bool:
        """Whether its body is words."""
        return self.kind in ("text", "label")

    @property
    def has_pictures(self) -> bool:
        """Whether its body names a picture, or several."""
        return self.kind in ("image", "like")

    @property
    def values(self) -> tuple[float, ...]:
        """The values of its weight: one, or those of `Schedule.values`."""
        return self.weight.values if isinstance(self.weight, Schedule) else (self.weight,)

    @property
    def greatest_weight(self) -> float:
        """The greatest weight during the run."""
        return max(self.values)

    @property
    def effective_stop(self) -> float:
        """The stop in effect: as written, else a right angle if the weight is ever below 0."""
        return -RIGHT_ANGLE if min(self.values) < 0 and self.stop == -math.inf else self.stop

    @property
    def spans(self) -> tuple[TextSpan, ...]:
        """The body as spans, also where it is a single plain one."""
        return self.marked_spans or (TextSpan(self.body),)


def learnt_words_in(prompts: Iterable[Prompt]) -> list[str]:
    """List the learnt words in text prompts and labels, as `<name>`."""
    pieces = (piece for prompt in prompts if prompt.has_words for piece in prompt.marked_spans)
    return [piece.to_text for piece in pieces if piece.learnt]


def positive_texts(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Keep the text prompts and labels whose weight is ever above 0."""
    return [prompt for prompt in prompts if prompt.has_words and prompt.greatest_weight > 0]


def draft_text(prompts: Iterable[Prompt]) -> str:
    """Join the positive texts of the first scene, greatest weight first, to draw a draft.

    Raises:
        PromptError: if there is none.
    """
    found = positive_texts(prompts)
    if not found:
        raise PromptError(
            "a draft is drawn from words, but no words of this prompt have a positive weight; "
            "add some, or start with init=random"
        )
    first = [prompt for prompt in found if prompt.scene == min(each.scene for each in found)]
    # Prompts whose weight rises above 0 later are left out, unless there are no others.
    now = [prompt for prompt in first if prompt.values[0] > 0] or first
    return ", ".join(prompt.body for prompt in sorted(now, key=lambda prompt: -prompt.values[0]))


def apply_style(prompts: Sequence[Prompt], style: str) -> tuple[Prompt, ...]:
    """Put a style around (or, without {}, after) every text or label of positive weight.

    Negative prompts stay as they are: nobody means "fog, but not as an etching".
    """
    return tuple(
        _styled(prompt, style) if prompt.has_words and prompt.greatest_weight > 0 else prompt
        for prompt in prompts
    )


def apply_style_to_text(text: str, style: str) -> str:
    """Put a style around a text: "ink drawing of {}" and "a fox" → "ink drawing of a fox"."""
    before, after = _halves(style)
    return f"{before}{text}{after}".strip()


def _styled(prompt: Prompt, style: str) -> Prompt:
    before, after = _halves(style)
    spans: tuple[TextSpan, ...] = ()
    if prompt.marked_spans:
        edges = [TextSpan(text) if text else None for text in (before, after)]
        spans = tuple(
            each for each in (edges[0], *prompt.marked_spans, edges[1]) if each is not None
        )
    return replace(
        prompt,
        body=apply_style_to_text(prompt.body, style),
        marked_spans=spans,
        sentence=apply_style_to_text(prompt.sentence, style) if prompt.sentence else "",
    )


def _halves(style: str) -> tuple[str, str]:
    if not style.strip():
        return "", ""
    halves = (style if "{}" in style else f"{{}}, {style}").strip().partition("{}")
    # A backslash keeps braces from being a template's; see `vqclip.language.prompt_templates`.
    before, _, after = (re.sub(r"\\([{|}])", r"\1", half) for half in halves)
    return before, after
