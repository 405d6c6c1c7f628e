"""Encoded pictures: the codes that a prior learns, in several variants of each picture.

Pictures are encoded before the training, in several variants of background and colour, because
encoding costs more than learning. Each thing is in the middle of a calm background, always at
the same size, since varied places and sizes take a small prior long to learn. In further
variants, each thing is beside, above or below another one, or on a plain ground.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.models import vqgan
from vqclip.models.zoo import model_files
from vqclip.training.checkpoints import write_atomically
from vqclip.training.data import archives, compose
from vqclip.training.settings import PriorRecipe

# Pictures encoded together. On a processor, 16 are four times as fast as 128, since the layers'
# outputs stay in its cache.
AT_ONCE = 16


@dataclass(frozen=True)
class EncodedPictures:
    """V variants of N pictures, encoded as codes, with what each variant shows.

    Attributes:
        codes: [V, N, cells, cells], int16.
        grounds: [V][N], the name of the background's colour, or None.
        tints: [V][N], the colour that the thing was tinted with, or None.
        seconds: [V][N], the relation to a second thing, such as "above", and its name; or None.
    """

    codes: Tensor
    grounds: list[list[str | None]]
    tints: list[list[str | None]]
    seconds: list[list[tuple[str, str] | None]]


def open_drawer(recipe: PriorRecipe, device: torch.device | str = "cpu") -> vqgan.VQGAN:
    """Open the VQGAN whose codes the prior learns.

    Raises:
        ModelError: if it does not exist, or cannot be loaded.
    """
    config, file = _vqgan(recipe)
    return vqgan.open_vqgan(config, file, device=device)


def _vqgan(recipe: PriorRecipe) -> tuple[Path, Path]:
    folder = model_files.STARTER_FOLDER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    files = folder / "vqgan.yaml", folder / "vqgan.safetensors"
    for path in files:
        if not path.is_file():
            raise ModelError(
                f"vqgan={recipe.vqgan}: there is no {path}; train it first, or take the one that "
                "comes with vqclip: vqgan=starter"
            )
    return files


def cached_codes(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    cache: Path,
    device: torch.device | str = "cpu",
) -> EncodedPictures:
    """The codes of pictures, read from `cache` if that has the same pictures and settings."""
    names = "\n".join(f"{row.file} {row.concept}" for row in pictures.rows)
    ways = ("variants", "pair_variants", "plain_variants", "cells", "seed", "tint_share", "scale")
    made_with = {
        "vqgan": model_files.file_sha256(_vqgan(recipe)[1]),
        "pictures": hashlib.sha256(names.encode()).hexdigest(),
        **{key: getattr(recipe, key) for key in ways},
        **{key: list(getattr(recipe, key)) for key in ("licences", "styles")},
    }
    try:
        found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    except Exception:  # a damaged file may raise nearly anything, and is made again
        found = None
    if isinstance(found, dict) and found.pop("made_with", None) == made_with:
        return EncodedPictures(**found)
    fresh = encode_pictures(recipe, pictures, device)
    write_atomically({**vars(fresh), "made_with": made_with}, cache)
    return fresh


@torch.no_grad()
def encode_pictures(
    recipe: PriorRecipe, pictures: archives.Pictures, device: torch.device | str = "cpu"
) -> EncodedPictures:
    """Encode every picture: `variants` times alone, `pair_variants` times with another.

    Backgrounds are calm ones; some things are tinted. The last `plain_variants`, alone again, are
    on plain grounds, where a thing has the same codes each time, and is learnt soonest. Equal
    recipes give equal codes, and a variant does not depend on how many there are.

    Args:
        pictures: RGBA.
    """
    model = open_drawer(recipe, device)
    kind = torch.device(device).type
    side = recipe.cells * model.factor
    weights = archives.sampling_weights(pictures.rows)
    pairs = range(recipe.variants, recipe.variants + recipe.pair_variants)
    variants = pairs.stop + recipe.plain_variants
    shape = [variants, len(pictures), recipe.cells, recipe.cells]
    made = EncodedPictures(torch.empty(shape, dtype=torch.int16), [], [], [])
    for variant in range(variants):
        # Each kind has random streams of its own, so that adding variants does not change others.
        plain = variant >= pairs.stop
        number = 1000 + variant
        if variant in pairs:
            number = 2000 + variant - pairs.start
        elif plain:
            number = 3000 + variant - pairs.stop
        generator = torch.Generator().manual_seed(recipe.seed + number)
        for told in (made.grounds, made.tints, made.seconds):
            told.append([])
        for some in torch.arange(len(pictures)).split(AT_ONCE):
            things, tints = _things(recipe, pictures, some, generator)
            if plain:
                images, grounds = compose.draw_plain_grounds(things, side)
            else:
                images, grounds = compose.draw_calm_grounds(len(some), side, generator)
            seconds: list[tuple[str, str] | None] = [None] * len(some)
            if variant in pairs:
                others = torch.multinomial(weights, len(some), True, generator=generator)
                others = torch.where(others == some, (others + 1) % len(pictures), others)
                more, more_tints = _things(recipe, pictures, others, generator)
                images, words = compose.lay_pairs(things, more, images, generator)
                for index, other in enumerate(others.tolist()):
                    name = archives.row_name(pictures.rows[other], more_tints[index])
                    seconds[index] = words[index], name
            else:
                ones = torch.ones(len(some))
                middle = torch.zeros(len(some), 2)
                images = compose.lay_cutouts(things, images, recipe.scale * ones, middle, ones)
            with torch.autocast(kind, torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images.to(device))
            made.codes[variant, some] = model.nearest_codes(latent.float()).cpu().to(torch.int16)
            made.grounds[-1] += grounds
            made.tints[-1] += tints
            made.seconds[-1] += seconds
    return made


def _things(
    recipe: PriorRecipe, pictures: archives.Pictures, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Take cut-outs, tint some of them, and return them with the names of the tints."""
    pixels = pictures.pixels[chosen]
    tints: list[str | None] = [None] * len(chosen)
    for index in range(len(chosen)):
        if torch.rand(1, generator=generator).item() < recipe.tint_share:
            tint = archives.TINTS[
                int(torch.randint(len(archives.TINTS), [1], generator=generator))
            ]
            tints[index] = tint
            pixels[index] = archives.tint_picture(pixels[index], archives.COLOURS[tint])
    return pixels, tints
