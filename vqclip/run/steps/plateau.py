"""The plateau: a run's end where a CLIP that takes no part sees no further gain.

The losses of a run say little of when to stop: they fall as long as they are optimised, whether
the picture gains by it or not (`vqclip.guidance.zero_shot`). So another CLIP, the one that judges
finished pictures, looks at the picture every few steps, and its score is what has to rise. Early
stopping on data that took no part: Prechelt, 1998, "Early Stopping - But When?"
(https://doi.org/10.1007/3-540-49430-8_3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vqclip.config.schema import RunConfig
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.language.prompt_types import Prompt, draft_text
from vqclip.models import model_cache
from vqclip.models.zoo import model_files
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.tensors import Embedding, Image

EVERY = 5  # steps from one look to the next
LEAST_GAIN = 0.002  # of the cosine, which a run raises by 0.02 to 0.07


@dataclass
class Plateau:
    """The judge of a run, what it has seen of the part that is being drawn, and its patience.

    A part is what one drawer draws at one size.

    Args:
        perceptor: the judge, which no loss of the run asks.
        wanted: [D], the embedding of the prompt.
        patience: how many steps without a gain end the part.
        scores: (steps taken, cosine) of each look at this part, in their order.
    """

    perceptor: OpenClipPerceptor
    wanted: Embedding
    patience: int
    scores: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def from_settings(
        cls,
        config: RunConfig,
        prompts: Sequence[Prompt],
        words: Iterable[WordEmbedding],
        device: torch.device,
    ) -> Plateau | None:
        """The plateau of a run with `stop=plateau`; None of others.

        Args:
            prompts: as they were written.
            words: the learnt ones in them.

        Raises:
            ModelError: if the judge cannot be loaded.
        """
        if config.stop != "plateau":
            return None
        judge = load_perceptor(model_files.JUDGE, device=device).with_fitting_words(words)
        with torch.no_grad():
            wanted = judge.embed_text([draft_text(prompts)])[0]
        return cls(judge, wanted, config.patience)

    def digests(self) -> dict[str, str]:
        """The sha256 of the judge's weights, by what it is in the notes."""
        return {f"{self.perceptor.name} judge": model_cache.digest_once(self.perceptor.weights)}

    def is_due(self, done: int) -> bool:
        """Whether the judge looks at the picture after so many steps."""
        return done % EVERY == 0

    @torch.no_grad()
    def look(self, done: int, image: Image) -> None:
        """Let the judge look at the picture, [1, 3, H, W] in [0, 1], after so many steps."""
        seen = self.perceptor.embed_image(image)[0]
        self.scores.append((done, float(seen @ self.wanted)))

    @property
    def is_reached(self) -> bool:
        """Whether the last `patience` steps have brought no gain over the best score before."""
        if not self.scores:
            return False
        until = self.scores[-1][0] - self.patience
        before = [score for done, score in self.scores if done <= until]
        since = [score for done, score in self.scores if done > until]
        return bool(before) and max(since) < max(before) + LEAST_GAIN

    def begin_part(self) -> None:
        """Forget the scores: what they are of is another part, or a run with other settings."""
        self.scores.clear()

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps: the looks as rows [N, 2] of steps and scores, if any."""
        if not self.scores:
            return {}
        return {"plateau": torch.tensor(self.scores, dtype=torch.float64)}

    def restore(self, rows: Tensor | None) -> None:
        """Go on from what `state` gave; None: from no looks."""
        self.scores = [] if rows is None else [(int(d), float(s)) for d, s in rows.tolist()]
