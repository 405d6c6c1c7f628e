"""How is a picture forged? Like any other run of the method, a move at a time.

With `forged_growth`, a forgery that starts from random codes passes through the smaller sizes
that a run passes through, beside the real thing at that size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config import RunConfig
from vqclip.models.vqgan import VQGAN
from vqclip.sizes import plan_stages
from vqclip.training.towers import Recipe

LIVES = 16, 80  # moves until a forgery makes room for the next one
GROWING = 40, 200  # the same for those that grow: as many as a run has, at most
BETAS = 0.9, 0.999  # Adam's
TENSORS = "latent", "real", "original", "moments"


@dataclass
class Forgery:
    """A latent [C, h, w] on its way to a caption, and the real thing [3, H, W] in [0, 1].

    Attributes:
        real: as the VQGAN draws it, as large as the latent is drawn.
        original: the real thing itself.
        things: what the caption names.
        stages: how many moves it makes at which side, in pixels.
        moments: Adam's, [2, C, h, w].
    """

    latent: Tensor
    real: Tensor
    original: Tensor
    caption: str
    things: list[str]
    stages: list[tuple[int, int]]
    moments: Tensor
    age: int = 0

    @property
    def life(self) -> int:
        """How many moves it makes in all."""
        return sum(moves for _, moves in self.stages)

    @property
    def side(self) -> int:
        """How large it is to be drawn at its age, in pixels."""
        moved = 0
        for side, moves in self.stages:
            moved += moves
            if self.age < moved:
                return side
        return self.stages[-1][0]


class Forger:
    """Whoever draws forgeries, of a side in pixels, with a VQGAN."""

    def __init__(self, recipe: Recipe, vqgan: VQGAN, side: int) -> None:
        self.recipe, self.vqgan, self.side = recipe, vqgan, side
        self.low, self.high = vqgan.limits()

    def half(self) -> Any:
        """Half precision, where the recipe wants it."""
        enabled = self.recipe.forged_bf16
        return torch.autocast(self.low.device.type, torch.bfloat16, enabled=enabled)

    def drawn(self, latents: list[Tensor]) -> list[Tensor]:
        """Decode latents [C, h, w], those of a size together: [3, H, W] each."""
        drawn: dict[int, Tensor] = {}
        for wide in {latent.shape[-1] for latent in latents}:
            some = [i for i, latent in enumerate(latents) if latent.shape[-1] == wide]
            with self.half():
                codes = self.vqgan.quantise(torch.stack([latents[i] for i in some]))
                drawn |= zip(some, self.vqgan.decode(codes).float(), strict=True)
        return [drawn[i] for i in range(len(latents))]

    @torch.no_grad()
    def redrawn(self, images: Tensor, side: int) -> Tensor:
        """Pictures [N, 3, H, W] as the VQGAN draws them at a side in pixels."""
        if images.shape[-1] != side:
            images = functional.interpolate(
                images, [side, side], mode="bilinear", antialias=True
            ).clamp(0, 1)
        with self.half():
            codes = self.vqgan.quantise(self.vqgan.encode(images).float())
            return self.vqgan.decode(codes).float()

    @torch.no_grad()
    def grow(self, each: Forgery) -> None:
        """Go on at the next size, as a run does: drawn, resized and encoded."""
        shape = [each.side, each.side]
        picture = self.drawn([each.latent])[0]
        image = functional.interpolate(picture[None], shape, mode="bicubic").clamp(0, 1)
        with self.half():
            each.latent = self.vqgan.encode(image).float()[0]
        each.moments = functional.interpolate(
            each.moments, each.latent.shape[-2:], mode="bilinear"
        )
        each.real = self.redrawn(each.original[None], each.side)[0]

    def move(self, each: Forgery, slope: Tensor) -> None:
        """One step of Adam, kept within the codebook's range."""
        each.age += 1
        each.moments = torch.stack(
            [
                moment.lerp(value, 1 - beta)
                for moment, value, beta in zip(
                    each.moments, (slope, slope**2), BETAS, strict=True
                )
            ]
        )
        first, second = (
            moment / (1 - beta**each.age)
            for moment, beta in zip(each.moments, BETAS, strict=True)
        )
        step = self.recipe.forged_rate * first / (second.sqrt() + 1e-12)
        each.latent = (each.latent - step).clamp(self.low[0], self.high[0])

    def stages(self, grows: bool, generator: torch.Generator) -> list[tuple[int, int]]:
        """The sides that a forgery passes through, and for how many moves."""
        least, most = GROWING if grows else LIVES
        life = int(torch.randint(least, most, [], generator=generator))
        if not grows:
            return [(self.side, life)]
        run = replace(RunConfig(), size=f"{self.side}x{self.side}", steps=life)
        return [(wide, moves) for wide, _, moves in plan_stages(run, self.vqgan.factor)]
