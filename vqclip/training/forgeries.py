"""What does a CLIP in training take for a thing, though it is none?

A pool of pictures is drawn by the very method that the CLIP is made for: latent codes, decoded by
a VQGAN, cut, scored against a caption, moved along the gradient. Each training step takes some of
them one move further against the CLIP as it is now, and then learns that they are not what they
were taken for, beside the real thing. So the holes are found as they open.

Samples that go on from step to step are how energy-based models are trained (Du and Mordatch,
2019, "Implicit Generation and Generalization in Energy-Based Models",
https://arxiv.org/abs/1903.08689). Differs: they move in the latent space of a VQGAN, each towards
a caption. How one of them is drawn and moved: `vqclip.training.forgery`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.losses import spherical_distance
from vqclip.models import prior as priors
from vqclip.models import vqgan as vqgans
from vqclip.models import zoo
from vqclip.training import data
from vqclip.training.batches import Batches
from vqclip.training.forgery import TENSORS, Forger, Forgery
from vqclip.training.towers import Model, Recipe

CELLS = 16  # side of a latent, if no prior says otherwise
AT_ONCE = 16  # forgeries that are begun together
VIEW = 0.6  # least side of the cutout that is shown, as a share of the picture's
GUIDANCE = 2.5  # of drafts


@dataclass(frozen=True)
class Shown:
    """Forgeries and the real things, [N, 3, size, size] in [0, 1], and what both should show."""

    forged: Tensor
    real: Tensor
    captions: list[str]
    things: list[frozenset[str]]


class Forgeries:
    """A pool of forgeries, at every age; see the module.

    Attributes:
        fooled: how often a forgery is preferred to the real thing; a running mean.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: data.Pictures,
        photos: data.Pictures,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe, self.device = recipe, torch.device(device)
        folder = zoo.STARTER if recipe.vqgan == "starter" else Path(recipe.vqgan)
        self.vqgan = vqgans.load(
            folder / "vqgan.yaml", folder / "vqgan.safetensors", device=device
        )
        self.prior = None
        if recipe.prior:
            place = zoo.starter_prior() if recipe.prior == "starter" else Path(recipe.prior)
            self.prior = priors.load(place, device=device)
        self.cells = CELLS if self.prior is None else self.prior.cells
        side = self.cells * self.vqgan.factor
        self.batches = Batches(replace(recipe, size=side, batch=AT_ONCE), pictures, photos)
        self.forger = Forger(recipe, self.vqgan, side)
        self.pool: list[Forgery] = []
        self.waiting: list[Forgery] = []
        self.fooled = 0.0

    def show(self, model: Model, generator: torch.Generator, autocast: Any) -> Shown:
        """Take some forgeries one move further, and show them as they were before it."""
        while len(self.pool) < self.recipe.pool:
            self.pool.append(self._next(model, generator))
        order = torch.randperm(len(self.pool), generator=generator)
        for index in order[: self.recipe.forgeries].tolist():
            if self.pool[index].age >= self.pool[index].life:
                self.pool[index] = self._next(model, generator)
        chosen = [self.pool[index] for index in order[: self.recipe.forgeries].tolist()]
        for each in chosen:
            if each.side > each.real.shape[-1]:
                self.forger.grow(each)
        captions = [each.caption for each in chosen]
        grid = self._views(len(chosen), generator)
        latents = [each.latent.requires_grad_() for each in chosen]
        was = model.training
        model.eval().requires_grad_(False)
        with autocast():
            text = model.read(captions)
        forged = _cut(self.forger.drawn(latents), grid)
        with autocast():
            seen = model.look(forged)
        loss = spherical_distance(seen, text).diag().sum()
        gradients = torch.autograd.grad(loss, latents)
        model.requires_grad_(True).train(was)
        for each, gradient in zip(chosen, gradients, strict=True):
            each.latent = each.latent.detach()
            self.forger.move(each, gradient)
        return Shown(
            forged=forged.detach().clamp(0, 1),
            real=_cut([each.real for each in chosen], grid).clamp(0, 1),
            captions=captions,
            things=[frozenset(each.things) for each in chosen],
        )

    def judged(self, images: Tensor, text: Tensor) -> None:
        """Hear what the CLIP made of [real things, forgeries, ...], and of texts that end so."""
        count = self.recipe.forgeries
        real, forged = ((images[i : i + count] * text[-count:]).sum(1) for i in (0, count))
        self.fooled += 0.02 * (float((forged > real).float().mean()) - self.fooled)

    @torch.no_grad()
    def sheet(self) -> Tensor:
        """The eight that have lived longest, each beneath the real thing: [3, H, W] in [0, 1]."""
        oldest = sorted(self.pool, key=lambda each: -each.age)[:8]
        side = self.cells * self.vqgan.factor
        forged = self.forger.drawn([each.latent for each in oldest])
        rows = torch.stack(
            [
                torch.cat([functional.interpolate(p[None], [side, side]) for p in line])
                for line in ([each.real for each in oldest], forged)
            ]
        )
        return rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2).clamp(0, 1).cpu()

    def state_dict(self) -> dict[str, Any]:
        """Everything that goes on from step to step."""
        some = {"pool": self.pool, "waiting": self.waiting}
        return {name: [vars(each) for each in lot] for name, lot in some.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what `state_dict` gave."""
        self.pool, self.waiting = (
            [self._here(Forgery(**each)) for each in state[name]] for name in ("pool", "waiting")
        )

    def _here(self, each: Forgery) -> Forgery:
        moved = {key: getattr(each, key).to(self.device) for key in TENSORS}
        return replace(each, **moved)

    def _views(self, count: int, generator: torch.Generator) -> Tensor:
        """Where a square cutout of each picture is taken: a grid for `grid_sample`."""
        side = VIEW + (1 - VIEW) * torch.rand(count, generator=generator)
        place = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - side[:, None])
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = side
        theta[:, :, 2] = place
        shape = [count, 3, self.recipe.size, self.recipe.size]
        return functional.affine_grid(theta, shape, align_corners=False).to(self.device)

    def _next(self, model: Model, generator: torch.Generator) -> Forgery:
        """A forgery that begins; they are prepared some at a time."""
        if not self.waiting:
            self.waiting = self._prepare(model, generator)
        return self.waiting.pop()

    @torch.no_grad()
    def _prepare(self, model: Model, generator: torch.Generator) -> list[Forgery]:
        """Draw captions with their pictures, as the VQGAN draws them, and where to start from."""
        images, captions, things, _ = self.batches.draw(generator)
        images = images.to(self.device)
        drafts = 0 if self.prior is None else len(captions) // 2
        stages = [
            self.forger.stages(self.recipe.forged_growth and number >= drafts, generator)
            for number in range(len(captions))
        ]
        first = [parts[0][0] for parts in stages]
        cells = [side // self.vqgan.factor for side in first]
        starts = [self.vqgan.random(wide, wide, generator)[0] for wide in cells]
        if self.prior is not None:
            prefix = self.prior.prefix(model.states(captions[:drafts]))
            written = self.prior.dream(prefix, generator=generator, guidance=GUIDANCE)
            starts[:drafts] = [self.vqgan.lookup(each)[0] for each in written]
        real = [
            self.forger.redrawn(image[None], side)[0]
            for image, side in zip(images, first, strict=True)
        ]
        begun = zip(starts, real, images, captions, things, stages, strict=True)
        return [
            Forgery(
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
