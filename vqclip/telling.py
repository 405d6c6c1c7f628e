"""One wish, told: as a text that is read back into the same wish, and in words for people."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from vqclip import schedules
from vqclip.letters import escaped
from vqclip.schedules import Schedule, digits
from vqclip.wishes import Piece, Prompt, Region

# Before a bracket these mean something, if they are whole words.
CALL = re.compile(r"(?<![^\W_])(?:in|for|sentence|lasting|noise|vector)$")


def written(prompt: Prompt) -> str:
    """Write one prompt, leaving out what is the default."""
    if prompt.kind == "text":
        body = _joined(prompt.spoken)
    else:
        body = escaped(prompt.body)
        marks = {"image": ("@", ""), "noise": ("noise(", ")"), "vector": ("vector(", ")")}
        body = body.join(marks[prompt.kind])
    if prompt.region is not None:
        body += f" in({'-' * prompt.region.outside}{escaped(prompt.region.place)})"
    if prompt.only:
        body += f" for({', '.join(map(escaped, prompt.only))})"
    if prompt.sentence:
        body += f" sentence({escaped(prompt.sentence)})"
    if prompt.lasting is not None:
        body += f" lasting({prompt.lasting.written})"
    if prompt.stop != -math.inf:
        return f"{body}:{_weight(prompt)}:{digits(prompt.stop)}"
    return body if prompt.weight == 1 else f"{body}:{_weight(prompt)}"


def _joined(pieces: Sequence[Piece]) -> str:
    """Write pieces one after another, so that none makes a call of what stands before it."""
    found = ""
    for piece in pieces:
        text = _written_piece(piece)
        if text.startswith("(") and (call := CALL.search(found)):
            found = f'{found[: call.start()]}"{call[0]}"'
        found += text
    return found


def _written_piece(piece: Piece) -> str:
    text = piece.written if piece.learnt else escaped(piece.text)
    return text if piece.attention == 1 else f"({text}:{digits(piece.attention)})"


def _weight(prompt: Prompt) -> str:
    if isinstance(prompt.weight, Schedule):
        return f"{{{schedules.show(prompt.weight)}}}"
    return digits(prompt.weight)


def said(prompt: Prompt) -> str:
    """Say in a line what was understood."""
    first = {"text": "", "image": "picture ", "noise": "noise of seed ", "vector": "direction "}
    words = first[prompt.kind] + "".join(
        p.written if p.attention == 1 else f"({p.written} ×{digits(p.attention)})"
        for p in prompt.spoken
    )
    if prompt.region is not None:
        words += f", {where(prompt.region)},"
    if prompt.only:
        words += f", for {' and '.join(prompt.only)},"
    if prompt.sentence:
        words += f", or as a sentence: {prompt.sentence!r},"
    if prompt.lasting is not None:
        words += f", in a scene of {prompt.lasting.written},"
    return f"{words} ×{_weight(prompt)}{_remark(prompt)}"


def where(region: Region) -> str:
    """Say which part of the picture is meant."""
    return f"{'outside' if region.outside else 'in'} the {region.place}"


def _remark(prompt: Prompt) -> str:
    """Say what the numbers will do where that may surprise."""
    if not any(prompt.values):
        return " (no effect)"
    if prompt.rest == -math.inf:
        return ""
    if prompt.stop == -math.inf:
        return f" (stops at {prompt.rest:.2f}, a right angle)"
    words = f"stops at {digits(prompt.stop)}"
    # Distances are never negative, so such a stop is reached always or never.
    if prompt.most < 0 and prompt.stop >= 0:
        words += ", so at once: with a negative weight, write a negative stop"
    if min(prompt.values) > 0 and prompt.stop <= 0:
        words += ", so never: with a positive weight, write a positive stop"
    return f" ({words})"
