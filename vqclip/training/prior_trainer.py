"""Prior training, and its encoded data.

    vqclip train starter_prior data=DIR vqgan=starter clip=starter

A small version of Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation"
(https://arxiv.org/abs/2102.12092). Differs: the text is given as the states of the starter CLIP's
frozen text tower, so that words which are in no caption are near words of similar meaning.

Pictures are encoded before the training, in several variants of background and colour, because
encoding costs more than learning. Each thing is in the middle of a plain background, always at
the same size, since varied places and sizes take a small prior long to learn. In further
variants, each thing is beside, above or below another one.
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
from vqclip.language.layout.sizes import is_noun_of_size
from vqclip.models import vqgan
from vqclip.models.gpt import TransformerShape
from vqclip.models.prior import Prior, cut_blocks
from vqclip.models.zoo import model_files
from vqclip.training import loop, settings
from vqclip.training.checkpoints import load_weights, read_weights, write_atomically
from vqclip.training.data import archives, compose
from vqclip.training.loop import learning_rate
from vqclip.training.settings import PriorRecipe
from vqclip.training.settings import PriorRecipe as Recipe

# Pictures encoded together. On a processor, 16 are four times as fast as 128, since the layers'
# outputs stay in its cache.
AT_ONCE = 16

# Clip art is in many styles, and the renders show furniture: few prompts ask for either.
MANNERED = ("clip art", "3d render")

# Emoji show people, in every gesture and job, more often than prompts ask for them.
PEOPLE = re.compile(
    r"\b(man|woman|men|women|person|people|boy|girl|family|couple|kiss|hands?|finger)\b"
)


@dataclass(frozen=True)
class EncodedPictures:
    """V variants of N pictures, encoded as codes, with what each variant shows.

    Attributes:
        codes: [V, N, cells, cells], int16.
        grounds: [V][N], the name of the background's colour, or None.
        tints: [V][N], the colour that the thing was tinted with, or None.
        seconds: [V][N], the relation to a second thing, such as "above", and its name; or None.
    """

    codes: Tensor
    grounds: list[list[str | None]]
    tints: list[list[str | None]]
    seconds: list[list[tuple[str, str] | None]]


def open_drawer(recipe: PriorRecipe, device: torch.device | str = "cpu") -> vqgan.VQGAN:
    """Open the VQGAN whose codes the prior learns.

    Raises:
        ModelError: if it does not exist, or cannot be loaded.
    """
    config, file = _vqgan(recipe)
    return vqgan.open_vqgan(config, file, device=device)


def _vqgan(recipe: PriorRecipe) -> tuple[Path, Path]:
    folder = model_files.STARTER_FOLDER if recipe.vqgan == "starter" else Path(recipe.vqgan)
    files = folder / "vqgan.yaml", folder / "vqgan.safetensors"
    for path in files:
        if not path.is_file():
            raise ModelError(
                f"vqgan={recipe.vqgan}: there is no {path}; train it first, or take the one that "
                "comes with vqclip: vqgan=starter"
            )
    return files


def cached_codes(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    cache: Path,
    device: torch.device | str = "cpu",
) -> EncodedPictures:
    """The codes of pictures, read from `cache` if that has the same pictures and settings."""
    names = "\n".join(f"{row.file} {row.concept}" for row in pictures.rows)
    ways = ("variants", "pair_variants", "cells", "seed", "tint_share", "scale")
    made_with = {
        "vqgan": model_files.file_sha256(_vqgan(recipe)[1]),
        "pictures": hashlib.sha256(names.encode()).hexdigest(),
        **{key: getattr(recipe, key) for key in ways},
        **{key: list(getattr(recipe, key)) for key in ("licences", "styles")},
    }
    try:
        found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    except Exception:  # a damaged file may raise nearly anything, and is made again
        found = None
    if isinstance(found, dict) and found.pop("made_with", None) == made_with:
        return EncodedPictures(**found)
    fresh = encode_pictures(recipe, pictures, device)
    write_atomically({**vars(fresh), "made_with": made_with}, cache)
    return fresh


@torch.no_grad()
def encode_pictures(
    recipe: PriorRecipe, pictures: archives.Pictures, device: torch.device | str = "cpu"
) -> EncodedPictures:
    """Encode every picture: `variants` times alone, then `pair_variants` times with another.

    Backgrounds are calm ones; some things are tinted. Equal recipes give equal codes, and a
    variant does not depend on how many there are.

    Args:
        pictures: RGBA.
    """
    model = open_drawer(recipe, device)
    kind = torch.device(device).type
    side = recipe.cells * model.factor
    weights = archives.sampling_weights(pictures.rows)
    variants = recipe.variants + recipe.pair_variants
    shape = [variants, len(pictures), recipe.cells, recipe.cells]
    made = EncodedPictures(torch.empty(shape, dtype=torch.int16), [], [], [])
    for variant in range(variants):
        # Pairs have a random stream of their own, so that adding variants does not change them.
        paired = variant >= recipe.variants
        number = 2000 + variant - recipe.variants if paired else 1000 + variant
        generator = torch.Generator().manual_seed(recipe.seed + number)
        for told in (made.grounds, made.tints, made.seconds):
            told.append([])
        for some in torch.arange(len(pictures)).split(AT_ONCE):
            things, tints = _things(recipe, pictures, some, generator)
            images, grounds = compose.draw_calm_grounds(len(some), side, generator)
            seconds: list[tuple[str, str] | None] = [None] * len(some)
            if paired:
                others = torch.multinomial(weights, len(some), True, generator=generator)
                others = torch.where(others == some, (others + 1) % len(pictures), others)
                more, more_tints = _things(recipe, pictures, others, generator)
                images, words = compose.lay_pairs(things, more, images, generator)
                for index, other in enumerate(others.tolist()):
                    name = archives.row_name(pictures.rows[other], more_tints[index])
                    seconds[index] = words[index], name
            else:
                ones = torch.ones(len(some))
                middle = torch.zeros(len(some), 2)
                images = compose.lay_cutouts(things, images, recipe.scale * ones, middle, ones)
            with torch.autocast(kind, torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images.to(device))
            made.codes[variant, some] = model.nearest_codes(latent.float()).cpu().to(torch.int16)
            made.grounds[-1] += grounds
            made.tints[-1] += tints
            made.seconds[-1] += seconds
    return made


def _things(
    recipe: PriorRecipe, pictures: archives.Pictures, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, list[str | None]]:
    """Take cut-outs, tint some of them, and return them with the names of the tints."""
    pixels = pictures.pixels[chosen]
    tints: list[str | None] = [None] * len(chosen)
    for index in range(len(chosen)):
        if torch.rand(1, generator=generator).item() < recipe.tint_share:
            tint = archives.TINTS[
                int(torch.randint(len(archives.TINTS), [1], generator=generator))
            ]
            tints[index] = tint
            pixels[index] = archives.tint_picture(pixels[index], archives.COLOURS[tint])
    return pixels, tints


def sampling_weights(recipe: PriorRecipe, rows: Sequence[archives.Row]) -> Tensor:
    """The sampling weights of rows: those of `archives`, changed for people, clip art, nouns.

    `recipe.common` is for the nouns that sentences name most, which are few among the pictures.

    Raises:
        PictureError: if all weights are 0.
    """
    weights = archives.sampling_weights(rows)
    for index, row in enumerate(rows):
        if row.style in MANNERED:
            weights[index] *= recipe.clip_art
        if PEOPLE.search(row.concept):
            weights[index] *= recipe.people
        if is_noun_of_size(row.concept.removesuffix(" face")):
            weights[index] *= recipe.common
    if not (weights > 0).any():
        raise PictureError(
            f"clip_art={recipe.clip_art:g} and people={recipe.people:g} leave none of "
            f"{len(rows)} pictures to learn from; give more than 0"
        )
    return weights


def draw_batch(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    learnt: EncodedPictures,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """Draw a batch: codes [batch, cells, cells], and captions of what they show.

    Args:
        weights: [N], the sampling weight of each picture; see `sampling_weights`.
    """
    twice = recipe.batch > int((weights > 0).sum())
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(learnt.codes), [recipe.batch], generator=generator)
    captions = []
    for v, i in zip(variant.tolist(), chosen.tolist(), strict=True):
        row, tint, second = pictures.rows[i], learnt.tints[v][i], learnt.seconds[v][i]
        if second is None:
            captions.append(archives.write_caption(row, learnt.grounds[v][i], tint, generator))
            continue
        word, *names = second[0], archives.row_name(row, tint), second[1]
        if torch.rand(1, generator=generator).item() < 0.5:
            names = [archives.add_article(name) for name in names]
        captions.append(f" {word} ".join(names))
    return learnt.codes[variant, chosen].long(), captions


FILE = "prior.safetensors"

# The prompts of the sheets: things that the prior has seen, and two that are in few captions.
SHOWN = (
    *("a red heart", "a fox", "a house", "a blue bird"),
    *("a green tree", "a sailing boat", "a castle", "a slice of melon"),
)
ROWS = 2  # drafts of each


class TextTower(nn.Module):
    """The frozen text tower of an open_clip model."""

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        super().__init__()
        from vqclip.guidance import perceptor

        self.perceptor = perceptor.load_perceptor(name, device=device)

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """Return the states of texts' tokens: [B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe, listener: settings.EventListener = settings.ignore_event) -> loop.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = loop.prepare_run(recipe, listener)
    device, generator = run.device, run.generator

    pictures = archives.read_pictures(
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
    shares = sampling_weights(recipe, pictures.rows)
    learnt = cached_codes(recipe, pictures, run.out / "codes.pt", device)

    reader = TextTower(recipe.clip, device)
    model = build_prior(recipe, reader)
    if recipe.begin and not run.resumed:
        tensors, source = read_weights(recipe.begin, model_files.starter_prior(), FILE)
        load_weights(model, tensors, source)
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
        codes, captions = draw_batch(recipe, pictures, learnt, shares, generator)
        codes = codes.to(device)
        prefix = model.prefix(reader(captions))
        silent = torch.rand(len(codes), 1, 1, generator=generator) < recipe.silent_share
        prefix = torch.where(silent.to(device), model.silence, prefix)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            logits = model(codes, prefix)
        wanted = cut_blocks(codes, recipe.block)
        # Logits stay in bf16: converting them to float32 first would take a tenth longer.
        loss = functional.cross_entropy(logits.flatten(0, 2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss

    loop.run_steps(
        recipe,
        run,
        {"model": model, "optimiser": optimiser},
        advance,
        report_every=100,
        sheet=lambda: draw_sheet(recipe, model, reader, device),
        sheet_every=recipe.sheet_every,
    )
    if not run.interrupted:
        export(model, run.out)
    return run


@torch.no_grad()
def draw_sheet(
    recipe: Recipe, model: Prior, reader: TextTower, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw drafts of `SHOWN` side by side: [3, H, W] in [0, 1]; equal for equal weights."""
    from torchvision.utils import make_grid

    model.eval()
    prefix = model.prefix(reader(list(SHOWN))).repeat(ROWS, 1, 1)
    generator = torch.Generator().manual_seed(11)
    codes = model.sample(prefix, generator=generator, top_p=0.95, guidance=3.0)
    model.train()
    book = open_drawer(recipe, device)
    drafts = torch.cat([book.decode(book.lookup(each)) for each in codes])
    grid: Tensor = make_grid(drafts, nrow=len(SHOWN))
    return grid.cpu()


def build_prior(recipe: Recipe, reader: TextTower) -> Prior:
    """Build a prior that fits the VQGAN's codebook and the CLIP's text tower."""
    book = open_drawer(recipe).codebook
    shape = TransformerShape(
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
    with torch.no_grad():  # similar codes start with similar embeddings
        alike = torch.randn(recipe.block**2, book.shape[1], recipe.width)
        alike = (book / book.std()) @ alike  # [K, codes, width]
        model.codes.weight.copy_(alike.flatten(0, 1) * 0.02 / book.shape[1] ** 0.5)
    return model


def export(model: Prior, out: Path) -> None:
    """Write the prior: prior.yaml and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, out / FILE)
    (out / "prior.yaml").write_text(yaml.safe_dump(model.config(), sort_keys=False))
