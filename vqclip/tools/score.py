"""How well do words fit a picture? Their cosine, and how few ordinary words fit it better.

A cosine says little by itself: each model has a range of its own. So the words are also set
against the things that `vqclip.jury` holds finished pictures against (`vqclip.foils.JUDGED`), but
for those that they name themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from vqclip import foils
from vqclip.perceptors import OpenClipPerceptor
from vqclip.tensors import Embedding
from vqclip.tools import looks


@dataclass(frozen=True)
class Score:
    """How well words fit a picture.

    Args:
        cosine: -1 to 1.
        percentile: 0 to 100, how many of the other things fit it less well; None if the words
            name all of them.
    """

    cosine: float
    percentile: float | None


@dataclass(frozen=True)
class Scale:
    """Words, and what they are measured against, as one perceptor reads them; made by `scale`.

    Args:
        wanted: [1, D].
        others: [F, D]; F may be 0.
    """

    wanted: Embedding
    others: Embedding

    def weigh(self, seen: Embedding) -> list[Score]:
        """Score pictures by their embeddings [N, D]."""
        cosines = (seen @ self.wanted.T)[:, 0]
        among = len(self.others)
        beaten = (seen @ self.others.T < cosines[:, None]).sum(1)
        return [
            Score(cosine, 100 * count / among if among > 0 else None)
            for cosine, count in zip(cosines.tolist(), beaten.tolist(), strict=True)
        ]


def scale(text: str, perceptor: OpenClipPerceptor) -> Scale:
    """Read words, and the ordinary things that they do not name."""
    wanted = looks.read([text], perceptor)
    things = foils.others(text, foils.JUDGED)
    return Scale(wanted, looks.read(things, perceptor) if things else wanted[:0])
