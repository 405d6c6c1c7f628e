"""What does a VQGAN in training see next? The archives' pictures, or those of a user's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

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


def sizes(recipe: VqganRecipe) -> list[tuple[int, int]]:
    """The sides that pictures are drawn at, and how many make a batch of about as many pixels.

    A layer that pads with zeros and then norms over the whole picture takes small pictures, which
    are border for a good part, otherwise than large ones: what has learnt from one size draws
    others too dark or too bright.
    """
    pixels = recipe.batch * recipe.size**2
    every = [recipe.size, *(side for side in recipe.sizes if side != recipe.size)]
    return [(side, max(1, round(pixels / side**2))) for side in every]


def any_of(draws: Sequence[Draw]) -> Draw:
    """Draw from one of these each time, whichever comes."""
    if len(draws) == 1:
        return draws[0]
    return lambda generator: draws[int(torch.randint(len(draws), [], generator=generator))](
        generator
    )


def supply(recipe: VqganRecipe, tell: runs.Tell) -> tuple[Draw, Tensor]:
    """What draws batches, and 32 pictures or more to examine with: [N, 3, size, size]."""
    judge = torch.Generator().manual_seed(7)
    if recipe.pictures:

        def skip(path: Path, reason: str) -> None:
            tell("skipped", file=str(path), reason=reason)

        paths = find(Path(recipe.pictures), skip)
        largest = max(side for side, _ in sizes(recipe))
        known, held = (
            Squares(
                some,
                size=largest,
                crop=(recipe.crop[0], recipe.crop[1]),
                flips=recipe.flips,
                room=recipe.memory * 10**6,
                skip=skip,
            )
            for some in part(paths)
        )
        tell("pictures", count=len(paths), folder=recipe.pictures)
        exam = _small(held.draw(EXAM, judge), recipe.size)
        held.held.clear()

        def at(side: int, count: int) -> Draw:
            return lambda generator: _small(known.draw(count, generator), side)

        return any_of([at(*each) for each in sizes(recipe)]), exam
    folder = Path(recipe.data)
    pictures, kept = data.read(folder, "illustrations", side=128, classes=recipe.licences).split()
    photos = data.read(folder, "photos", side=128, classes=recipe.licences)
    examined = kept if len(kept) > 0 else pictures  # a small folder may have none to hold out
    exams = Batches(recipe, examined, photos)
    least = -(-EXAM // recipe.batch)
    exam = torch.cat([exams.draw(judge) for _ in range(max(4, least))])
    draws = [
        Batches(replace(recipe, size=side, batch=count), pictures, photos).draw
        for side, count in sizes(recipe)
    ]
    return any_of(draws), exam


def _small(squares: Tensor, side: int) -> Tensor:
    """Squares [N, 3, S, S] in [-1, 1] at a side that is no larger."""
    if squares.shape[-1] == side:
        return squares
    return functional.interpolate(squares, [side, side], mode="bilinear", antialias=True)
