"""The latent drawer: a picture as the latent of a VQGAN.

Crowson et al., 2022, https://arxiv.org/abs/2204.08583.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vqclip.drawers.base import BaseDrawer
from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.optimisers import RATES
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, NoiseWalk, Parameters, slerp_latents

LATENT = "latent"


class LatentDrawer(BaseDrawer):
    """A drawer that quantises a latent to the VQGAN's codebook, and decodes it.

    The gradient passes straight through the quantisation, so the latent itself is continuous and
    may lie between codes.

    Differs: where a picture grows, other tools resize the latent, which repeats codes, and so
    doubles outlines; here the picture is resized and encoded.

    Args:
        vqgan: a frozen VQGAN.
        width, height: of the picture, in pixels; multiples of the VQGAN's factor.
        memory_policy: the memory policy: whether the decoder is computed twice, and in tiles.
        repeat: how the picture repeats; the VQGAN's pictures repeat so, from now on.
    """

    name: ClassVar[str] = "vqgan"
    rate: ClassVar[float] = RATES["adam"]
    is_grid: ClassVar[bool] = True
    is_lossy: ClassVar[bool] = True

    def __init__(
        self,
        vqgan: VQGAN,
        width: int,
        height: int,
        memory_policy: MemoryPolicy | None = None,
        repeat: Repeat = ONCE,
    ) -> None:
        super().__init__(width, height, vqgan.factor, repeat)
        self.vqgan = vqgan
        vqgan.set_repeat(repeat)
        self.memory_policy = MemoryPolicy() if memory_policy is None else memory_policy
        self._low, self._high = vqgan.codebook_range()

    @property
    def holds(self) -> str:
        """What its parameters are, in words."""
        return "latent of this VQGAN"

    def accepts(self, parameters: Parameters) -> bool:
        """Whether parameters are a latent of codes of this length."""
        latent = parameters.get(LATENT)
        return latent is not None and latent.dim() == 4 and latent.shape[1] == self.vqgan.channels

    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw a latent [1, C, h, w]: [1, 3, h * factor, w * factor] in [0, 1]."""
        codes = self.vqgan.quantise(parameters[LATENT])
        decode = self.vqgan.decode_in_tiles if self.memory_policy.tiles else self.vqgan.decode
        return self.memory_policy.apply_recomputing(self.vqgan.decoder, decode, codes)

    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """A latent of random codes; between two seeds, a blend of the latents of both."""
        factor = self.vqgan.factor
        size = self.height // factor, self.width // factor
        if isinstance(generator, NoiseWalk):
            ends = (generator.first, generator.second)
            one, other = (self.vqgan.random_latent(*size, each) for each in ends)
            return {LATENT: slerp_latents(one, other, generator.share)}
        return {LATENT: self.vqgan.random_latent(*size, generator)}

    @torch.no_grad()
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """The latent of a picture before it is quantised."""
        return {LATENT: self.vqgan.encode(picture)}

    def blend(self, first: Parameters, second: Parameters, share: float) -> dict[str, Tensor]:
        """Blend two latents by the angle between them (slerp), code by code."""
        return {LATENT: slerp_latents(first[LATENT], second[LATENT], share)}

    @torch.no_grad()
    def clamp(self) -> None:
        """Clamp every channel to the codebook's range, beyond which no code is nearer."""
        self.parameters[LATENT].clamp_(self._low, self._high)
