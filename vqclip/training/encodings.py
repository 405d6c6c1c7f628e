"""What does a prior learn from? Pictures as codes of a VQGAN, and captions that fit them.

Pictures are encoded before the training, in several variants of ground and colour, because
encoding costs more than learning does. Things stand still in the middle of calm grounds: what
moves about and grows takes a small prior long to see. In further variants, each thing stands
beside, above or below another one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError, PictureError
from vqclip.models import vqgan, zoo
from vqclip.training import data, scenes
from vqclip.training.checkpoints import write_aside
from vqclip.training.settings import PriorRecipe

# Pictures encoded at a time. On a processor four times as fast as 128, since what the layers hand
# on stays in its cache.
AT_ONCE = 16
# Clip art is drawn in every manner, and the renders are furniture: few prompts ask for either.
MANNERED = ("clip art", "3d render")
# Emoji hold more of them, in every gesture and job, than prompts ask for.
PEOPLE = re.compile(
    r"\b(man|woman|men|women|person|people|boy|girl|family|couple|kiss|hands?|finger)\b"
)


@dataclass(frozen=True)
class Encoded:
    """Pictures as codes, and what was made of each: V variants of N pictures.

    Attributes:
        codes: [V, N, cells, cells], int16.
        grounds: the name of the ground's colour, if it has one.
        tints: the colour in which the thing was drawn again, if it was.
        seconds: what else there is: the words between the two, and its name.
    """

    codes: Tensor
    grounds: list[list[str | None]]
    tints: list[list[str | None]]
    seconds: list[list[tuple[str, str] | None]]


def drawer(recipe: PriorRecipe, device: torch.device | str = "cpu") -> vqgan.VQGAN:
    """The VQGAN whose codes are learnt.

    Raises:
        ModelError: if it is not there, or cannot be loaded.
    """
    config, file = _vqgan(recipe)
    return vqgan.load(config, file, device=device)


def _vqgan(recipe: PriorRecipe) -> tuple[Path, Path]:
    folder = zoo.STARTER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    files = folder / "vqgan.yaml", folder / "vqgan.safetensors"
    for path in files:
        if not path.is_file():
            raise ModelError(
                f"vqgan={recipe.vqgan}: there is no {path}; train it first, or take the one that "
                "comes with vqclip: vqgan=starter"
            )
    return files


def encoded(
    recipe: PriorRecipe, pictures: data.Pictures, cache: Path, device: torch.device | str = "cpu"
) -> Encoded:
    """The codes of pictures, from `cache` if that was made of the same, in the same way."""
    names = "\n".join(f"{row.file} {row.concept}" for row in pictures.rows)
    ways = ("variants", "pair_variants", "cells", "seed", "tint_share", "scale")
    made_with = {
        "vqgan": zoo.sha256(_vqgan(recipe)[1]),
        "pictures": hashlib.sha256(names.encode()).hexdigest(),
        **{key: getattr(recipe, key) for key in ways},
        **{key: list(getattr(recipe, key)) for key in ("licences", "styles")},
    }
    try:
        found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    except Exception:  # a damaged file may raise nearly anything, and is made again
        found = None
    if isinstance(found, dict) and found.pop("made_with", None) == made_with:
        return Encoded(**found)
    fresh = encode(recipe, pictures, device)
    write_aside({**vars(fresh), "made_with": made_with}, cache)
    return fresh


@torch.no_grad()
def encode(
    recipe: PriorRecipe, pictures: data.Pictures, device: torch.device | str = "cpu"
) -> Encoded:
    """Give every picture's codes: `variants` times alone, then `pair_variants` with another.

    Grounds are calm ones; some things are drawn again in another colour. Equal recipes give equal
    codes, and variants do not depend on how many there are.
    """
    model = drawer(recipe, device)
    kind = torch.device(device).type
    side = recipe.cells * model.factor
    weights = data.weights(pictures.rows)
    variants = recipe.variants + recipe.pair_variants
    shape = [variants, len(pictures), recipe.cells, recipe.cells]
    made = Encoded(torch.empty(shape, dtype=torch.int16), [], [], [])
    for variant in range(variants):
        # Pairs have a stream of their own, so that they stay when variants are added.
        paired = variant >= recipe.variants
        number = 2000 + variant - recipe.variants if paired else 1000 + variant
        generator = torch.Generator().manual_seed(recipe.seed + number)
        for told in (made.grounds, made.tints, made.seconds):
            told.append([])
        for some in torch.arange(len(pictures)).split(AT_ONCE):
            things, tints = _things(recipe, pictures, some, generator)
            images, grounds = scenes.calm(len(some), side, generator)
            seconds: list[tuple[str, str] | None] = [None] * len(some)
            if paired:
                others = torch.multinomial(weights, len(some), True, generator=generator)
                others = torch.where(others == some, (others + 1) % len(pictures), others)
                more, more_tints = _things(recipe, pictures, others, generator)
                images, words = scenes.pairs(things, more, images, generator)
                for index, other in enumerate(others.tolist()):
                    name = data.named(pictures.rows[other], more_tints[index])
                    seconds[index] = words[index], name
            else:
                ones = torch.ones(len(some))
                middle = torch.zeros(len(some), 2)
                images = scenes.lay(things, images, recipe.scale * ones, middle, ones)
            with torch.autocast(kind, torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images.to(device))
            made.codes[variant, some] = model.nearest(latent.float()).cpu().to(torch.int16)
            made.grounds[-1] += grounds
            made.tints[-1] += tints
            made.seconds[-1] += seconds
    return made


def _things(
    recipe: PriorRecipe, pictures: data.Pictures, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Cut-outs, some of them drawn again in another colour, and those colours."""
    pixels = pictures.pixels[chosen]
    tints: list[str | None] = [None] * len(chosen)
    for index in range(len(chosen)):
        if torch.rand(1, generator=generator).item() < recipe.tint_share:
            tint = data.TINTS[int(torch.randint(len(data.TINTS), [1], generator=generator))]
            tints[index] = tint
            pixels[index] = data.tint(pixels[index], data.COLOURS[tint])
    return pixels, tints


def shares(recipe: PriorRecipe, rows: Sequence[data.Row]) -> Tensor:
    """How often each row is drawn: as `data.weights` has it, but less of people and clip art.

    Raises:
        PictureError: if nothing is left to be drawn.
    """
    weights = data.weights(rows)
    for index, row in enumerate(rows):
        if row.style in MANNERED:
            weights[index] *= recipe.clip_art
        if PEOPLE.search(row.concept):
            weights[index] *= recipe.people
    if not (weights > 0).any():
        raise PictureError(
            f"clip_art={recipe.clip_art:g} and people={recipe.people:g} leave none of "
            f"{len(rows)} pictures to learn from; give more than 0"
        )
    return weights


def draw(
    recipe: PriorRecipe,
    pictures: data.Pictures,
    learnt: Encoded,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """A batch: codes [batch, cells, cells] and captions that say what they show.

    Args:
        weights: [N], how often each picture is drawn; see `shares`.
    """
    twice = recipe.batch > int((weights > 0).sum())
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(learnt.codes), [recipe.batch], generator=generator)
    captions = []
    for v, i in zip(variant.tolist(), chosen.tolist(), strict=True):
        row, tint, second = pictures.rows[i], learnt.tints[v][i], learnt.seconds[v][i]
        if second is None:
            captions.append(data.caption(row, learnt.grounds[v][i], tint, generator))
            continue
        word, *names = second[0], data.named(row, tint), second[1]
        if torch.rand(1, generator=generator).item() < 0.5:
            names = [data.with_article(name) for name in names]
        captions.append(f" {word} ".join(names))
    return learnt.codes[variant, chosen].long(), captions
