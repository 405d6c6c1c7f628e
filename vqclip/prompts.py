r"""The prompt language: what an artist writes, read into `Prompt`s and echoed back.

    prompts = part { "|" part }
    part    = [ "@" ] body [ ":" weight [ ":" stop ] ]

    a fox                         one wish, of weight 1
    a fox:2 | fog:-0.5:-0.9       twice as much fox; away from fog until the distance is 0.9
    a fox | @sketch.png:0.3       towards a picture too

Read these rules from top to bottom:

1. A backslash before `|`, `:`, `@` or `\` makes that character part of the body. Before anything
   else, and at the end, it stands for itself: `C:\x.png` needs no care. (Two backslashes are one,
   so the network path `\\host\x.png` is written `\\\\host\x.png`.)
2. `|` separates parts. White space around parts, bodies and numbers is dropped.
3. Numbers are read from the right, at most two, and only when they are numbers: digits with an
   optional sign, point and exponent. One is the weight; of two, the first is the weight and the
   second the stop. So `12:30 train` and `http://a/b` are all body, and `ratio 16:9` has weight 9:
   `echo` shows it, and `ratio 16\:9` mends it. `nan`, `inf` and `infinity` are refused.
4. `@` first makes an image prompt; the body is the picture's path. Elsewhere it is only an "@".

The weight is the strength: 0 has no effect, below 0 pushes away. The stop is on the scale of
`losses.spherical_distance` times the weight's sign: `sky:1:0.75` no longer pulls once the
distance is below 0.75, `text:-1:-0.95` no longer pushes once it is above 0.95. Without one, a
prompt that pulls never stops, and one that pushes rests at a right angle, -1.23, where nothing in
the picture speaks of it: pushed further, pictures go astray (pytti-book). The order
`text:weight:stop` is that of Crowson's notebooks; reading numbers from the right is pixray's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vqclip.errors import PromptError

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
RIGHT_ANGLE = math.pi**2 / 8  # on the scale of `losses.spherical_distance`
ENDLESS = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
ESCAPE = re.compile(r"\\([|:@\\])")
TOKEN = re.compile(r"\\[|:@\\]|.", re.DOTALL)  # one character, or an escape and its character


@dataclass(frozen=True)
class Prompt:
    """One wish, still in words.

    Args:
        body: what is wished for, escapes resolved; for an image prompt, the path of the picture.
        weight: strength; finite. Below 0 pushes away, 0 has no effect.
        stop: where the prompt no longer pulls, as signed distance; -inf where none is written.
        kind: whether `body` is words or a picture.

    Raises:
        PromptError: if the body is empty or begins or ends in white space, the weight is not
            finite, or the stop is neither finite nor -inf: such a prompt could not be written.
    """

    body: str
    weight: float = 1.0
    stop: float = -math.inf
    kind: Literal["text", "image"] = "text"

    def __post_init__(self) -> None:
        if not self.body or self.body != self.body.strip():
            raise PromptError(
                f"a prompt's body {self.body!r} must hold words, without white space around them"
            )
        if not math.isfinite(self.weight):
            raise PromptError(
                f"the weight {self.weight} of {self.body!r} must be a finite number, such as 2"
            )
        if not (math.isfinite(self.stop) or self.stop == -math.inf):
            raise PromptError(
                f"the stop {self.stop} of {self.body!r} must be a finite number, such as 0.75; "
                "leave it out to never stop"
            )

    @property
    def rest(self) -> float:
        """The stop that holds: what is written, or else a right angle for one that pushes."""
        return -RIGHT_ANGLE if self.weight < 0 and self.stop == -math.inf else self.stop


def parse(text: str) -> tuple[Prompt, ...]:
    r"""Read prompts; the grammar is at the top of this module.

    Raises:
        PromptError: if a part is empty, has numbers or an "@" but no body, or a number that is
            not finite. The message names the part.

    >>> parse("a fox:2 | fog:-0.5:-0.9")[1]
    Prompt(body='fog', weight=-0.5, stop=-0.9, kind='text')
    >>> parse(r"ratio 16\:9 | @C:\x.png:.3")[1]
    Prompt(body='C:\\x.png', weight=0.3, stop=-inf, kind='image')
    """
    if not text.strip():
        raise PromptError(
            'the prompt is empty; write what you would like to see, such as "a fox"'
        )
    parts = _split(text, "|")
    return tuple(
        _part(raw.strip(), place=_place(text, number, len(parts)))
        for number, raw in enumerate(parts, start=1)
    )


def show(prompts: Iterable[Prompt]) -> str:
    r"""Write prompts as one canonical text, which `parse` reads back into the same prompts.

    >>> show([Prompt("a fox", weight=2), Prompt("16:9", stop=0.75)])
    'a fox:2 | 16\\:9:1:0.75'
    """
    return " | ".join(_written(prompt) for prompt in prompts)


def texts(wishes: Iterable[Prompt]) -> list[Prompt]:
    """Keep the texts that are wished for, rather than avoided."""
    return [wish for wish in wishes if wish.kind == "text" and wish.weight > 0]


def wished(wishes: Iterable[Prompt]) -> str:
    """Join the texts that are wished for into one, the weightiest first, for a draft.

    Raises:
        PromptError: if there is none.
    """
    found = texts(wishes)
    if not found:
        raise PromptError(
            "a draft is made from words, and the prompt wishes for none; add some, or start "
            "with init=random"
        )
    return ", ".join(wish.body for wish in sorted(found, key=lambda wish: -wish.weight))


def echo(prompts: Iterable[Prompt]) -> list[str]:
    """Say in one line per prompt what was understood, for people.

    >>> echo(parse("a fox:2 | fog:-0.5:-0.9 | @sketch.png:0.3"))
    ['a fox ×2', 'fog ×-0.5 (stops at -0.9)', 'picture sketch.png ×0.3']
    """
    return [
        f"{'picture ' if prompt.kind == 'image' else ''}{prompt.body} "
        f"×{_digits(prompt.weight)}{_remark(prompt)}"
        for prompt in prompts
    ]


def _part(raw: str, place: str) -> Prompt:
    """Read one part, already trimmed."""
    if not raw:
        raise PromptError(f'{place} is empty; put words there, or take out a "|"')
    kind: Literal["text", "image"] = "image" if raw.startswith("@") else "text"
    fields = _split(raw[1:] if kind == "image" else raw, ":")
    numbers: list[float] = []
    while len(fields) > 1 and len(numbers) < 2 and _numeric(fields[-1].strip()):
        numbers.insert(0, _number(fields.pop().strip(), place))
    body = ":".join(fields).strip()
    if not body:
        missing = "the path of a picture" if kind == "image" else "words"
        raise PromptError(
            f"{place}, {raw!r}, has no body; put {missing} before the number"
            if numbers
            else f'{place}, {raw!r}, has no body; put {missing} after the "@"'
        )
    weight = numbers[0] if numbers else 1.0
    stop = numbers[1] if len(numbers) > 1 else -math.inf
    return Prompt(ESCAPE.sub(r"\1", body), weight, stop, kind)


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are not escaped; escapes stay as they are."""
    pieces = [""]
    for token in TOKEN.findall(text):
        if token == separator:
            pieces.append("")
        else:
            pieces[-1] += token
    return pieces


def _numeric(field: str) -> bool:
    """Whether a field is a number, even one that will be refused."""
    return NUMBER.fullmatch(field) is not None or ENDLESS.fullmatch(field) is not None


def _number(field: str, place: str) -> float:
    """Read a number; python's own float() would also take 1_000 and digits of other scripts."""
    value = float(field)
    if not math.isfinite(value):
        raise PromptError(
            f"the number {field} in {place} is not finite; write one such as 2, or put a "
            r"backslash before the colon (\:) if it belongs to the text"
        )
    return value


def _place(text: str, number: int, count: int) -> str:
    """Say where in the text a part stands."""
    return f"part {number} of {text!r}" if count > 1 else f"the prompt {text!r}"


def _written(prompt: Prompt) -> str:
    """Write one prompt, leaving out what is the default."""
    body = re.sub(r"([|:\\])", r"\\\1", prompt.body)
    if prompt.kind == "image":
        body = "@" + body
    elif body.startswith("@"):
        body = "\\" + body
    numbers: Sequence[float] = ()
    if prompt.stop != -math.inf:
        numbers = (prompt.weight, prompt.stop)
    elif prompt.weight != 1:
        numbers = (prompt.weight,)
    return ":".join([body, *map(_digits, numbers)])


def _digits(number: float) -> str:
    """Write a number in the fewest digits that read back as the same one."""
    return repr(float(number)).removesuffix(".0")


def _remark(prompt: Prompt) -> str:
    """Say what the numbers will do where that may surprise."""
    if prompt.weight == 0:
        return " (no effect)"
    if prompt.rest == -math.inf:
        return ""
    if prompt.stop == -math.inf:
        return f" (stops at {prompt.rest:.2f}, a right angle)"
    words = f"stops at {_digits(prompt.stop)}"
    # Distances are never negative, so such a stop is reached always or never.
    if prompt.weight < 0 and prompt.stop >= 0:
        words += ", so at once: with a negative weight, write a negative stop"
    if prompt.weight > 0 and prompt.stop <= 0:
        words += ", so never: with a positive weight, write a positive stop"
    return f" ({words})"
