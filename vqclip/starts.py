"""What does a run begin with? The picture that a draft, a file, or noise gives it.

Random codes are no picture: a run that begins with those has none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch.nn import functional

from vqclip import dreams, noise, pictures, regions
from vqclip.agenda import Agenda
from vqclip.config import NOISES, RunConfig
from vqclip.errors import PictureError
from vqclip.folders import find
from vqclip.itinerary import footage_of
from vqclip.models.vqgan import VQGAN
from vqclip.perceptors import OpenClipPerceptor
from vqclip.record import images
from vqclip.regions import Mask
from vqclip.seeds import purpose_seed
from vqclip.tensors import Image, Latent
from vqclip.wishes import Prompt, Region, texts, wished


@dataclass(frozen=True)
class Opening:
    """What a run may begin with.

    Args:
        run: what it wants.
        masks: of the regions that its prompts name.
        size: width and height of the finished picture, in pixels.
        device: where pictures are wanted.
        seed: of the run.
        loaded: its perceptors; one that judges drafts, too, is not loaded again.
    """

    run: Agenda
    masks: Mapping[Region, Mask]
    size: tuple[int, int]
    device: torch.device
    seed: int
    loaded: Sequence[OpenClipPerceptor] = ()

    def picture(self) -> Image | None:
        """The picture that the run starts from, at its final size, or None for random codes.

        Raises:
            PictureError: if `init` is no picture that can be read.
        """
        config, (width, height) = self.run.config, self.size
        stream = purpose_seed(self.seed, "init")
        if config.init == "random":
            return None
        if config.init == "dream":
            shares = self.run.tale.shares(0)
            return self.draft(stream, shares.index(max(shares)))
        if config.init == "source":
            return _first_frame(config, self.size, self.run.folders).to(self.device)
        if config.init in NOISES:
            generator = torch.Generator().manual_seed(stream)
            options = {"name": config.init_colour} if config.init == "colour" else {}
            drawn = noise.NOISES[config.init](width, height, generator, **options)
            return drawn.to(self.device)
        path = find(config.init, self.run.folders)
        if not os.path.exists(path) and path.suffix == "":
            raise PictureError(pictures.no_start(config.init))
        return images.read(path, size=self.size).to(self.device)

    def draft(self, seed: int, scene: int = 0) -> Image:
        """A draft of a scene as a whole, and in it one of what each region is to show.

        Each has a random stream of its own: another region does not change the others. Where the
        scene has no words, it is that of the first one that has some.
        """
        found = texts(self.run.wishes)
        spoken = {wish.scene for wish in found}
        scene = scene if scene in spoken else min(spoken)
        first = [wish for wish in found if wish.scene == scene]
        whole = [wish for wish in first if wish.region is None]
        parts: dict[Region, list[Prompt]] = {}
        for wish in first:
            if wish.region is not None:
                parts.setdefault(wish.region, []).append(wish)
        drafts = {
            region: self._best(some, _stream(seed, region)) for region, some in parts.items()
        }
        width, height = self.size
        if whole:
            laid = dreams.laid_out(self._best(whole, seed), width, height)
        else:  # the ground of the first one, all over
            edge = next(iter(drafts.values()))[..., :2, :].mean((2, 3), keepdim=True)
            laid = edge.expand(1, 3, height, width).clone()
        for region, draft in drafts.items():
            laid = regions.lay(draft, laid, self.masks[region])
        return laid

    @cached_property
    def _dreamer(self) -> dreams.Dreamer | dreams.ClassDreamer:
        """What writes all drafts of the run."""
        return dreams.knowing(dreams.load(self.device, loaded=self.loaded), self.run.taught)

    def _best(self, wishes: Sequence[Prompt], seed: int) -> Image:
        generator = torch.Generator().manual_seed(seed)
        return self._dreamer.dream(wished(wishes), self.run.config.dream, generator)[0].image


def levels(picture: Image, device: torch.device) -> Image:
    """The same picture, of as many levels as a checkpoint keeps."""
    return picture.to(device).mul(255).round().div(255)


@torch.no_grad()
def latent(start: Image | None, vqgan: VQGAN, size: tuple[int, int], seed: int) -> Latent:
    """The latent that the first step changes: that of the start picture, or random codes.

    Args:
        size: width and height at first, in pixels.
    """
    width, height = size
    if start is None:
        generator = torch.Generator().manual_seed(seed)
        return vqgan.random(height // vqgan.factor, width // vqgan.factor, generator)
    small = functional.interpolate(start, [height, width], mode="bilinear", antialias=True)
    return vqgan.encode(small)


def _first_frame(config: RunConfig, size: tuple[int, int], folders: Sequence[Path]) -> Image:
    """The frame with which a film that is drawn over begins."""
    first = next(iter(footage_of(config, 0, size, folders)), None)
    if first is None:
        raise PictureError(
            f"{config.source.film} has ended after {config.source.start:g} seconds; write a "
            "smaller source.start"
        )
    return first


def _stream(seed: int, region: Region) -> int:
    """The seed of a region's draft."""
    digest = hashlib.sha256(f"{seed}:{region.outside}:{region.place}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
