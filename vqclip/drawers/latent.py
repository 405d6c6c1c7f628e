"""The latent drawer: a picture as the latent of a VQGAN.

Crowson et al., 2022, https://arxiv.org/abs/2204.08583.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.tensors import Image, Latent


class LatentDrawer:
    """A drawer that quantises a latent to the VQGAN's codebook, and decodes it.

    The gradient passes straight through the quantisation, so the latent itself is continuous and
    may lie between codes.

    Args:
        vqgan: a frozen VQGAN.
        latent: [1, C, h, w], the start.
        memory_policy: the memory policy: whether the decoder is computed twice, and in tiles.
    """

    def __init__(
        self, vqgan: VQGAN, latent: Latent, memory_policy: MemoryPolicy | None = None
    ) -> None:
        self.vqgan = vqgan
        self.memory_policy = MemoryPolicy() if memory_policy is None else memory_policy
        self.latent = nn.Parameter(latent.detach().clone())
        self._low, self._high = vqgan.codebook_range()

    def draw(self) -> Image:
        """Draw the picture as it is now: [1, 3, h * factor, w * factor] in [0, 1]."""
        return self.draw_latent(self.latent)

    def draw_latent(self, latent: Latent) -> Image:
        """Draw a given latent [1, C, h, w], such as a running average, instead of the own one."""
        codes = self.vqgan.quantise(latent)
        decode = self.vqgan.decode_in_tiles if self.memory_policy.tiles else self.vqgan.decode
        return self.memory_policy.apply_recomputing(self.vqgan.decoder, decode, codes)

    @torch.no_grad()
    def encode(self, image: Image) -> None:
        """Start again from a picture, which is encoded.

        A picture of another size gives a latent of another size, and so a new parameter: see
        `Scheduled.carry`.

        Args:
            image: [1, 3, H, W] in [0, 1]; the sides are multiples of the VQGAN's factor.
        """
        latent = self.vqgan.encode(image)
        if latent.shape == self.latent.shape:
            self.latent.copy_(latent)
        else:
            self.latent = nn.Parameter(latent)

    @torch.no_grad()
    def enlarge(self, width: int, height: int) -> None:
        """Continue at another size, in pixels: the picture is drawn, resized and encoded.

        Differs: other tools resize the latent, which repeats codes, and so doubles outlines.

        `Scheduled.carry` does resize the optimiser's moments. They belong to the same places, but
        to another latent, and so are only an estimate: Adam's first moments have forgotten it
        after some tens of steps, the second ones, which set how far a step goes, after hundreds.
        """
        image = functional.interpolate(self.draw(), [height, width], mode="bicubic")
        self.encode(image.clamp(0, 1))

    @torch.no_grad()
    def clamp(self) -> None:
        """Clamp every channel to the codebook's range, beyond which no code is nearer."""
        self.latent.clamp_(self._low, self._high)
