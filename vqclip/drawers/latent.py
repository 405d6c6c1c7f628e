"""The latent drawer: a picture as the latent of a VQGAN."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.tensors import Image, Latent


class LatentDrawer:
    """Draws by decoding a latent, quantised to the VQGAN's codebook on the way.

    The gradient passes the quantisation straight through, so the latent itself is continuous and
    may lie between codes (Crowson et al., 2022, https://arxiv.org/abs/2204.08583).

    Args:
        vqgan: frozen.
        latent: [1, C, h, w], where to start.
        thrift: whether the decoder is worked out twice, and in tiles.
    """

    def __init__(self, vqgan: VQGAN, latent: Latent, thrift: MemoryPolicy | None = None) -> None:
        self.vqgan = vqgan
        self.thrift = MemoryPolicy() if thrift is None else thrift
        self.latent = nn.Parameter(latent.detach().clone())
        self._low, self._high = vqgan.limits()

    def draw(self) -> Image:
        """Draw the picture as it is now: [1, 3, h * factor, w * factor] in [0, 1]."""
        return self.draw_latent(self.latent)

    def draw_latent(self, latent: Latent) -> Image:
        """Draw another latent than the drawer's own, such as its running average."""
        codes = self.vqgan.quantise(latent)
        decode = self.vqgan.decode_in_tiles if self.thrift.tiles else self.vqgan.decode
        return self.thrift.through(self.vqgan.decoder, decode, codes)

    @torch.no_grad()
    def encode(self, image: Image) -> None:
        """Start over from `image`, whose sides are multiples of the VQGAN's factor.

        A picture of another size than the last gives a latent of another size, and so a new
        parameter: see `Scheduled.carry`.
        """
        latent = self.vqgan.encode(image)
        if latent.shape == self.latent.shape:
            self.latent.copy_(latent)
        else:
            self.latent = nn.Parameter(latent)

    @torch.no_grad()
    def enlarge(self, width: int, height: int) -> None:
        """Go on at another size in pixels, from the same picture: drawn, resized and encoded.

        Differs: resizing the latent is the other way; it repeats codes, and so doubles outlines.

        So the new latent is not the old one resized, while `Scheduled.carry` does resize the
        optimiser's moments. They are those of the same places, but of another latent: an
        estimate. Adam's first moments have forgotten it some tens of steps later; the second
        ones, which set how far a step goes, take hundreds.
        """
        image = functional.interpolate(self.draw(), [height, width], mode="bicubic")
        self.encode(image.clamp(0, 1))

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring every channel back to the codebook's range, beyond which no code is nearer."""
        self.latent.clamp_(self._low, self._high)
