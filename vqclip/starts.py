"""What does a run begin with? The picture that a draft, a file, or noise gives it.

Random codes are no picture: a run that begins with those has none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from vqclip import dreams, noise, pictures, regions
from vqclip.config import NOISES, RunConfig
from vqclip.errors import PictureError
from vqclip.folders import find
from vqclip.itinerary import footage_of
from vqclip.models.learnt import Learnt
from vqclip.record import images
from vqclip.regions import Mask
from vqclip.tensors import Image
from vqclip.wishes import Prompt, Region, texts, wished


def picture(
    config: RunConfig,
    wishes: Sequence[Prompt],
    taught: Sequence[Learnt],
    masks: Mapping[Region, Mask],
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    folders: Sequence[Path],
    scene: int = 0,
) -> Image | None:
    """The picture that the run starts from, at its final size, or None for random codes.

    Args:
        taught: the learnt words that they name.
        masks: of the regions that the wishes name.
        size: width and height, in pixels.
        seed: of what is random about it.
        folders: where a file is looked for.
        scene: the one that a draft is of.

    Raises:
        PictureError: if `config.init` is no picture that can be read.
    """
    width, height = size
    if config.init == "random":
        return None
    if config.init == "dream":
        return draft(config, wishes, taught, masks, size, seed, device, scene)
    if config.init == "source":
        return _first_frame(config, size, folders).to(device)
    if config.init in NOISES:
        generator = torch.Generator().manual_seed(seed)
        options = {"name": config.init_colour} if config.init == "colour" else {}
        return noise.NOISES[config.init](width, height, generator, **options).to(device)
    path = find(config.init, folders)
    if not os.path.exists(path) and path.suffix == "":
        raise PictureError(pictures.no_start(config.init))
    return images.read(path, size=(width, height)).to(device)


def _first_frame(config: RunConfig, size: tuple[int, int], folders: Sequence[Path]) -> Image:
    """The frame with which a film that is drawn over begins."""
    first = next(iter(footage_of(config, 0, size, folders)), None)
    if first is None:
        raise PictureError(
            f"{config.source.film} has ended after {config.source.start:g} seconds; write a "
            "smaller source.start"
        )
    return first


def draft(
    config: RunConfig,
    wishes: Sequence[Prompt],
    taught: Sequence[Learnt],
    masks: Mapping[Region, Mask],
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    scene: int = 0,
) -> Image:
    """A draft of a scene as a whole, and in it one of what each region is to show.

    Each has a random stream of its own: another region does not change the others. Where the
    scene has no words, it is that of the first one that has some.
    """
    dreamer = dreams.knowing(dreams.load(device), taught)
    found = texts(wishes)
    spoken = {wish.scene for wish in found}
    first = [wish for wish in found if wish.scene == (scene if scene in spoken else min(spoken))]

    def best(some: Sequence[Prompt], stream: int) -> Image:
        generator = torch.Generator().manual_seed(stream)
        return dreamer.dream(wished(some), config.dream, generator)[0].image

    whole = [wish for wish in first if wish.region is None]
    parts: dict[Region, list[Prompt]] = {}
    for wish in first:
        if wish.region is not None:
            parts.setdefault(wish.region, []).append(wish)
    drafts = {region: best(some, _stream(seed, region)) for region, some in parts.items()}
    if whole:
        laid = dreams.laid_out(best(whole, seed), *size)
    else:  # the ground of the first one, all over
        edge = next(iter(drafts.values()))[..., :2, :].mean((2, 3), keepdim=True)
        laid = edge.expand(1, 3, size[1], size[0]).clone()
    for region, draft in drafts.items():
        laid = regions.lay(draft, laid, masks[region])
    return laid


def _stream(seed: int, region: Region) -> int:
    """The seed of a region's draft."""
    digest = hashlib.sha256(f"{seed}:{region.outside}:{region.place}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
