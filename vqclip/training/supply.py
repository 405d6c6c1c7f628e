"""What does a VQGAN in training see next? The archives' pictures, or those of a user's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from vqclip.training import data, runs, scenes
from vqclip.training.folder import Squares, find, part
from vqclip.training.settings import VqganRecipe

EXAM = 32  # pictures to examine with, at least
Draw = Callable[[torch.Generator], Tensor]


class Batches:
    """Endless pictures [batch, 3, size, size] in [-1, 1]."""

    def __init__(
        self, recipe: VqganRecipe, pictures: data.Pictures, photos: data.Pictures
    ) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = data.weights(pictures.rows)

    def draw(self, generator: torch.Generator) -> Tensor:
        recipe = self.recipe
        twice = recipe.batch > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, recipe.batch, twice, generator=generator)
        zoom = (recipe.zoom[0], recipe.zoom[1])
        pixels = self.pictures.pixels[chosen]
        images, _ = scenes.compose(pixels, self.photos.pixels, recipe.size, zoom, generator)
        for index in range(round(recipe.batch * recipe.photo_share)):
            pick = int(torch.randint(len(self.photos), [1], generator=generator))
            images[index] = scenes.crop(self.photos.pixels[pick], recipe.size, generator)
        return images * 2 - 1


def supply(recipe: VqganRecipe, tell: runs.Tell) -> tuple[Draw, Tensor]:
    """What draws batches, and 32 pictures or more to examine with: [N, 3, size, size]."""
    judge = torch.Generator().manual_seed(7)
    if recipe.pictures:

        def skip(path: Path, reason: str) -> None:
            tell("skipped", file=str(path), reason=reason)

        paths = find(Path(recipe.pictures), skip)
        known, held = (
            Squares(
                some,
                size=recipe.size,
                crop=(recipe.crop[0], recipe.crop[1]),
                flips=recipe.flips,
                room=recipe.memory * 10**6,
                skip=skip,
            )
            for some in part(paths)
        )
        tell("pictures", count=len(paths), folder=recipe.pictures)
        exam = held.draw(EXAM, judge)
        held.held.clear()
        return lambda generator: known.draw(recipe.batch, generator), exam
    folder = Path(recipe.data)
    pictures, kept = data.read(folder, "illustrations", side=128, classes=recipe.licences).split()
    photos = data.read(folder, "photos", side=128, classes=recipe.licences)
    examined = kept if len(kept) > 0 else pictures  # a small folder may have none to hold out
    exams = Batches(recipe, examined, photos)
    least = -(-EXAM // recipe.batch)
    exam = torch.cat([exams.draw(judge) for _ in range(max(4, least))])
    return Batches(recipe, pictures, photos).draw, exam
