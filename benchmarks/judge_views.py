"""Views of the judge: scenes to learn from, and real pictures of a prompt to be measured on.

The split is by picture: of every name that is drawn by several hands, some drawings are kept from
the judge, and what it scores on those is what a drawn picture can hope for.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.errors import PictureError
from vqclip.models import vqgan as models_vqgan
from vqclip.models.zoo import model_files
from vqclip.training.data import archives, compose
from vqclip.training.data.batches import perturb_pictures

SIDE = 160
SEED = 20_011
LEARNT_BY_STARTERS = ("permissive", "public-domain")
CLASSES = (*LEARNT_BY_STARTERS, "share-alike")
TINTED, REDRAWN = 0.35, 0.16  # shares of pictures
SOFT = 0.15  # how far a soft ground's blotches may be from its middle colour

See = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Views:
    """Features [N, F] of pictures, and two captions of each as numbers [N, 2] in `texts`."""

    seen: Tensor
    said: Tensor
    texts: list[str]


def held_out(rows: Sequence[archives.Row]) -> frozenset[int]:
    """Choose which pictures the judge never sees: of each name, a fifth of its drawings.

    At least one if there are two or more; which ones, a hash of the file's name decides.
    """
    named: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        named[row.concept].append(index)

    def lot(index: int) -> bytes:
        return hashlib.sha256(f"judge {SEED} {rows[index].file}".encode()).digest()

    held: list[int] = []
    for members in named.values():
        if len(members) > 1:
            held += sorted(members, key=lot)[: max(1, len(members) // 5)]
    return frozenset(held)


def on_white(pixels: Tensor) -> Tensor:
    """Lay uint8 [N, 4, S, S] on white: [N, 3, S, S] in [0, 1]."""
    rgba = pixels.float() / 255
    return rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]


def see_plain(see: See, pictures: archives.Pictures) -> Tensor:
    """Features [N, F] float16 of every picture, whole and on white."""
    rows = [see(on_white(pixels)).half() for pixels in pictures.pixels.split(64)]
    return torch.cat(rows)


def see_scenes(
    see: See,
    redraw: See | None,
    pictures: archives.Pictures,
    photos: archives.Pictures,
    count: tuple[int, int],
    generator: torch.Generator,
    *,
    among: Sequence[int],
    side: int = SIDE,
) -> Views:
    """Compose scenes and look at them: single things first, then pairs.

    Args:
        redraw: what makes pictures of a run's kind of these, such as a VQGAN's there and back;
            a share of all pictures goes through it.
        count: how many single things, and how many pairs.
        among: the indexes of the pictures to learn from.
    """
    rates = torch.zeros(len(pictures))
    rates[list(among)] = archives.sampling_weights([pictures.rows[i] for i in among])
    seen: list[Tensor] = []
    said: list[tuple[str, str]] = []
    for many, paired in ((count[0], False), (count[1], True)):
        for first in range(0, many, 64):
            size = min(64, many - first)
            pixels, rows, tints = _things(pictures, rates, size, generator)
            if paired:
                others, other_rows, other_tints = _things(pictures, rates, size, generator)
                under, _ = compose.draw_grounds(size, photos.pixels, side, generator)
                images, words = compose.lay_pairs(pixels, others, under, generator)
                for row, tint, word, other, second in zip(
                    rows, tints, words, other_rows, other_tints, strict=True
                ):
                    parts = archives.row_name(row, tint), archives.row_name(other, second)
                    said.append(
                        (
                            f" {word} ".join(parts),
                            f" {word} ".join(archives.add_article(part) for part in parts),
                        )
                    )
            else:
                images, grounds = _single(pixels, photos.pixels, side, generator)
                for row, ground, tint in zip(rows, grounds, tints, strict=True):
                    name = archives.add_article(archives.row_name(row, tint))
                    said.append((archives.write_caption(row, ground, tint, generator), name))
            share = round(size * REDRAWN)
            if redraw is not None and share > 0:
                images = torch.cat([redraw(images[:share]), images[share:]])
            half = size // 2
            images = torch.cat([images[:half], perturb_pictures(images[half:], generator)])
            seen.append(see(images).half())
    texts = sorted({text for pair in said for text in pair})
    number = {text: index for index, text in enumerate(texts)}
    return Views(torch.cat(seen), torch.tensor([[number[t] for t in p] for p in said]), texts)


def _single(
    pixels: Tensor, photos: Tensor, side: int, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Lay half of the cut-outs on soft grounds, the others as the starters' training does."""
    half = len(pixels) // 2
    images, grounds = compose.compose(pixels[half:], photos, side, (0.5, 1.1), generator)
    soft = _laid_softly(pixels[:half], side, generator)
    return torch.cat([soft, images]), [*([None] * half), *grounds]


def _laid_softly(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Lay cut-outs on soft grounds: large, about in the middle, either way round."""
    count = len(pixels)
    scale = compose.uniform([count], 0.65, 0.95, generator)
    shift = compose.uniform([count, 2], -1, 1, generator) * ((1 - scale) * 0.8)[:, None]
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    return compose.lay_cutouts(pixels, soft_grounds(count, side, generator), scale, shift, flip)


def _things(
    pictures: archives.Pictures, rates: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, list[archives.Row], list[str | None]]:
    """Choose cut-outs, some of them drawn again in another colour."""
    chosen = torch.multinomial(rates, count, True, generator=generator)
    pixels = pictures.pixels[chosen]
    tints: list[str | None] = [None] * count
    for index in range(count):
        if torch.rand(1, generator=generator).item() < TINTED:
            tint = archives.TINTS[
                int(torch.randint(len(archives.TINTS), [1], generator=generator))
            ]
            tints[index] = tint
            pixels[index] = archives.tint_picture(pixels[index], archives.COLOURS[tint])
    return pixels, [pictures.rows[i] for i in chosen.tolist()], tints


def redrawn(bf16: bool) -> See:
    """The starter VQGAN's there and back: pictures as soft as those that runs draw."""
    found = model_files.find_vqgan("starter")
    vqgan = models_vqgan.open_vqgan(found.config, found.weights)

    @torch.no_grad()
    def redraw(images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            latent = vqgan.encode(images).float()
            return vqgan.decode(vqgan.quantise(latent)).float().clamp(0, 1)

    return redraw


def soft_grounds(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Grounds like those that the starter draws: a few pale blotches that run into each other."""
    middle = 0.3 + 0.6 * torch.rand(count, 3, 1, 1, generator=generator)
    blotches = torch.rand(count, 3, 4, 4, generator=generator) - 0.5
    soft = functional.interpolate(blotches, [size, size], mode="bicubic", align_corners=False)
    return (middle + 2 * SOFT * soft).clamp(0, 1)


def real(
    things: Sequence[str],
    tint: str | None,
    relation: str | None,
    pictures: archives.Pictures,
    held: frozenset[int],
    generator: torch.Generator,
    side: int = SIDE,
) -> Tensor:
    """Make a picture of a prompt, [1, 3, side, side], from drawings that the judge never saw.

    Args:
        things: one or two names of drawings.
        tint: the colour in which the first is drawn again, if any.
        relation: where the first is, seen from the second; one of `scenes.RELATIONS`.
        held: the indexes of the drawings that the judge never saw.

    Raises:
        PictureError: if it has seen all drawings of a name, or there are none.
    """
    pixels = []
    for thing in things:
        there = [i for i in sorted(held) if pictures.rows[i].concept == thing]
        if len(there) == 0:
            raise PictureError(
                f"no drawing of {thing!r} was kept from the judge: two of that name are needed; "
                "name another thing in the prompts' file"
            )
        chosen = there[int(torch.randint(len(there), [1], generator=generator))]
        pixels.append(pictures.pixels[chosen])
    if tint is not None:
        pixels[0] = archives.tint_picture(pixels[0], archives.COLOURS[tint])
    if len(pixels) == 1:
        return _laid_softly(pixels[0][None], side, generator)
    under = soft_grounds(1, side, generator)
    while True:  # the relation is drawn with the places; one in eight is the one that is wanted
        images, words = compose.lay_pairs(pixels[0][None], pixels[1][None], under, generator)
        if words[0] == relation:
            return images
