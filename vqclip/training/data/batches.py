"""Batches and views for each trainer.

VQGAN training takes pictures alone; CLIP training takes pictures with captions, disturbed copies
of them, and pictures of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.training import settings
from vqclip.training.data import archives, compose
from vqclip.training.data.compose import restyle
from vqclip.training.data.user_folder import RandomSquares, find_pictures, split_paths
from vqclip.training.settings import ClipRecipe, VqganRecipe

EXAM_PICTURES = 32  # the least number of pictures to evaluate with
Draw = Callable[[torch.Generator], Tensor]  # draws a batch


class VqganBatches:
    """Batches for VQGAN training: composed pictures, and photographs."""

    def __init__(
        self, recipe: VqganRecipe, pictures: archives.Pictures, photos: archives.Pictures
    ) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = archives.sampling_weights(pictures.rows)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw a batch: [batch, 3, size, size] in [-1, 1]."""
        recipe = self.recipe
        twice = recipe.batch > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, recipe.batch, twice, generator=generator)
        zoom = (recipe.zoom[0], recipe.zoom[1])
        pixels = self.pictures.pixels[chosen]
        images, _ = compose.compose(pixels, self.photos.pixels, recipe.size, zoom, generator)
        for index in range(round(recipe.batch * recipe.photo_share)):
            pick = int(torch.randint(len(self.photos), [1], generator=generator))
            images[index] = compose.crop_photo(self.photos.pixels[pick], recipe.size, generator)
        return images * 2 - 1


def sides_and_counts(recipe: VqganRecipe) -> list[tuple[int, int]]:
    """The sides of training pictures, each with how many make a batch of about equal pixels.

    Layers pad with zeros and normalise over the whole picture, and of a small picture a larger
    part is near the border. So a VQGAN trained at one size decodes others too dark or too bright.
    """
    pixels = recipe.batch * recipe.size**2
    every = [recipe.size, *(side for side in recipe.sizes if side != recipe.size)]
    return [(side, max(1, round(pixels / side**2))) for side in every]


def draw_from_any(draws: Sequence[Draw]) -> Draw:
    """Combine draws into one that takes one of them at random each time."""
    if len(draws) == 1:
        return draws[0]
    return lambda generator: draws[int(torch.randint(len(draws), [], generator=generator))](
        generator
    )


def open_batches(recipe: VqganRecipe, listener: settings.EventListener) -> tuple[Draw, Tensor]:
    """Open the pictures of VQGAN training.

    Args:
        listener: is told of "pictures", and of those "skipped".

    Returns:
        What draws batches, and `EXAM_PICTURES` or more pictures to evaluate with:
        [N, 3, size, size] in [-1, 1].

    Raises:
        PictureError: if there are no pictures, or they cannot be read.
    """
    judge = torch.Generator().manual_seed(7)
    if recipe.pictures:

        def skip(path: Path, reason: str) -> None:
            listener("skipped", file=str(path), reason=reason)

        paths = find_pictures(recipe.pictures, skip)
        largest = max(side for side, _ in sides_and_counts(recipe))
        known, held = (
            RandomSquares(
                some,
                size=largest,
                crop=(recipe.crop[0], recipe.crop[1]),
                flips=recipe.flips,
                room=recipe.memory * 10**6,
                skip=skip,
            )
            for some in split_paths(paths)
        )
        listener("pictures", count=len(paths), folder=recipe.pictures)
        exam = _small(held.draw(EXAM_PICTURES, judge), recipe.size)
        held.held.clear()

        def at(side: int, count: int) -> Draw:
            return lambda generator: _small(known.draw(count, generator), side)

        return draw_from_any([at(*each) for each in sides_and_counts(recipe)]), exam
    folder = Path(recipe.data)
    pictures, kept = archives.read_pictures(
        folder, "illustrations", side=128, classes=recipe.licences
    ).split()
    photos = archives.read_pictures(folder, "photos", side=128, classes=recipe.licences)
    examined = kept if len(kept) > 0 else pictures  # a small folder may have none to hold out
    exams = VqganBatches(recipe, examined, photos)
    least = -(-EXAM_PICTURES // recipe.batch)
    exam = torch.cat([exams.draw(judge) for _ in range(max(4, least))])
    draws = [
        VqganBatches(replace(recipe, size=side, batch=count), pictures, photos).draw
        for side, count in sides_and_counts(recipe)
    ]
    return draw_from_any(draws), exam


def _small(squares: Tensor, side: int) -> Tensor:
    """Resize squares [N, 3, S, S] to a side that is no larger."""
    if squares.shape[-1] == side:
        return squares
    return functional.interpolate(squares, [side, side], mode="bilinear", antialias=True)


def perturb_pictures(images: Tensor, generator: torch.Generator) -> Tensor:
    """Disturb pictures [N, 3, S, S] in [0, 1] as cutouts do: noise, blur, colours, holes."""
    count, _, size, _ = images.shape
    u = torch.rand(count, 6, generator=generator)[..., None, None]
    blurred = functional.interpolate(
        functional.avg_pool2d(images, 2), [size, size], mode="bilinear"
    )
    images = torch.where(u[:, :1] < 0.25, blurred, images)
    gains = 1 + 0.15 * torch.randn(count, 3, 1, 1, generator=generator) * (u[:, 1:2] < 0.4)
    images = (images - 0.5) * gains * (0.8 + 0.4 * u[:, 2:3]) + 0.5
    strength = 0.12 * u[:, 3:4] * (u[:, 4:5] < 0.6)
    images = images + strength * torch.randn(images.shape, generator=generator)
    for index in (u[:, 5, 0, 0] < 0.15).nonzero()[:, 0].tolist():
        top, left = torch.randint(size // 2, [2], generator=generator).tolist()
        side = int(torch.randint(size // 8, size // 3, [1], generator=generator))
        images[index, :, top : top + side, left : left + side] = torch.rand(
            3, 1, 1, generator=generator
        )
    return images.clamp(0, 1)


def make_nonsense(
    images: Tensor, decodes: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Make pictures of nothing: [count, 3, S, S] in [0, 1].

    A third are shuffled tiles of a picture, a sixth double exposures, and the rest noise or, if
    there are any, decoded random codes of a VQGAN.
    """
    size = images.shape[-1]
    chosen = images[torch.randint(len(images), [count], generator=generator)].clone()
    for index in range(count):
        kind = index % 6
        if kind < 2:
            tiles = 2 if kind == 0 else 4
            side = size // tiles
            blocks = chosen[index].unfold(1, side, side).unfold(2, side, side)
            blocks = blocks.reshape(3, tiles * tiles, side, side)
            blocks = blocks[:, torch.randperm(tiles * tiles, generator=generator)]
            blocks = blocks.view(3, tiles, tiles, side, side).permute(0, 1, 3, 2, 4)
            chosen[index] = blocks.reshape(3, size, size)
        elif kind == 2:
            chosen[index] = (chosen[index] + chosen[(index + 3) % count]) / 2
        elif len(decodes) > 0 and kind < 5:
            chosen[index] = decodes[int(torch.randint(len(decodes), [1], generator=generator))]
        else:
            grain = 2 ** int(torch.randint(2, 7, [1], generator=generator))
            noise = torch.rand(1, 3, grain, grain, generator=generator)
            chosen[index] = functional.interpolate(noise, [size, size], mode="bicubic")[0]
    return chosen.clamp(0, 1)


class ClipBatches:
    """Batches for CLIP training: composed pictures with captions."""

    def __init__(
        self, recipe: ClipRecipe, pictures: archives.Pictures, photos: archives.Pictures
    ) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = archives.sampling_weights(pictures.rows)

    def draw(
        self, generator: torch.Generator
    ) -> tuple[Tensor, list[str], list[frozenset[str]], Tensor]:
        """Draw a batch.

        Returns:
            Pictures, [batch, 3, size, size] in [0, 1]; captions; the names of the things that
            each shows; and its index among the pictures, -1 if it was tinted or shows two things.
        """
        recipe = self.recipe
        chosen, pixels, tints = self._things(recipe.batch, generator)
        zoom = (recipe.zoom[0], recipe.zoom[1])
        images, grounds = compose.compose(
            pixels, self.photos.pixels, recipe.size, zoom, generator
        )
        rows = [self.pictures.rows[i] for i in chosen.tolist()]
        captions = [
            archives.write_caption(*each, generator)
            for each in zip(rows, grounds, tints, strict=True)
        ]
        names = [archives.row_name(*each) for each in zip(rows, tints, strict=True)]
        shown = [frozenset([name]) for name in names]
        plain = torch.tensor([tint is None for tint in tints])
        pairs = round(recipe.batch * recipe.pair_share)
        if pairs > 0:
            others, more, other_tints = self._things(pairs, generator)
            under, _ = compose.draw_grounds(pairs, self.photos.pixels, recipe.size, generator)
            images[:pairs], words = compose.lay_pairs(pixels[:pairs], more, under, generator)
            plain[:pairs] = False
            for index, other in enumerate(others.tolist()):
                second = archives.row_name(self.pictures.rows[other], other_tints[index])
                shown[index] = frozenset([names[index], second])
                parts = [names[index], second]
                if torch.rand(1, generator=generator).item() < 0.5:
                    parts = [archives.add_article(part) for part in parts]
                captions[index] = f" {words[index]} ".join(parts)
        return images, captions, shown, chosen.where(plain, torch.tensor(-1))

    def _things(
        self, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, list[str | None]]:
        """Choose cut-outs, and tint some of them: (indexes, pixels, names of tints)."""
        twice = count > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, count, twice, generator=generator)
        pixels = self.pictures.pixels[chosen]
        tints: list[str | None] = [None] * count
        for index in range(count):
            if torch.rand(1, generator=generator).item() < self.recipe.tint_share:
                tint = archives.TINTS[
                    int(torch.randint(len(archives.TINTS), [1], generator=generator))
                ]
                tints[index] = tint
                pixels[index] = archives.tint_picture(pixels[index], archives.COLOURS[tint])
        if self.recipe.restyle_share > 0:
            pixels = restyle(pixels, self.recipe.restyle_share, generator)
        return chosen, pixels, tints
