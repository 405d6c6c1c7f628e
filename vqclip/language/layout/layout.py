"""The layout of a sentence: what it names, and where each thing goes."""

from __future__ import annotations

from vqclip.language.layout.layout_types import Layout
from vqclip.language.layout.reader.sentence_reader import read_sentence


def plan_layout(sentence: str, *, aspect: float = 1.0, seed: int = 0) -> Layout | None:
    """Plan the layout of a sentence, or return None if it names one thing alone.

    Args:
        aspect: width of the picture by its height.
        seed: settles what the words leave open, such as left or right.
    """
    del aspect, seed
    if read_sentence(sentence) is None:
        return None
    return None  # until placement is here
