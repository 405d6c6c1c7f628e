"""What does a CLIP in training see next? Pictures, captions, and what each picture shows."""

from __future__ import annotations

import torch
from torch import Tensor

from vqclip.training import data, scenes
from vqclip.training.restyle import restyle
from vqclip.training.towers import Recipe


class Batches:
    """Endless pictures [batch, 3, size, size] in [0, 1], captions, and what each shows."""

    def __init__(self, recipe: Recipe, pictures: data.Pictures, photos: data.Pictures) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = data.weights(pictures.rows)

    def draw(
        self, generator: torch.Generator
    ) -> tuple[Tensor, list[str], list[frozenset[str]], Tensor]:
        """Draw a batch: pictures, captions, the things that each shows, and each one's index.

        The index is -1 if the picture was tinted or shows a second thing.
        """
        recipe = self.recipe
        chosen, pixels, tints = self._things(recipe.batch, generator)
        zoom = (recipe.zoom[0], recipe.zoom[1])
        images, grounds = scenes.compose(pixels, self.photos.pixels, recipe.size, zoom, generator)
        rows = [self.pictures.rows[i] for i in chosen.tolist()]
        captions = [
            data.caption(*each, generator) for each in zip(rows, grounds, tints, strict=True)
        ]
        names = [data.named(*each) for each in zip(rows, tints, strict=True)]
        shown = [frozenset([name]) for name in names]
        plain = torch.tensor([tint is None for tint in tints])
        pairs = round(recipe.batch * recipe.pair_share)
        if pairs > 0:
            others, more, other_tints = self._things(pairs, generator)
            under, _ = scenes.grounds(pairs, self.photos.pixels, recipe.size, generator)
            images[:pairs], words = scenes.pairs(pixels[:pairs], more, under, generator)
            plain[:pairs] = False
            for index, other in enumerate(others.tolist()):
                second = data.named(self.pictures.rows[other], other_tints[index])
                shown[index] = frozenset([names[index], second])
                parts = [names[index], second]
                if torch.rand(1, generator=generator).item() < 0.5:
                    parts = [data.with_article(part) for part in parts]
                captions[index] = f" {words[index]} ".join(parts)
        return images, captions, shown, chosen.where(plain, torch.tensor(-1))

    def _things(
        self, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, list[str | None]]:
        """Choose cut-outs, some of them drawn again in another colour: indexes, pixels, tints."""
        twice = count > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, count, twice, generator=generator)
        pixels = self.pictures.pixels[chosen]
        tints: list[str | None] = [None] * count
        for index in range(count):
            if torch.rand(1, generator=generator).item() < self.recipe.tint_share:
                tint = data.TINTS[int(torch.randint(len(data.TINTS), [1], generator=generator))]
                tints[index] = tint
                pixels[index] = data.tint(pixels[index], data.COLOURS[tint])
        if self.recipe.restyle_share > 0:
            pixels = restyle(pixels, self.recipe.restyle_share, generator)
        return chosen, pixels, tints
