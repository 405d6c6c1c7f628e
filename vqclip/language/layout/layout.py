"""The layout of a sentence: what it names, and where each thing goes."""

from __future__ import annotations

from functools import lru_cache

from vqclip.language.layout.layout_types import Layout
from vqclip.language.layout.placement import place_things
from vqclip.language.layout.reader.sentence_reader import read_sentence


@lru_cache(maxsize=1024)  # the settings of a run, its plan and its sketch all ask for it
def plan_layout(sentence: str, *, aspect: float = 1.0, seed: int = 0) -> Layout | None:
    """Plan the layout of a sentence, or return None if nothing is understood as a scene.

    Args:
        aspect: width of the picture by its height.
        seed: settles what the words leave open, such as left or right.
    """
    read = read_sentence(sentence)
    return place_things(read, aspect=aspect, seed=seed) if read and read.mentions else None
