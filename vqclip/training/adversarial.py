"""Adversarial pictures for CLIP training, made by the method itself.

A pool of forgeries is optimised by the very method that the CLIP is made for: a latent is decoded
by a VQGAN, cut, scored against a caption, and moved along the gradient. Each training step moves
some forgeries one step further against the CLIP as it is now; the CLIP then learns, beside the
real pictures, that they do not show their captions. So its weaknesses are corrected as they
appear.

Samples that are kept from step to step are how energy-based models are trained (Du and Mordatch,
2019, "Implicit Generation and Generalization in Energy-Based Models",
https://arxiv.org/abs/1903.08689). Differs: they move in the latent space of a VQGAN, each towards
a caption.

With `forged_growth`, a forgery that starts from random codes passes through the smaller sizes
that a run passes through, beside the real picture at that size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.schema import RunConfig
from vqclip.config.sizes import plan_stages
from vqclip.guidance.prompt_losses import spherical_distance
from vqclip.models import prior
from vqclip.models import vqgan as models_vqgan
from vqclip.models.vqgan import VQGAN
from vqclip.models.zoo import model_files
from vqclip.training.clip_model import Model
from vqclip.training.data import archives
from vqclip.training.data.batches import ClipBatches
from vqclip.training.settings import ClipRecipe

LIVES = 16, 80  # least and most moves until a forgery is replaced
GROWING = 40, 200  # the same for forgeries that grow: at most as many as a run has
BETAS = 0.9, 0.999  # Adam's
TENSORS = "latent", "real", "original", "moments"  # the fields of a forgery that are tensors
CELLS = 16  # side of a latent, without a prior
AT_ONCE = 16  # forgeries that are started together
VIEW = 0.6  # least side of the cutout that the CLIP sees, as a share of the picture's
GUIDANCE = 2.5  # of the prior's drafts


@dataclass
class AdversarialImage:
    """A forgery: a latent that is optimised towards a caption, beside a real picture of it.

    Attributes:
        latent: [C, h, w].
        real: the real picture, redrawn by the VQGAN at the latent's size; [3, H, W] in [0, 1].
        original: the real picture itself; [3, H, W] in [0, 1].
        caption: that both are of.
        things: the things that the caption names.
        stages: (side in pixels, how many moves at that size).
        moments: Adam's, [2, C, h, w].
        age: how many moves it has made.
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
    def total_moves(self) -> int:
        """How many moves it makes in all."""
        return sum(moves for _, moves in self.stages)

    @property
    def side(self) -> int:
        """The side of its picture at its age, in pixels."""
        moved = 0
        for side, moves in self.stages:
            moved += moves
            if self.age < moved:
                return side
        return self.stages[-1][0]


class AdversarialDrawer:
    """Draws forgeries by a VQGAN, and moves their latents.

    Args:
        side: of a full-grown forgery, in pixels.
    """

    def __init__(self, recipe: ClipRecipe, vqgan: VQGAN, side: int) -> None:
        self.recipe, self.vqgan, self.side = recipe, vqgan, side
        self.low, self.high = vqgan.codebook_range()

    def autocast(self) -> Any:
        """A context of half precision, if the recipe says so."""
        enabled = self.recipe.forged_bf16
        return torch.autocast(self.low.device.type, torch.bfloat16, enabled=enabled)

    def decode(self, latents: list[Tensor]) -> list[Tensor]:
        """Decode latents [C, h, w], those of one size together: [3, H, W] each."""
        drawn: dict[int, Tensor] = {}
        for wide in {latent.shape[-1] for latent in latents}:
            some = [i for i, latent in enumerate(latents) if latent.shape[-1] == wide]
            with self.autocast():
                codes = self.vqgan.quantise(torch.stack([latents[i] for i in some]))
                drawn |= zip(some, self.vqgan.decode(codes).float(), strict=True)
        return [drawn[i] for i in range(len(latents))]

    @torch.no_grad()
    def reconstruct(self, images: Tensor, side: int) -> Tensor:
        """Encode and decode pictures [N, 3, H, W] in [0, 1], at a side in pixels."""
        if images.shape[-1] != side:
            images = functional.interpolate(
                images, [side, side], mode="bilinear", antialias=True
            ).clamp(0, 1)
        with self.autocast():
            codes = self.vqgan.quantise(self.vqgan.encode(images).float())
            return self.vqgan.decode(codes).float()

    @torch.no_grad()
    def grow(self, each: AdversarialImage) -> None:
        """Continue at the next size, as a run does: drawn, resized and encoded."""
        shape = [each.side, each.side]
        picture = self.decode([each.latent])[0]
        image = functional.interpolate(picture[None], shape, mode="bicubic").clamp(0, 1)
        with self.autocast():
            each.latent = self.vqgan.encode(image).float()[0]
        each.moments = functional.interpolate(
            each.moments, each.latent.shape[-2:], mode="bilinear"
        )
        each.real = self.reconstruct(each.original[None], each.side)[0]

    def move(self, each: AdversarialImage, slope: Tensor) -> None:
        """Take one step of Adam, clamped to the codebook's range.

        Args:
            slope: the gradient of the latent, [C, h, w].
        """
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
        """Draw the stages of a new forgery: (side in pixels, how many moves at that size)."""
        least, most = GROWING if grows else LIVES
        life = int(torch.randint(least, most, [], generator=generator))
        if not grows:
            return [(self.side, life)]
        run = replace(RunConfig(), size=f"{self.side}x{self.side}", steps=life)
        return [(wide, moves) for wide, _, moves in plan_stages(run, self.vqgan.factor)]


@dataclass(frozen=True)
class AdversarialBatch:
    """Cutouts of forgeries and of the real pictures, for a training step.

    Args:
        forged, real: [N, 3, size, size] in [0, 1].
        captions: of both.
        things: that the captions name.
    """

    forged: Tensor
    real: Tensor
    captions: list[str]
    things: list[frozenset[str]]


class AdversarialPool:
    """A pool of forgeries of all ages.

    Attributes:
        fooled: how often the CLIP prefers a forgery to the real picture; a running mean.
    """

    def __init__(
        self,
        recipe: ClipRecipe,
        pictures: archives.Pictures,
        photos: archives.Pictures,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe, self.device = recipe, torch.device(device)
        folder = model_files.STARTER_FOLDER if recipe.vqgan == "starter" else Path(recipe.vqgan)
        self.vqgan = models_vqgan.open_vqgan(
            folder / "vqgan.yaml", folder / "vqgan.safetensors", device=device
        )
        self.prior = None
        if recipe.prior:
            place = (
                model_files.starter_prior() if recipe.prior == "starter" else Path(recipe.prior)
            )
            self.prior = prior.load_prior(place, device=device)
        self.cells = CELLS if self.prior is None else self.prior.cells
        side = self.cells * self.vqgan.factor
        self.batches = ClipBatches(replace(recipe, size=side, batch=AT_ONCE), pictures, photos)
        self.drawer = AdversarialDrawer(recipe, self.vqgan, side)
        self.pool: list[AdversarialImage] = []
        self.waiting: list[AdversarialImage] = []
        self.fooled = 0.0

    def next_batch(
        self, model: Model, generator: torch.Generator, autocast: Any
    ) -> AdversarialBatch:
        """Move some forgeries one step further, and return them as they were before it."""
        while len(self.pool) < self.recipe.pool:
            self.pool.append(self._next(model, generator))
        order = torch.randperm(len(self.pool), generator=generator)
        for index in order[: self.recipe.forgeries].tolist():
            if self.pool[index].age >= self.pool[index].total_moves:
                self.pool[index] = self._next(model, generator)
        chosen = [self.pool[index] for index in order[: self.recipe.forgeries].tolist()]
        for each in chosen:
            if each.side > each.real.shape[-1]:
                self.drawer.grow(each)
        captions = [each.caption for each in chosen]
        grid = self._views(len(chosen), generator)
        latents = [each.latent.requires_grad_() for each in chosen]
        was = model.training
        model.eval().requires_grad_(False)
        with autocast():
            text = model.embed_text(captions)
        forged = _cut(self.drawer.decode(latents), grid)
        with autocast():
            seen = model.embed_image(forged)
        loss = spherical_distance(seen, text).diag().sum()
        gradients = torch.autograd.grad(loss, latents)
        model.requires_grad_(True).train(was)
        for each, gradient in zip(chosen, gradients, strict=True):
            each.latent = each.latent.detach()
            self.drawer.move(each, gradient)
        return AdversarialBatch(
            forged=forged.detach().clamp(0, 1),
            real=_cut([each.real for each in chosen], grid).clamp(0, 1),
            captions=captions,
            things=[frozenset(each.things) for each in chosen],
        )

    def update_scores(self, images: Tensor, text: Tensor) -> None:
        """Update `fooled` by the CLIP's embeddings.

        Args:
            images: [N, D], rows of real pictures, then as many of forgeries, then any others.
            text: [B, D], whose last rows are the forgeries' captions.
        """
        count = self.recipe.forgeries
        real, forged = ((images[i : i + count] * text[-count:]).sum(1) for i in (0, count))
        self.fooled += 0.02 * (float((forged > real).float().mean()) - self.fooled)

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """The eight oldest forgeries, each beneath its real picture: [3, H, W] in [0, 1]."""
        oldest = sorted(self.pool, key=lambda each: -each.age)[:8]
        side = self.cells * self.vqgan.factor
        forged = self.drawer.decode([each.latent for each in oldest])
        rows = torch.stack(
            [
                torch.cat([functional.interpolate(p[None], [side, side]) for p in line])
                for line in ([each.real for each in oldest], forged)
            ]
        )
        return rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2).clamp(0, 1).cpu()

    def state_dict(self) -> dict[str, Any]:
        """Return the forgeries, for a checkpoint."""
        some = {"pool": self.pool, "waiting": self.waiting}
        return {name: [vars(each) for each in lot] for name, lot in some.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with what `state_dict` returned."""
        self.pool, self.waiting = (
            [self._here(AdversarialImage(**each)) for each in state[name]]
            for name in ("pool", "waiting")
        )

    def _here(self, each: AdversarialImage) -> AdversarialImage:
        moved = {key: getattr(each, key).to(self.device) for key in TENSORS}
        return replace(each, **moved)

    def _views(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw a square cutout of each picture: a grid for `grid_sample`."""
        side = VIEW + (1 - VIEW) * torch.rand(count, generator=generator)
        place = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - side[:, None])
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = side
        theta[:, :, 2] = place
        shape = [count, 3, self.recipe.size, self.recipe.size]
        return functional.affine_grid(theta, shape, align_corners=False).to(self.device)

    def _next(self, model: Model, generator: torch.Generator) -> AdversarialImage:
        """Return a new forgery; they are prepared in batches."""
        if not self.waiting:
            self.waiting = self._prepare(model, generator)
        return self.waiting.pop()

    @torch.no_grad()
    def _prepare(self, model: Model, generator: torch.Generator) -> list[AdversarialImage]:
        """Draw captions and pictures, redraw these by the VQGAN, and choose latents to start."""
        images, captions, things, _ = self.batches.draw(generator)
        images = images.to(self.device)
        drafts = 0 if self.prior is None else len(captions) // 2
        stages = [
            self.drawer.stages(self.recipe.forged_growth and number >= drafts, generator)
            for number in range(len(captions))
        ]
        first = [parts[0][0] for parts in stages]
        cells = [side // self.vqgan.factor for side in first]
        starts = [self.vqgan.random_latent(wide, wide, generator)[0] for wide in cells]
        if self.prior is not None:
            prefix = self.prior.prefix(model.text_states(captions[:drafts]))
            written = self.prior.sample(prefix, generator=generator, guidance=GUIDANCE)
            starts[:drafts] = [self.vqgan.lookup(each)[0] for each in written]
        real = [
            self.drawer.reconstruct(image[None], side)[0]
            for image, side in zip(images, first, strict=True)
        ]
        begun = zip(starts, real, images, captions, things, stages, strict=True)
        return [
            AdversarialImage(
                latent=start,
                real=picture,
                original=image,
                caption=caption,
                things=sorted(named),
                stages=parts,
                moments=torch.zeros(2, *start.shape, device=self.device),
            )
            for start, picture, image, caption, named, parts in begun
        ]


def _cut(pictures: list[Tensor], grid: Tensor) -> Tensor:
    """Sample each picture [3, H, W] where its row of a grid [N, h, w, 2] says: [N, 3, h, w]."""
    return torch.cat(
        [
            functional.grid_sample(picture[None], view[None], align_corners=False)
            for picture, view in zip(pictures, grid, strict=True)
        ]
    )
