"""Prior training, and its encoded data.

Pictures are encoded before the training, in several variants of ground and colour, because
encoding costs more than learning does. Things stand still in the middle of calm grounds: what
moves about and grows takes a small prior long to see. In further variants, each thing stands
beside, above or below another one.

    vqclip train starter_prior data=DIR vqgan=starter clip=starter

Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation" (https://arxiv.org/abs/2102.12092), in
small. Differs: the words are the states of the starter CLIP's frozen text tower, so that words
which no caption holds arrive where their like are; and pictures are encoded before, as
`encodings` says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError, PictureError
from vqclip.models import vqgan
from vqclip.models.gpt import Shape
from vqclip.models.prior import Prior, blocks
from vqclip.models.zoo import registry
from vqclip.training import loop, settings
from vqclip.training.checkpoints import fit, weights, write_aside
from vqclip.training.data import archives, compose
from vqclip.training.loop import learning_rate
from vqclip.training.settings import PriorRecipe
from vqclip.training.settings import PriorRecipe as Recipe

# Pictures encoded at a time. On a processor four times as fast as 128, since what the layers hand
# on stays in its cache.
AT_ONCE = 16


# Clip art is drawn in every manner, and the renders are furniture: few prompts ask for either.
MANNERED = ("clip art", "3d render")


# Emoji hold more of them, in every gesture and job, than prompts ask for.
PEOPLE = re.compile(
    r"\b(man|woman|men|women|person|people|boy|girl|family|couple|kiss|hands?|finger)\b"
)


@dataclass(frozen=True)
class Encoded:
    """Pictures as codes, and what was made of each: V variants of N pictures.

    Attributes:
        codes: [V, N, cells, cells], int16.
        grounds: the name of the ground's colour, if it has one.
        tints: the colour in which the thing was drawn again, if it was.
        seconds: what else there is: the words between the two, and its name.
    """

    codes: Tensor
    grounds: list[list[str | None]]
    tints: list[list[str | None]]
    seconds: list[list[tuple[str, str] | None]]


def drawer(recipe: PriorRecipe, device: torch.device | str = "cpu") -> vqgan.VQGAN:
    """The VQGAN whose codes are learnt.

    Raises:
        ModelError: if it is not there, or cannot be loaded.
    """
    config, file = _vqgan(recipe)
    return vqgan.open_vqgan(config, file, device=device)


def _vqgan(recipe: PriorRecipe) -> tuple[Path, Path]:
    folder = registry.STARTER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    files = folder / "vqgan.yaml", folder / "vqgan.safetensors"
    for path in files:
        if not path.is_file():
            raise ModelError(
                f"vqgan={recipe.vqgan}: there is no {path}; train it first, or take the one that "
                "comes with vqclip: vqgan=starter"
            )
    return files


def encoded(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    cache: Path,
    device: torch.device | str = "cpu",
) -> Encoded:
    """The codes of pictures, from `cache` if that was made of the same, in the same way."""
    names = "\n".join(f"{row.file} {row.concept}" for row in pictures.rows)
    ways = ("variants", "pair_variants", "cells", "seed", "tint_share", "scale")
    made_with = {
        "vqgan": registry.sha256(_vqgan(recipe)[1]),
        "pictures": hashlib.sha256(names.encode()).hexdigest(),
        **{key: getattr(recipe, key) for key in ways},
        **{key: list(getattr(recipe, key)) for key in ("licences", "styles")},
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
    recipe: PriorRecipe, pictures: archives.Pictures, device: torch.device | str = "cpu"
) -> Encoded:
    """Give every picture's codes: `variants` times alone, then `pair_variants` with another.

    Grounds are calm ones; some things are drawn again in another colour. Equal recipes give equal
    codes, and variants do not depend on how many there are.
    """
    model = drawer(recipe, device)
    kind = torch.device(device).type
    side = recipe.cells * model.factor
    weights = archives.weights(pictures.rows)
    variants = recipe.variants + recipe.pair_variants
    shape = [variants, len(pictures), recipe.cells, recipe.cells]
    made = Encoded(torch.empty(shape, dtype=torch.int16), [], [], [])
    for variant in range(variants):
        # Pairs have a stream of their own, so that they stay when variants are added.
        paired = variant >= recipe.variants
        number = 2000 + variant - recipe.variants if paired else 1000 + variant
        generator = torch.Generator().manual_seed(recipe.seed + number)
        for told in (made.grounds, made.tints, made.seconds):
            told.append([])
        for some in torch.arange(len(pictures)).split(AT_ONCE):
            things, tints = _things(recipe, pictures, some, generator)
            images, grounds = compose.calm(len(some), side, generator)
            seconds: list[tuple[str, str] | None] = [None] * len(some)
            if paired:
                others = torch.multinomial(weights, len(some), True, generator=generator)
                others = torch.where(others == some, (others + 1) % len(pictures), others)
                more, more_tints = _things(recipe, pictures, others, generator)
                images, words = compose.pairs(things, more, images, generator)
                for index, other in enumerate(others.tolist()):
                    name = archives.named(pictures.rows[other], more_tints[index])
                    seconds[index] = words[index], name
            else:
                ones = torch.ones(len(some))
                middle = torch.zeros(len(some), 2)
                images = compose.lay(things, images, recipe.scale * ones, middle, ones)
            with torch.autocast(kind, torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images.to(device))
            made.codes[variant, some] = model.nearest(latent.float()).cpu().to(torch.int16)
            made.grounds[-1] += grounds
            made.tints[-1] += tints
            made.seconds[-1] += seconds
    return made


def _things(
    recipe: PriorRecipe, pictures: archives.Pictures, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Cut-outs, some of them drawn again in another colour, and those colours."""
    pixels = pictures.pixels[chosen]
    tints: list[str | None] = [None] * len(chosen)
    for index in range(len(chosen)):
        if torch.rand(1, generator=generator).item() < recipe.tint_share:
            tint = archives.TINTS[
                int(torch.randint(len(archives.TINTS), [1], generator=generator))
            ]
            tints[index] = tint
            pixels[index] = archives.tint(pixels[index], archives.COLOURS[tint])
    return pixels, tints


def row_shares(recipe: PriorRecipe, rows: Sequence[archives.Row]) -> Tensor:
    """How often each row is drawn: as `data.weights` has it, but less of people and clip art.

    Raises:
        PictureError: if nothing is left to be drawn.
    """
    weights = archives.weights(rows)
    for index, row in enumerate(rows):
        if row.style in MANNERED:
            weights[index] *= recipe.clip_art
        if PEOPLE.search(row.concept):
            weights[index] *= recipe.people
    if not (weights > 0).any():
        raise PictureError(
            f"clip_art={recipe.clip_art:g} and people={recipe.people:g} leave none of "
            f"{len(rows)} pictures to learn from; give more than 0"
        )
    return weights


def draw(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    learnt: Encoded,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """A batch: codes [batch, cells, cells] and captions that say what they show.

    Args:
        weights: [N], how often each picture is drawn; see `shares`.
    """
    twice = recipe.batch > int((weights > 0).sum())
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(learnt.codes), [recipe.batch], generator=generator)
    captions = []
    for v, i in zip(variant.tolist(), chosen.tolist(), strict=True):
        row, tint, second = pictures.rows[i], learnt.tints[v][i], learnt.seconds[v][i]
        if second is None:
            captions.append(archives.caption(row, learnt.grounds[v][i], tint, generator))
            continue
        word, *names = second[0], archives.named(row, tint), second[1]
        if torch.rand(1, generator=generator).item() < 0.5:
            names = [archives.with_article(name) for name in names]
        captions.append(f" {word} ".join(names))
    return learnt.codes[variant, chosen].long(), captions


FILE = "prior.safetensors"


# What the sheets show: what the prior has seen, and two things that few captions hold.
SHOWN = (
    *("a red heart", "a fox", "a house", "a blue bird"),
    *("a green tree", "a sailing boat", "a castle", "a slice of melon"),
)


ROWS = 2  # drafts of each


class Reader(nn.Module):
    """The text tower of an open_clip model, frozen: texts → the states of their tokens."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        super().__init__()
        from vqclip.guidance import perceptor

        self.perceptor = perceptor.load_perceptor(str(folder), device=device)

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """[B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe, tell: settings.Tell = settings.nobody) -> loop.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = loop.prepare_run(recipe, tell)
    device, generator = run.device, run.generator

    pictures = archives.read(
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
    shares = row_shares(recipe, pictures.rows)
    learnt = encoded(recipe, pictures, run.out / "codes.pt", device)

    place = registry.starter_clip() if recipe.clip == "starter" else Path(recipe.clip)
    reader = Reader(place, device)
    model = build(recipe, reader)
    if recipe.begin and not run.resumed:
        tensors, source = weights(recipe.begin, registry.starter_prior(), FILE)
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
        # As they come, in bf16: making floats of them first would take a tenth longer.
        loss = functional.cross_entropy(logits.flatten(0, 2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss

    loop.go(
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
