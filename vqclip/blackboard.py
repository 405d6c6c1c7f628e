"""What is seen of a word that is being learnt? A bar, the words near it, and drafts of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.config import DreamSettings, InversionConfig
from vqclip.screen import Screen

if TYPE_CHECKING:
    from vqclip.dreams import ClassDreamer, Dreamer
    from vqclip.perceptors import OpenClipPerceptor
    from vqclip.tensors import Image
    from vqclip.tools.inversion import Moment

DRAFTS = 4  # on a sheet of previews
SHOWN = {"object": "a <{}>", "style": "a house in the style of <{}>", "negative": "<{}>"}


class Board:
    """Where the learning is shown: a bar, the nearest words, and a sheet of drafts."""

    def __init__(
        self,
        config: InversionConfig,
        screen: Screen,
        seen: Sequence[Image],
    ) -> None:
        self.config, self.screen, self.seen = config, screen, seen
        self.bar: Any = None
        self.sheet: Path | None = None
        self.dreamer: Dreamer | ClassDreamer | None = None

    def begin(self, perceptor: OpenClipPerceptor, word: str) -> None:
        """Show that a perceptor begins to learn, and from where."""
        whose = f" for {perceptor.name}" if len(self.config.perceptors) > 1 else ""
        self.screen.event("start", perceptor=perceptor.name, init=word, steps=self.config.steps)
        self.screen.say(f"learning <{self.config.token}>{whose}, from {word!r}")
        self.bar = self.screen.bar(self.config.steps, 0)

    def show(self, perceptor: OpenClipPerceptor, moment: Moment) -> None:
        """Show a step, and now and then what the word means by now."""
        self.screen.event("step", step=moment.step, loss=moment.loss, fit=moment.fit)
        self.bar.set_postfix_str(f"cosine {moment.fit:.2f}", False)
        self.bar.update()
        every = self.config.previews
        if every and (moment.step % every == 0 or moment.step == self.config.steps):
            self.bar.clear()
            self._preview(perceptor, moment)
            self.bar.refresh()

    def sheet_name(self) -> str | None:
        """The sheet of drafts, if one was drawn."""
        return None if self.sheet is None else str(self.sheet)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()

    def _preview(self, perceptor: OpenClipPerceptor, moment: Moment) -> None:
        from vqclip.tools import inversion

        near = inversion.meaning(perceptor, moment.vectors, self.config.kind)
        self.screen.event("preview", step=moment.step, nearest=near)
        self.screen.say(f"step {moment.step}: cosine {moment.fit:.2f}; near {', '.join(near)}")
        if perceptor.name == "starter":
            self._draw(moment)

    def _draw(self, moment: Moment) -> None:
        """Lay the pictures, and drafts of the word under them, on a sheet."""
        import torch
        from torch.nn import functional

        from vqclip import dreams, sketchbook
        from vqclip.models.learnt import Learnt
        from vqclip.record import images

        if self.dreamer is None:
            self.dreamer = dreams.load()
        word = Learnt(self.config.token, {moment.vectors.shape[1]: moment.vectors})
        text = SHOWN[self.config.kind].format(self.config.token)
        drafts = dreams.knowing(self.dreamer, [word]).dream(
            text, DreamSettings(count=DRAFTS), torch.Generator().manual_seed(0)
        )
        side = drafts[0].image.shape[-1]
        own = [
            functional.interpolate(each, [side, side], mode="bilinear", antialias=True)
            for each in self.seen[:DRAFTS]
        ]
        drawn = [draft.image.cpu() for draft in drafts]
        blank = [torch.ones_like(drawn[0])] * (DRAFTS - len(own))
        out = Path(self.config.out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise images.unwritable(out, error) from error
        fresh = self.sheet is None
        self.sheet = self.sheet or free(out, self.config.token, ".png")
        laid = sketchbook.sheet([*own, *blank, *drawn], across=DRAFTS)
        images.save_png(self.sheet, laid, overwrite=not fresh)


def free(folder: Path, name: str, suffix: str) -> Path:
    """The first of NAME, NAME-2, NAME-3 … that is not taken."""
    number = 1
    while True:
        path = folder / f"{name}{f'-{number}' * (number > 1)}{suffix}"
        if not os.path.lexists(path):
            return path
        number += 1
