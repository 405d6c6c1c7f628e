"""The pictures that a run's prompts name, read: what to look like, and where.

Which they are, and whether they can be used, `vqclip.pictures` has told before torch was there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from vqclip import pictures, regions
from vqclip.errors import PictureError
from vqclip.folders import HERE, find
from vqclip.models import zoo
from vqclip.record import images
from vqclip.regions import Mask
from vqclip.tensors import Image
from vqclip.wishes import Prompt, Region


def read(
    wishes: Iterable[Prompt],
    size: tuple[int, int],
    device: torch.device,
    folders: Sequence[Path] = HERE,
) -> dict[str, list[Image]]:
    """Read what image prompts name: the prompt's body → its pictures, stretched to `size`.

    Args:
        size: width and height, in pixels.
        folders: where the pictures are looked for.
    """
    return {
        wish.body: [
            images.read(path, size=size).to(device) for path in pictures.files(wish.body, folders)
        ]
        for wish in wishes
        if wish.kind == "image"
    }


def masks(wishes: Iterable[Prompt], folders: Sequence[Path] = HERE) -> dict[Region, Mask]:
    """Draw or read the masks of all regions."""
    found = {}
    for wish in wishes:
        if wish.region is not None and wish.region not in found:
            name = wish.region.mask
            picture = None if name is None else images.read_mask(find(name, folders))
            where = regions.mask(wish.region, picture)
            if float(where.max()) <= regions.FAINT:
                raise PictureError(
                    f"in({'-' * wish.region.outside}{wish.region.place}) leaves nothing of the "
                    "picture; a mask is white, or opaque, where the region is"
                )
            found[wish.region] = where
    return found


def digests(names: Sequence[str], folders: Sequence[Path] = HERE) -> dict[str, str]:
    """A sha256 for each name, of its picture or of all its pictures' sums, for the notes."""
    return {f"picture {name}": digest(pictures.files(name, folders)) for name in names}


def digest(files: Sequence[Path]) -> str:
    """The sha256 of a file, or of the sums of several."""
    sums = [zoo.sha256(path) for path in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def stretched(
    names: Sequence[str], size: tuple[int, int], folders: Sequence[Path] = HERE
) -> list[str]:
    """Say of each name if its picture is stretched; of several pictures, of the first that is."""
    found = []
    for name in names:
        notes = (pictures.stretched(name, p, size) for p in pictures.files(name, folders))
        found += [note for note in notes if note is not None][:1]
    return found
