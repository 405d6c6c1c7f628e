"""Train a small prior: words → codes of the starter VQGAN. Run again to continue.

    vqclip train starter_prior data=DIR vqgan=starter clip=starter

Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation" (https://arxiv.org/abs/2102.12092), in
small. Differs: the words are the states of the starter CLIP's frozen text tower, so that words
which no caption holds arrive where their like are; and pictures are encoded before, in several
variants of ground, place and colour, because encoding costs more than learning does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError, PictureError
from vqclip.models import vqgan, zoo
from vqclip.models.gpt import Shape
from vqclip.models.prior import Prior, blocks
from vqclip.training import data, runs, scenes
from vqclip.training.checkpoints import fit, weights, write_aside
from vqclip.training.runs import learning_rate
from vqclip.training.settings import PriorRecipe as Recipe

FILE = "prior.safetensors"
# What the sheets show: what the prior has seen, and two things that few captions hold.
SHOWN = (
    *("a red heart", "a fox", "a house", "a blue bird"),
    *("a green tree", "a sailing boat", "a castle", "a slice of melon"),
)
ROWS = 2  # drafts of each


@dataclass(frozen=True)
class Encoded:
    """A picture's codes, and what was made of it."""

    codes: Tensor  # [V, N, cells, cells]
    grounds: list[list[str | None]]
    tints: list[list[str | None]]


def drawer(recipe: Recipe, device: torch.device | str = "cpu") -> vqgan.VQGAN:
    """The VQGAN whose codes are learnt.

    Raises:
        ModelError: if it is not there, or cannot be loaded.
    """
    config, file = _vqgan(recipe)
    return vqgan.load(config, file, device=device)


def _vqgan(recipe: Recipe) -> tuple[Path, Path]:
    folder = zoo.STARTER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    files = folder / "vqgan.yaml", folder / "vqgan.safetensors"
    for path in files:
        if not path.is_file():
            raise ModelError(
                f"vqgan={recipe.vqgan}: there is no {path}; train it first, or take the one that "
                "comes with vqclip: vqgan=starter"
            )
    return files


def encoded(
    recipe: Recipe, pictures: data.Pictures, cache: Path, device: torch.device | str = "cpu"
) -> Encoded:
    """The codes of pictures, from `cache` if that was made of the same, in the same way."""
    made_with = {
        "vqgan": zoo.sha256(_vqgan(recipe)[1]),
        "pictures": hashlib.sha256("\n".join(r.file for r in pictures.rows).encode()).hexdigest(),
        **{key: getattr(recipe, key) for key in ("variants", "cells", "seed", "tint_share")},
        **{key: list(getattr(recipe, key)) for key in ("zoom", "licences", "styles")},
    }
    try:
        found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    except Exception:  # a damaged file may raise nearly anything, and is made again
        found = None
    if isinstance(found, dict) and found.pop("made_with", None) == made_with:
        return Encoded(**found)
    fresh = encode(recipe, pictures, device)
    write_aside({**vars(fresh), "made_with": made_with}, cache)
    return fresh


@torch.no_grad()
def encode(
    recipe: Recipe, pictures: data.Pictures, device: torch.device | str = "cpu"
) -> Encoded:
    """Lay every picture on `variants` grounds, some in another colour, and give its codes."""
    model = drawer(recipe, device)
    kind = torch.device(device).type
    side = recipe.cells * model.factor
    zoom = (recipe.zoom[0], recipe.zoom[1])
    nothing = torch.empty(0)  # no photographs as grounds: a draft is better off without
    shape = [recipe.variants, len(pictures), recipe.cells, recipe.cells]
    codes = torch.empty(shape, dtype=torch.int16)
    grounds: list[list[str | None]] = []
    tints: list[list[str | None]] = []
    for variant in range(recipe.variants):
        generator = torch.Generator().manual_seed(recipe.seed + 1000 + variant)
        grounds.append([])
        tints.append([])
        for first in range(0, len(pictures), 128):
            pixels = pictures.pixels[first : first + 128].clone()
            for index in range(len(pixels)):
                tint = None
                if torch.rand(1, generator=generator).item() < recipe.tint_share:
                    tint = data.TINTS[
                        int(torch.randint(len(data.TINTS), [1], generator=generator))
                    ]
                    pixels[index] = data.tint(pixels[index], data.COLOURS[tint])
                tints[-1].append(tint)
            images, names = scenes.compose(pixels, nothing, side, zoom, generator)
            with torch.autocast(kind, torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images.to(device))
            found = model.nearest(latent.float()).cpu()
            codes[variant, first : first + len(found)] = found.to(torch.int16)
            grounds[-1] += names
    return Encoded(codes, grounds, tints)


class Reader(nn.Module):
    """The text tower of an open_clip model, frozen: texts → the states of their tokens."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        super().__init__()
        from vqclip import perceptors

        self.perceptor = perceptors.load(str(folder), device=device)

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """[B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe, tell: runs.Tell = runs.nobody) -> runs.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = runs.prepare(recipe, tell)
    device, generator = run.device, run.generator

    pictures = data.read(
        Path(recipe.data), "illustrations", side=128, classes=recipe.licences
    ).split()[0]
    if recipe.styles:
        chosen = [i for i, row in enumerate(pictures.rows) if row.style in recipe.styles]
        if not chosen:
            known = ", ".join(sorted({row.style for row in pictures.rows}))
            raise PictureError(
                f"styles={','.join(recipe.styles)}: no picture is of them (there are: {known})"
            )
        pictures = pictures.subset(chosen)
    learnt = encoded(recipe, pictures, run.out / "codes.pt", device)
    shares = data.weights(pictures.rows)

    place = zoo.starter_clip() if recipe.clip == "starter" else Path(recipe.clip)
    reader = Reader(place, device)
    model = build(recipe, reader)
    if recipe.begin and not run.resumed:
        tensors, source = weights(recipe.begin, zoo.starter_prior(), FILE)
        fit(model, tensors, source)
    model = model.to(device)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        codes, captions = draw(recipe, pictures, learnt, shares, generator)
        codes = codes.to(device)
        prefix = model.prefix(reader(captions))
        silent = torch.rand(len(codes), 1, 1, generator=generator) < recipe.silent_share
        prefix = torch.where(silent.to(device), model.silence, prefix)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            logits = model(codes, prefix)
        wanted = blocks(codes, recipe.block)
        loss = functional.cross_entropy(logits.float().flatten(0, 2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss

    runs.go(
        recipe,
        run,
        {"model": model, "optimiser": optimiser},
        advance,
        report_every=100,
        sheet=lambda: sheet(recipe, model, reader, device),
        sheet_every=recipe.sheet_every,
    )
    if not run.interrupted:
        export(model, run.out)
    return run


@torch.no_grad()
def sheet(
    recipe: Recipe, model: Prior, reader: Reader, device: torch.device | str = "cpu"
) -> Tensor:
    """Drafts of `SHOWN`, side by side, [3, H, W] in [0, 1]; equal weights give equal drafts."""
    from torchvision.utils import make_grid

    model.eval()
    prefix = model.prefix(reader(list(SHOWN))).repeat(ROWS, 1, 1)
    generator = torch.Generator().manual_seed(11)
    codes = model.dream(prefix, generator=generator, top_p=0.95, guidance=3.0)
    model.train()
    book = drawer(recipe, device)
    drafts = torch.cat([book.decode(book.lookup(each)) for each in codes])
    grid: Tensor = make_grid(drafts, nrow=len(SHOWN))
    return grid.cpu()


def draw(
    recipe: Recipe,
    pictures: data.Pictures,
    learnt: Encoded,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """A batch: codes [batch, cells, cells] and captions that say what they show."""
    twice = recipe.batch > len(weights)
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(learnt.codes), [recipe.batch], generator=generator)
    captions = [
        data.caption(pictures.rows[i], learnt.grounds[v][i], learnt.tints[v][i], generator)
        for v, i in zip(variant.tolist(), chosen.tolist(), strict=True)
    ]
    return learnt.codes[variant, chosen].long(), captions


def build(recipe: Recipe, reader: Reader) -> Prior:
    """A prior that fits the VQGAN's codebook and the CLIP's text tower."""
    book = drawer(recipe).codebook
    shape = Shape(
        vocab_size=len(book),
        block_size=recipe.words + (recipe.cells // recipe.block) ** 2,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        n_embd=recipe.width,
        n_unmasked=recipe.words,
    )
    text_width = reader(["a"]).shape[-1]
    model = Prior(
        shape, recipe.words, text_width, recipe.cells, recipe.block, dropout=recipe.dropout
    )
    with torch.no_grad():  # codes that look alike begin alike
        alike = torch.randn(recipe.block**2, book.shape[1], recipe.width)
        alike = (book / book.std()) @ alike  # [K, codes, width]
        model.codes.weight.copy_(alike.flatten(0, 1) * 0.02 / book.shape[1] ** 0.5)
    return model


def export(model: Prior, out: Path) -> None:
    """Write prior.yaml and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, out / FILE)
    (out / "prior.yaml").write_text(yaml.safe_dump(model.config(), sort_keys=False))
